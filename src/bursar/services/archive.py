"""The archive: what is deleted is kept as it was, with who deleted it and when."""

from collections.abc import Sequence
from typing import Any

from bursar.access.actor import Actor
from bursar.access.standing import BESIDE_KEY
from bursar.database.connections import Connection
from bursar.database.rows import Row
from bursar.database.tables import deleted_api_keys, deleted_teams
from bursar.database.writes import insert_rows
from bursar.domain.keys import kind_of
from bursar.services import audit

HIDDEN = frozenset({"secret_hash", "previous_hash", "previous_until", *BESIDE_KEY})


async def keep_keys(
    tx: Connection, actor: Actor, rows: Sequence[Row], states: Sequence[audit.State]
) -> None:
    """Archive keys that are about to go, each with its state and its team's organization beside it."""
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


def state_of(row: Row) -> dict[str, Any]:
    """A key as people may see it, for the archive and the audit: nothing of its secrets."""
    return {
        **{name: value for name, value in row.items() if name not in HIDDEN},
        "kind": kind_of(row.user_id, row.team_id),
        "grace_ends_at": row.previous_until,
    }


def _deleted(actor: Actor, state: audit.State) -> dict[str, Any]:
    return {
        "state": audit.plain(state, audit.DERIVED),
        "deleted_by_user_id": actor.user_id,
        "deleted_by_key_id": actor.key_id,
    }
