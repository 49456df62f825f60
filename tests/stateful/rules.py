"""Rules that many predictions ask: how a refusal is told, who may do what, and limits."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from stateful.model import (
    NAMES,
    RATES,
    UNDER_PARENT,
    Limits,
    Model,
    Organization,
    Plan,
    Slot,
    Team,
    User,
    limits_of,
)

Refusal = tuple[str, str]
"""A code, and the path of what is refused."""

Given = Mapping[str, Any]
Effect = Callable[[Any], None]
"""What an accepted mutation does to the model, once its payload has told the new ids."""

PLATFORM = frozenset({"platform"})
ORGANIZATION = PLATFORM | {"organization"}
TEAM = ORGANIZATION | {"team"}
NO_LIMITS: Limits = dict.fromkeys(NAMES)


def refusal_of(error: Mapping[str, Any]) -> Refusal:
    """An error as the API tells it, whose path begins at the argument `input`."""
    return error["code"], ".".join(error["path"][1:])


class Refused(Exception):
    """All that one stage of the checks has against a mutation."""

    def __init__(self, refusals: Iterable[Refusal]) -> None:
        self.refusals = list(refusals)
        super().__init__(self.refusals)


def refuse(*refusals: Refusal) -> None:
    """End a stage: raise Refused if there is anything."""
    if refusals:
        raise Refused(refusals)


def ranks(me: User, organization: Organization | None = None, team: Team | None = None) -> set[str]:
    """As what an actor may change a thing; readers may change nothing."""
    if me.role in {"VIEWER", "USER_VIEWER"}:
        return set()
    if team is not None:
        organization = team.organization
    found = {"oneself"}
    if me.role == "ADMIN":
        found.add("platform")
    if organization is not None and organization.role_of(me) == "ADMIN":
        found.add("organization")
    if team is not None and team.role_of(me) == "ADMIN":
        found.add("team")
    return found


def require(held: Collection[str], **needed: Collection[str]) -> None:
    """Refuse each path for which none of the ranks is held; `_` stands for no path at all."""
    refuse(
        *(
            ("FORBIDDEN", "" if path == "_" else path)
            for path, allowed in needed.items()
            if not {*held} & {*allowed}
        )
    )


def find(things: Mapping[str, Any], id: str, sees: Callable[[Any], bool], path: str) -> Any:
    """The thing with this id, if the actor sees it."""
    if id not in things or not sees(things[id]):
        refuse(("NOT_FOUND", path))
    return things[id]


def check_version(given: Given) -> None:
    """The only version that a mutation is ever told to expect is one that nothing has."""
    if "expectedVersion" in given:
        refuse(("VERSION_CONFLICT", "expectedVersion"))


def check_free(
    things: Iterable[Any], attribute: str, value: Any, path: str, but: Any = None
) -> None:
    if value is not None:
        refuse(
            *(
                ("CONFLICT", path)
                for thing in things
                if thing is not but and getattr(thing, attribute) == value
            )
        )


def contradictions(limits: Limits | None, *path: str) -> Iterator[Refusal]:
    limits = {**NO_LIMITS, **(limits or {})}
    soft, most = limits["softBudget"], limits["maxBudget"]
    if soft is not None and most is not None and soft >= most:
        yield "BAD_INPUT", ".".join([*path, "softBudget"])


def resulting(slot: Slot, changes: Limits | None) -> Limits | None:
    """The limits after a change, of which null takes all away."""
    return None if changes is None else {**(limits_of(slot) or NO_LIMITS), **changes}


def kept(slot: Slot, limits: Limits | None) -> Slot:
    """A plan stays where its limits do; anything else makes limits of one's own."""
    return slot if isinstance(slot, Plan) and slot.limits == limits else limits


def above(slot: Slot, parent: Slot, path: str) -> Iterator[Refusal]:
    """Each limit above the parent's; where one of the two has none, nothing is."""
    for name in exceeding(slot, parent):
        yield "CONFLICT", f"{path}.{name}" if path else name


def exceeding(slot: Slot, parent: Slot) -> list[str]:
    own, most = limits_of(slot) or NO_LIMITS, limits_of(parent) or NO_LIMITS
    return [name for name in UNDER_PARENT if _wider(own[name], most[name], or_none=False)]


def below_teams(
    model: Model, organization: Organization, slot: Slot, path: str
) -> Iterator[Refusal]:
    """Each limit of an organization below what one of its teams holds."""
    held = [exceeding(team.budget, slot) for team in model.teams_of(organization)]
    for name in UNDER_PARENT:
        if any(name in names for names in held):
            yield "CONFLICT", f"{path}.{name}"


@contextmanager
def tentatively(thing: Any, **attributes: Any) -> Iterator[None]:
    """See the model as it would be."""
    before = {name: getattr(thing, name) for name in attributes}
    vars(thing).update(attributes)
    yield
    vars(thing).update(before)


def overbooked(model: Model, organization: Organization, *beside: Team) -> list[str]:
    """The rates of which teams are guaranteed more, together, than the organization has."""
    most = limits_of(organization.budget) or NO_LIMITS
    teams = [*model.teams_of(organization), *beside]

    def allotted(rate: str) -> int:
        held = [limits_of(t.budget) or NO_LIMITS for t in teams if rate in t.guaranteed]
        return sum(limits[rate] or 0 for limits in held)

    return [r for r in RATES if (limit := most[r]) is not None and allotted(r) > limit]


def beside(problems: Iterable[Refusal], more: Iterable[str]) -> list[Refusal]:
    """Conflicts at further paths; where something is wrong already, that is enough."""
    found = [*problems]
    return found + [("CONFLICT", path) for path in more if path not in {p for _, p in found}]


def raised(limits: Limits | None, stored: Slot, default: Slot, path: str) -> Iterator[Refusal]:
    """Each limit that a team admin would have above both the team's default and what they had."""
    ceiling = limits_of(default)
    if limits is None or ceiling is None:
        return
    before = limits_of(stored) or ceiling
    for name in UNDER_PARENT:
        if all(_wider(limits[name], than[name], or_none=True) for than in (ceiling, before)):
            yield "FORBIDDEN", f"{path}.{name}"


def _wider(limit: int | None, than: int | None, *, or_none: bool) -> bool:
    if than is None:
        return False
    return or_none if limit is None else limit > than
