"""Members of teams: add, update, remove. The row in team_members is the only record of membership."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, TypedDict

from sqlalchemy import ARRAY, Text, all_, any_, bindparam, or_, select

from bursar.access.actor import Actor
from bursar.access.door import Lock, access_team, team_relations
from bursar.access.policy import Action, Relation, permits
from bursar.database.connections import Connection
from bursar.database.rows import Row
from bursar.database.statements import Statement
from bursar.database.tables import budgets as budgets_table
from bursar.database.tables import team_members, users
from bursar.database.writes import delete_rows, insert_absent, insert_rows, update_row
from bursar.domain.errors import (
    AlreadyMember,
    Invalid,
    LastAdmin,
    NotFound,
    Problems,
    Refusal,
)
from bursar.domain.ids import Prefix, new_id
from bursar.domain.limits import (
    BudgetChanges,
    Limits,
    problems_with_budget,
    problems_with_limits,
    raising,
    resulting,
)
from bursar.domain.roles import TeamRole
from bursar.services import admission, audit, budgets, people
from bursar.services.attributes import check_version, problems_with
from bursar.services.audit import Change
from bursar.services.people import Person

MOST_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class NewMember:
    """Someone to add, as what, and with which own budget; limits not named are the team default's."""

    person: Person
    role: TeamRole = TeamRole.MEMBER
    budget: BudgetChanges | None = None


class MemberAttributes(TypedDict, total=False):
    """What is to be set; a budget of None goes back to the team's default."""

    role: TeamRole
    budget: BudgetChanges | None


async def add(
    tx: Connection,
    actor: Actor,
    *,
    team_id: str,
    new_members: Sequence[NewMember],
    add_to_organization: bool = False,
) -> list[Row]:
    """Add people to a team, all of them or none; answers the members in the order of the input.

    Raises Refusals for bad input, NotFound, Forbidden, and what `add_to` raises.
    """
    if not new_members:
        raise Invalid("members", problem="must name somebody")
    Problems(problems_with_new(new_members)).raise_any()
    deeds = [(Action.TEAM_MEMBERS_ADD, ("team_id",))]
    if add_to_organization:
        deeds.append((Action.ORGANIZATION_MEMBERS_ADD, ("add_to_organization",)))
    team = await access_team(tx, actor, team_id, path=("team_id",), deeds=deeds, lock=Lock.SHARE)
    invites = permits(actor, Action.ORGANIZATION_MEMBERS_ADD, team_relations(team))
    return await add_to(
        tx, actor, team, new_members, invites=invites, add_to_organization=add_to_organization
    )


async def add_to(
    tx: Connection,
    actor: Actor,
    team: Row,
    new_members: Sequence[NewMember],
    *,
    invites: bool,
    add_to_organization: bool,
) -> list[Row]:
    """Add people to a team that is locked; `invites`: the actor may add to its organization too.

    Raises what admission.admit raises, and AlreadyMember for who joined meanwhile.
    """
    user_ids = await admission.admit(
        tx,
        actor,
        team,
        [new.person for new in new_members],
        invites=invites,
        add_to_organization=add_to_organization,
    )
    return await _insert(tx, actor, team, [(new, user_ids[new.person]) for new in new_members])


async def update(
    tx: Connection,
    actor: Actor,
    *,
    team_id: str,
    person: Person,
    attributes: MemberAttributes,
    expected_version: int | None = None,
) -> Row:
    """Change a member's role or own limits, each without touching the other.

    Raises Refusals for bad input, NotFound for the team or for who is no member of it, Forbidden,
    VersionConflict, LastAdmin when the team would have no admin left.
    """
    budget = attributes.get("budget")
    Problems(
        [
            *people.problems_with_people([((), person)]),
            *problems_with({n: v for n, v in attributes.items() if n != "budget"}),
            *problems_with_budget(budget, "budget"),
        ]
    ).raise_any()
    team = await access_team(tx, actor, team_id, Action.TEAM_MEMBER_UPDATE, path=("team_id",))
    (member,) = await _members(tx, team, [((), person)])
    check_version(member, expected_version)
    role = attributes.get("role", TeamRole(member.role))
    if member.role == TeamRole.ADMIN and role is not TeamRole.ADMIN:
        await _check_admin_stays(tx, actor, team, [(("role",), member)])
    before: dict[str, Limits | None] = {}
    after: dict[str, Limits | None] = {}
    if "budget" in attributes:
        stored = await budgets.budget_of(tx, "team_member", member.id)
        default = budgets.limits_of(await budgets.budget_of(tx, "team_default", team.id))
        before["budget"] = budgets.limits_of(stored)
        limits = resulting(before["budget"] or default, budget)
        problems = Problems(problems_with_limits(limits, "budget"))
        if member.user_id == actor.user_id and not _is_higher_admin(actor, team):
            problems.extend(raising(limits, before["budget"], default, "budget"))
        problems.raise_any()
        after["budget"] = await budgets.store(tx, "team_member", member.id, stored, limits)
    changed = await update_row(tx, team_members, member.id, {"role": role})
    await audit.record(
        tx,
        actor,
        _change(
            "team_member.update",
            team,
            member,
            before={**_state(member), **audit.all_of(before.items())},
            after={**_state(changed), **audit.all_of(after.items())},
        ),
    )
    return changed


async def remove(
    tx: Connection, actor: Actor, *, team_id: str, persons: Sequence[Person]
) -> list[Row]:
    """Remove people from a team, all of them or none; anybody may remove only themself.

    Answers the memberships that are gone. Raises Refusals for bad input, NotFound for the team or
    for who is no member of it, Forbidden, LastAdmin when the team would have no admin left.
    """
    if not 1 <= len(persons) <= MOST_AT_ONCE:
        raise Invalid("members", problem=f"must be 1 to {MOST_AT_ONCE} people")
    placed = [(("members", place), person) for place, person in enumerate(persons)]
    Problems(people.problems_with_people(placed)).raise_any()
    team = await access_team(
        tx,
        actor,
        team_id,
        Action.TEAM_MEMBERS_REMOVE,
        path=("team_id",),
        oneself=all(person.user_id == actor.user_id for person in persons),
    )
    members = await _members(tx, team, placed)
    admins = [
        ((*path, person.field), member)
        for (path, person), member in zip(placed, members, strict=True)
        if member.role == TeamRole.ADMIN
    ]
    await _check_admin_stays(tx, actor, team, admins)
    owned = await budgets.budgets_of(tx, "team_member", [member.id for member in members])
    await delete_rows(tx, team_members, [member.id for member in members])
    await audit.record(
        tx,
        actor,
        *(
            _change(
                "team_member.remove",
                team,
                member,
                before={
                    **_state(member),
                    **audit.all_of([("budget", budgets.limits_of(owned.get(member.id)))]),
                },
            )
            for member in members
        ),
    )
    return members


def problems_with_new(new_members: Sequence[NewMember]) -> Iterator[Refusal]:
    """What is wrong with people to add, whatever is stored."""
    if len(new_members) > MOST_AT_ONCE:
        yield Invalid("members", problem=f"must be at most {MOST_AT_ONCE} people")
        return
    places = [(("members", place), new.person) for place, new in enumerate(new_members)]
    yield from people.problems_with_people(places)
    for place, new in enumerate(new_members):
        yield from problems_with_budget(new.budget, "members", place, "budget")


async def _insert(
    tx: Connection, actor: Actor, team: Row, joining: Sequence[tuple[NewMember, str]]
) -> list[Row]:
    """Insert the memberships and the own budgets that come with them."""
    drafts = [
        {
            "id": new_id(Prefix.TEAM_MEMBER),
            "team_id": team.id,
            "user_id": user_id,
            "role": new.role,
        }
        for new, user_id in joining
    ]
    rows = await insert_absent(tx, team_members, drafts)
    joined = {row.user_id for row in rows}
    Problems(
        AlreadyMember("members", place, new.person.field)
        for place, (new, user_id) in enumerate(joining)
        if user_id not in joined
    ).raise_any()
    limits = await _limits_of_new(tx, team, [new for new, _ in joining])
    await insert_rows(
        tx,
        budgets_table,
        (
            {"id": new_id(Prefix.BUDGET), "team_member_id": row.id, **own}
            for row, own in zip(rows, limits, strict=True)
            if own is not None
        ),
    )
    await audit.record(
        tx,
        actor,
        *(
            _change(
                "team_member.add",
                team,
                row,
                after={**_state(row), **audit.all_of([("budget", own)])},
            )
            for row, own in zip(rows, limits, strict=True)
        ),
    )
    return rows


async def _limits_of_new(
    tx: Connection, team: Row, new_members: Sequence[NewMember]
) -> list[Limits | None]:
    """The own limits of each; what is not named of a budget is copied from the team's default."""
    if all(new.budget is None for new in new_members):
        return [None] * len(new_members)
    default = budgets.limits_of(await budgets.budget_of(tx, "team_default", team.id))
    limits = [None if new.budget is None else resulting(default, new.budget) for new in new_members]
    problems = Problems()
    for place, own in enumerate(limits):
        problems.extend(problems_with_limits(own, "members", place, "budget"))
    problems.raise_any()
    return limits


async def _members(
    tx: Connection, team: Row, placed: Sequence[tuple[people.Path, Person]]
) -> list[Row]:
    """The membership of each person, with the user's e-mail key beside it, in order."""
    rows = await tx.all(
        _of_people(),
        team_id=team.id,
        **people.names_of(person for _, person in placed),
    )
    by_id = {row.user_id: row for row in rows}
    by_email = {row.email_key: row for row in rows if row.email_key is not None}
    found = [
        (
            path,
            person,
            by_email.get(person.email_key) if person.user_id is None else by_id.get(person.user_id),
        )
        for path, person in placed
    ]
    Problems(
        NotFound(*path, person.field, thing="member of this team")
        for path, person, row in found
        if row is None
    ).raise_any()
    people.check_agreement(found)
    members = [row for _, _, row in found if row is not None]
    people.check_distinct(
        (path, row.user_id) for (path, _), row in zip(placed, members, strict=True)
    )
    return members


async def _check_admin_stays(
    tx: Connection,
    actor: Actor,
    team: Row,
    leaving: Sequence[tuple[people.Path, Row]],
) -> None:
    """Raise LastAdmin for each admin who goes if no other stays; a higher admin may do it.

    The team is locked, so that two admins cannot each see the other staying.
    """
    if not leaving or _is_higher_admin(actor, team):
        return
    stays = await tx.one(
        _another_admin(), team_id=team.id, leaving=[member.id for _, member in leaving]
    )
    if stays is None:
        Problems(LastAdmin(*path, thing="team") for path, _ in leaving).raise_any()


def _is_higher_admin(actor: Actor, team: Row) -> bool:
    return actor.administers_all or Relation.ORGANIZATION_ADMIN in team_relations(team)


def _state(member: Row) -> dict[str, Any]:
    return {name: member[name] for name in ("id", "user_id", "role", "joined_at")}


def _change(action: str, team: Row, member: Row, **states: audit.State) -> Change:
    return Change(
        action, member.id, organization_id=team.organization_id, team_id=team.id, **states
    )


@cache
def _of_people() -> Statement:
    ids = bindparam("user_ids", type_=ARRAY(Text))
    keys = bindparam("email_keys", type_=ARRAY(Text))
    return Statement(
        select(team_members, users.c.email_key)
        .join(users, users.c.id == team_members.c.user_id)
        .where(
            team_members.c.team_id == bindparam("team_id"),
            or_(users.c.id == any_(ids), users.c.email_key == any_(keys)),
        )
    )


@cache
def _another_admin() -> Statement:
    return Statement(
        select(team_members.c.id)
        .where(
            team_members.c.team_id == bindparam("team_id"),
            team_members.c.role == TeamRole.ADMIN,
            team_members.c.id != all_(bindparam("leaving", type_=ARRAY(Text))),
        )
        .limit(1)
    )
