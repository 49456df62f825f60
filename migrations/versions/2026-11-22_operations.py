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

SCHEDULES: tuple[str, ...] = ()

SCHEDULES_BACK: tuple[str, ...] = ()

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
