"""What is remembered of calls: their outcomes, and the audit."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Index,
    LargeBinary,
    Table,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from bursar.database.columns import IDENTIFIER, id_column, length_check, range_check
from bursar.database.tables.metadata import metadata
from bursar.domain.limits import MOST_COUNT

# What a mutation did the first time that an actor asked for it with this key.
idempotency_records = Table(
    "idempotency_records",
    metadata,
    Column("actor_id", IDENTIFIER, primary_key=True),
    Column("key", IDENTIFIER, primary_key=True),
    Column("request_hash", LargeBinary, nullable=False),
    Column("outcome", JSONB, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    length_check("actor_id", 64),
    length_check("key", 128),
    CheckConstraint("octet_length(request_hash) = 32", name="request_hash_length"),
    Index(None, "created_at"),
)

# The entries of an organization are a chain, and those of none another (domain/chains.py): each has
# its position there, the hash of the entry before it, and its own.
CHAIN = text("COALESCE(organization_id, 'platform')")

# No foreign keys: an entry outlives all that it names.
audit_entries = Table(
    "audit_entries",
    metadata,
    id_column(),
    Column("at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("actor_user_id", IDENTIFIER),
    Column("actor_key_id", IDENTIFIER),
    Column("on_behalf_of", Text),
    Column("action", IDENTIFIER, nullable=False),
    Column("object_id", IDENTIFIER, nullable=False),
    Column("organization_id", IDENTIFIER),
    Column("team_id", IDENTIFIER),
    Column("before", JSONB),
    Column("after", JSONB),
    Column("request_id", IDENTIFIER),
    Column("position", BigInteger, nullable=False),
    Column("previous_hash", LargeBinary, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    length_check("on_behalf_of", 128),
    length_check("action", 64),
    length_check("object_id", 64),
    length_check("request_id", 128),
    range_check("position", MOST_COUNT),
    CheckConstraint("octet_length(previous_hash) = 32", name="previous_hash_length"),
    CheckConstraint("octet_length(hash) = 32", name="hash_length"),
    Index("audit_entries_chain_position_key", CHAIN, "position", unique=True),
    Index(None, "object_id", "id"),
    Index(None, "organization_id", "id"),
    Index(None, "team_id", "id"),
    Index(None, "actor_user_id", "id"),
    Index(None, "actor_key_id", "id"),
    Index(None, "at", "id"),
    Index(None, "action", "id"),
)

# The last entry of each chain: whoever adds to a chain locks this, as the last of all locks.
audit_heads = Table(
    "audit_heads",
    metadata,
    Column("chain", IDENTIFIER, primary_key=True),
    Column("position", BigInteger, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    length_check("chain", 64),
    range_check("position", MOST_COUNT),
    CheckConstraint("octet_length(hash) = 32", name="hash_length"),
)
