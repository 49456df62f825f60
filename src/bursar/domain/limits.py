"""Limits of a budget: which are allowed by themselves, and which under a parent's.

`null` is "no limit", 0 is "nothing". A null under a limited parent is allowed: the parent binds.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, TypedDict

from bursar.domain.durations import is_timezone
from bursar.domain.errors import Forbidden, Invalid, LimitExceeded, Refusal, Required
from bursar.domain.money import problem_with_limit


class BudgetChanges(TypedDict, total=False):
    """What is to change of a budget: absent = keep, None = clear, a value = set."""

    max_budget: Any
    soft_budget: Any
    duration: str | None
    timezone: str | None
    tpm_limit: int | None
    rpm_limit: int | None
    max_parallel_requests: int | None


AMOUNTS = ("max_budget", "soft_budget")
COUNTS = ("tpm_limit", "rpm_limit", "max_parallel_requests")
FIELDS = (*AMOUNTS, "duration", "timezone", *COUNTS)
UNDER_PARENT = ("max_budget", "tpm_limit", "rpm_limit")
MOST_COUNT = 2**62
"""Tokens or requests; above it a sum of two might not fit 64 bits."""

Limits = Mapping[str, Any]
NO_LIMITS: Limits = dict.fromkeys(FIELDS) | {"timezone": "UTC"}


def problems_with_budget(changes: BudgetChanges | None, *path: str | int) -> Iterator[Refusal]:
    """What is wrong with the given values, whatever is stored."""
    given: Limits = dict(changes or {})
    for name in AMOUNTS:
        if (amount := given.get(name)) is not None and (problem := problem_with_limit(amount)):
            yield Invalid(*path, name, problem=problem)
    for name in COUNTS:
        if (count := given.get(name)) is not None and not 0 <= count <= MOST_COUNT:
            yield Invalid(*path, name, problem="must be 0 or more, and at most 2^62")
    if "timezone" in given:
        if given["timezone"] is None:
            yield Required(*path, "timezone")
        elif not is_timezone(given["timezone"]):
            yield Invalid(*path, "timezone", problem="must be an IANA time zone, like Europe/Rome")
    yield from problems_with_limits({**NO_LIMITS, **given}, *path)


def resulting(stored: Limits | None, changes: BudgetChanges | None) -> Limits | None:
    """The limits after the changes; None clears them all."""
    if changes is None:
        return None
    start = stored or NO_LIMITS
    return {name: start[name] for name in FIELDS} | dict(changes)


def problems_with_limits(limits: Limits | None, *path: str | int) -> Iterator[Refusal]:
    """What is wrong between the values of one budget."""
    if limits is None or limits["soft_budget"] is None or limits["max_budget"] is None:
        return
    if limits["soft_budget"] >= limits["max_budget"]:
        yield Invalid(*path, "soft_budget", problem="must be below the maximum budget")


def exceeding(
    limits: Limits | None, parent: Limits | None, *path: str | int, level: str
) -> Iterator[LimitExceeded]:
    """Each limit above the one of the parent, whose kind is `level`."""
    if limits is None or parent is None:
        return
    for name in UNDER_PARENT:
        requested, limit = limits[name], parent[name]
        if requested is not None and limit is not None and requested > limit:
            yield LimitExceeded(
                *path, name, level=level, limit=Decimal(limit), requested=Decimal(requested)
            )


def raising(
    limits: Limits | None, stored: Limits | None, default: Limits | None, *path: str | int
) -> Iterator[Forbidden]:
    """Each limit that becomes wider than it was stored and than the default; none is the widest."""
    if limits is None or default is None:
        return
    for name in ("max_budget", *COUNTS):
        if all(is_wider(limits[name], than[name]) for than in (default, stored or default)):
            yield Forbidden(*path, name, deed="raise your own limit above the team's default")
    # The same money in shorter periods is more of it.
    if default["max_budget"] is not None and limits["duration"] not in {
        default["duration"],
        (stored or default)["duration"],
    }:
        yield Forbidden(*path, "duration", deed="change the duration of your own budget")


def is_wider(limit: Decimal | int | None, than: Decimal | int | None) -> bool:
    """Whether a limit allows more than another; none allows more than any."""
    return than is not None and (limit is None or limit > than)
