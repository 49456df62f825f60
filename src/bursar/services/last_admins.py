"""Last admins: who must not go, because nobody could administer the thing after them.

What is administered is locked first, so that two admins cannot each count on the other to stay.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    CompoundSelect,
    Select,
    Table,
    Text,
    all_,
    bindparam,
    exists,
    literal,
    select,
    union,
    union_all,
)

from bursar.database.connections import Connection
from bursar.database.rows import Row
from bursar.database.statements import Statement
from bursar.database.tables import organization_members, organizations, team_members, teams, users
from bursar.domain.errors import LastAdmin, Path, Problems
from bursar.domain.roles import OrganizationRole, PlatformRole, TeamRole

USER = bindparam("user_id", type_=Text)


async def of_platform(tx: Connection) -> list[str]:
    """The users who can administer the platform, locked in the order of their ids."""
    return [row.id for row in await tx.all(_platform_admins())]


async def lock_administered(tx: Connection, user_id: str) -> set[str]:
    """Lock the organizations and teams that a user administers; answers their ids.

    So are the teams that bear the user's mark (self-service), which is wiped off when the user goes.
    """
    locked = [await tx.all(_lock(table), user_id=user_id) for table in (organizations, teams)]
    return {row.id for rows in locked for row in rows}


async def administers(tx: Connection, user_id: str) -> set[str]:
    """The ids of the organizations and teams that a user administers."""
    return {row.id for row in await tx.all(_administered(), user_id=user_id)}


async def alone_in(tx: Connection, user_id: str) -> list[tuple[str, str]]:
    """The kinds and ids of the things that have no other admin than the user."""
    return [(row.kind, row.id) for row in await tx.all(_alone(), user_id=user_id)]


async def check_stays(
    tx: Connection, things: Table, thing_id: str, going: Sequence[tuple[Path, Row]]
) -> None:
    """Raise LastAdmin for each admin among memberships that go, at its path, if no other stays.

    `things`: teams or organizations. The thing is locked.
    """
    _, of_thing, role = _membership(things)
    admins = [(path, member) for path, member in going if member.role == role]
    if not admins:
        return
    stays = await tx.one(
        _another(things), thing_id=thing_id, going=[member.id for _, member in admins]
    )
    if stays is None:
        thing = of_thing.removesuffix("_id")
        Problems(LastAdmin(*path, thing=thing) for path, _ in admins).raise_any()


@cache
def _another(things: Table) -> Statement:
    members, thing_id, role = _membership(things)
    return Statement(
        select(members.c.id)
        .where(
            members.c[thing_id] == bindparam("thing_id"),
            members.c.role == role,
            members.c.id != all_(bindparam("going", type_=ARRAY(Text))),
        )
        .limit(1)
    )


@cache
def _platform_admins() -> Statement:
    return Statement(
        select(users.c.id)
        .where(users.c.role == PlatformRole.ADMIN, ~users.c.blocked)
        .order_by(users.c.id)
        .with_for_update(key_share=True)
    )


@cache
def _lock(things: Table) -> Statement:
    return Statement(
        select(things.c.id)
        .where(things.c.id.in_(_of_user(things) if things is organizations else _marked()))
        .order_by(things.c.id)
        .with_for_update(key_share=True)
    )


@cache
def _administered() -> Statement:
    return Statement(union_all(_of_user(organizations), _of_user(teams)))


@cache
def _alone() -> Statement:
    return Statement(
        union_all(
            *(
                _of_user(things, ~_has_other_admin(things)).add_columns(literal(kind).label("kind"))
                for kind, things in (("organization", organizations), ("team", teams))
            )
        )
    )


def _marked() -> CompoundSelect[Any]:
    """The ids of the teams that the user administers, or that bear their mark."""
    return union(_of_user(teams), select(teams.c.id).where(teams.c.self_service_user_id == USER))


def _of_user(things: Table, *conditions: ColumnElement[bool]) -> Select[Any]:
    """The ids of the things that the user administers."""
    members, thing_id, role = _membership(things)
    return select(members.c[thing_id].label("id")).where(
        members.c.user_id == USER, members.c.role == role, *conditions
    )


def _has_other_admin(things: Table) -> ColumnElement[bool]:
    members, thing_id, role = _membership(things)
    other = members.alias("other")
    return exists().where(
        other.c[thing_id] == members.c[thing_id], other.c.role == role, other.c.user_id != USER
    )


def _membership(things: Table) -> tuple[Table, str, str]:
    """Where a thing's members are, the column that names the thing, and the role of its admins."""
    if things is teams:
        return team_members, "team_id", TeamRole.ADMIN
    return organization_members, "organization_id", OrganizationRole.ADMIN
