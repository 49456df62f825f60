"""The end of teams: deleted by themselves or with their organization, with all that is theirs."""

from collections.abc import Sequence

from bursar.access.actor import Actor
from bursar.access.door import Lock, access_teams
from bursar.access.policy import Action
from bursar.database.connections import Connection
from bursar.database.rows import Row
from bursar.database.tables import teams
from bursar.database.writes import delete_rows
from bursar.domain.errors import Invalid
from bursar.services import archive, audit, budgets
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
    """Delete teams that are locked and permitted to go, and their keys, each with an audit entry."""
    ids = [row.id for row in rows]
    await archive.remove_keys(tx, actor, team_ids=ids)
    owned = {
        name: await budgets.budgets_of(tx, owner, ids) for name, owner in BUDGETS.items() if ids
    }
    await delete_rows(tx, teams, ids)
    await audit.record(
        tx,
        actor,
        *(
            change(
                "team.delete",
                row,
                before={
                    **row,
                    **audit.all_of(
                        (name, budgets.limits_of(owned[name].get(row.id))) for name in BUDGETS
                    ),
                },
            )
            for row in rows
        ),
    )
