"""What can have a budget, found by its id and locked, with what sets its limits locked before it."""

from collections.abc import Callable, Iterable
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Table, Text, any_, bindparam, case, cast, null, select

from bursar.access.actor import Actor, Sight
from bursar.access.door import IDS, Lock
from bursar.access.related import Condition
from bursar.access.visibility import (
    visible_api_keys,
    visible_organization_members,
    visible_organizations,
    visible_team_members,
    visible_teams,
    visible_users,
)
from bursar.database.connections import Connection
from bursar.database.given import repeated
from bursar.database.pool import RunAgain
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
from bursar.domain.ids import Prefix, prefix_of

_none: ColumnElement[Any] = cast(null(), Text)
_its_team = teams.alias("its_team")


class Kind(NamedTuple):
    """A kind of holder, its name among BUDGET_OWNERS, where its rows are, and what is above them.

    `locks` names, in the order in which they are taken, the tables above and how they are held: as
    they are held when the holder's own budget is changed.
    """

    owner: str
    table: Table
    visible: Callable[[Sight], Condition]
    organization_id: ColumnElement[Any] = _none
    team_id: ColumnElement[Any] = _none
    user_id: ColumnElement[Any] = _none
    locks: tuple[tuple[Table, Lock], ...] = ()


KINDS = {
    Prefix.ORGANIZATION: Kind(
        "organization", organizations, visible_organizations, organizations.c.id
    ),
    Prefix.ORGANIZATION_MEMBER: Kind(
        "organization_member",
        organization_members,
        visible_organization_members,
        organization_members.c.organization_id,
        locks=((organizations, Lock.UPDATE),),
    ),
    Prefix.TEAM: Kind(
        "team",
        teams,
        visible_teams,
        teams.c.organization_id,
        teams.c.id,
        locks=((organizations, Lock.UPDATE),),
    ),
    Prefix.TEAM_MEMBER: Kind(
        "team_member",
        team_members,
        visible_team_members,
        _its_team.c.organization_id,
        team_members.c.team_id,
        locks=((teams, Lock.UPDATE),),
    ),
    Prefix.USER: Kind("user", users, visible_users),
    Prefix.API_KEY: Kind(
        "api_key",
        api_keys,
        visible_api_keys,
        _its_team.c.organization_id,
        api_keys.c.team_id,
        case((api_keys.c.team_id.is_(None), api_keys.c.user_id)),
        locks=((teams, Lock.UPDATE), (users, Lock.SHARE)),
    ),
}


class Place(NamedTuple):
    """Where a holder stands: its kind, and the ids of what is above it, where there is such."""

    kind: Kind
    id: str
    organization_id: str | None
    team_id: str | None
    user_id: str | None

    @property
    def parent(self) -> tuple[str, str] | None:
        """What sets the limits of the holder's budget: its kind among BUDGET_OWNERS, and its id."""
        match self.kind.owner:
            case "team" if self.organization_id:
                return "organization", self.organization_id
            case "api_key" if self.team_id:
                return "team", self.team_id
            case "api_key" if self.user_id:
                return "user", self.user_id
            case _:
                return None


async def find_holder(tx: Connection, actor: Actor, holder_id: str) -> Place | None:
    """Where a holder stands that the actor sees; None for any other id."""
    prefix = prefix_of(holder_id)
    if prefix not in KINDS:
        return None
    kind = KINDS[prefix]
    row = await tx.one(_place(prefix, actor.sight), **actor.parameters, id=holder_id)
    return row and Place(kind, **row)


async def lock_holder(tx: Connection, actor: Actor, place: Place) -> Row | None:
    """Lock a holder as for a change of its own budget, after what is above it; None if it is gone.

    Raises RunAgain if it was moved meanwhile.
    """
    above = {organizations: place.organization_id, teams: place.team_id, users: place.user_id}
    for table, lock in place.kind.locks:
        await lock_rows(tx, table, [id_ for id_ in [above[table]] if id_], lock)
    rows = await lock_rows(tx, place.kind.table, [place.id], Lock.UPDATE)
    if rows and await find_holder(tx, actor, place.id) != place:
        raise RunAgain
    return rows[0] if rows else None


async def lock_rows(tx: Connection, table: Table, ids: Iterable[str], lock: Lock) -> list[Row]:
    """Lock rows in the order of their ids. For a platform admin, who sees all: none is filtered."""
    ids = list(ids)
    return await tx.all(_lock(table, lock), ids=repeated(ids)) if ids else []


@cache
def _place(prefix: Prefix, sight: Sight) -> Statement:
    kind = KINDS[prefix]
    table = kind.table
    places = ("organization_id", "team_id", "user_id")
    query = select(table.c.id, *(getattr(kind, name).label(name) for name in places))
    if "team_id" in table.c:
        query = query.select_from(table.outerjoin(_its_team, _its_team.c.id == table.c.team_id))
    return Statement(query.where(table.c.id == bindparam("id"), kind.visible(sight)))


@cache
def _lock(table: Table, lock: Lock) -> Statement:
    return Statement(
        select(table)
        .where(table.c.id == any_(IDS))
        .order_by(table.c.id)
        .with_for_update(read=lock is Lock.SHARE, key_share=lock is Lock.UPDATE)
    )
