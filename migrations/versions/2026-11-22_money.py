"""Money: metered calls, what is spent in each period, and temporary increases of budgets."""

from alembic import op

revision = "0004"
down_revision = "0003"

# What waits longer for a table makes everybody else wait behind it.
LOCK_TIMEOUT = "SET LOCAL lock_timeout = '5s'"

HOLDERS = {
    "organization_id": "organizations",
    "organization_member_id": "organization_members",
    "team_id": "teams",
    "team_member_id": "team_members",
    "user_id": "users",
    "api_key_id": "api_keys",
}

INCREASES: tuple[str, ...] = (
    "CREATE TABLE budget_increases ("
    + ", ".join(
        f'{column} text COLLATE "C" REFERENCES {table} ON DELETE CASCADE'
        for column, table in HOLDERS.items()
    )
    + """,
        amount numeric(28, 10) NOT NULL,
        until timestamptz NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        updated_at timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT budget_increases_amount_range_check
            CHECK (amount BETWEEN 0 AND 1000000000000000000),
        CONSTRAINT budget_increases_one_holder_check CHECK ("""
    + " + ".join(f"({column} IS NOT NULL)::int" for column in HOLDERS)
    + " = 1))",
    *(
        f"CREATE UNIQUE INDEX budget_increases_{column}_key "
        f"ON budget_increases ({column}) WHERE {column} IS NOT NULL"
        for column in HOLDERS
    ),
)

WHOSE = """
    user_id text COLLATE "C",
    team_id text COLLATE "C",
    team_member_id text COLLATE "C",
    organization_id text COLLATE "C",
    organization_member_id text COLLATE "C"
"""
TOKENS = ("prompt_tokens", "completion_tokens", "cache_read_tokens", "cache_creation_tokens")


def what(table: str) -> str:
    """What was called, and with how many tokens, in either of the two tables that tell."""
    return f"""
        model text COLLATE "C" NOT NULL
            CONSTRAINT {table}_model_length_check CHECK (char_length(model) BETWEEN 1 AND 256),
        provider text COLLATE "C"
            CONSTRAINT {table}_provider_length_check
            CHECK (char_length(provider) BETWEEN 1 AND 128),
        endpoint text COLLATE "C"
            CONSTRAINT {table}_endpoint_length_check
            CHECK (char_length(endpoint) BETWEEN 1 AND 256),
        tags text[] NOT NULL DEFAULT '{{}}'
            CONSTRAINT {table}_tags_count_check CHECK (cardinality(tags) <= 20),
    """ + ", ".join(
        f"{name} bigint NOT NULL CONSTRAINT {table}_{name}_range_check "
        f"CHECK ({name} BETWEEN 0 AND 4611686018427387904)"
        for name in TOKENS
    )


EVENTS: tuple[str, ...] = (
    f"""
    CREATE TABLE usage_events (
        id text COLLATE "C" NOT NULL,
        at timestamptz NOT NULL,
        recorded_at timestamptz NOT NULL,
        request_id text COLLATE "C" NOT NULL,
        api_key_id text COLLATE "C" NOT NULL,
        {WHOSE},
        {what("usage_events")},
        cost numeric(28, 10) NOT NULL,
        success boolean NOT NULL,
        PRIMARY KEY (at, id),
        CONSTRAINT usage_events_request_id_length_check
            CHECK (char_length(request_id) BETWEEN 1 AND 128),
        CONSTRAINT usage_events_cost_range_check CHECK (cost BETWEEN 0 AND 1000000000000000000)
    ) PARTITION BY RANGE (at)
    """,
    *(
        f"CREATE INDEX ON usage_events ({column}, at, id)"
        for column in ("organization_id", "team_id", "user_id", "api_key_id")
    ),
    """
    CREATE TABLE usage_requests (
        request_id text COLLATE "C" PRIMARY KEY,
        content_hash bytea NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT usage_requests_request_id_length_check
            CHECK (char_length(request_id) BETWEEN 1 AND 128),
        CONSTRAINT usage_requests_content_hash_length_check CHECK (octet_length(content_hash) = 32)
    )
    """,
    "CREATE INDEX ON usage_requests (created_at)",
)

DAYS: tuple[str, ...] = (
    f"""
    CREATE TABLE usage_days (
        day date NOT NULL,
        dimensions bytea NOT NULL,
        api_key_id text COLLATE "C" NOT NULL,
        user_id text COLLATE "C",
        team_id text COLLATE "C",
        organization_id text COLLATE "C",
        {what("usage_days")},
        spend numeric(28, 10) NOT NULL,
        requests bigint NOT NULL,
        successes bigint NOT NULL,
        PRIMARY KEY (day, dimensions),
        CONSTRAINT usage_days_dimensions_length_check CHECK (octet_length(dimensions) = 16),
        CONSTRAINT usage_days_spend_range_check CHECK (spend BETWEEN 0 AND 1000000000000000000),
        CONSTRAINT usage_days_requests_range_check
            CHECK (requests BETWEEN 0 AND 4611686018427387904),
        CONSTRAINT usage_days_successes_range_check
            CHECK (successes BETWEEN 0 AND 4611686018427387904),
        CONSTRAINT usage_days_successes_are_requests_check CHECK (successes <= requests)
    ) PARTITION BY RANGE (day)
    """,
    *(
        f"CREATE INDEX ON usage_days ({column}, day)"
        for column in ("organization_id", "team_id", "user_id", "api_key_id")
    ),
)

PERIOD = """
    holder_id text COLLATE "C" NOT NULL,
    model text COLLATE "C" NOT NULL,
    since timestamptz NOT NULL,
    starts_at timestamptz NOT NULL
"""


def model_length(table: str) -> str:
    return f"CONSTRAINT {table}_model_length_check CHECK (char_length(model) <= 256)"


def money_range(table: str) -> str:
    return f"CONSTRAINT {table}_spend_range_check CHECK (spend BETWEEN 0 AND 1000000000000000000)"


SPENDS: tuple[str, ...] = (
    f"""
    CREATE TABLE spends (
        {PERIOD},
        ends_at timestamptz NOT NULL,
        spend numeric(28, 10) NOT NULL,
        PRIMARY KEY (holder_id, model, since, starts_at),
        {model_length("spends")},
        CONSTRAINT spends_ends_after_start_check CHECK (starts_at < ends_at),
        {money_range("spends")}
    ) WITH (fillfactor = 70)
    """,
    f"""
    CREATE TABLE lifetime_spends (
        holder_id text COLLATE "C" PRIMARY KEY,
        spend numeric(28, 10) NOT NULL,
        {money_range("lifetime_spends")}
    ) WITH (fillfactor = 70)
    """,
    """
    CREATE INDEX lifetime_spends_teams ON lifetime_spends (spend, holder_id)
        WHERE starts_with(holder_id, 'team_')
    """,
    "INSERT INTO lifetime_spends SELECT id, 0 FROM teams",
    f"""
    CREATE TABLE spend_adjustments (
        {PERIOD},
        at timestamptz NOT NULL,
        amount numeric(28, 10) NOT NULL,
        PRIMARY KEY (holder_id, model, since, starts_at, at),
        {model_length("spend_adjustments")},
        CONSTRAINT spend_adjustments_amount_range_check
            CHECK (amount BETWEEN -1000000000000000000 AND 1000000000000000000)
    )
    """,
    f"""
    CREATE TABLE usage_closings (
        {PERIOD},
        spend numeric(28, 10) NOT NULL,
        PRIMARY KEY (holder_id, model, since, starts_at),
        {model_length("usage_closings")},
        {money_range("usage_closings")}
    )
    """,
)

FORMER: tuple[str, ...] = (
    f"""
    CREATE TABLE former_places (
        api_key_id text COLLATE "C" NOT NULL,
        until timestamptz NOT NULL,
        {WHOSE},
        PRIMARY KEY (api_key_id, until)
    )
    """,
    "CREATE INDEX ON former_places (until)",
    """
    CREATE TABLE former_secrets (
        secret_hash bytea PRIMARY KEY,
        api_key_id text COLLATE "C" NOT NULL,
        until timestamptz NOT NULL,
        CONSTRAINT former_secrets_secret_hash_length_check CHECK (octet_length(secret_hash) = 32)
    )
    """,
    "CREATE INDEX ON former_secrets (until)",
)

TABLES = (
    "former_secrets",
    "former_places",
    "usage_closings",
    "spend_adjustments",
    "lifetime_spends",
    "spends",
    "usage_days",
    "usage_requests",
    "usage_events",
    "budget_increases",
)


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    for statement in (*INCREASES, *EVENTS, *DAYS, *SPENDS, *FORMER):
        op.execute(statement)


def downgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    for table in TABLES:
        op.execute(f"DROP TABLE {table}")
