"""API keys: personal ones, made for a user, with a secret that is shown once; and sign-in by them."""

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import NamedTuple, TypedDict

from sqlalchemy import ARRAY, LargeBinary, and_, any_, bindparam, func, or_, select

from bursar.access.actor import Actor
from bursar.access.door import Lock, access_user
from bursar.access.policy import Action
from bursar.database.connections import Connection, Reads
from bursar.database.rows import Row
from bursar.database.statements import Statement
from bursar.database.tables import api_keys, users
from bursar.database.writes import insert_row
from bursar.domain.errors import Forbidden, Invalid, Problems
from bursar.domain.ids import Prefix, new_id
from bursar.domain.keys import LONGEST_SECRET, digest, last_four, new_secret
from bursar.domain.roles import KeyScope, PlatformRole
from bursar.services import audit
from bursar.services.attributes import columns_of, problems_with
from bursar.services.audit import Change


class KeyAttributes(TypedDict, total=False):
    """What a key is made with; without scopes it has MANAGE, without an expiry it stays."""

    alias: str | None
    scopes: list[KeyScope]
    expires_at: datetime | None


class NewKey(NamedTuple):
    """A key as stored, and its secret, which is stored nowhere."""

    row: Row
    secret: str


async def create(
    tx: Connection, actor: Actor, *, user_id: str | None, attributes: KeyAttributes, pepper: bytes
) -> NewKey:
    """Create a personal key for a user. It lives no longer than the key that asks for it.

    Raises Refusals for bad attributes, NotFound, Forbidden, AlreadyTaken for the alias.
    """
    own_key = await tx.one(_life(), key_id=actor.key_id)
    if own_key is None:
        raise Forbidden(deed="create keys with a key that is gone")
    expires_at = attributes.get("expires_at")
    problems = Problems(problems_with(attributes))
    if expires_at is not None and expires_at <= own_key.now:
        problems.append(Invalid("expires_at", problem="must be in the future"))
    problems.raise_any()
    user = await access_user(
        tx, actor, user_id or "", Action.API_KEY_CREATE, path=("user_id",), lock=Lock.SHARE
    )
    limit = own_key.expires_at
    if limit is not None and (expires_at is None or expires_at > limit):
        raise Forbidden("expires_at", deed="create a key that outlives the one you use")
    secret = new_secret()
    row = await insert_key(tx, user.id, secret, pepper, attributes)
    await audit.record(tx, actor, Change("api_key.create", row.id, after=row))
    return NewKey(row, secret)


async def insert_key(
    tx: Connection, user_id: str, secret: str, pepper: bytes, attributes: KeyAttributes
) -> Row:
    """Store a key by the hash of its secret."""
    return await insert_row(
        tx,
        api_keys,
        {
            "id": new_id(Prefix.API_KEY),
            "user_id": user_id,
            "secret_hash": digest(secret, pepper),
            "last_four": last_four(secret),
            "scopes": [KeyScope.MANAGE],
            **columns_of(attributes),
        },
    )


async def sign_in(
    source: Reads, secret: str, *, peppers: Sequence[bytes], request_id: str | None = None
) -> Actor | None:
    """The actor that a secret stands for; None if no key has it, or its key or user is no longer good.

    A text that is no secret is looked up like one that is, so that both take the same time.
    """
    hashes = [digest(secret[:LONGEST_SECRET], pepper) for pepper in peppers]
    row = await source.one(_by_hash(), hashes=hashes)
    if row is None or len(secret) > LONGEST_SECRET:
        return None
    return Actor(
        user_id=row.user_id,
        key_id=row.id,
        role=PlatformRole(row.role or PlatformRole.USER),
        scopes=frozenset(map(KeyScope, row.scopes)),
        team_id=row.team_id,
        request_id=request_id,
    )


@cache
def _by_hash() -> Statement:
    """A key by its secret, or by the one before while its grace lasts."""
    hashes = bindparam("hashes", type_=ARRAY(LargeBinary))
    graced = and_(api_keys.c.previous_hash == any_(hashes), api_keys.c.previous_until > func.now())
    return Statement(
        select(
            api_keys.c.id,
            api_keys.c.user_id,
            api_keys.c.team_id,
            api_keys.c.scopes,
            users.c.role,
        )
        .outerjoin(users, users.c.id == api_keys.c.user_id)
        .where(
            or_(api_keys.c.secret_hash == any_(hashes), graced),
            ~api_keys.c.blocked,
            users.c.blocked.is_not(True),
            or_(api_keys.c.expires_at.is_(None), api_keys.c.expires_at > func.now()),
        )
    )


@cache
def _life() -> Statement:
    return Statement(
        select(api_keys.c.expires_at, func.now().label("now")).where(
            api_keys.c.id == bindparam("key_id")
        )
    )
