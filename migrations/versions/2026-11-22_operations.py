"""Every team operation: models and access groups, permissions, throughput, settings, archives."""

from alembic import op

revision = "0003"
down_revision = "0002"

# What waits longer for a table makes everybody else wait behind it.
LOCK_TIMEOUT = "SET LOCAL lock_timeout = '5s'"

MODELS: tuple[str, ...] = ()

MODELS_BACK: tuple[str, ...] = ()

ACCESS_GROUPS: tuple[str, ...] = ()

ACCESS_GROUPS_BACK: tuple[str, ...] = ()

PERMISSIONS: tuple[str, ...] = ()

PERMISSIONS_BACK: tuple[str, ...] = ()

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

GATEWAY_SETTINGS: tuple[str, ...] = ()

GATEWAY_SETTINGS_BACK: tuple[str, ...] = ()

TEAMS: tuple[str, ...] = ()

TEAMS_BACK: tuple[str, ...] = ()

AUDIT: tuple[str, ...] = ()

AUDIT_BACK: tuple[str, ...] = ()

SCHEDULES: tuple[str, ...] = ()

SCHEDULES_BACK: tuple[str, ...] = ()

INDEXES: tuple[str, ...] = ()

INDEXES_BACK: tuple[str, ...] = ()


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
