"""The end of teams: deleted by themselves or with their organization, with all that is theirs."""

from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import ARRAY, Text, any_, bindparam, select

from bursar.access.actor import Actor
from bursar.access.door import Lock, access_teams
from bursar.access.policy import Action
from bursar.database.connections import Connection
from bursar.database.rows import Row
from bursar.database.statements import Statement
from bursar.database.tables import team_members, teams
from bursar.database.writes import delete_rows
from bursar.domain.errors import Invalid
from bursar.services import archive, audit, budgets, gateway_settings, key_removal
from bursar.services.teams import BUDGETS, change

MOST_DELETED = 100


async def delete(tx: Connection, actor: Actor, *, team_ids: Sequence[str]) -> list[Row]:
    """Delete teams with their members, keys and budgets: all of them or none; an id twice counts once.

    Answers the rows that are gone. Raises NotFound or Forbidden for each, at its place in the list.
    """
    if not 1 <= len(team_ids) <= MOST_DELETED:
        raise Invalid("ids", problem=f"must be 1 to {MOST_DELETED} ids")
    rows = await access_teams(
        tx, actor, team_ids, Action.TEAM_DELETE, path=("ids",), lock=Lock.DELETE
    )
    await remove(tx, actor, rows)
    return rows


async def remove(tx: Connection, actor: Actor, rows: Sequence[Row]) -> None:
    """Archive and delete teams that are locked and may go, and their keys; each is recorded."""
    if not rows:
        return
    ids = [row.id for row in rows]
    await key_removal.remove_of(tx, actor, team_ids=ids)
    states = await _states(tx, rows)
    await archive.keep_teams(tx, actor, rows, states)
    await delete_rows(tx, teams, ids)
    audit.record(
        tx,
        actor,
        *(
            change("team.delete", row, before=state)
            for row, state in zip(rows, states, strict=True)
        ),
    )


async def _states(tx: Connection, rows: Sequence[Row]) -> list[dict[str, Any]]:
    """All that the teams are, with their budgets and with who was a member as what."""
    ids = [row.id for row in rows]
    settings = await gateway_settings.settings_of_teams(tx, ids)
    owned = {name: await budgets.budgets_of(tx, owner, ids) for name, owner in BUDGETS.items()}
    members: dict[str, list[dict[str, str]]] = {id_: [] for id_ in ids}
    for member in await tx.all(_members(), team_ids=ids):
        members[member.team_id].append({"userId": member.user_id, "role": member.role})
    return [
        {
            **row,
            **audit.all_of(
                (name, budgets.limits_of(stored.get(row.id))) for name, stored in owned.items()
            ),
            **audit.all_of([("gateway_settings", gateway_settings.state_of(settings[row.id]))]),
            "members": members[row.id],
        }
        for row in rows
    ]


@cache
def _members() -> Statement:
    return Statement(
        select(team_members.c.team_id, team_members.c.user_id, team_members.c.role)
        .where(team_members.c.team_id == any_(bindparam("team_ids", type_=ARRAY(Text))))
        .order_by(team_members.c.id)
    )
