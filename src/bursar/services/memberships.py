"""Memberships of teams and of organizations alike: how they begin, are found, and in teams end."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from operator import itemgetter
from typing import Any, Generic, NamedTuple, TypeVar

from sqlalchemy import ARRAY, Table, Text, any_, bindparam, or_, select

from bursar.access.actor import Actor
from bursar.database.connections import Connection
from bursar.database.rows import Row
from bursar.database.statements import Statement
from bursar.database.tables import BUDGET_OWNERS, organization_members, team_members, users
from bursar.database.writes import delete_rows, insert_absent
from bursar.domain.errors import Invalid, NotFound, Path, Problems, Refusal
from bursar.domain.ids import Prefix, new_id
from bursar.domain.limits import BudgetChanges, Limits, problems_with_budget
from bursar.domain.roles import OrganizationRole, TeamRole
from bursar.services import audit, budgets, key_removal, people
from bursar.services.attributes import problems_with
from bursar.services.audit import Change
from bursar.services.people import Person

MOST_AT_ONCE = 500
Role = TypeVar("Role", TeamRole, OrganizationRole)


@dataclass(frozen=True, slots=True)
class NewMember(Generic[Role]):
    """Someone to add, as what, and with which own budget."""

    person: Person
    role: Role
    budget: BudgetChanges | None = None


class Joining(NamedTuple):
    """A user who becomes a member, and the limits of their own budget, if any."""

    user_id: str
    role: TeamRole | OrganizationRole
    limits: Limits | None = None


class Kind(NamedTuple):
    """What a membership belongs to; `owner` is its kind in BUDGET_OWNERS, and in the audit."""

    table: Table
    thing: str
    owner: str
    prefix: Prefix

    @property
    def thing_id(self) -> str:
        return f"{self.thing}_id"


TEAM = Kind(team_members, "team", "team_member", Prefix.TEAM_MEMBER)
ORGANIZATION = Kind(
    organization_members, "organization", "organization_member", Prefix.ORGANIZATION_MEMBER
)


def problems_with_new(new_members: Sequence[NewMember[Any]]) -> Iterator[Refusal]:
    """What is wrong with people to add, whatever is stored."""
    if len(new_members) > MOST_AT_ONCE:
        yield Invalid("members", problem=f"must be at most {MOST_AT_ONCE} people")
        return
    places = [(("members", place), new.person) for place, new in enumerate(new_members)]
    yield from people.problems_with_people(places)
    for place, new in enumerate(new_members):
        yield from problems_with_budget(new.budget, "members", place, "budget")


def problems_with_update(person: Person, attributes: Mapping[str, Any]) -> Iterator[Refusal]:
    """What is wrong with a change of a member, whatever is stored."""
    yield from people.problems_with_people([((), person)])
    yield from problems_with({n: v for n, v in attributes.items() if n != "budget"})
    yield from problems_with_budget(attributes.get("budget"), "budget")


def placed(persons: Sequence[Person]) -> list[tuple[Path, Person]]:
    """People to remove, each with their place in the input. Raises Refusals for bad ones."""
    if not 1 <= len(persons) <= MOST_AT_ONCE:
        raise Invalid("members", problem=f"must be 1 to {MOST_AT_ONCE} people")
    places: list[tuple[Path, Person]] = [
        (("members", place), person) for place, person in enumerate(persons)
    ]
    Problems(people.problems_with_people(places)).raise_any()
    return places


async def find(
    tx: Connection, kind: Kind, thing_id: str, persons: Sequence[tuple[Path, Person]]
) -> list[Row]:
    """The membership of each person, with the user's e-mail key beside it, in order.

    The users are kept from being deleted. Raises Refusals: NotFound for who is no member, then
    DifferentUsers, then Invalid for one user named twice.
    """
    names = people.names_of(person for _, person in persons)
    rows = await tx.all(_of_people(kind), thing_id=thing_id, **names)
    by_id = {row.user_id: row for row in rows}
    by_email = {row.email_key: row for row in rows if row.email_key is not None}
    found = [
        (
            path,
            person,
            by_email.get(person.email_key) if person.user_id is None else by_id.get(person.user_id),
        )
        for path, person in persons
    ]
    Problems(
        NotFound(*path, person.field, thing=f"member of this {kind.thing}")
        for path, person, row in found
        if row is None
    ).raise_any()
    Problems(people.disagreements(found)).raise_any()
    members = [row for _, _, row in found if row is not None]
    named = zip((path for path, _ in persons), (row.user_id for row in members), strict=True)
    Problems(people.repetitions(named)).raise_any()
    return members


async def all_of_organization(tx: Connection, organization_id: str) -> list[Row]:
    """All memberships of an organization; the users are kept from being deleted."""
    return await tx.all(_of_organization(), organization_id=organization_id)


async def insert(
    tx: Connection,
    actor: Actor,
    kind: Kind,
    thing_id: str,
    joining: Sequence[Joining],
    *,
    organization_id: str,
) -> dict[str, Row]:
    """Make users members, with their own budgets; answers the memberships by user.

    Who became a member meanwhile is left out.
    """
    drafts = [
        {
            "id": new_id(kind.prefix),
            kind.thing_id: thing_id,
            "user_id": new.user_id,
            "role": new.role,
        }
        for new in joining
    ]
    # In one order, so that two who add the same people do not wait for each other.
    drafts.sort(key=itemgetter("user_id"))
    rows = {row.user_id: row for row in await insert_absent(tx, kind.table, drafts)}
    joined = [(rows[new.user_id], new.limits) for new in joining if new.user_id in rows]
    owner = BUDGET_OWNERS[kind.owner]
    await budgets.insert(tx, (({owner: row.id}, own) for row, own in joined if own is not None))
    audit.record(
        tx,
        actor,
        *(
            change(f"{kind.owner}.add", row, organization_id, after=state(row, own))
            for row, own in joined
        ),
    )
    return rows


async def remove_from_teams(
    tx: Connection, actor: Actor, members: Sequence[Row], *, organization_id: str
) -> None:
    """End memberships of teams of one organization, which are locked, with the members' budgets.

    The one place where people leave teams that stay: whatever else a member holds in them goes here.
    """
    if members:
        await key_removal.remove_of(
            tx,
            actor,
            team_ids={member.team_id for member in members},
            user_ids={member.user_id for member in members},
        )
        await _delete(tx, actor, TEAM, members, organization_id)


async def remove_from_organization(
    tx: Connection, actor: Actor, members: Sequence[Row], *, organization_id: str
) -> None:
    """End memberships of an organization, which is locked, with the members' budgets."""
    await _delete(tx, actor, ORGANIZATION, members, organization_id)


async def _delete(
    tx: Connection, actor: Actor, kind: Kind, members: Sequence[Row], organization_id: str
) -> None:
    ids = [member.id for member in members]
    owned = await budgets.budgets_of(tx, kind.owner, ids)
    await delete_rows(tx, kind.table, ids)
    audit.record(
        tx,
        actor,
        *(
            change(
                f"{kind.owner}.remove",
                member,
                organization_id,
                before=state(member, budgets.limits_of(owned.get(member.id))),
            )
            for member in members
        ),
    )


def state(member: Row, limits: Limits | None) -> dict[str, Any]:
    """A membership and the limits of its own budget, for the audit."""
    return {
        **{name: member[name] for name in ("id", "user_id", "role", "joined_at")},
        **audit.all_of([("budget", limits)]),
    }


def change(action: str, member: Row, organization_id: str, **states: audit.State) -> Change:
    return Change(
        action,
        member.id,
        organization_id=organization_id,
        team_id=member.get("team_id"),
        **states,
    )


@cache
def _of_organization() -> Statement:
    return Statement(
        select(organization_members)
        .join(users, users.c.id == organization_members.c.user_id)
        .where(organization_members.c.organization_id == bindparam("organization_id"))
        .order_by(users.c.id)
        .with_for_update(of=users, read=True, key_share=True)
    )


@cache
def _of_people(kind: Kind) -> Statement:
    ids = bindparam("user_ids", type_=ARRAY(Text))
    keys = bindparam("email_keys", type_=ARRAY(Text))
    return Statement(
        select(kind.table, users.c.email_key)
        .join(users, users.c.id == kind.table.c.user_id)
        .where(
            kind.table.c[kind.thing_id] == bindparam("thing_id"),
            or_(users.c.id == any_(ids), users.c.email_key == any_(keys)),
        )
        .order_by(users.c.id)
        .with_for_update(of=users, read=True, key_share=True)
    )
