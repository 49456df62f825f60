"""Sign-in: the actor that a secret stands for, while its key, its user and its team are good."""

from collections.abc import Sequence
from functools import cache, partial

from sqlalchemy import ARRAY, LargeBinary, and_, any_, bindparam, case, func, or_, select

from bursar.access.actor import Actor
from bursar.database.connections import Reads
from bursar.database.given import repeated
from bursar.database.rows import Row
from bursar.database.statements import Statement
from bursar.database.tables import api_keys, teams, users
from bursar.database.together import Together
from bursar.domain.keys import LONGEST_SECRET, digest
from bursar.domain.roles import KeyScope, PlatformRole
from bursar.services.failed_sign_ins import FailedSignIns


class SignIn:
    """Signs in by secrets; one for a process, whose requests share statements.

    Nothing is kept: each is found, or not, by a statement that began after it was asked for, so that a
    change of a key holds from its acknowledgement on, whichever process made it.
    """

    def __init__(self, source: Reads, peppers: Sequence[bytes], failed: FailedSignIns) -> None:
        self._failed = failed
        self._keys = Together[str, Row](partial(keys_by_secret, source, peppers=peppers))

    async def __call__(
        self,
        secret: str,
        *,
        address: str,
        request_id: str | None = None,
        on_behalf_of: str | None = None,
    ) -> Actor | None:
        """The actor that a secret stands for; None if no key has it, or its key is no longer good.

        Raises RateLimited where too many failed who came from this address, or with such a key.
        """
        await self._failed.admit(secret, address)
        row = await self._keys.ask(secret)
        self._failed.tell(secret, address, good=row is not None)
        return row and actor_with(row, request_id=request_id, on_behalf_of=on_behalf_of)


async def keys_by_secret(
    source: Reads, secrets: Sequence[str], *, peppers: Sequence[bytes]
) -> dict[str, Row]:
    """For each secret the key that it is good for, with its user's role, in one statement.

    A key is not good while it, its user or its team is blocked, nor when it has expired. A text that
    is no secret is looked up like one that is, so that both take the same time.
    """
    asked = {hash_: secret for secret in secrets for hash_ in hashes_of(secret, peppers)}
    rows = await source.all(_by_hash(), hashes=repeated(list(asked)))
    found = {
        asked[hash_]: row
        for row in rows
        for hash_ in (row.secret_hash, row.previous_hash)
        if hash_ in asked
    }
    return {secret: row for secret, row in found.items() if len(secret) <= LONGEST_SECRET}


def hashes_of(secret: str, peppers: Sequence[bytes]) -> tuple[bytes, ...]:
    """What a key is looked up by: a hash for each of the peppers, also of what is too long."""
    return tuple(digest(secret[:LONGEST_SECRET], pepper) for pepper in peppers)


def actor_with(row: Row, *, request_id: str | None, on_behalf_of: str | None) -> Actor:
    """Who acts with a key that was found by its secret."""
    role, scopes = _authority(row["role"], tuple(row["scopes"]))
    return Actor(
        user_id=row["user_id"],
        key_id=row["id"],
        role=role,
        scopes=scopes,
        team_id=row["team_id"],
        request_id=request_id,
        on_behalf_of=on_behalf_of,
    )


@cache
def _authority(
    role: str | None, scopes: tuple[str, ...]
) -> tuple[PlatformRole, frozenset[KeyScope]]:
    return PlatformRole(role or PlatformRole.USER), frozenset(map(KeyScope, scopes))


@cache
def _by_hash() -> Statement:
    """Keys by their secrets, or by those before while their grace lasts."""
    hashes = bindparam("hashes", type_=ARRAY(LargeBinary))
    in_grace = api_keys.c.previous_until > func.now()
    return Statement(
        select(
            api_keys.c.id,
            api_keys.c.user_id,
            api_keys.c.team_id,
            api_keys.c.scopes,
            users.c.role,
            api_keys.c.secret_hash,
            case((in_grace, api_keys.c.previous_hash)).label("previous_hash"),
        )
        .outerjoin(users, users.c.id == api_keys.c.user_id)
        .outerjoin(teams, teams.c.id == api_keys.c.team_id)
        .where(
            or_(
                api_keys.c.secret_hash == any_(hashes),
                and_(api_keys.c.previous_hash == any_(hashes), in_grace),
            ),
            ~api_keys.c.blocked,
            users.c.blocked.is_not(True),
            teams.c.blocked.is_not(True),
            or_(api_keys.c.expires_at.is_(None), api_keys.c.expires_at > func.now()),
        )
    )
