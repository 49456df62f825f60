"""The rest of the ground: plans, keys of teams and their archive, joinable teams, idempotency."""

from alembic import op

revision = "0002"
down_revision = "0001"

# What waits longer for a table makes everybody else wait behind it.
LOCK_TIMEOUT = "SET LOCAL lock_timeout = '5s'"

OWNERS = {
    "organization_id": "organizations",
    "organization_member_id": "organization_members",
    "team_id": "teams",
    "default_of_team_id": "teams",
    "team_member_id": "team_members",
    "user_id": "users",
    "api_key_id": "api_keys",
}
DURATION = "'^[1-9][0-9]{0,4}(s|m|h|d|w|mo|y)$'"


def _exactly_one(*columns: str) -> str:
    return " + ".join(f"({column} IS NOT NULL)::int" for column in columns) + " = 1"


def _unique_where_given(table: str, column: str) -> str:
    return (
        f"CREATE UNIQUE INDEX {table}_{column}_key ON {table} ({column}) WHERE {column} IS NOT NULL"
    )


TEAMS = (
    "ALTER TABLE teams ADD COLUMN joinable boolean NOT NULL DEFAULT false",
    "CREATE INDEX teams_joinable_idx ON teams (id) WHERE joinable",
)

API_KEYS = (
    "ALTER TABLE api_keys ALTER COLUMN user_id DROP NOT NULL",
    'ALTER TABLE api_keys ADD COLUMN external_id text COLLATE "C" UNIQUE',
    'ALTER TABLE api_keys ADD COLUMN team_id text COLLATE "C" REFERENCES teams ON DELETE CASCADE',
    "ALTER TABLE api_keys ADD COLUMN previous_hash bytea UNIQUE",
    "ALTER TABLE api_keys ADD COLUMN previous_until timestamptz",
    "ALTER TABLE api_keys ADD COLUMN blocked boolean NOT NULL DEFAULT false",
    'ALTER TABLE api_keys ADD COLUMN rotation_interval text COLLATE "C"',
    "ALTER TABLE api_keys ADD COLUMN rotated_at timestamptz",
    "ALTER TABLE api_keys ADD COLUMN metadata jsonb NOT NULL DEFAULT '{}'",
    (
        "ALTER TABLE api_keys ADD FOREIGN KEY (team_id, user_id) "
        "REFERENCES team_members (team_id, user_id)"
    ),
    (
        "ALTER TABLE api_keys ADD CONSTRAINT api_keys_has_holder_check "
        "CHECK (user_id IS NOT NULL OR team_id IS NOT NULL)"
    ),
    (
        "ALTER TABLE api_keys ADD CONSTRAINT api_keys_external_id_length_check "
        "CHECK (char_length(external_id) BETWEEN 1 AND 128)"
    ),
    (
        "ALTER TABLE api_keys ADD CONSTRAINT api_keys_previous_hash_length_check "
        "CHECK (octet_length(previous_hash) = 32)"
    ),
    (
        "ALTER TABLE api_keys ADD CONSTRAINT api_keys_previous_has_end_check "
        "CHECK ((previous_hash IS NULL) = (previous_until IS NULL))"
    ),
    (
        "ALTER TABLE api_keys ADD CONSTRAINT api_keys_rotation_interval_form_check "
        f"CHECK (rotation_interval ~ {DURATION})"
    ),
    "ALTER TABLE api_keys DROP CONSTRAINT api_keys_scopes_known_check",
    (
        "ALTER TABLE api_keys ADD CONSTRAINT api_keys_scopes_known_check "
        "CHECK (scopes <@ ARRAY['MANAGE', 'INFER', 'GATEWAY']::text[])"
    ),
    "ALTER TABLE api_keys DROP CONSTRAINT api_keys_user_id_alias_key_key",
    (
        "CREATE UNIQUE INDEX api_keys_user_id_alias_key_key ON api_keys (user_id, alias_key) "
        "WHERE team_id IS NULL"
    ),
    (
        "CREATE UNIQUE INDEX api_keys_team_id_alias_key_key ON api_keys (team_id, alias_key) "
        "WHERE team_id IS NOT NULL"
    ),
    "CREATE INDEX ON api_keys (created_at, id)",
    "CREATE INDEX ON api_keys (team_id, id)",
    "CREATE INDEX ON api_keys (team_id, user_id)",
)

BUDGETS = (
    "ALTER TABLE budgets ADD COLUMN name text",
    'ALTER TABLE budgets ADD COLUMN name_key text COLLATE "C" UNIQUE',
    (
        'ALTER TABLE budgets ADD COLUMN organization_member_id text COLLATE "C" '
        "REFERENCES organization_members ON DELETE CASCADE"
    ),
    (
        'ALTER TABLE budgets ADD COLUMN api_key_id text COLLATE "C" '
        "REFERENCES api_keys ON DELETE CASCADE"
    ),
    (
        "ALTER TABLE budgets ADD CONSTRAINT budgets_name_length_check "
        "CHECK (char_length(name) BETWEEN 1 AND 128)"
    ),
    (
        "ALTER TABLE budgets ADD CONSTRAINT budgets_name_key_length_check "
        "CHECK (char_length(name_key) BETWEEN 1 AND 256)"
    ),
    (
        "ALTER TABLE budgets ADD CONSTRAINT budgets_name_has_key_check "
        "CHECK ((name IS NULL) = (name_key IS NULL))"
    ),
    "ALTER TABLE budgets DROP CONSTRAINT budgets_one_owner_check",
    (
        "ALTER TABLE budgets ADD CONSTRAINT budgets_one_owner_check "
        f"CHECK ({_exactly_one('name', *OWNERS)})"
    ),
    _unique_where_given("budgets", "organization_member_id"),
    _unique_where_given("budgets", "api_key_id"),
)

ATTACHMENTS = (
    'CREATE TABLE budget_attachments (plan_id text COLLATE "C" NOT NULL REFERENCES budgets, '
    + ", ".join(
        f'{column} text COLLATE "C" REFERENCES {table} ON DELETE CASCADE'
        for column, table in OWNERS.items()
    )
    + f", CONSTRAINT budget_attachments_one_holder_check CHECK ({_exactly_one(*OWNERS)}))",
    "CREATE INDEX ON budget_attachments (plan_id)",
    *(_unique_where_given("budget_attachments", column) for column in OWNERS),
)

DELETED_API_KEYS = (
    """
    CREATE TABLE deleted_api_keys (
        id text COLLATE "C" PRIMARY KEY,
        external_id text COLLATE "C",
        alias text,
        alias_key text COLLATE "C",
        user_id text COLLATE "C",
        team_id text COLLATE "C",
        organization_id text COLLATE "C",
        state jsonb NOT NULL,
        deleted_at timestamptz NOT NULL DEFAULT now(),
        deleted_by_user_id text COLLATE "C",
        deleted_by_key_id text COLLATE "C",
        CONSTRAINT deleted_api_keys_external_id_length_check
            CHECK (char_length(external_id) BETWEEN 1 AND 128),
        CONSTRAINT deleted_api_keys_alias_length_check
            CHECK (char_length(alias) BETWEEN 1 AND 128),
        CONSTRAINT deleted_api_keys_alias_key_length_check
            CHECK (char_length(alias_key) BETWEEN 1 AND 256)
    )
    """,
    "CREATE INDEX ON deleted_api_keys (external_id, id)",
    "CREATE INDEX ON deleted_api_keys (user_id, id)",
    "CREATE INDEX ON deleted_api_keys (team_id, id)",
    "CREATE INDEX ON deleted_api_keys (organization_id, id)",
    "CREATE INDEX ON deleted_api_keys (deleted_at, id)",
)

IDEMPOTENCY_RECORDS = (
    """
    CREATE TABLE idempotency_records (
        actor_id text COLLATE "C",
        key text COLLATE "C",
        request_hash bytea NOT NULL,
        outcome jsonb NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (actor_id, key),
        CONSTRAINT idempotency_records_actor_id_length_check
            CHECK (char_length(actor_id) BETWEEN 1 AND 64),
        CONSTRAINT idempotency_records_key_length_check
            CHECK (char_length(key) BETWEEN 1 AND 128),
        CONSTRAINT idempotency_records_request_hash_length_check
            CHECK (octet_length(request_hash) = 32)
    )
    """,
    "CREATE INDEX ON idempotency_records (created_at)",
)

# What the schema before cannot hold goes: keys of teams, plans and what is attached to them.
BACK = (
    "DROP TABLE idempotency_records",
    "DROP TABLE deleted_api_keys",
    "DROP TABLE budget_attachments",
    (
        "DELETE FROM budgets WHERE name IS NOT NULL OR organization_member_id IS NOT NULL "
        "OR api_key_id IS NOT NULL"
    ),
    "ALTER TABLE budgets DROP CONSTRAINT budgets_one_owner_check",
    (
        "ALTER TABLE budgets DROP COLUMN name, DROP COLUMN name_key, "
        "DROP COLUMN organization_member_id, DROP COLUMN api_key_id"
    ),
    "ALTER TABLE budgets ADD CONSTRAINT budgets_one_owner_check CHECK ("
    + _exactly_one("organization_id", "team_id", "default_of_team_id", "team_member_id", "user_id")
    + ")",
    "DELETE FROM api_keys WHERE team_id IS NOT NULL OR NOT scopes <@ ARRAY['MANAGE']::text[]",
    "ALTER TABLE api_keys DROP CONSTRAINT api_keys_scopes_known_check",
    (
        "ALTER TABLE api_keys ADD CONSTRAINT api_keys_scopes_known_check "
        "CHECK (scopes <@ ARRAY['MANAGE']::text[])"
    ),
    "DROP INDEX api_keys_user_id_alias_key_key",
    "DROP INDEX api_keys_created_at_id_idx",
    "ALTER TABLE api_keys DROP CONSTRAINT api_keys_has_holder_check",
    (
        "ALTER TABLE api_keys DROP COLUMN external_id, DROP COLUMN team_id, DROP COLUMN previous_hash, "
        "DROP COLUMN previous_until, DROP COLUMN blocked, DROP COLUMN rotation_interval, "
        "DROP COLUMN rotated_at, DROP COLUMN metadata"
    ),
    "ALTER TABLE api_keys ADD UNIQUE (user_id, alias_key)",
    "ALTER TABLE api_keys ALTER COLUMN user_id SET NOT NULL",
    "ALTER TABLE teams DROP COLUMN joinable",
)


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    for statement in (
        *TEAMS,
        *API_KEYS,
        *BUDGETS,
        *ATTACHMENTS,
        *DELETED_API_KEYS,
        *IDEMPOTENCY_RECORDS,
    ):
        op.execute(statement)


def downgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    for statement in BACK:
        op.execute(statement)
