"""Every team operation: models and access groups, permissions, throughput, settings, archives."""

from alembic import op

revision = "0003"
down_revision = "0002"

# What waits longer for a table makes everybody else wait behind it.
LOCK_TIMEOUT = "SET LOCAL lock_timeout = '5s'"

HOLDERS_OF_MODELS = ("organizations", "users", "teams", "api_keys")

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
        f"CREATE UNIQUE INDEX access_group_uses_{column}_key "
        f"ON access_group_uses ({column}, group_id) WHERE {column} IS NOT NULL"
        for column in LISTED_IN
    ),
)

ACCESS_GROUPS_BACK: tuple[str, ...] = ("DROP TABLE access_group_uses", "DROP TABLE access_groups")

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
