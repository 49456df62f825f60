"""Additions: the people whom one call is to make members, and what becomes of each of them."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import NamedTuple

from sqlalchemy import ARRAY, Text, any_, bindparam, select

from bursar.access.actor import Actor
from bursar.database.connections import Connection
from bursar.database.rows import Row
from bursar.database.statements import Statement
from bursar.domain.batches import BatchMode, MemberAddStatus
from bursar.domain.errors import AlreadyMember, Path, Problems, Refusal
from bursar.services import memberships
from bursar.services.memberships import Joining, Kind
from bursar.services.people import Person


class Addition(NamedTuple):
    """What became of one person: the membership there is now, or why there is none."""

    status: MemberAddStatus
    member: Row | None = None
    refusal: Refusal | None = None


def additions_of(rows: Iterable[Row]) -> list[Addition]:
    """Of people who are all new members."""
    return [Addition(MemberAddStatus.ADDED, row) for row in rows]


class Additions:
    """People in the order of the input, of whom some are refused on the way.

    The one place where the mode matters: ALL_OR_NOTHING raises what is refused, all of one kind at
    once; BEST_EFFORT keeps the first refusal of each person, and goes on with the others.
    """

    def __init__(self, persons: Iterable[Person], mode: BatchMode) -> None:
        self.paths: dict[Person, Path] = {
            person: ("members", place) for place, person in enumerate(persons)
        }
        self._mode = mode
        self._refused: dict[Path, Refusal] = {}

    def refuse(self, refusals: Iterable[Refusal]) -> None:
        """Leave people out, each told by the path of the refusal; or raise Refusals."""
        problems = Problems(refusals)
        if self._mode is BatchMode.ALL_OR_NOTHING:
            problems.raise_any()
        for refusal in problems:
            self._refused.setdefault(refusal.path[:2], refusal)

    def refusal_of(self, person: Person) -> Refusal | None:
        return self._refused.get(self.paths[person])

    @property
    def admitted(self) -> list[Person]:
        """Those whom nothing speaks against so far."""
        return [person for person, path in self.paths.items() if path not in self._refused]


async def join(
    tx: Connection,
    actor: Actor,
    kind: Kind,
    thing_id: str,
    additions: Additions,
    joining: Mapping[Person, Joining],
    *,
    user_ids: Mapping[Person, str],
    organization_id: str,
) -> list[Addition]:
    """Make those who are admitted members of a thing that nobody can leave meanwhile.

    `user_ids` are of everybody who is known. Answers what became of each person, in order; who became
    a member meanwhile is an ALREADY_MEMBER. Raises AlreadyMember for them where it is all or nothing.
    """
    rows = await memberships.insert(
        tx, actor, kind, thing_id, list(joining.values()), organization_id=organization_id
    )
    additions.refuse(
        AlreadyMember(*additions.paths[person], person.field)
        for person, new in joining.items()
        if new.user_id not in rows
    )
    members = [p for p in additions.paths if isinstance(additions.refusal_of(p), AlreadyMember)]
    earlier = await _memberships_of(tx, kind, thing_id, [user_ids[person] for person in members])

    def became(person: Person) -> Addition:
        match additions.refusal_of(person):
            case None:
                return Addition(MemberAddStatus.ADDED, rows[user_ids[person]])
            case AlreadyMember():
                return Addition(MemberAddStatus.ALREADY_MEMBER, earlier[user_ids[person]])
            case refusal:
                return Addition(MemberAddStatus.FAILED, refusal=refusal)

    return [became(person) for person in additions.paths]


async def _memberships_of(
    tx: Connection, kind: Kind, thing_id: str, user_ids: Sequence[str]
) -> dict[str, Row]:
    if not user_ids:
        return {}
    rows = await tx.all(_of_users(kind), thing_id=thing_id, user_ids=user_ids)
    return {row.user_id: row for row in rows}


@cache
def _of_users(kind: Kind) -> Statement:
    return Statement(
        select(kind.table).where(
            kind.table.c[kind.thing_id] == bindparam("thing_id"),
            kind.table.c.user_id == any_(bindparam("user_ids", type_=ARRAY(Text))),
        )
    )
