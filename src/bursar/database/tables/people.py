"""Organizations, users, and the members of organizations."""

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Index,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)

from bursar.database.columns import (
    IDENTIFIER,
    id_column,
    length_check,
    metadata_column,
    models_checks,
    models_columns,
    name_lengths,
    named,
    one_of_check,
    reference,
    times,
    versioned,
)
from bursar.database.tables.metadata import metadata
from bursar.domain.roles import OrganizationRole, PlatformRole

organizations = Table(
    "organizations",
    metadata,
    id_column(),
    Column("external_id", IDENTIFIER, unique=True),
    *named(),
    metadata_column(),
    *models_columns(),
    *versioned(),
    *times(),
    *name_lengths(),
    *models_checks(),
    length_check("external_id", 128),
    Index(None, "name_key", "id"),
    Index(None, "created_at", "id"),
)

users = Table(
    "users",
    metadata,
    id_column(),
    Column("external_id", IDENTIFIER, unique=True),
    *named(),
    Column("email", Text),
    Column("email_key", IDENTIFIER, unique=True),
    Column("role", Text, nullable=False, server_default=text("'USER'")),
    Column("blocked", Boolean, nullable=False, server_default=text("false")),
    metadata_column(),
    *models_columns(),
    *versioned(),
    *times(),
    *name_lengths(),
    *models_checks(),
    length_check("external_id", 128),
    length_check("email", 254),
    length_check("email_key", 508),
    one_of_check("role", PlatformRole),
    CheckConstraint("(email IS NULL) = (email_key IS NULL)", name="email_has_key"),
    Index(None, "name_key", "id"),
    Index(None, "created_at", "id"),
    Index(None, "role", "name_key", "id"),
    Index("users_blocked_idx", "id", postgresql_where=text("blocked")),
)

organization_members = Table(
    "organization_members",
    metadata,
    id_column(),
    reference("organization_id", "organizations"),
    reference("user_id", "users"),
    Column("role", Text, nullable=False),
    *versioned(),
    Column("joined_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    UniqueConstraint("organization_id", "user_id"),
    one_of_check("role", OrganizationRole),
    Index(None, "organization_id", "id"),
    Index(None, "user_id", "organization_id"),
)
