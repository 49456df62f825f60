"""The end of keys: archived and deleted."""

from collections.abc import Sequence

from bursar.access.actor import Actor
from bursar.access.door import Lock, access_api_keys
from bursar.access.policy import Action
from bursar.database.connections import Connection
from bursar.database.rows import Row
from bursar.domain.errors import Invalid
from bursar.services import archive

MOST_DELETED = 100


async def delete(tx: Connection, actor: Actor, *, key_ids: Sequence[str]) -> list[Row]:
    """Archive and delete keys: all of them or none; an id twice counts once.

    Answers the rows that are gone. Raises NotFound or Forbidden for each, at its place in the list.
    """
    if not 1 <= len(key_ids) <= MOST_DELETED:
        raise Invalid("ids", problem=f"must be 1 to {MOST_DELETED} ids")
    rows = await access_api_keys(
        tx, actor, key_ids, Action.API_KEY_DELETE, path=("ids",), lock=Lock.DELETE
    )
    await archive.remove_locked_keys(tx, actor, rows)
    return rows
