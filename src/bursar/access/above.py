"""Locks of what limits a row, a team's organization or a key's team or user, before the row's own.

So that locks are taken in the one order of door.py, and limits hold until the transaction ends.
"""

from functools import cache

from sqlalchemy import Table, bindparam, select, true

from bursar.access.actor import Actor, Sight
from bursar.access.door import Lock
from bursar.access.visibility import visible_api_keys, visible_teams
from bursar.database.connections import Connection
from bursar.database.pool import RunAgain
from bursar.database.rows import Row
from bursar.database.statements import Statement
from bursar.database.tables import api_keys, organizations, teams, users
from bursar.domain.ids import DEFAULT_ORGANIZATION
from bursar.domain.names import is_storable


async def lock_organization_of_team(
    tx: Connection,
    actor: Actor,
    team_id: str,
    *,
    built_in: bool = True,
    lock: Lock = Lock.SHARE,
) -> str | None:
    """Keep a team's organization, limits and members, where the actor sees the team; answers its id.

    Without `built_in` that one is left alone, which nobody can leave. For who counts what its teams
    hold together the lock is UPDATE.
    """
    if not is_storable(team_id):
        return None
    statement = _organization_of_team(actor.sight, built_in, lock)
    row = await tx.one(statement, **actor.parameters, id=team_id)
    return row and row.id


def check_organization(team: Row, held: str | None) -> None:
    """Raise RunAgain for a team that moved, or came into sight, while its organization was locked."""
    if team.organization_id != held:
        raise RunAgain


async def lock_holder_of_key(tx: Connection, actor: Actor, key_id: str) -> str | None:
    """Keep a key's team, or a personal key's user, where the actor sees the key; answers its id.

    The team is held as who counts what its keys hold together.
    The key may belong to another team by the time that it is locked itself.
    """
    if not is_storable(key_id):
        return None
    for holders in (teams, users):
        statement = _holder_of_key(holders, actor.sight)
        if held := await tx.one(statement, **actor.parameters, id=key_id):
            return str(held.id)
    return None


@cache
def _organization_of_team(sight: Sight, built_in: bool, lock: Lock) -> Statement:
    its_organization = select(teams.c.organization_id).where(
        teams.c.id == bindparam("id"), visible_teams(sight)
    )
    return Statement(
        select(organizations.c.id)
        .where(
            organizations.c.id == its_organization.scalar_subquery(),
            true() if built_in else organizations.c.id != DEFAULT_ORGANIZATION,
        )
        .with_for_update(read=lock is Lock.SHARE, key_share=lock is Lock.UPDATE)
    )


@cache
def _holder_of_key(holders: Table, sight: Sight) -> Statement:
    its_holder = select(api_keys.c.team_id if holders is teams else api_keys.c.user_id).where(
        api_keys.c.id == bindparam("id"), visible_api_keys(sight)
    )
    if holders is users:
        its_holder = its_holder.where(api_keys.c.team_id.is_(None))
    return Statement(
        select(holders.c.id)
        .where(holders.c.id == its_holder.scalar_subquery())
        .with_for_update(read=holders is users, key_share=holders is teams)
    )
