"""The archive: what is deleted is kept as it was, with who deleted it and when."""

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

from sqlalchemy import ARRAY, ColumnElement, Text, any_, bindparam, select

from bursar.access.actor import Actor
from bursar.access.standing import BESIDE_KEY
from bursar.database.connections import Connection
from bursar.database.given import repeated
from bursar.database.rows import Row
from bursar.database.statements import Statement
from bursar.database.tables import api_keys, deleted_api_keys, deleted_teams, teams
from bursar.database.writes import delete_rows, insert_rows
from bursar.domain.keys import kind_of
from bursar.services import audit, budgets, key_places
from bursar.services.audit import Change

HIDDEN = frozenset({"secret_hash", "previous_hash", "previous_until", *BESIDE_KEY})


async def remove_keys(
    tx: Connection,
    actor: Actor,
    *,
    team_ids: Iterable[str] | None = None,
    user_ids: Iterable[str] | None = None,
) -> None:
    """Archive and delete the keys of teams, of users, or of these users in these teams.

    To be called before their teams, users or memberships go, which the caller has locked, so that
    nobody makes a key meanwhile.
    """
    given = {"team_ids": team_ids, "user_ids": user_ids}
    values = {name: repeated(list(ids)) for name, ids in given.items() if ids is not None}
    await remove_locked_keys(tx, actor, await tx.all(_keys_of(tuple(values)), **values))


async def remove_locked_keys(tx: Connection, actor: Actor, rows: Sequence[Row]) -> None:
    """Archive and delete keys that are locked, each with its team's organization beside it."""
    if not rows:
        return
    owned = await budgets.budgets_of(tx, "api_key", [row.id for row in rows])
    states = [
        {**state_of(row), **audit.all_of([("budget", budgets.limits_of(owned.get(row.id)))])}
        for row in rows
    ]
    await insert_rows(
        tx,
        deleted_api_keys,
        (
            {
                **{name: row[name] for name in ("id", "external_id", "alias", "alias_key")},
                **{name: row[name] for name in ("user_id", "team_id", "organization_id")},
                **_deleted(actor, state),
            }
            for row, state in zip(rows, states, strict=True)
        ),
    )
    ids = [row.id for row in rows]
    await key_places.keep_of_keys(tx, ids)
    await key_places.keep_all_secrets(tx, ids)
    await delete_rows(tx, api_keys, ids)
    audit.record(
        tx,
        actor,
        *(
            Change(
                "api_key.delete",
                row.id,
                before=state,
                organization_id=row.organization_id,
                team_id=row.team_id,
            )
            for row, state in zip(rows, states, strict=True)
        ),
    )


async def keep_teams(
    tx: Connection, actor: Actor, rows: Sequence[Row], states: Sequence[audit.State]
) -> None:
    """Archive teams that are about to go, each with its state."""
    await insert_rows(
        tx,
        deleted_teams,
        (
            {
                **{name: row[name] for name in ("id", "organization_id", "external_id")},
                **{name: row[name] for name in ("name", "name_key")},
                **_deleted(actor, state),
            }
            for row, state in zip(rows, states, strict=True)
        ),
    )


def _deleted(actor: Actor, state: audit.State) -> dict[str, Any]:
    return {
        "state": audit.plain(state, audit.DERIVED),
        "deleted_by_user_id": actor.user_id,
        "deleted_by_key_id": actor.key_id,
    }


def state_of(row: Row) -> dict[str, Any]:
    """A key as people may see it, for the archive and the audit: nothing of its secrets."""
    return {
        **{name: value for name, value in row.items() if name not in HIDDEN},
        "kind": kind_of(row.user_id, row.team_id),
        "grace_ends_at": row.previous_until,
    }


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
