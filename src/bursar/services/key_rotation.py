"""Rotation of keys: a new secret at once, the one before good for a while."""

from datetime import timedelta

from bursar.access.actor import Actor
from bursar.access.door import access_api_key
from bursar.access.policy import Action
from bursar.database.connections import Connection
from bursar.domain.durations import length_of
from bursar.domain.errors import Forbidden, Invalid, Problems
from bursar.domain.keys import digest, last_four, new_secret, problem_with_grace
from bursar.services.holdings import clock_of, ungrantable
from bursar.services.key_creation import NewKey
from bursar.services.key_places import keep_secrets
from bursar.services.keys import store


async def rotate(
    tx: Connection, actor: Actor, *, key_id: str, grace_period: str | None, pepper: bytes
) -> NewKey:
    """Give a key a new secret; the one before is good for the grace period, or no longer at all.

    The secret before that one ends at once. Nobody gets a secret that can more, or lives longer,
    than what they hold. Raises Invalid for the period, NotFound, Forbidden.
    """
    if grace_period is not None and (problem := problem_with_grace(grace_period)):
        raise Invalid("grace_period", problem=problem)
    clock = await clock_of(tx, actor)
    row = await access_api_key(tx, actor, key_id, Action.API_KEY_ROTATE)
    problems = Problems()
    if row.user_id is None or row.user_id != actor.user_id:
        problems.extend(ungrantable(actor, row.user_id, row.scopes, "id"))
    if clock.is_outlived_by(row.expires_at):
        problems.append(Forbidden("id", deed="rotate a key that outlives the one you use"))
    problems.raise_any()
    grace = timedelta() if grace_period is None else length_of(grace_period)
    secret = new_secret()
    lost = [row.previous_hash] if grace else [row.previous_hash, row.secret_hash]
    await keep_secrets(tx, row.id, lost)
    changed = await store(
        tx,
        actor,
        "api_key.rotate",
        row,
        {
            "secret_hash": digest(secret, pepper),
            "last_four": last_four(secret),
            "previous_hash": row.secret_hash if grace else None,
            "previous_until": clock.now + grace if grace else None,
            "rotated_at": clock.now,
        },
    )
    return NewKey(changed, secret)
