"""The one door to a row that is to be changed: found among what the actor sees, locked, permitted.

Authority is read after the lock is held, in a statement of its own, so that a role which was taken
away while we waited no longer counts. Locks are taken in one order: organization, team, user, key.
"""

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from functools import cache
from typing import Any

from sqlalchemy import ARRAY, ColumnElement, Select, Table, Text, any_, bindparam, select

from bursar.access.actor import Actor, Sight
from bursar.access.policy import Action, Relation, forbidden, permits
from bursar.access.visibility import (
    ME,
    visible_api_keys,
    visible_organizations,
    visible_teams,
    visible_users,
)
from bursar.database.connections import Connection
from bursar.database.rows import Row
from bursar.database.statements import Statement
from bursar.database.tables import (
    api_keys,
    organization_members,
    organizations,
    team_members,
    teams,
    users,
)
from bursar.domain.errors import NotFound, Problems
from bursar.domain.names import is_storable
from bursar.domain.roles import OrganizationRole, TeamRole


class Lock(StrEnum):
    """How a row is held until the transaction ends.

    SHARE: it may not change while we work. UPDATE: we change it, or count what hangs under it.
    DELETE: it goes, and nothing may be hung under it any more.
    """

    SHARE = "SHARE"
    UPDATE = "UPDATE"
    DELETE = "DELETE"


IDS = bindparam("ids", type_=ARRAY(Text))
Path = tuple[str | int, ...]
Deed = tuple[Action, Path]
Deeds = Iterable[Deed]


async def access_organization(
    tx: Connection,
    actor: Actor,
    organization_id: str,
    *actions: Action,
    path: Path = ("id",),
    deeds: Deeds = (),
    lock: Lock = Lock.UPDATE,
    oneself: bool = False,
) -> Row:
    """The organization, locked, for an actor who may do all of the actions to it.

    `oneself`: the deed concerns only the actor. Raises NotFound at `path` for what the actor cannot
    see, and Forbidden at `path`, or for each of the `deeds` (an action and the path of the field that
    asks for it) at its own.
    """
    rows = await _locked(tx, actor, organizations, [organization_id], lock)
    if not rows:
        raise NotFound(*path, thing="organization")
    relations = {Relation.SELF} if oneself else set()
    if rows[0].get("actor_organization_role") == OrganizationRole.ADMIN:
        relations.add(Relation.ORGANIZATION_ADMIN)
    _require(actor, relations, actions, path, deeds)
    return rows[0]


async def access_team(
    tx: Connection,
    actor: Actor,
    team_id: str,
    *actions: Action,
    path: Path = ("id",),
    deeds: Deeds = (),
    lock: Lock = Lock.UPDATE,
    oneself: bool = False,
) -> Row:
    """The team, locked; as access_organization."""
    rows = await _locked(tx, actor, teams, [team_id], lock)
    if not rows:
        raise NotFound(*path, thing="team")
    relations = team_relations(rows[0]) | ({Relation.SELF} if oneself else set())
    _require(actor, relations, actions, path, deeds)
    return rows[0]


async def access_teams(
    tx: Connection,
    actor: Actor,
    team_ids: Sequence[str],
    action: Action,
    *,
    path: Path,
    lock: Lock,
) -> list[Row]:
    """All of these teams, locked in the order of their ids.

    Raises NotFound for each that the actor cannot see, at `path` and its place in the list; then
    Forbidden likewise.
    """
    rows = await _locked(tx, actor, teams, team_ids, lock)
    found = {row.id: team_relations(row) for row in rows}
    _require_each(actor, found, team_ids, action, path, thing="team")
    return rows


async def access_user(
    tx: Connection,
    actor: Actor,
    user_id: str,
    *actions: Action,
    path: Path = ("id",),
    lock: Lock = Lock.UPDATE,
) -> Row:
    """The user, locked; as access_organization."""
    rows = await _locked(tx, actor, users, [user_id], lock)
    if not rows:
        raise NotFound(*path, thing="user")
    relations = {Relation.SELF} if user_id == actor.user_id else set()
    _require(actor, relations, actions, path, ())
    return rows[0]


async def access_api_key(
    tx: Connection,
    actor: Actor,
    key_id: str,
    *actions: Action,
    path: Path = ("id",),
    deeds: Deeds = (),
    lock: Lock = Lock.UPDATE,
) -> Row:
    """The key, locked; as access_organization. A personal key is its user's own.

    A caller who needs what the key belongs to locked too locks that first (access/above.py).
    The row says its team's organization too.
    """
    rows = await _locked(tx, actor, api_keys, [key_id], lock)
    if not rows:
        raise NotFound(*path, thing="key")
    _require(actor, key_relations(actor, rows[0]), actions, path, deeds)
    return rows[0]


async def access_api_keys(
    tx: Connection,
    actor: Actor,
    key_ids: Sequence[str],
    action: Action,
    *,
    path: Path,
    lock: Lock,
) -> list[Row]:
    """All of these keys, locked in the order of their ids; as access_teams."""
    rows = await _locked(tx, actor, api_keys, key_ids, lock)
    found = {row.id: key_relations(actor, row) for row in rows}
    _require_each(actor, found, key_ids, action, path, thing="key")
    return rows


def key_relations(actor: Actor, row: Row) -> set[Relation]:
    """What the actor is to a key that was read with the actor's roles in its team."""
    oneself = row.team_id is None and row.user_id == actor.user_id
    return team_relations(row) | ({Relation.SELF} if oneself else set())


def team_relations(row: Row) -> set[Relation]:
    """What the actor is to a team that was read with the actor's roles in it."""
    relations = set()
    if row.get("actor_team_role") == TeamRole.ADMIN:
        relations.add(Relation.TEAM_ADMIN)
    if row.get("actor_organization_role") == OrganizationRole.ADMIN:
        relations.add(Relation.ORGANIZATION_ADMIN)
    return relations


def with_actor_roles(query: Select[Any], table: Table) -> Select[Any]:
    """Add the actor's roles in the organization, and in the team, that a row is or belongs to."""
    team_id = {teams: teams.c.id, api_keys: api_keys.c.team_id}.get(table)
    organization_id: Any = ORGANIZATION_OF_KEY
    if table is not api_keys:
        organization_id = table.c.id if table is organizations else table.c.organization_id
    query = query.add_columns(
        select(organization_members.c.role)
        .where(
            organization_members.c.organization_id == organization_id,
            organization_members.c.user_id == ME,
        )
        .scalar_subquery()
        .label("actor_organization_role")
    )
    if team_id is None:
        return query
    return query.add_columns(
        select(team_members.c.role)
        .where(team_members.c.team_id == team_id, team_members.c.user_id == ME)
        .scalar_subquery()
        .label("actor_team_role")
    )


VISIBLE = {
    organizations: visible_organizations,
    teams: visible_teams,
    users: visible_users,
    api_keys: visible_api_keys,
}


ORGANIZATION_OF_KEY = (
    select(teams.c.organization_id)
    .where(teams.c.id == api_keys.c.team_id)
    .correlate(api_keys)
    .scalar_subquery()
)


async def _locked(
    tx: Connection, actor: Actor, table: Table, ids: Sequence[str], lock: Lock
) -> list[Row]:
    values = {**actor.parameters, "ids": [id_ for id_ in ids if is_storable(id_)]}
    rows = await tx.all(_lock(table, actor.sight, lock), **values)
    if not rows or actor.sight is Sight.ALL:
        return rows  # whoever sees everything has no need of other relations
    return await tx.all(_read(table, actor.sight), **values)


@cache
def _lock(table: Table, sight: Sight, lock: Lock) -> Statement:
    return Statement(
        select(*(_columns(table) if sight is Sight.ALL else [table.c.id]))
        .where(table.c.id == any_(IDS), VISIBLE[table](sight))
        .order_by(table.c.id)
        .with_for_update(of=table, read=lock is Lock.SHARE, key_share=lock is Lock.UPDATE)
    )


@cache
def _read(table: Table, sight: Sight) -> Statement:
    query = select(*_columns(table)).where(table.c.id == any_(IDS), VISIBLE[table](sight))
    return Statement(query if table is users else with_actor_roles(query, table))


def _columns(table: Table) -> list[ColumnElement[Any]]:
    belongs = [ORGANIZATION_OF_KEY.label("organization_id")] if table is api_keys else []
    return [*table.c, *belongs]


def _require_each(
    actor: Actor,
    found: Mapping[str, Iterable[Relation]],
    ids: Sequence[str],
    action: Action,
    path: Path,
    *,
    thing: str,
) -> None:
    places = {id_: ids.index(id_) for id_ in ids}
    Problems(
        NotFound(*path, place, thing=thing) for id_, place in places.items() if id_ not in found
    ).raise_any()
    Problems(
        forbidden(action, *path, place)
        for id_, place in places.items()
        if not permits(actor, action, found[id_])
    ).raise_any()


def _require(
    actor: Actor,
    relations: Iterable[Relation],
    actions: Iterable[Action],
    path: Path,
    deeds: Deeds,
) -> None:
    problems = Problems(
        forbidden(action, *at)
        for action, at in [*((action, path) for action in actions), *deeds]
        if not permits(actor, action, relations)
    )
    problems.raise_any()
