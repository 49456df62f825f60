"""Idempotency: what an actor asks for again with the same key is done once, and kept for a day."""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any, cast

from sqlalchemy import bindparam, case, delete, func, literal, select, update
from sqlalchemy.dialects.postgresql import JSONB, insert

from bursar.access.actor import Actor
from bursar.database.connections import Connection
from bursar.database.rows import Row
from bursar.database.statements import Statement
from bursar.database.tables import idempotency_records as records
from bursar.domain.errors import IdempotencyMismatch
from bursar.domain.money import to_text

HOURS = 24
MOST_SWEPT = 10  # expired records deleted with each one that is kept

Outcome = Mapping[str, Any]
_PENDING: dict[str, Any] = {}  # the outcome of what is still being done; a kept one is never empty
_EXPIRED = records.c.created_at <= func.now() - timedelta(hours=HOURS)
_OWN = (records.c.actor_id == bindparam("actor_id"), records.c.key == bindparam("key"))


async def claim(
    tx: Connection, actor: Actor, key: str, operation: str, input: Mapping[str, Any]
) -> Outcome | None:
    """The outcome of an earlier call with this key; None if there is none, and the key is taken.

    Whoever takes a key does what was asked and `keep`s its outcome in the same transaction; who
    claims it meanwhile waits for the end of that, and takes it where that was rolled back. Raises
    IdempotencyMismatch where the key was used for another operation or input.
    """
    digest = _digest(operation, input)
    values = {"actor_id": _owner(actor), "key": key, "request_hash": digest}
    record = cast(Row, await tx.one(_claim(), **values))
    if record.request_hash != digest:
        raise IdempotencyMismatch("idempotency_key", hours=HOURS)
    return record.outcome or None


async def keep(tx: Connection, actor: Actor, key: str, outcome: Outcome) -> None:
    """Keep what came of a call whose key was claimed; a few expired records go on the occasion."""
    await tx.one(_keep(), actor_id=_owner(actor), key=key, new_outcome=outcome)


def _owner(actor: Actor) -> str:
    """Keys that act as a user share that user's records; any other key has its own."""
    return actor.user_id if actor.user_id and actor.manages else actor.key_id


def _digest(operation: str, input: Mapping[str, Any]) -> bytes:
    """A hash of what is asked for: whatever way it is written, the same input has the same."""
    asked = json.dumps([operation, input], sort_keys=True, default=_plain)
    return hashlib.sha256(asked.encode()).digest()


def _plain(value: object) -> str:
    match value:
        case Decimal():
            return to_text(value)
        case datetime():
            return value.astimezone(UTC).isoformat()
        case _:
            raise TypeError(value)


@cache
def _claim() -> Statement:
    """Insert a pending record, or answer the one there is; one that has expired is started anew."""
    new = insert(records).values(
        actor_id=bindparam("actor_id"),
        key=bindparam("key"),
        request_hash=bindparam("request_hash"),
        outcome=literal(_PENDING, JSONB),
    )
    renewed = {
        name: case((_EXPIRED, new.excluded[name]), else_=records.c[name])
        for name in ("request_hash", "outcome", "created_at")
    }
    return Statement(
        new.on_conflict_do_update(
            index_elements=[records.c.actor_id, records.c.key], set_=renewed
        ).returning(records.c.request_hash, records.c.outcome)
    )


@cache
def _keep() -> Statement:
    """Rows that others hold are skipped, so that sweeping neither waits nor makes anybody wait long."""
    swept = (
        select(records.c.actor_id, records.c.key)
        .where(_EXPIRED)
        .order_by(records.c.created_at)
        .limit(MOST_SWEPT)
        .with_for_update(skip_locked=True)
        .cte("swept")
    )
    sweep = delete(records).where(
        records.c.actor_id == swept.c.actor_id, records.c.key == swept.c.key
    )
    return Statement(
        update(records)
        .where(*_OWN)
        .values(outcome=bindparam("new_outcome", type_=JSONB))
        .add_cte(sweep.cte("sweep"))
    )
