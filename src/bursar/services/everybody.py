"""Everybody of an organization, added to one of its teams at once."""

from collections.abc import Iterable
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import ARRAY, Text, bindparam, func, literal, select
from sqlalchemy.dialects.postgresql import insert

from bursar.access.actor import Actor
from bursar.access.policy import Action
from bursar.database.connections import Connection
from bursar.database.statements import Statement
from bursar.database.tables import organization_members, team_members, users
from bursar.domain.errors import Invalid, Problems
from bursar.domain.ids import DEFAULT_ORGANIZATION, Prefix, new_id
from bursar.domain.roles import TeamRole
from bursar.services import audit, members
from bursar.services.audit import Change

MOST = 10_000
DEEDS = [
    (Action.TEAM_MEMBERS_ADD, ("team_id",)),
    (Action.TEAM_MEMBERS_ADD_ALL, ("all_users",)),
]


class Counts(NamedTuple):
    """How many people became members, and how many of the organization were so before."""

    added: int
    already_members: int


async def add(tx: Connection, actor: Actor, *, team_id: str, beside: Iterable[str] = ()) -> Counts:
    """Make everybody in a team's organization a MEMBER of the team, without limits of their own.

    In the built-in organization that is every user. Blocked ones are among them: what they may do is
    decided where they do it. One audit entry names them all. `beside`: what else was asked for, and
    cannot be. Raises Refusals for that, NotFound, Forbidden, Invalid for more than MOST people.
    """
    Problems(
        Invalid(name, problem="cannot be given beside `allUsers`") for name in beside
    ).raise_any()
    team = await members.hold(tx, actor, team_id, DEEDS)
    everybody = await tx.all(
        _everybody(team.organization_id == DEFAULT_ORGANIZATION),
        organization_id=team.organization_id,
        team_id=team.id,
        most=MOST + 1,
    )
    if len(everybody) > MOST:
        raise Invalid("all_users", problem=f"would concern more than {MOST:,} people")
    newcomers = [row.id for row in everybody if not row.in_team]
    ids = [new_id(Prefix.TEAM_MEMBER) for _ in newcomers]
    joined = await tx.all(_join(), team_id=team.id, ids=ids, user_ids=newcomers)
    counts = Counts(len(joined), len(everybody) - len(joined))
    if joined:
        user_ids = [row.user_id for row in joined]
        after: dict[str, Any] = {"role": TeamRole.MEMBER, **counts._asdict(), "user_ids": user_ids}
        change = Change(
            "team_member.add_all",
            team.id,
            after=after,
            organization_id=team.organization_id,
            team_id=team.id,
        )
        audit.record(tx, actor, change)
    return counts


@cache
def _everybody(built_in: bool) -> Statement:
    """Who is in the organization, kept from being deleted, in the order in which all lock users."""
    in_team = select(team_members.c.id).where(
        team_members.c.user_id == users.c.id, team_members.c.team_id == bindparam("team_id")
    )
    query = select(users.c.id, in_team.exists().label("in_team"))
    if not built_in:
        query = query.where(
            users.c.id.in_(
                select(organization_members.c.user_id).where(
                    organization_members.c.organization_id == bindparam("organization_id")
                )
            )
        )
    return Statement(
        query.order_by(users.c.id)
        .limit(bindparam("most"))
        .with_for_update(of=users, read=True, key_share=True)
    )


@cache
def _join() -> Statement:
    """In the order given, so that two who add the same people do not wait for each other.

    Who became a member meanwhile is left out.
    """
    pairs = (
        func.unnest(bindparam("ids", type_=ARRAY(Text)), bindparam("user_ids", type_=ARRAY(Text)))
        .table_valued("id", "user_id")
        .render_derived()
    )
    role = literal(TeamRole.MEMBER.value)
    return Statement(
        insert(team_members)
        .from_select(
            ["id", "team_id", "user_id", "role"],
            select(pairs.c.id, bindparam("team_id", type_=Text), pairs.c.user_id, role),
        )
        .on_conflict_do_nothing()
        .returning(team_members.c.user_id)
    )
