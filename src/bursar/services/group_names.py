"""Names of access groups in lists of models: written anew where a group gets another name."""

from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Text, bindparam, cast, func, null, select, update

from bursar.access.standing import of_its_team
from bursar.database.connections import Connection
from bursar.database.rows import Row
from bursar.database.statements import Statement
from bursar.database.tables import LISTED_IN, access_group_uses, api_keys, organizations, teams
from bursar.domain.models import GROUP
from bursar.services.audit import Change
from bursar.services.models import TABLES

_none: ColumnElement[Any] = cast(null(), Text)
# In which organization and team a change of each kind of thing is.
_PLACES: dict[str, tuple[ColumnElement[Any], ColumnElement[Any]]] = {
    "organization": (organizations.c.id, _none),
    "team": (teams.c.organization_id, teams.c.id),
    "user": (_none, _none),
    "api_key": (of_its_team("organization_id"), api_keys.c.team_id),
}


async def rewrite(tx: Connection, group: Row, name: str) -> list[Change]:
    """Write the new name in all lists that name the group, each entry at its place.

    What has the lists is locked by the caller. Each is one version further, so that who read the old
    name does not write it again; answers what is to be recorded of each.
    """
    if name == group.name:
        return []
    old, new = GROUP + group.name, GROUP + name
    changes = []
    for owner in TABLES:
        for row in await tx.all(_rewrite(owner), group_id=group.id, old=old, new=new):
            before = [old if entry == new else entry for entry in row.models]
            changes.append(
                Change(
                    f"{owner}.update",
                    row.id,
                    before={"models": before},
                    after={"models": row.models},
                    organization_id=row.organization_id,
                    team_id=row.team_id,
                )
            )
    return changes


@cache
def _rewrite(owner: str) -> Statement:
    table, (organization_id, team_id) = TABLES[owner], _PLACES[owner]
    named = select(access_group_uses.c[LISTED_IN[owner]]).where(
        access_group_uses.c.group_id == bindparam("group_id"),
        access_group_uses.c[LISTED_IN[owner]].is_not(None),
    )
    old, new = (bindparam(name, type_=Text) for name in ("old", "new"))
    return Statement(
        update(table)
        .where(table.c.id.in_(named))
        .values(
            models=func.array_replace(table.c.models, old, new),
            version=table.c.version + 1,
            updated_at=func.now(),
        )
        .returning(
            table.c.id,
            table.c.models,
            organization_id.label("organization_id"),
            team_id.label("team_id"),
        )
    )
