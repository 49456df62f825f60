"""The audit: every change leaves an entry, written in the transaction that makes the change."""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from bursar.access.actor import Actor
from bursar.database.chains import append
from bursar.database.connections import Connection
from bursar.domain import instants
from bursar.domain.ids import Prefix, new_id
from bursar.domain.limits import ModelLimit
from bursar.domain.money import to_text

DERIVED = frozenset(
    {"name_key", "email_key", "alias_key", "actor_team_role", "actor_organization_role"}
)
# Shown elsewhere in the entry, or secret.
LEFT_OUT = DERIVED | {"secret_hash", "previous_hash", "version", "updated_at"}
State = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Change:
    """One object's change: its state before (None: it was made) and after (None: it is gone)."""

    action: str
    object_id: str
    before: State | None = None
    after: State | None = None
    organization_id: str | None = None
    team_id: str | None = None


def record(tx: Connection, actor: Actor | None, *changes: Change) -> None:
    """Leave an entry for each of the changes; of an object that stays, only what differs.

    They are written at the end of the transaction, where their chains are locked. No actor: the
    server itself did it, at its start or for its operator.
    """
    tx.put_off(append, (_entry(actor, change) for change in changes))


def _entry(actor: Actor | None, change: Change) -> dict[str, Any]:
    before, after = plain(change.before), plain(change.after)
    if before is not None and after is not None:
        # Their texts, as 1 and true in metadata are equal in Python.
        names = [name for name in after if repr(before.get(name)) != repr(after[name])]
        before = {name: before.get(name) for name in names}
        after = {name: after[name] for name in names}
    return {
        "id": new_id(Prefix.AUDIT_ENTRY),
        "actor_user_id": actor.user_id if actor else None,
        "actor_key_id": actor.key_id if actor else None,
        "on_behalf_of": actor.on_behalf_of if actor else None,
        "action": change.action,
        "object_id": change.object_id,
        "organization_id": change.organization_id,
        "team_id": change.team_id,
        "before": before,
        "after": after,
        "request_id": actor.request_id if actor else None,
    }


def plain(state: State | None, without: AbstractSet[str] = LEFT_OUT) -> dict[str, Any] | None:
    """The state as JSON, named as the API names it."""
    if state is None:
        return None
    return {_camel(name): _json(value) for name, value in state.items() if name not in without}


def _json(value: Any) -> Any:
    match value:
        case Decimal():
            return to_text(value)
        case datetime():
            return instants.to_text(value)
        case ModelLimit():
            return plain(value._asdict())
        case list():
            return [_json(each) for each in value]
        case _:
            return value


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.title() for word in rest)


def all_of(states: Iterable[tuple[str, State | None]]) -> dict[str, Any]:
    """Parts of an object, each under its name, as one state; a part that is absent is null."""
    return {name: plain(state) for name, state in states}
