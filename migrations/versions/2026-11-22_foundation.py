"""The foundation: organizations, users, teams, their members, budgets, API keys, the audit.

Names that are not written here are PostgreSQL's own, which the models follow.
"""

from alembic import op

revision = "0001"
down_revision = None

# What waits longer for a table makes everybody else wait behind it.
LOCK_TIMEOUT = "SET LOCAL lock_timeout = '5s'"

TABLES = {
    "organizations": """
        id text COLLATE "C" PRIMARY KEY,
        external_id text COLLATE "C" UNIQUE,
        name text NOT NULL,
        name_key text COLLATE "C" NOT NULL,
        metadata jsonb NOT NULL DEFAULT '{}',
        version integer NOT NULL DEFAULT 1,
        created_at timestamptz NOT NULL DEFAULT now(),
        updated_at timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT organizations_name_length_check
            CHECK (char_length(name) BETWEEN 1 AND 128),
        CONSTRAINT organizations_name_key_length_check
            CHECK (char_length(name_key) BETWEEN 1 AND 256),
        CONSTRAINT organizations_external_id_length_check
            CHECK (char_length(external_id) BETWEEN 1 AND 128)
    """,
    "users": """
        id text COLLATE "C" PRIMARY KEY,
        external_id text COLLATE "C" UNIQUE,
        name text NOT NULL,
        name_key text COLLATE "C" NOT NULL,
        email text,
        email_key text COLLATE "C" UNIQUE,
        role text NOT NULL DEFAULT 'USER',
        blocked boolean NOT NULL DEFAULT false,
        metadata jsonb NOT NULL DEFAULT '{}',
        version integer NOT NULL DEFAULT 1,
        created_at timestamptz NOT NULL DEFAULT now(),
        updated_at timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT users_name_length_check
            CHECK (char_length(name) BETWEEN 1 AND 128),
        CONSTRAINT users_name_key_length_check
            CHECK (char_length(name_key) BETWEEN 1 AND 256),
        CONSTRAINT users_external_id_length_check
            CHECK (char_length(external_id) BETWEEN 1 AND 128),
        CONSTRAINT users_email_length_check
            CHECK (char_length(email) BETWEEN 1 AND 254),
        CONSTRAINT users_email_key_length_check
            CHECK (char_length(email_key) BETWEEN 1 AND 508),
        CONSTRAINT users_email_has_key_check
            CHECK ((email IS NULL) = (email_key IS NULL)),
        CONSTRAINT users_role_known_check
            CHECK (role IN ('ADMIN', 'VIEWER', 'USER', 'USER_VIEWER'))
    """,
    "organization_members": """
        id text COLLATE "C" PRIMARY KEY,
        organization_id text COLLATE "C" NOT NULL REFERENCES organizations ON DELETE CASCADE,
        user_id text COLLATE "C" NOT NULL REFERENCES users ON DELETE CASCADE,
        role text NOT NULL,
        version integer NOT NULL DEFAULT 1,
        joined_at timestamptz NOT NULL DEFAULT now(),
        UNIQUE (organization_id, user_id),
        CONSTRAINT organization_members_role_known_check
            CHECK (role IN ('ADMIN', 'MEMBER', 'VIEWER'))
    """,
    "teams": """
        id text COLLATE "C" PRIMARY KEY,
        organization_id text COLLATE "C" NOT NULL REFERENCES organizations,
        external_id text COLLATE "C" UNIQUE,
        name text NOT NULL,
        name_key text COLLATE "C" NOT NULL,
        description text,
        blocked boolean NOT NULL DEFAULT false,
        tags text[] NOT NULL DEFAULT '{}',
        metadata jsonb NOT NULL DEFAULT '{}',
        version integer NOT NULL DEFAULT 1,
        created_at timestamptz NOT NULL DEFAULT now(),
        updated_at timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT teams_name_length_check
            CHECK (char_length(name) BETWEEN 1 AND 128),
        CONSTRAINT teams_name_key_length_check
            CHECK (char_length(name_key) BETWEEN 1 AND 256),
        CONSTRAINT teams_external_id_length_check
            CHECK (char_length(external_id) BETWEEN 1 AND 128),
        CONSTRAINT teams_description_length_check
            CHECK (char_length(description) <= 2000),
        CONSTRAINT teams_tags_count_check
            CHECK (cardinality(tags) <= 50)
    """,
    "team_members": """
        id text COLLATE "C" PRIMARY KEY,
        team_id text COLLATE "C" NOT NULL REFERENCES teams ON DELETE CASCADE,
        user_id text COLLATE "C" NOT NULL REFERENCES users ON DELETE CASCADE,
        role text NOT NULL,
        version integer NOT NULL DEFAULT 1,
        joined_at timestamptz NOT NULL DEFAULT now(),
        UNIQUE (team_id, user_id),
        CONSTRAINT team_members_role_known_check
            CHECK (role IN ('ADMIN', 'MEMBER'))
    """,
    "budgets": """
        id text COLLATE "C" PRIMARY KEY,
        organization_id text COLLATE "C" REFERENCES organizations ON DELETE CASCADE,
        team_id text COLLATE "C" REFERENCES teams ON DELETE CASCADE,
        default_of_team_id text COLLATE "C" REFERENCES teams ON DELETE CASCADE,
        team_member_id text COLLATE "C" REFERENCES team_members ON DELETE CASCADE,
        user_id text COLLATE "C" REFERENCES users ON DELETE CASCADE,
        max_budget numeric(28, 10),
        soft_budget numeric(28, 10),
        duration text COLLATE "C",
        timezone text COLLATE "C" NOT NULL DEFAULT 'UTC',
        tpm_limit bigint,
        rpm_limit bigint,
        max_parallel_requests bigint,
        version integer NOT NULL DEFAULT 1,
        created_at timestamptz NOT NULL DEFAULT now(),
        updated_at timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT budgets_one_owner_check CHECK (
            (organization_id IS NOT NULL)::int + (team_id IS NOT NULL)::int
            + (default_of_team_id IS NOT NULL)::int + (team_member_id IS NOT NULL)::int
            + (user_id IS NOT NULL)::int = 1
        ),
        CONSTRAINT budgets_max_budget_range_check
            CHECK (max_budget BETWEEN 0 AND 1000000000000000000),
        CONSTRAINT budgets_soft_budget_range_check
            CHECK (soft_budget BETWEEN 0 AND 1000000000000000000),
        CONSTRAINT budgets_soft_below_max_check
            CHECK (soft_budget < max_budget),
        CONSTRAINT budgets_duration_form_check
            CHECK (duration ~ '^[1-9][0-9]{0,4}(s|m|h|d|w|mo|y)$'),
        CONSTRAINT budgets_timezone_length_check
            CHECK (char_length(timezone) BETWEEN 1 AND 64),
        CONSTRAINT budgets_tpm_limit_range_check
            CHECK (tpm_limit BETWEEN 0 AND 4611686018427387904),
        CONSTRAINT budgets_rpm_limit_range_check
            CHECK (rpm_limit BETWEEN 0 AND 4611686018427387904),
        CONSTRAINT budgets_max_parallel_requests_range_check
            CHECK (max_parallel_requests BETWEEN 0 AND 4611686018427387904)
    """,
    "api_keys": """
        id text COLLATE "C" PRIMARY KEY,
        user_id text COLLATE "C" NOT NULL REFERENCES users ON DELETE CASCADE,
        alias text,
        alias_key text COLLATE "C",
        secret_hash bytea NOT NULL UNIQUE,
        last_four text COLLATE "C" NOT NULL,
        scopes text[] NOT NULL,
        expires_at timestamptz,
        version integer NOT NULL DEFAULT 1,
        created_at timestamptz NOT NULL DEFAULT now(),
        updated_at timestamptz NOT NULL DEFAULT now(),
        UNIQUE (user_id, alias_key),
        CONSTRAINT api_keys_alias_length_check
            CHECK (char_length(alias) BETWEEN 1 AND 128),
        CONSTRAINT api_keys_alias_key_length_check
            CHECK (char_length(alias_key) BETWEEN 1 AND 256),
        CONSTRAINT api_keys_alias_has_key_check
            CHECK ((alias IS NULL) = (alias_key IS NULL)),
        CONSTRAINT api_keys_secret_hash_length_check
            CHECK (octet_length(secret_hash) = 32),
        CONSTRAINT api_keys_last_four_length_check
            CHECK (char_length(last_four) BETWEEN 1 AND 4),
        CONSTRAINT api_keys_scopes_known_check
            CHECK (scopes <@ ARRAY['MANAGE']::text[])
    """,
    "audit_entries": """
        id text COLLATE "C" PRIMARY KEY,
        at timestamptz NOT NULL DEFAULT now(),
        actor_user_id text COLLATE "C",
        actor_key_id text COLLATE "C",
        action text COLLATE "C" NOT NULL,
        object_id text COLLATE "C" NOT NULL,
        organization_id text COLLATE "C",
        team_id text COLLATE "C",
        before jsonb,
        after jsonb,
        request_id text COLLATE "C",
        CONSTRAINT audit_entries_action_length_check
            CHECK (char_length(action) BETWEEN 1 AND 64),
        CONSTRAINT audit_entries_object_id_length_check
            CHECK (char_length(object_id) BETWEEN 1 AND 64),
        CONSTRAINT audit_entries_request_id_length_check
            CHECK (char_length(request_id) BETWEEN 1 AND 128)
    """,
}

INDEXES = (
    "INDEX ON organizations (name_key, id)",
    "INDEX ON organizations (created_at, id)",
    "INDEX ON users (name_key, id)",
    "INDEX ON users (created_at, id)",
    "INDEX ON organization_members (organization_id, id)",
    "INDEX ON organization_members (user_id, organization_id)",
    "INDEX ON teams (name_key, id)",
    "INDEX ON teams (created_at, id)",
    "INDEX ON teams (organization_id, name_key, id)",
    "INDEX ON teams (organization_id, created_at, id)",
    "INDEX teams_blocked_idx ON teams (id) WHERE blocked",
    "INDEX ON team_members (team_id, id)",
    "INDEX ON team_members (user_id, team_id)",
    *(
        f"UNIQUE INDEX budgets_{owner}_key ON budgets ({owner}) WHERE {owner} IS NOT NULL"
        for owner in (
            "organization_id",
            "team_id",
            "default_of_team_id",
            "team_member_id",
            "user_id",
        )
    ),
    "INDEX ON api_keys (user_id, id)",
    "INDEX ON audit_entries (object_id, id)",
    "INDEX ON audit_entries (organization_id, id)",
    "INDEX ON audit_entries (team_id, id)",
    "INDEX ON audit_entries (actor_user_id, id)",
    "INDEX ON audit_entries (action, id)",
)

# Holds every team that was given no other organization.
BUILT_IN_ORGANIZATION = """
    INSERT INTO organizations (id, external_id, name, name_key)
    VALUES ('org_00000000000000000000000000', 'default', 'Default', 'default')
"""


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    for table, parts in TABLES.items():
        op.execute(f"CREATE TABLE {table} ({parts})")
    for index in INDEXES:
        op.execute(f"CREATE {index}")
    op.execute(BUILT_IN_ORGANIZATION)


def downgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    for table in reversed(TABLES):
        op.execute(f"DROP TABLE {table}")
