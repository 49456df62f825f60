"""The one door to a row that is to be changed: found among what the actor sees, locked, permitted.

Authority is read after the lock is held, in a statement of its own, so that a role which was taken
away while we waited no longer counts. Locks are taken in one order: organization, team, user, key.
"""

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from functools import cache
from typing import Any

from sqlalchemy import ARRAY, ColumnElement, Table, Text, any_, bindparam, select

from bursar.access.actor import Actor, Sight
from bursar.access.policy import Action, Relation, Standing, forbidden, permits
from bursar.access.standing import (
    BESIDE_KEY,
    of_its_team,
    permitted_in_team,
    standing_to_key,
    team_relations,
    with_actor_roles,
)
from bursar.access.visibility import (
    visible_api_keys,
    visible_organizations,
    visible_teams,
    visible_users,
)
from bursar.database.connections import Connection
from bursar.database.given import repeated
from bursar.database.rows import Row
from bursar.database.statements import Statement
from bursar.database.tables import api_keys, organizations, teams, users
from bursar.domain.errors import NotFound, Path, Problems
from bursar.domain.names import is_storable
from bursar.domain.roles import MemberPermission, OrganizationRole


class Lock(StrEnum):
    """How a row is held until the transaction ends.

    SHARE: it may not change while we work. UPDATE: we change it, or count what hangs under it.
    DELETE: it goes, and nothing may be hung under it any more.
    """

    SHARE = "SHARE"
    UPDATE = "UPDATE"
    DELETE = "DELETE"


IDS = bindparam("ids", type_=ARRAY(Text))
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
    as_member: bool = False,
) -> Row:
    """The team, locked; as access_organization.

    `as_member`: the deed is one that the team may permit its members.
    """
    rows = await _locked(tx, actor, teams, [team_id], lock)
    if not rows:
        raise NotFound(*path, thing="team")
    standing: set[Relation | MemberPermission] = {*team_relations(rows[0])}
    if oneself:
        standing.add(Relation.SELF)
    if as_member:
        standing |= permitted_in_team(rows[0])
    _require(actor, standing, actions, path, deeds)
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
    """The key, locked; as access_organization.

    A personal key is its user's own; to one's key of a team one does what the team permits.

    A caller who needs what the key belongs to locked too locks that first (access/above.py).
    The row has columns of its team too (BESIDE_KEY).
    """
    rows = await _locked(tx, actor, api_keys, [key_id], lock)
    if not rows:
        raise NotFound(*path, thing="key")
    _require(actor, standing_to_key(actor, rows[0]), actions, path, deeds)
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
    found = {row.id: standing_to_key(actor, row) for row in rows}
    _require_each(actor, found, key_ids, action, path, thing="key")
    return rows


VISIBLE = {
    organizations: visible_organizations,
    teams: visible_teams,
    users: visible_users,
    api_keys: visible_api_keys,
}


async def _locked(
    tx: Connection, actor: Actor, table: Table, ids: Sequence[str], lock: Lock
) -> list[Row]:
    storable = [id_ for id_ in ids if is_storable(id_)]
    values = {**actor.parameters, "ids": repeated(storable)}
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
    beside = [of_its_team(name).label(name) for name in BESIDE_KEY] if table is api_keys else []
    return [*table.c, *beside]


def _require_each(
    actor: Actor,
    found: Mapping[str, Standing],
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
    standing: Standing,
    actions: Iterable[Action],
    path: Path,
    deeds: Deeds,
) -> None:
    problems = Problems(
        forbidden(action, *at)
        for action, at in [*((action, path) for action in actions), *deeds]
        if not permits(actor, action, standing)
    )
    problems.raise_any()
