"""The names that activity is told with: of teams and keys that are there, and of those deleted."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache

from sqlalchemy import CompoundSelect, any_, select, union_all

from bursar.access.actor import Sight
from bursar.access.visibility import visible_teams
from bursar.access.visible_usage import visible_calls, visible_deleted_names
from bursar.database.given import as_text
from bursar.database.statements import Statement
from bursar.database.tables import api_keys, deleted_api_keys, deleted_teams, teams
from bursar.loaders.reader import Reader
from bursar.loaders.rows import KEYS


class KeptNames:
    """For each id the name, as far as the actor is told it; the query gives both for a sight."""

    def __init__(self, query: Callable[[Sight], CompoundSelect[str, str | None]]) -> None:
        self._statement = cache(lambda sight: _among_keys(query(sight)))

    async def __call__(self, reader: Reader, ids: Sequence[str], /) -> Mapping[str, str]:
        rows = await reader.all(self._statement(reader.actor.sight), keys=as_text(ids))
        return {row["id"]: row["name"] for row in rows}


def _among_keys(query: CompoundSelect[str, str | None]) -> Statement:
    named = query.subquery("named")
    return Statement(select(named).where(named.c.id == any_(KEYS)))


team_names = KeptNames(
    lambda sight: union_all(
        select(teams.c.id, teams.c.name).where(visible_teams(sight)),
        select(deleted_teams.c.id, deleted_teams.c.name).where(visible_deleted_names(sight)),
    )
)

_live = api_keys.outerjoin(teams, teams.c.id == api_keys.c.team_id)
_LIVE = {**api_keys.c, "api_key_id": api_keys.c.id, "organization_id": teams.c.organization_id}
_DELETED = {**deleted_api_keys.c, "api_key_id": deleted_api_keys.c.id}

# Told to who sees the calls of a key where it is, or was in the end: what it is called since it was
# moved to another organization is no business of the one that it left.
api_key_aliases = KeptNames(
    lambda sight: union_all(
        select(api_keys.c.id, api_keys.c.alias.label("name"))
        .select_from(_live)
        .where(visible_calls(sight, _LIVE)),
        select(deleted_api_keys.c.id, deleted_api_keys.c.alias).where(
            visible_calls(sight, _DELETED)
        ),
    )
)
