"""Gateway settings as part of a team: read under its lock, changed with it, each field by itself."""

from collections.abc import Iterable, Mapping
from functools import cache, lru_cache
from typing import Any

from sqlalchemy import ARRAY, Text, any_, bindparam, select
from sqlalchemy.dialects.postgresql import insert

from bursar.database.connections import Connection
from bursar.database.statements import Statement
from bursar.database.tables import gateway_settings
from bursar.domain.gateway import GROUPS, NOTHING, flat
from bursar.services import audit

Settings = Mapping[str, Any]
_INSIDE = {name for inside in GROUPS.values() for name in inside}


async def settings_of(tx: Connection, team_id: str) -> Settings:
    """The fields of a team's settings."""
    return (await settings_of_teams(tx, [team_id]))[team_id]


async def settings_of_teams(tx: Connection, team_ids: Iterable[str]) -> dict[str, Settings]:
    """The fields of the settings of teams, by team."""
    ids = list(team_ids)
    rows = await tx.all(_of_teams(), team_ids=ids)
    said = {row.team_id: {name: row[name] for name in NOTHING} for row in rows}
    return {id_: said.get(id_, NOTHING) for id_ in ids}


async def store(tx: Connection, team_id: str, changes: Settings | None) -> Settings:
    """Set what is given, or nothing at all; answers the settings as they are now."""
    fields = flat(changes)
    if fields:
        # In one order, whatever the input's, so that one statement serves all who set the same.
        await tx.one(_store(tuple(sorted(fields))), team_id=team_id, **fields)
    return await settings_of(tx, team_id)


def state_of(settings: Settings) -> dict[str, Any]:
    """The settings for the audit: what is said, as it is grouped."""
    said = {name: value for name, value in settings.items() if value != NOTHING[name]}
    groups = {
        group: {name: said[name] for name in inside if name in said}
        for group, inside in GROUPS.items()
    }
    alone = {name: value for name, value in said.items() if name not in _INSIDE}
    return alone | audit.all_of((group, inside) for group, inside in groups.items() if inside)


@cache
def _of_teams() -> Statement:
    ids = bindparam("team_ids", type_=ARRAY(Text))
    return Statement(select(gateway_settings).where(gateway_settings.c.team_id == any_(ids)))


@lru_cache(maxsize=256)
def _store(names: tuple[str, ...]) -> Statement:
    given = {
        name: bindparam(name, type_=gateway_settings.c[name].type) for name in ("team_id", *names)
    }
    statement = insert(gateway_settings).values(given)
    changed = {name: statement.excluded[name] for name in names}
    return Statement(
        statement.on_conflict_do_update(index_elements=[gateway_settings.c.team_id], set_=changed)
    )
