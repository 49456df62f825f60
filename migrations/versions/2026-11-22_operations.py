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
