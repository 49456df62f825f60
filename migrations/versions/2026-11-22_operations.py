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
