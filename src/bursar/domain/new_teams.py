"""New teams: what the settings give them, and how far one may go that a user makes for themself."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from bursar.domain.durations import period_of
from bursar.domain.errors import Forbidden
from bursar.domain.limits import (
    NO_LIMITS,
    UNDER_PARENT,
    BudgetChanges,
    Limits,
    is_wider,
    limits_money,
    wider_models,
)

BEYOND = "give a team more than you have yourself"


@dataclass(frozen=True, slots=True)
class NewTeams:
    """What the settings say of new teams.

    `self_service`: users may make them for themselves, in the built-in organization. `budget`: the
    limits that hold where whoever makes a team leaves them out; `models`: the list, likewise.
    """

    self_service: bool = False
    budget: BudgetChanges = field(default_factory=BudgetChanges)
    models: tuple[str, ...] = ()

    def completed(self, budget: BudgetChanges | None) -> BudgetChanges | None:
        """The budget that was asked for, with what it leaves out; None asks for none at all."""
        return None if budget is None else {**self.budget, **budget}


def beyond_limits(
    limits: Limits | None, own: Limits | None, *path: str | int, deed: str = BEYOND
) -> Iterator[Forbidden]:
    """Each limit of what a user makes that is more than their own; no limit is more than any."""
    if own is None:
        return
    limits = limits or NO_LIMITS
    for name in UNDER_PARENT:
        if is_wider(limits[name], own[name]):
            yield Forbidden(*path, name, deed=deed)
    for at in wider_models(limits, own):
        yield Forbidden(*path, *at, deed=deed)
    # The same money in shorter periods is more of it.
    if limits_money(own) and period_of(limits["duration"]) != period_of(own["duration"]):
        yield Forbidden(*path, "duration", deed=deed)
