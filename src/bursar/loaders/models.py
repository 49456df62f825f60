"""The models that hold for a team and for a key, under the lists of all that is above them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Column, ColumnElement, FromClause, Select, Table, and_, func, or_, select

from bursar.access.actor import Sight
from bursar.access.visibility import visible_api_keys, visible_teams
from bursar.database.tables import (
    access_group_uses,
    access_groups,
    api_keys,
    organizations,
    teams,
    users,
)
from bursar.domain.models import AllowList, effective
from bursar.loaders.reader import Reader
from bursar.loaders.rows import RowsByKey

Condition = ColumnElement[bool]
_USES = access_group_uses.c


class EffectiveModels:
    """For each key the entries that pass all of the lists, in one statement.

    The lists are those of `tables`, the narrowest first; where a table has no row in the source, it
    does not bind. `named` tells the uses of access groups by these lists.
    """

    def __init__(
        self,
        source: FromClause,
        tables: Sequence[Table],
        visible: Callable[[Sight], Condition],
        named: Condition,
    ) -> None:
        key: Column[str] = tables[0].c.id
        groups = (
            select(func.jsonb_object_agg(access_groups.c.name, access_groups.c.models))
            .join_from(access_groups, access_group_uses, _USES.group_id == access_groups.c.id)
            .where(named)
            .correlate(*tables)
            .scalar_subquery()
            .label("groups")
        )
        lists = [
            column.label(f"{table.name}_{column.name}")
            for table in tables
            for column in (table.c.models, table.c.allow_none)
        ]
        self._tables = tables
        self._rows = RowsByKey(lambda sight: _select(lists, groups, source, visible(sight)), key)

    async def __call__(self, reader: Reader, keys: Sequence[str], /) -> Mapping[str, list[str]]:
        rows = await self._rows(reader, keys)
        return {
            key: effective(
                [
                    AllowList(tuple(row[f"{table.name}_models"]), row[f"{table.name}_allow_none"])
                    for table in self._tables
                    if row[f"{table.name}_models"] is not None
                ],
                row["groups"] or {},
            )
            for key, row in rows.items()
        }


def _select(
    lists: Sequence[ColumnElement[Any]],
    groups: ColumnElement[Any],
    source: FromClause,
    visible: Condition,
) -> Select[Any]:
    return select(*lists, groups).select_from(source).where(visible)


effective_models_by_team = EffectiveModels(
    teams.join(organizations, organizations.c.id == teams.c.organization_id),
    (teams, organizations),
    visible_teams,
    or_(_USES.team_id == teams.c.id, _USES.organization_id == organizations.c.id),
)

_personal = and_(users.c.id == api_keys.c.user_id, api_keys.c.team_id.is_(None))
effective_models_by_api_key = EffectiveModels(
    api_keys.outerjoin(teams, teams.c.id == api_keys.c.team_id)
    .outerjoin(organizations, organizations.c.id == teams.c.organization_id)
    .outerjoin(users, _personal),
    (api_keys, users, teams, organizations),
    visible_api_keys,
    or_(
        _USES.api_key_id == api_keys.c.id,
        _USES.user_id == users.c.id,
        _USES.team_id == teams.c.id,
        _USES.organization_id == organizations.c.id,
    ),
)
