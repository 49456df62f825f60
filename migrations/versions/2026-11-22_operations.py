"""Every team operation: models and access groups, permissions, throughput, settings, archives."""

from alembic import op

revision = "0003"
down_revision = "0002"

# What waits longer for a table makes everybody else wait behind it.
LOCK_TIMEOUT = "SET LOCAL lock_timeout = '5s'"

HOLDERS_OF_MODELS = ("organizations", "users", "teams", "api_keys")
DURATION = "'^[1-9][0-9]{0,4}(s|m|h|d|w|mo|y)$'"


MODELS: tuple[str, ...] = (
    *(
        f"""
        ALTER TABLE {table}
            ADD COLUMN models text[] NOT NULL DEFAULT '{{}}',
            ADD COLUMN allow_none boolean NOT NULL DEFAULT false,
            ADD CONSTRAINT {table}_models_count_check CHECK (cardinality(models) <= 500),
            ADD CONSTRAINT {table}_allow_none_is_empty_check
                CHECK (NOT allow_none OR cardinality(models) = 0)
        """
        for table in HOLDERS_OF_MODELS
    ),
    "ALTER TABLE teams ADD COLUMN model_aliases jsonb NOT NULL DEFAULT '{}'",
)

MODELS_BACK: tuple[str, ...] = (
    "ALTER TABLE teams DROP COLUMN model_aliases",
    *(
        f"ALTER TABLE {table} DROP COLUMN models, DROP COLUMN allow_none"
        for table in HOLDERS_OF_MODELS
    ),
)

LISTED_IN = {
    "organization_id": "organizations",
    "team_id": "teams",
    "user_id": "users",
    "api_key_id": "api_keys",
}

ACCESS_GROUPS: tuple[str, ...] = (
    """
    CREATE TABLE access_groups (
        id text COLLATE "C" PRIMARY KEY,
        name text NOT NULL,
        name_key text COLLATE "C" NOT NULL UNIQUE,
        description text,
        models text[] NOT NULL DEFAULT '{}',
        version integer NOT NULL DEFAULT 1,
        created_at timestamptz NOT NULL DEFAULT now(),
        updated_at timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT access_groups_name_length_check CHECK (char_length(name) BETWEEN 1 AND 128),
        CONSTRAINT access_groups_name_key_length_check
            CHECK (char_length(name_key) BETWEEN 1 AND 256),
        CONSTRAINT access_groups_description_length_check
            CHECK (char_length(description) <= 2000),
        CONSTRAINT access_groups_models_count_check CHECK (cardinality(models) <= 500)
    )
    """,
    'CREATE TABLE access_group_uses (group_id text COLLATE "C" NOT NULL REFERENCES access_groups, '
    + ", ".join(
        f'{column} text COLLATE "C" REFERENCES {table} ON DELETE CASCADE'
        for column, table in LISTED_IN.items()
    )
    + ", CONSTRAINT access_group_uses_one_list_check CHECK ("
    + " + ".join(f"({column} IS NOT NULL)::int" for column in LISTED_IN)
    + " = 1))",
    "CREATE INDEX ON access_group_uses (group_id)",
    *(
        f"CREATE UNIQUE INDEX access_group_uses_{column}_group_id_key "
        f"ON access_group_uses ({column}, group_id) WHERE {column} IS NOT NULL"
        for column in LISTED_IN
    ),
)

ACCESS_GROUPS_BACK: tuple[str, ...] = ("DROP TABLE access_group_uses", "DROP TABLE access_groups")

PERMISSIONS: tuple[str, ...] = (
    "ALTER TABLE teams ADD COLUMN member_permissions text[]",
    'ALTER TABLE teams ADD COLUMN member_key_duration text COLLATE "C"',
    (
        "ALTER TABLE teams ADD CONSTRAINT teams_member_permissions_known_check "
        "CHECK (member_permissions <@ ARRAY['KEY_CREATE', 'KEY_UPDATE', 'KEY_DELETE', 'KEY_READ', "
        "'KEY_ROTATE', 'KEY_BLOCK', 'KEY_RESET_SPEND', 'SERVICE_KEY_CREATE', 'SERVICE_KEY_READ', "
        "'ACTIVITY_READ']::text[])"
    ),
    (
        "ALTER TABLE teams ADD CONSTRAINT teams_member_key_duration_form_check "
        "CHECK (member_key_duration ~ '^[1-9][0-9]{0,4}(s|m|h|d|w|mo|y)$')"
    ),
)

PERMISSIONS_BACK: tuple[str, ...] = (
    "ALTER TABLE teams DROP COLUMN member_key_duration",
    "ALTER TABLE teams DROP COLUMN member_permissions",
)

LIMIT_TYPES = ("rpm_limit_type", "tpm_limit_type")
GUARANTEED = "rpm_limit_type = 'GUARANTEED' OR tpm_limit_type = 'GUARANTEED'"

THROUGHPUT: tuple[str, ...] = (
    *(
        f"ALTER TABLE {table} ADD COLUMN {column} text NOT NULL DEFAULT 'BEST_EFFORT' "
        f"CONSTRAINT {table}_{column}_known_check CHECK ({column} IN ('BEST_EFFORT', 'GUARANTEED'))"
        for table in ("teams", "api_keys")
        for column in LIMIT_TYPES
    ),
    (
        "ALTER TABLE api_keys ADD CONSTRAINT api_keys_guaranteed_by_team_check "
        f"CHECK (team_id IS NOT NULL OR NOT ({GUARANTEED}))"
    ),
    f"CREATE INDEX teams_guaranteed_idx ON teams (organization_id) WHERE {GUARANTEED}",
    f"CREATE INDEX api_keys_guaranteed_idx ON api_keys (team_id) WHERE {GUARANTEED}",
)

THROUGHPUT_BACK: tuple[str, ...] = (
    "DROP INDEX api_keys_guaranteed_idx",
    "DROP INDEX teams_guaranteed_idx",
    "ALTER TABLE api_keys DROP CONSTRAINT api_keys_guaranteed_by_team_check",
    *(
        f"ALTER TABLE {table} DROP COLUMN {column}"
        for table in ("teams", "api_keys")
        for column in LIMIT_TYPES
    ),
)

MODEL_LIMITS: tuple[str, ...] = (
    f"""
    CREATE TABLE budget_model_limits (
        budget_id text COLLATE "C" NOT NULL REFERENCES budgets ON DELETE CASCADE,
        model text COLLATE "C" NOT NULL
            CONSTRAINT budget_model_limits_model_length_check
            CHECK (char_length(model) BETWEEN 1 AND 256),
        max_budget numeric(28, 10)
            CONSTRAINT budget_model_limits_max_budget_range_check
            CHECK (max_budget BETWEEN 0 AND {10**18}),
        tpm_limit bigint
            CONSTRAINT budget_model_limits_tpm_limit_range_check
            CHECK (tpm_limit BETWEEN 0 AND {2**62}),
        rpm_limit bigint
            CONSTRAINT budget_model_limits_rpm_limit_range_check
            CHECK (rpm_limit BETWEEN 0 AND {2**62}),
        PRIMARY KEY (budget_id, model)
    )
    """,
)

MODEL_LIMITS_BACK: tuple[str, ...] = ("DROP TABLE budget_model_limits",)

LISTS_OF_SETTINGS = (
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
)
NUMBERS_OF_SETTINGS = ("retries", "timeout_seconds", "allowed_fails", "cooldown_seconds")

GATEWAY_SETTINGS = (
    f"""
    CREATE TABLE gateway_settings (
        team_id text COLLATE "C" PRIMARY KEY REFERENCES teams ON DELETE CASCADE,
        disable_global_guardrails boolean NOT NULL DEFAULT false,
        {" ".join(f"{name} text[] NOT NULL DEFAULT '{{}}'," for name in LISTS_OF_SETTINGS)}
        mcp_tool_permissions jsonb NOT NULL DEFAULT '[]',
        vector_store_indexes jsonb NOT NULL DEFAULT '[]',
        routing_strategy text,
        {" ".join(f"{name} integer," for name in NUMBERS_OF_SETTINGS)}
        fallbacks jsonb NOT NULL DEFAULT '[]',
        file_expiry text COLLATE "C",
        batch_output_expiry text COLLATE "C",
        secret_manager text,
        secret_manager_settings jsonb NOT NULL DEFAULT '[]',
        CONSTRAINT gateway_settings_routing_strategy_length_check
            CHECK (char_length(routing_strategy) BETWEEN 1 AND 256),
        CONSTRAINT gateway_settings_file_expiry_form_check CHECK (file_expiry ~ {DURATION}),
        CONSTRAINT gateway_settings_batch_output_expiry_form_check
            CHECK (batch_output_expiry ~ {DURATION}),
        CONSTRAINT gateway_settings_secret_manager_length_check
            CHECK (char_length(secret_manager) BETWEEN 1 AND 256)
    )
    """,
    *(
        f"ALTER TABLE gateway_settings ADD CONSTRAINT gateway_settings_{name}_count_check "
        f"CHECK (cardinality({name}) <= 100)"
        for name in LISTS_OF_SETTINGS
    ),
    *(
        f"ALTER TABLE gateway_settings ADD CONSTRAINT gateway_settings_{name}_range_check "
        f"CHECK ({name} BETWEEN 0 AND 1000000)"
        for name in NUMBERS_OF_SETTINGS
    ),
)

GATEWAY_SETTINGS_BACK = ("DROP TABLE gateway_settings",)

TEAMS: tuple[str, ...] = (
    """
    ALTER TABLE teams ADD self_service_user_id text COLLATE "C"
        REFERENCES users ON DELETE SET NULL
    """,
    """
    CREATE INDEX teams_self_service_user_id_idx ON teams (self_service_user_id)
        WHERE self_service_user_id IS NOT NULL
    """,
    """
    CREATE TABLE deleted_teams (
        id text COLLATE "C" PRIMARY KEY,
        organization_id text COLLATE "C" NOT NULL,
        external_id text COLLATE "C",
        name text NOT NULL,
        name_key text COLLATE "C" NOT NULL,
        state jsonb NOT NULL,
        deleted_at timestamptz NOT NULL DEFAULT now(),
        deleted_by_user_id text COLLATE "C",
        deleted_by_key_id text COLLATE "C",
        CONSTRAINT deleted_teams_external_id_length_check
            CHECK (char_length(external_id) BETWEEN 1 AND 128),
        CONSTRAINT deleted_teams_name_length_check CHECK (char_length(name) BETWEEN 1 AND 128),
        CONSTRAINT deleted_teams_name_key_length_check
            CHECK (char_length(name_key) BETWEEN 1 AND 256)
    )
    """,
    "CREATE INDEX ON deleted_teams (external_id, id)",
    "CREATE INDEX ON deleted_teams (organization_id, deleted_at, id)",
    "CREATE INDEX ON deleted_teams (deleted_at, id)",
)

TEAMS_BACK: tuple[str, ...] = (
    "DROP TABLE deleted_teams",
    "ALTER TABLE teams DROP self_service_user_id",
)

AUDIT = (
    "ALTER TABLE audit_entries ADD COLUMN on_behalf_of text",
    (
        "ALTER TABLE audit_entries ADD CONSTRAINT audit_entries_on_behalf_of_length_check "
        "CHECK (char_length(on_behalf_of) BETWEEN 1 AND 128)"
    ),
)

AUDIT_BACK = ("ALTER TABLE audit_entries DROP COLUMN on_behalf_of",)

SPENDERS = {
    "organization_id": "organizations",
    "organization_member_id": "organization_members",
    "team_id": "teams",
    "team_member_id": "team_members",
    "user_id": "users",
    "api_key_id": "api_keys",
}

SCHEDULES: tuple[str, ...] = (
    "CREATE TABLE budget_schedules ("
    + ", ".join(
        f'{column} text COLLATE "C" REFERENCES {table} ON DELETE CASCADE'
        for column, table in SPENDERS.items()
    )
    + """,
        starts_at timestamptz NOT NULL,
        duration text COLLATE "C",
        timezone text COLLATE "C" NOT NULL,
        CONSTRAINT budget_schedules_duration_form_check
            CHECK (duration ~ '^[1-9][0-9]{0,4}(s|m|h|d|w|mo|y)$'),
        CONSTRAINT budget_schedules_timezone_length_check
            CHECK (char_length(timezone) BETWEEN 1 AND 64),
        CONSTRAINT budget_schedules_one_holder_check CHECK ("""
    + " + ".join(f"({column} IS NOT NULL)::int" for column in SPENDERS)
    + " = 1))",
    *(
        f"CREATE UNIQUE INDEX budget_schedules_{column}_starts_at_key "
        f"ON budget_schedules ({column}, starts_at) WHERE {column} IS NOT NULL"
        for column in SPENDERS
    ),
)

SCHEDULES_BACK: tuple[str, ...] = ("DROP TABLE budget_schedules",)

INDEXES: tuple[str, ...] = (
    "CREATE INDEX ON users (role, name_key, id)",
    "CREATE INDEX users_blocked_idx ON users (id) WHERE blocked",
    "CREATE INDEX ON api_keys (expires_at, id)",
    "CREATE INDEX api_keys_alias_or_none_id_idx ON api_keys (COALESCE(alias_key, ''), id)",
    "CREATE INDEX api_keys_blocked_idx ON api_keys (id) WHERE blocked",
    "DROP INDEX budget_attachments_plan_id_idx",
    "CREATE INDEX ON budget_attachments (plan_id, team_id)",
    "CREATE INDEX ON audit_entries (actor_key_id, id)",
    "CREATE INDEX ON audit_entries (at, id)",
)

INDEXES_BACK: tuple[str, ...] = (
    "DROP INDEX audit_entries_at_id_idx",
    "DROP INDEX audit_entries_actor_key_id_id_idx",
    "DROP INDEX budget_attachments_plan_id_team_id_idx",
    "CREATE INDEX ON budget_attachments (plan_id)",
    "DROP INDEX api_keys_blocked_idx",
    "DROP INDEX api_keys_alias_or_none_id_idx",
    "DROP INDEX api_keys_expires_at_id_idx",
    "DROP INDEX users_blocked_idx",
    "DROP INDEX users_role_name_key_id_idx",
)


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    for statement in (
        *MODELS,
        *ACCESS_GROUPS,
        *PERMISSIONS,
        *THROUGHPUT,
        *MODEL_LIMITS,
        *GATEWAY_SETTINGS,
        *TEAMS,
        *AUDIT,
        *SCHEDULES,
        *INDEXES,
    ):
        op.execute(statement)


def downgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    for statement in (
        *INDEXES_BACK,
        *SCHEDULES_BACK,
        *AUDIT_BACK,
        *TEAMS_BACK,
        *GATEWAY_SETTINGS_BACK,
        *MODEL_LIMITS_BACK,
        *THROUGHPUT_BACK,
        *PERMISSIONS_BACK,
        *ACCESS_GROUPS_BACK,
        *MODELS_BACK,
    ):
        op.execute(statement)
