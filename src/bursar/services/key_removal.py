"""The end of keys: deleted by themselves or with what they belong to, archived and recorded."""

from collections.abc import Iterable, Sequence
from functools import cache

from sqlalchemy import ARRAY, ColumnElement, Text, any_, bindparam, select

from bursar.access.actor import Actor
from bursar.access.door import Lock, access_api_keys
from bursar.access.policy import Action
from bursar.database.connections import Connection
from bursar.database.given import repeated
from bursar.database.rows import Row
from bursar.database.statements import Statement
from bursar.database.tables import api_keys, teams
from bursar.database.writes import delete_rows
from bursar.domain.errors import Invalid
from bursar.services import archive, audit, budgets, key_places
from bursar.services.keys import change

MOST_DELETED = 100


async def delete(tx: Connection, actor: Actor, *, key_ids: Sequence[str]) -> list[Row]:
    """Delete keys: all of them or none; an id twice counts once.

    Answers the rows that are gone. Raises NotFound or Forbidden for each, at its place in the list.
    """
    if not 1 <= len(key_ids) <= MOST_DELETED:
        raise Invalid("ids", problem=f"must be 1 to {MOST_DELETED} ids")
    rows = await access_api_keys(
        tx, actor, key_ids, Action.API_KEY_DELETE, path=("ids",), lock=Lock.DELETE
    )
    await _remove(tx, actor, rows)
    return rows


async def remove_of(
    tx: Connection,
    actor: Actor,
    *,
    team_ids: Iterable[str] | None = None,
    user_ids: Iterable[str] | None = None,
) -> None:
    """Delete the keys of teams, of users, or of these users in these teams.

    To be called before their teams, users or memberships go, which the caller has locked, so that
    nobody makes a key meanwhile.
    """
    given = {"team_ids": team_ids, "user_ids": user_ids}
    values = {name: repeated(list(ids)) for name, ids in given.items() if ids is not None}
    await _remove(tx, actor, await tx.all(_keys_of(tuple(values)), **values))


async def _remove(tx: Connection, actor: Actor, rows: Sequence[Row]) -> None:
    """Archive and delete keys that are locked, each with its team's organization beside it."""
    if not rows:
        return
    owned = await budgets.budgets_of(tx, "api_key", [row.id for row in rows])
    states = [
        {
            **archive.state_of(row),
            **audit.all_of([("budget", budgets.limits_of(owned.get(row.id)))]),
        }
        for row in rows
    ]
    await archive.keep_keys(tx, actor, rows, states)
    ids = [row.id for row in rows]
    await key_places.keep_of_keys(tx, ids)
    await key_places.keep_all_secrets(tx, ids)
    await delete_rows(tx, api_keys, ids)
    audit.record(
        tx,
        actor,
        *(
            change("api_key.delete", row, row.organization_id, before=state)
            for row, state in zip(rows, states, strict=True)
        ),
    )


@cache
def _keys_of(names: tuple[str, ...]) -> Statement:
    columns = {"team_ids": api_keys.c.team_id, "user_ids": api_keys.c.user_id}
    conditions: list[ColumnElement[bool]] = [
        columns[name] == any_(bindparam(name, type_=ARRAY(Text))) for name in names
    ]
    return Statement(
        select(api_keys, teams.c.organization_id)
        .outerjoin(teams, teams.c.id == api_keys.c.team_id)
        .where(*conditions)
        .order_by(api_keys.c.id)
        .with_for_update(of=api_keys)
    )
