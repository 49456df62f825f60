"""The tables: what is stored, and the constraints that hold whatever the code above them does.

Ids, keys of names and e-mails, and external ids compare byte by byte (collation C); every text
that a caller chooses has a length and every number two sides; times are timestamptz. Nothing here
needs an extension, a trigger or a sequence.
"""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from bursar.database.columns import (
    IDENTIFIER,
    MONEY,
    MOST_COUNT,
    MOST_MONEY,
    exactly_one_check,
    id_column,
    length_check,
    metadata_column,
    name_lengths,
    named,
    one_of_check,
    range_check,
    reference,
    times,
    unique_where_given,
    versioned,
)
from bursar.domain.roles import KeyScope, OrganizationRole, PlatformRole, TeamRole

metadata = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
        "ck": "%(table_name)s_%(constraint_name)s_check",
    }
)

organizations = Table(
    "organizations",
    metadata,
    id_column(),
    Column("external_id", IDENTIFIER, unique=True),
    *named(),
    metadata_column(),
    *versioned(),
    *times(),
    *name_lengths(),
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
    *versioned(),
    *times(),
    *name_lengths(),
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

teams = Table(
    "teams",
    metadata,
    id_column(),
    reference("organization_id", "organizations", cascade=False),
    Column("external_id", IDENTIFIER, unique=True),
    *named(),
    Column("description", Text),
    Column("blocked", Boolean, nullable=False, server_default=text("false")),
    Column("joinable", Boolean, nullable=False, server_default=text("false")),
    Column("tags", ARRAY(Text), nullable=False, server_default=text("'{}'")),
    metadata_column(),
    *versioned(),
    *times(),
    *name_lengths(),
    length_check("external_id", 128),
    CheckConstraint("char_length(description) <= 2000", name="description_length"),
    CheckConstraint("cardinality(tags) <= 50", name="tags_count"),
    Index(None, "name_key", "id"),
    Index(None, "created_at", "id"),
    Index(None, "organization_id", "name_key", "id"),
    Index(None, "organization_id", "created_at", "id"),
    Index("teams_blocked_idx", "id", postgresql_where=text("blocked")),
    Index("teams_joinable_idx", "id", postgresql_where=text("joinable")),
)

team_members = Table(
    "team_members",
    metadata,
    id_column(),
    reference("team_id", "teams"),
    reference("user_id", "users"),
    Column("role", Text, nullable=False),
    *versioned(),
    Column("joined_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    UniqueConstraint("team_id", "user_id"),
    one_of_check("role", TeamRole),
    Index(None, "team_id", "id"),
    Index(None, "user_id", "team_id"),
)

# The column that names what a budget belongs to, by its kind.
BUDGET_OWNERS = {
    "organization": "organization_id",
    "organization_member": "organization_member_id",
    "team": "team_id",
    "team_default": "default_of_team_id",
    "team_member": "team_member_id",
    "user": "user_id",
    "api_key": "api_key_id",
}


def _owners() -> tuple[Column[str], ...]:
    return (
        reference("organization_id", "organizations", required=False),
        reference("organization_member_id", "organization_members", required=False),
        reference("team_id", "teams", required=False),
        reference("default_of_team_id", "teams", required=False),
        reference("team_member_id", "team_members", required=False),
        reference("user_id", "users", required=False),
        reference("api_key_id", "api_keys", required=False),
    )


# A budget is owned by exactly one thing, or has a name: a plan, attached to many.
budgets = Table(
    "budgets",
    metadata,
    id_column(),
    *named(required=False),
    *_owners(),
    Column("max_budget", MONEY),
    Column("soft_budget", MONEY),
    Column("duration", IDENTIFIER),
    Column("timezone", IDENTIFIER, nullable=False, server_default=text("'UTC'")),
    Column("tpm_limit", BigInteger),
    Column("rpm_limit", BigInteger),
    Column("max_parallel_requests", BigInteger),
    *versioned(),
    *times(),
    UniqueConstraint("name_key"),
    *name_lengths(),
    CheckConstraint("(name IS NULL) = (name_key IS NULL)", name="name_has_key"),
    exactly_one_check(["name", *BUDGET_OWNERS.values()], "one_owner"),
    range_check("max_budget", MOST_MONEY),
    range_check("soft_budget", MOST_MONEY),
    CheckConstraint("soft_budget < max_budget", name="soft_below_max"),
    CheckConstraint("duration ~ '^[1-9][0-9]{0,4}(s|m|h|d|w|mo|y)$'", name="duration_form"),
    length_check("timezone", 64),
    range_check("tpm_limit", MOST_COUNT),
    range_check("rpm_limit", MOST_COUNT),
    range_check("max_parallel_requests", MOST_COUNT),
    *unique_where_given("budgets", BUDGET_OWNERS.values()),
)

# Which plan something has, if it has no budget of its own.
budget_attachments = Table(
    "budget_attachments",
    metadata,
    reference("plan_id", "budgets", cascade=False),
    *_owners(),
    exactly_one_check(BUDGET_OWNERS.values(), "one_holder"),
    Index(None, "plan_id", "team_id"),
    *unique_where_given("budget_attachments", BUDGET_OWNERS.values()),
)

# Personal: a user and no team. Of a member: both. Of a service: a team and no user.
api_keys = Table(
    "api_keys",
    metadata,
    id_column(),
    Column("external_id", IDENTIFIER, unique=True),
    reference("user_id", "users", required=False),
    reference("team_id", "teams", required=False),
    Column("alias", Text),
    Column("alias_key", IDENTIFIER),
    Column("secret_hash", LargeBinary, nullable=False, unique=True),
    Column("previous_hash", LargeBinary, unique=True),
    Column("previous_until", DateTime(timezone=True)),
    Column("last_four", IDENTIFIER, nullable=False),
    Column("scopes", ARRAY(Text), nullable=False),
    Column("blocked", Boolean, nullable=False, server_default=text("false")),
    Column("expires_at", DateTime(timezone=True)),
    Column("rotation_interval", IDENTIFIER),
    Column("rotated_at", DateTime(timezone=True)),
    metadata_column(),
    *versioned(),
    *times(),
    # Who is no member of the team any more has no key of it.
    ForeignKeyConstraint(["team_id", "user_id"], ["team_members.team_id", "team_members.user_id"]),
    CheckConstraint("user_id IS NOT NULL OR team_id IS NOT NULL", name="has_holder"),
    length_check("external_id", 128),
    length_check("alias", 128),
    length_check("alias_key", 256),
    CheckConstraint("(alias IS NULL) = (alias_key IS NULL)", name="alias_has_key"),
    CheckConstraint("octet_length(secret_hash) = 32", name="secret_hash_length"),
    CheckConstraint("octet_length(previous_hash) = 32", name="previous_hash_length"),
    CheckConstraint("(previous_hash IS NULL) = (previous_until IS NULL)", name="previous_has_end"),
    length_check("last_four", 4),
    CheckConstraint(
        "scopes <@ ARRAY[" + ", ".join(f"'{scope}'" for scope in KeyScope) + "]::text[]",
        name="scopes_known",
    ),
    CheckConstraint(
        "rotation_interval ~ '^[1-9][0-9]{0,4}(s|m|h|d|w|mo|y)$'", name="rotation_interval_form"
    ),
    Index(None, "created_at", "id"),
    Index(None, "user_id", "id"),
    Index(None, "team_id", "id"),
    Index(None, "team_id", "user_id"),
    Index(None, "expires_at", "id"),
    Index("api_keys_alias_or_none_id_idx", text("COALESCE(alias_key, '')"), "id"),
    Index("api_keys_blocked_idx", "id", postgresql_where=text("blocked")),
    Index(
        "api_keys_team_id_alias_key_key",
        "team_id",
        "alias_key",
        unique=True,
        postgresql_where=text("team_id IS NOT NULL"),
    ),
    Index(
        "api_keys_user_id_alias_key_key",
        "user_id",
        "alias_key",
        unique=True,
        postgresql_where=text("team_id IS NULL"),
    ),
)

# What was deleted, as it was; no foreign keys, as what it names may be gone too.
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
    Column("action", IDENTIFIER, nullable=False),
    Column("object_id", IDENTIFIER, nullable=False),
    Column("organization_id", IDENTIFIER),
    Column("team_id", IDENTIFIER),
    Column("before", JSONB),
    Column("after", JSONB),
    Column("request_id", IDENTIFIER),
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
