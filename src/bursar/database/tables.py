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
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
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
    all_of_check,
    duration_check,
    exactly_one_check,
    id_column,
    length_check,
    limit_types,
    metadata_column,
    models_checks,
    models_columns,
    name_lengths,
    named,
    one_of_check,
    range_check,
    records_column,
    reference,
    texts_columns,
    times,
    unique_where_given,
    versioned,
)
from bursar.domain.roles import KeyScope, MemberPermission, OrganizationRole, PlatformRole, TeamRole
from bursar.domain.throughput import LIMIT_TYPES, RateLimitType

GUARANTEED = " OR ".join(f"{column} = 'GUARANTEED'" for column in LIMIT_TYPES.values())

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

teams = Table(
    "teams",
    metadata,
    id_column(),
    reference("organization_id", "organizations", cascade=False),
    # Whose own limits bind it, if a user made it by themself.
    Column("self_service_user_id", IDENTIFIER, ForeignKey("users.id", ondelete="SET NULL")),
    Column("external_id", IDENTIFIER, unique=True),
    *named(),
    Column("description", Text),
    Column("blocked", Boolean, nullable=False, server_default=text("false")),
    Column("joinable", Boolean, nullable=False, server_default=text("false")),
    Column("tags", ARRAY(Text), nullable=False, server_default=text("'{}'")),
    Column("member_permissions", ARRAY(Text)),
    Column("member_key_duration", IDENTIFIER),
    *limit_types(),
    metadata_column(),
    *models_columns(),
    Column("model_aliases", JSONB, nullable=False, server_default=text("'{}'")),
    *versioned(),
    *times(),
    *name_lengths(),
    *models_checks(),
    length_check("external_id", 128),
    CheckConstraint("char_length(description) <= 2000", name="description_length"),
    CheckConstraint("cardinality(tags) <= 50", name="tags_count"),
    all_of_check("member_permissions", MemberPermission),
    duration_check("member_key_duration"),
    *(one_of_check(column, RateLimitType) for column in LIMIT_TYPES.values()),
    Index(None, "name_key", "id"),
    Index(None, "created_at", "id"),
    Index(None, "organization_id", "name_key", "id"),
    Index(None, "organization_id", "created_at", "id"),
    Index("teams_blocked_idx", "id", postgresql_where=text("blocked")),
    Index("teams_joinable_idx", "id", postgresql_where=text("joinable")),
    Index(
        "teams_self_service_user_id_idx",
        "self_service_user_id",
        postgresql_where=text("self_service_user_id IS NOT NULL"),
    ),
    Index("teams_guaranteed_idx", "organization_id", postgresql_where=text(GUARANTEED)),
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

# What a gateway is to do with a team's calls; null is "nothing said", as an empty list is.
gateway_settings = Table(
    "gateway_settings",
    metadata,
    Column("team_id", IDENTIFIER, ForeignKey("teams.id", ondelete="CASCADE"), primary_key=True),
    Column("disable_global_guardrails", Boolean, nullable=False, server_default=text("false")),
    *texts_columns(
        "guardrails",
        "policies",
        "prompts",
        "pass_through_routes",
        "mcp_servers",
        "mcp_access_groups",
        "vector_stores",
        "agents",
        "agent_access_groups",
        "blocked_tools",
    ),
    records_column("mcp_tool_permissions"),
    records_column("vector_store_indexes"),
    Column("routing_strategy", Text),
    Column("retries", Integer),
    Column("timeout_seconds", Integer),
    Column("allowed_fails", Integer),
    Column("cooldown_seconds", Integer),
    records_column("fallbacks"),
    Column("file_expiry", IDENTIFIER),
    Column("batch_output_expiry", IDENTIFIER),
    Column("secret_manager", Text),
    records_column("secret_manager_settings"),
    length_check("routing_strategy", 256),
    range_check("retries", 1_000_000),
    range_check("timeout_seconds", 1_000_000),
    range_check("allowed_fails", 1_000_000),
    range_check("cooldown_seconds", 1_000_000),
    duration_check("file_expiry"),
    duration_check("batch_output_expiry"),
    length_check("secret_manager", 256),
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


# Of these what spends: the budget of members by default is one of theirs.
SPENDERS = {kind: column for kind, column in BUDGET_OWNERS.items() if kind != "team_default"}


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
    duration_check("duration"),
    length_check("timezone", 64),
    range_check("tpm_limit", MOST_COUNT),
    range_check("rpm_limit", MOST_COUNT),
    range_check("max_parallel_requests", MOST_COUNT),
    *unique_where_given("budgets", BUDGET_OWNERS.values()),
)

# What of a budget may be spent on one model; what is not named has the limits of the whole.
budget_model_limits = Table(
    "budget_model_limits",
    metadata,
    reference("budget_id", "budgets"),
    Column("model", IDENTIFIER, nullable=False),
    Column("max_budget", MONEY),
    Column("tpm_limit", BigInteger),
    Column("rpm_limit", BigInteger),
    PrimaryKeyConstraint("budget_id", "model"),
    length_check("model", 256),
    range_check("max_budget", MOST_MONEY),
    range_check("tpm_limit", MOST_COUNT),
    range_check("rpm_limit", MOST_COUNT),
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

# The duration and zone of each holder's budget from an instant on, for ever back where it is -infinity.
# A holder without a row had no other than it has; before the first row there was no duration.
budget_schedules = Table(
    "budget_schedules",
    metadata,
    *(column for column in _owners() if column.name in SPENDERS.values()),
    Column("starts_at", DateTime(timezone=True), nullable=False),
    Column("duration", IDENTIFIER),
    Column("timezone", IDENTIFIER, nullable=False),
    exactly_one_check(SPENDERS.values(), "one_holder"),
    CheckConstraint("duration ~ '^[1-9][0-9]{0,4}(s|m|h|d|w|mo|y)$'", name="duration_form"),
    length_check("timezone", 64),
    *unique_where_given("budget_schedules", SPENDERS.values(), "starts_at"),
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
    *limit_types(),
    metadata_column(),
    *models_columns(),
    *versioned(),
    *times(),
    # Who is no member of the team any more has no key of it.
    ForeignKeyConstraint(["team_id", "user_id"], ["team_members.team_id", "team_members.user_id"]),
    CheckConstraint("user_id IS NOT NULL OR team_id IS NOT NULL", name="has_holder"),
    *models_checks(),
    length_check("external_id", 128),
    length_check("alias", 128),
    length_check("alias_key", 256),
    CheckConstraint("(alias IS NULL) = (alias_key IS NULL)", name="alias_has_key"),
    CheckConstraint("octet_length(secret_hash) = 32", name="secret_hash_length"),
    CheckConstraint("octet_length(previous_hash) = 32", name="previous_hash_length"),
    CheckConstraint("(previous_hash IS NULL) = (previous_until IS NULL)", name="previous_has_end"),
    length_check("last_four", 4),
    all_of_check("scopes", KeyScope),
    duration_check("rotation_interval"),
    *(one_of_check(column, RateLimitType) for column in LIMIT_TYPES.values()),
    CheckConstraint(f"team_id IS NOT NULL OR NOT ({GUARANTEED})", name="guaranteed_by_team"),
    Index(None, "created_at", "id"),
    Index(None, "user_id", "id"),
    Index(None, "team_id", "id"),
    Index(None, "team_id", "user_id"),
    Index("api_keys_guaranteed_idx", "team_id", postgresql_where=text(GUARANTEED)),
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

access_groups = Table(
    "access_groups",
    metadata,
    id_column(),
    *named(),
    Column("description", Text),
    Column("models", ARRAY(Text), nullable=False, server_default=text("'{}'")),
    *versioned(),
    *times(),
    UniqueConstraint("name_key"),
    *name_lengths(),
    CheckConstraint("char_length(description) <= 2000", name="description_length"),
    CheckConstraint("cardinality(models) <= 500", name="models_count"),
)

# The column that names whose list an access group is in, by its kind.
LISTED_IN = {
    "organization": "organization_id",
    "team": "team_id",
    "user": "user_id",
    "api_key": "api_key_id",
}

# Which access groups the lists of models name, so that none of these can go.
access_group_uses = Table(
    "access_group_uses",
    metadata,
    reference("group_id", "access_groups", cascade=False),
    reference("organization_id", "organizations", required=False),
    reference("team_id", "teams", required=False),
    reference("user_id", "users", required=False),
    reference("api_key_id", "api_keys", required=False),
    exactly_one_check(LISTED_IN.values(), "one_list"),
    Index(None, "group_id"),
    *unique_where_given("access_group_uses", LISTED_IN.values(), "group_id"),
)

# What was deleted, as it was; no foreign keys, as what it names may be gone too.
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
