"""What was deleted, as it was; no foreign keys, as what it names may be gone too."""

from sqlalchemy import Column, DateTime, Index, Table, Text, func
from sqlalchemy.dialects.postgresql import JSONB

from bursar.database.columns import IDENTIFIER, id_column, length_check, name_lengths, named
from bursar.database.tables.metadata import metadata

deleted_teams = Table(
    "deleted_teams",
    metadata,
    id_column(),
    Column("organization_id", IDENTIFIER, nullable=False),
    Column("external_id", IDENTIFIER),
    *named(),
    Column("state", JSONB, nullable=False),
    Column("deleted_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("deleted_by_user_id", IDENTIFIER),
    Column("deleted_by_key_id", IDENTIFIER),
    *name_lengths(),
    length_check("external_id", 128),
    Index(None, "external_id", "id"),
    Index(None, "organization_id", "deleted_at", "id"),
    Index(None, "deleted_at", "id"),
)

deleted_api_keys = Table(
    "deleted_api_keys",
    metadata,
    id_column(),
    Column("external_id", IDENTIFIER),
    Column("alias", Text),
    Column("alias_key", IDENTIFIER),
    Column("user_id", IDENTIFIER),
    Column("team_id", IDENTIFIER),
    Column("organization_id", IDENTIFIER),
    Column("state", JSONB, nullable=False),
    Column("deleted_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("deleted_by_user_id", IDENTIFIER),
    Column("deleted_by_key_id", IDENTIFIER),
    length_check("external_id", 128),
    length_check("alias", 128),
    length_check("alias_key", 256),
    Index(None, "external_id", "id"),
    Index(None, "user_id", "id"),
    Index(None, "team_id", "id"),
    Index(None, "organization_id", "id"),
    Index(None, "deleted_at", "id"),
)
