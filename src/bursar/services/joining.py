"""Joining a team that is open to oneself, and leaving one."""

from functools import cache

from sqlalchemy import bindparam, select

from bursar.access.actor import Actor
from bursar.access.door import access_team
from bursar.access.joining import access_team_to_join
from bursar.access.policy import Action
from bursar.database.connections import Connection
from bursar.database.rows import Row
from bursar.database.statements import Statement
from bursar.database.tables import team_members
from bursar.domain.errors import AlreadyMember, NotFound
from bursar.domain.roles import TeamRole
from bursar.services import members, memberships, people
from bursar.services.memberships import TEAM, Joining
from bursar.services.people import Person

PATH = ("team_id",)


async def join(tx: Connection, actor: Actor, *, team_id: str) -> Row:
    """Make the actor a MEMBER of a team, with no limits of their own.

    Raises NotFound, Forbidden for a team that one sees but that is not open, AlreadyMember.
    """
    team = await access_team_to_join(tx, actor, team_id, Action.TEAM_JOIN, path=PATH)
    organization_id = team.organization_id
    oneself = Person(actor.user_id, None)
    found = await people.find(
        tx, actor, [oneself], organization_id=organization_id, team_id=team.id
    )
    user = found[oneself]
    if user is None:
        raise NotFound(*PATH, thing="team")  # the actor was deleted meanwhile
    joining = [Joining(user.id, TeamRole.MEMBER)]
    rows = await memberships.insert(
        tx, actor, TEAM, team.id, joining, organization_id=organization_id
    )
    if user.id not in rows:
        raise AlreadyMember(*PATH)
    return rows[user.id]


async def leave(tx: Connection, actor: Actor, *, team_id: str) -> Row:
    """End the actor's own membership; answers what it was.

    Raises NotFound for the team or for who is no member of it, Forbidden, LastAdmin.
    """
    team = await access_team(
        tx, actor, team_id, Action.TEAM_MEMBERS_REMOVE, path=PATH, oneself=True
    )
    member = await tx.one(_membership(), team_id=team.id, user_id=actor.user_id)
    if member is None:
        raise NotFound(*PATH, thing="membership of yours")
    await members.check_admin_stays(tx, actor, team, [(PATH, member)])
    await memberships.remove_from_teams(tx, actor, [member], organization_id=team.organization_id)
    return member


@cache
def _membership() -> Statement:
    return Statement(
        select(team_members).where(
            team_members.c.team_id == bindparam("team_id"),
            team_members.c.user_id == bindparam("user_id"),
        )
    )
