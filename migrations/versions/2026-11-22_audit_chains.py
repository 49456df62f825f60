"""Audit chains: the entries of each organization linked by hashes, and where each chain ends."""

from alembic import op

revision = "0005"
down_revision = "0004"

# What waits longer for a table makes everybody else wait behind it.
LOCK_TIMEOUT = "SET LOCAL lock_timeout = '5s'"

HEADS = """
    CREATE TABLE audit_heads (
        chain text COLLATE "C" PRIMARY KEY,
        position bigint NOT NULL,
        hash bytea NOT NULL,
        CONSTRAINT audit_heads_chain_length_check CHECK (char_length(chain) BETWEEN 1 AND 64),
        CONSTRAINT audit_heads_position_range_check
            CHECK (position BETWEEN 0 AND 4611686018427387904),
        CONSTRAINT audit_heads_hash_length_check CHECK (octet_length(hash) = 32)
    )
"""

ENTRIES: tuple[str, ...] = (
    """
    ALTER TABLE audit_entries
        ADD COLUMN position bigint,
        ADD COLUMN previous_hash bytea,
        ADD COLUMN hash bytea
    """,
    # The entries there are, in the order of their ids.
    """
    CREATE UNLOGGED TABLE chained AS
    SELECT id, COALESCE(organization_id, 'platform') AS chain,
        row_number() OVER (PARTITION BY organization_id ORDER BY id) AS position,
        jsonb_build_array(
            COALESCE(organization_id, 'platform'),
            row_number() OVER (PARTITION BY organization_id ORDER BY id), id,
            to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
            actor_user_id, actor_key_id, on_behalf_of, action, object_id, organization_id,
            team_id, request_id, before, after
        )::text AS said
    FROM audit_entries
    """,
    "CREATE UNIQUE INDEX ON chained (chain, position)",
    "ANALYZE chained",
    # Each next entry is looked up; any other join would read them all for each.
    "SET LOCAL enable_hashjoin = off",
    "SET LOCAL enable_mergejoin = off",
    """
    CREATE UNLOGGED TABLE hashed AS
    WITH RECURSIVE link AS (
        SELECT id, chain, position, nothing AS previous_hash,
            sha256(nothing || convert_to(said, 'UTF8')) AS hash
        FROM chained CROSS JOIN (VALUES (decode(repeat('00', 32), 'hex'))) AS first (nothing)
        WHERE position = 1
        UNION ALL
        SELECT next.id, next.chain, next.position, link.hash,
            sha256(link.hash || convert_to(next.said, 'UTF8'))
        FROM link JOIN chained next ON next.chain = link.chain AND next.position = link.position + 1
    )
    SELECT * FROM link
    """,
    "SET LOCAL enable_hashjoin = on",
    "SET LOCAL enable_mergejoin = on",
    """
    UPDATE audit_entries entry
    SET position = hashed.position, previous_hash = hashed.previous_hash, hash = hashed.hash
    FROM hashed WHERE hashed.id = entry.id
    """,
    """
    INSERT INTO audit_heads
    SELECT DISTINCT ON (chain) chain, position, hash FROM hashed ORDER BY chain, position DESC
    """,
    "DROP TABLE chained, hashed",
    """
    ALTER TABLE audit_entries
        ALTER COLUMN position SET NOT NULL,
        ALTER COLUMN previous_hash SET NOT NULL,
        ALTER COLUMN hash SET NOT NULL,
        ADD CONSTRAINT audit_entries_position_range_check
            CHECK (position BETWEEN 0 AND 4611686018427387904),
        ADD CONSTRAINT audit_entries_previous_hash_length_check
            CHECK (octet_length(previous_hash) = 32),
        ADD CONSTRAINT audit_entries_hash_length_check CHECK (octet_length(hash) = 32)
    """,
    """
    CREATE UNIQUE INDEX audit_entries_chain_position_key
        ON audit_entries (COALESCE(organization_id, 'platform'), position)
    """,
)

# The entries stay. Chained again they have other hashes where positions differ: what was kept of
# the chains elsewhere is of use only until then.
BACK = (
    "DROP INDEX audit_entries_chain_position_key",
    "ALTER TABLE audit_entries DROP COLUMN position, DROP COLUMN previous_hash, DROP COLUMN hash",
    "DROP TABLE audit_heads",
)


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    for statement in (HEADS, *ENTRIES):
        op.execute(statement)


def downgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    for statement in BACK:
        op.execute(statement)
