"""Sign-in: the actor that a secret stands for, while its key, its user and its team are good."""

from collections.abc import Sequence
from functools import cache

from sqlalchemy import ARRAY, LargeBinary, and_, any_, bindparam, func, or_, select

from bursar.access.actor import Actor
from bursar.database.connections import Reads
from bursar.database.statements import Statement
from bursar.database.tables import api_keys, teams, users
from bursar.domain.keys import LONGEST_SECRET, digest
from bursar.domain.roles import KeyScope, PlatformRole


async def sign_in(
    source: Reads,
    secret: str,
    *,
    peppers: Sequence[bytes],
    request_id: str | None = None,
    on_behalf_of: str | None = None,
) -> Actor | None:
    """The actor that a secret stands for; None if no key has it, or its key is no longer good.

    A key is not good while it, its user or its team is blocked, nor when it has expired. A text that
    is no secret is looked up like one that is, so that both take the same time.
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
        on_behalf_of=on_behalf_of,
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
        .outerjoin(teams, teams.c.id == api_keys.c.team_id)
        .where(
            or_(api_keys.c.secret_hash == any_(hashes), graced),
            ~api_keys.c.blocked,
            users.c.blocked.is_not(True),
            teams.c.blocked.is_not(True),
            or_(api_keys.c.expires_at.is_(None), api_keys.c.expires_at > func.now()),
        )
    )
