"""What is remembered of calls: their outcomes, and the audit."""

from sqlalchemy import (
    CheckConstraint,
    Column,
    DateTime,
    Index,
    LargeBinary,
    Table,
    Text,
    func,
)
from sqlalchemy.dialects.postgresql import JSONB

from bursar.database.columns import (
    IDENTIFIER,
    id_column,
    length_check,
)
from bursar.database.tables.metadata import metadata

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
    length_check("on_behalf_of", 128),
    length_check("action", 64),
    length_check("object_id", 64),
    length_check("request_id", 128),
    Index(None, "object_id", "id"),
    Index(None, "organization_id", "id"),
    Index(None, "team_id", "id"),
    Index(None, "actor_user_id", "id"),
    Index(None, "actor_key_id", "id"),
    Index(None, "at", "id"),
    Index(None, "action", "id"),
)
