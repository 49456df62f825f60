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

THROUGHPUT: tuple[str, ...] = ()

THROUGHPUT_BACK: tuple[str, ...] = ()

MODEL_LIMITS: tuple[str, ...] = ()

MODEL_LIMITS_BACK: tuple[str, ...] = ()

GATEWAY_SETTINGS: tuple[str, ...] = ()

GATEWAY_SETTINGS_BACK: tuple[str, ...] = ()

TEAMS: tuple[str, ...] = ()

TEAMS_BACK: tuple[str, ...] = ()

AUDIT: tuple[str, ...] = ()

AUDIT_BACK: tuple[str, ...] = ()

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
