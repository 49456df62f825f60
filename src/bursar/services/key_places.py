"""Where keys belong, and the record of where they belonged before and of the secrets they once had."""

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    FromClause,
    Insert,
    LargeBinary,
    Select,
    Text,
    any_,
    bindparam,
    func,
    select,
    union_all,
)
from sqlalchemy.dialects.postgresql import insert

from bursar.database.connections import Connection
from bursar.database.given import repeated
from bursar.database.statements import Statement
from bursar.database.tables import (
    api_keys,
    former_places,
    former_secrets,
    organization_members,
    team_members,
    teams,
)

PLACE = ("user_id", "team_id", "team_member_id", "organization_id", "organization_member_id")
"""The columns of a place: whose calls a key's are."""

_IDS: ColumnElement[Any] = any_(bindparam("ids", type_=ARRAY(Text)))


async def keep_of_keys(tx: Connection, key_ids: Iterable[str]) -> None:
    """Keep where keys belong, which are locked and about to be moved or deleted."""
    await tx.one(_keep_places("id"), ids=repeated(list(key_ids)))


async def keep_of_team(tx: Connection, team_id: str) -> None:
    """Keep where the keys of a team belong, which is about to be moved."""
    await tx.one(_keep_places("team_id"), ids=repeated([team_id]))


async def keep_secrets(tx: Connection, key_id: str, hashes: Iterable[bytes | None]) -> None:
    """Keep the hashes of secrets that a key is about to lose, but for None."""
    if lost := [hash_ for hash_ in hashes if hash_ is not None]:
        await tx.one(_keep_secrets(), key_id=key_id, hashes=lost)


async def keep_all_secrets(tx: Connection, key_ids: Iterable[str]) -> None:
    """Keep the hashes of the secrets of keys that are about to be deleted."""
    await tx.one(_keep_all_secrets(), ids=repeated(list(key_ids)))


def places_now() -> Select[Any]:
    """The id of each key, and where it belongs as things are."""
    columns = {
        "user_id": api_keys.c.user_id,
        "team_id": api_keys.c.team_id,
        "team_member_id": team_members.c.id,
        "organization_id": teams.c.organization_id,
        "organization_member_id": organization_members.c.id,
    }
    return select(api_keys.c.id, *(columns[name].label(name) for name in PLACE)).select_from(
        _with_place()
    )


def _with_place() -> FromClause:
    return (
        api_keys.outerjoin(teams, teams.c.id == api_keys.c.team_id)
        .outerjoin(
            team_members,
            (team_members.c.team_id == api_keys.c.team_id)
            & (team_members.c.user_id == api_keys.c.user_id),
        )
        .outerjoin(
            organization_members,
            (organization_members.c.organization_id == teams.c.organization_id)
            & (organization_members.c.user_id == api_keys.c.user_id),
        )
    )


@cache
def _keep_places(column: str) -> Statement:
    """The clock's time, as a later end of another transaction must not come before an earlier one."""
    ending = places_now().where(api_keys.c[column] == _IDS).add_columns(func.clock_timestamp())
    return Statement(
        insert(former_places).from_select(["api_key_id", *PLACE, "until"], ending.order_by("id"))
    )


@cache
def _keep_secrets() -> Statement:
    hashes = func.unnest(bindparam("hashes", type_=ARRAY(LargeBinary)))
    return Statement(_lost(select(hashes, bindparam("key_id", type_=Text), func.now())))


@cache
def _keep_all_secrets() -> Statement:
    columns: Sequence[ColumnElement[Any]] = (api_keys.c.secret_hash, api_keys.c.previous_hash)
    lost = [
        select(column, api_keys.c.id, func.now()).where(api_keys.c.id == _IDS, column.is_not(None))
        for column in columns
    ]
    return Statement(_lost(union_all(*lost)))


def _lost(rows: Any) -> Insert:
    """One that was lost before and used again is lost once more."""
    new = insert(former_secrets).from_select(["secret_hash", "api_key_id", "until"], rows)
    renewed = {name: new.excluded[name] for name in ("api_key_id", "until")}
    return new.on_conflict_do_update(index_elements=["secret_hash"], set_=renewed)
