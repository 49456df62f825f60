"""The door to a key that moves to another team: both teams locked, and both asked."""

from functools import cache
from typing import NamedTuple

from sqlalchemy import Table, Text, bindparam, select

from bursar.access.actor import Actor, Sight
from bursar.access.door import Lock, access_api_key, access_team
from bursar.access.holders import lock_rows
from bursar.access.policy import Action, creation_of, forbidden, permits
from bursar.access.standing import permitted_in_team, standing_to_key, team_relations
from bursar.access.visibility import visible_api_keys, visible_teams
from bursar.database.connections import Connection
from bursar.database.pool import RunAgain
from bursar.database.rows import Row
from bursar.database.statements import Statement
from bursar.database.tables import api_keys, team_members, teams, users
from bursar.domain.errors import NotFound, Problems, Refusals
from bursar.domain.names import is_storable


class Move(NamedTuple):
    """A key, the team where it goes, and whether its user, if it has one, is a member there."""

    key: Row
    team: Row
    has_member: bool


async def access_key_to_move(tx: Connection, actor: Actor, key_id: str, team_id: str) -> Move:
    """A key and the team where it goes, for who may delete it where it is and create it there.

    Locked are the team that it leaves and the one where it goes, its user with the membership there,
    and the key. Raises Refusals: NotFound for each of the two that the actor does not see, then
    Forbidden likewise.
    """
    seen = await _seen(tx, actor, key_id, team_id)
    await lock_rows(tx, teams, {team_id, *filter(None, [seen.team_id])}, Lock.UPDATE)
    await lock_rows(tx, users, filter(None, [seen.user_id]), Lock.SHARE)
    member = await tx.one(_membership(), team_id=team_id, user_id=seen.user_id)
    team = await access_team(tx, actor, team_id, path=("team_id",))
    key = await access_api_key(tx, actor, key_id)
    if key.team_id != seen.team_id:
        raise RunAgain  # somebody else moved it while we waited
    problems = Problems()
    oneself = key.user_id in {None, actor.user_id}
    standing = {*team_relations(team), *(permitted_in_team(team) if oneself else ())}
    if not permits(actor, Action.API_KEY_DELETE, standing_to_key(actor, key)):
        problems.append(forbidden(Action.API_KEY_DELETE, "id"))
    if not permits(actor, creation_of(key.user_id), standing):
        problems.append(forbidden(creation_of(key.user_id), "team_id"))
    problems.raise_any()
    return Move(key, team, has_member=member is not None)


async def _seen(tx: Connection, actor: Actor, key_id: str, team_id: str) -> Row:
    """What the key belongs to, before anything is locked."""
    ids = {api_keys: key_id, teams: team_id}
    key, team = [
        await tx.one(_one(table, actor.sight), **actor.parameters, id=id_)
        if is_storable(id_)
        else None
        for table, id_ in ids.items()
    ]
    problems = Problems()
    if key is None:
        problems.append(NotFound("id", thing="key"))
    if team is None:
        problems.append(NotFound("team_id", thing="team"))
    if key is None or problems:
        raise Refusals(problems)
    return key


@cache
def _one(table: Table, sight: Sight) -> Statement:
    visible = {api_keys: visible_api_keys, teams: visible_teams}[table](sight)
    columns = [table.c.id] if table is teams else [table.c.team_id, table.c.user_id]
    return Statement(select(*columns).where(table.c.id == bindparam("id"), visible))


@cache
def _membership() -> Statement:
    """Held from before the key is locked, as the key will name it."""
    return Statement(
        select(team_members.c.id)
        .where(
            team_members.c.team_id == bindparam("team_id"),
            team_members.c.user_id == bindparam("user_id", type_=Text),
        )
        .with_for_update(read=True, key_share=True)
    )
