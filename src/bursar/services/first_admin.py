"""The first platform admin, and the key an operator holds to it."""

from functools import cache

from sqlalchemy import bindparam, select

from bursar.database.connections import Connection
from bursar.database.rows import Row
from bursar.database.statements import Statement
from bursar.database.tables import api_keys, organizations, users
from bursar.database.writes import insert_row, update_row
from bursar.domain.ids import DEFAULT_ORGANIZATION, Prefix, new_id
from bursar.domain.keys import digest, last_four, new_secret
from bursar.domain.roles import PlatformRole
from bursar.services import audit
from bursar.services.archive import state_of
from bursar.services.attributes import columns_of
from bursar.services.audit import Change
from bursar.services.key_creation import insert_key
from bursar.services.key_places import keep_secrets

FIRST_ADMIN = "admin"
"""The external id of the user that the server makes by itself."""
OPERATORS_KEY = "operator"
"""The alias of the key whose secret the settings give."""


async def ensure(tx: Connection, *, secret: str | None, pepper: bytes) -> str | None:
    """See to it that the platform has an admin with a key; answers a secret it had to make up.

    A `secret` from the settings becomes the operator's key, in place of an earlier one. Servers that
    start at once do this one after the other.
    """
    await tx.one(_turn())
    admin = await tx.one(_first_admin())
    if admin is None:
        admin = await _create(tx)
    elif secret is None:
        return None
    key = await tx.one(_operators_key(), user_id=admin.id)
    if key is None:
        made = new_secret() if secret is None else secret
        row = await insert_key(tx, admin.id, made, pepper, {"alias": OPERATORS_KEY})
        audit.record(tx, None, Change("api_key.create", row.id, after=state_of(row)))
        return made if secret is None else None
    if secret is not None and key.secret_hash != digest(secret, pepper):
        values = {
            "secret_hash": digest(secret, pepper),
            "last_four": last_four(secret),
            "previous_hash": None,
            "previous_until": None,
        }
        await keep_secrets(tx, key.id, [key.previous_hash, key.secret_hash])
        changed = await update_row(tx, api_keys, key.id, values)
        before, after = state_of(key), state_of(changed)
        audit.record(tx, None, Change("api_key.rotate", key.id, before=before, after=after))
    return None


async def new_key(tx: Connection, *, pepper: bytes, alias: str | None = None) -> str:
    """Give the first admin one more key, for an operator who lost theirs; answers its secret."""
    await tx.one(_turn())
    admin = await tx.one(_first_admin()) or await _create(tx)
    secret = new_secret()
    row = await insert_key(tx, admin.id, secret, pepper, {"alias": alias})
    audit.record(tx, None, Change("api_key.create", row.id, after=state_of(row)))
    return secret


async def _create(tx: Connection) -> Row:
    admin = await insert_row(
        tx,
        users,
        {
            "id": new_id(Prefix.USER),
            "external_id": FIRST_ADMIN,
            "role": PlatformRole.ADMIN,
            **columns_of({"name": "Admin"}),
        },
    )
    audit.record(tx, None, Change("user.create", admin.id, after=admin))
    return admin


@cache
def _turn() -> Statement:
    return Statement(
        select(organizations.c.id)
        .where(organizations.c.id == DEFAULT_ORGANIZATION)
        .with_for_update()
    )


@cache
def _first_admin() -> Statement:
    return Statement(select(users).where(users.c.external_id == FIRST_ADMIN))


@cache
def _operators_key() -> Statement:
    return Statement(
        select(api_keys).where(
            api_keys.c.user_id == bindparam("user_id"),
            api_keys.c.team_id.is_(None),
            api_keys.c.alias_key == OPERATORS_KEY,
        )
    )
