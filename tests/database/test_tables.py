"""The tables as PostgreSQL's catalog has them: what the models say, by the rules of the house."""

import re

import asyncpg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import ARRAY, Connection

from bursar.database.migrations import alone
from bursar.database.tables import metadata
from bursar.domain.ids import DEFAULT_ORGANIZATION

COLUMNS = """
    SELECT relname AS table, attname AS column, format_type(atttypid, atttypmod) AS type,
        collname AS collation, attnotnull AS required, pg_get_expr(adbin, adrelid) AS default
    FROM pg_attribute
    JOIN pg_class ON pg_class.oid = attrelid AND relkind IN ('r', 'p')
        AND relname <> 'alembic_version' AND NOT relispartition
    LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
    LEFT JOIN pg_collation ON pg_collation.oid = attcollation
    WHERE relnamespace = current_schema()::regnamespace AND attnum > 0 AND NOT attisdropped
"""
# But for NOT NULL, which is a column's above and a constraint only since PostgreSQL 18.
CONSTRAINTS = """
    SELECT relname AS table, conname AS name, contype::text AS kind,
        pg_get_constraintdef(pg_constraint.oid) AS definition,
        ARRAY(SELECT attname::text FROM pg_attribute
            WHERE attrelid = conrelid AND attnum = ANY (conkey)
            ORDER BY attname) AS columns
    FROM pg_constraint
    JOIN pg_class ON pg_class.oid = conrelid
        AND relname <> 'alembic_version' AND NOT relispartition
    WHERE connamespace = current_schema()::regnamespace AND contype <> 'n'
"""
INDEXES = """
    SELECT relname AS table, pg_get_indexdef(indexrelid, 0, true) AS definition
    FROM pg_index
    JOIN pg_class ON pg_class.oid = indrelid
        AND relname <> 'alembic_version' AND NOT relispartition
    WHERE relnamespace = current_schema()::regnamespace
"""

# Ids without a foreign key are made by the application alone, a prefix and 26 characters; and an
# array's check sees its elements only together.
WHOSE = {"user_id", "team_id", "team_member_id", "organization_id", "organization_member_id"}
LISTS_OF_TEXTS = {
    f"{name}.{column.name}"
    for name, table in metadata.tables.items()
    for column in table.c
    if isinstance(column.type, ARRAY) and column.name not in {"scopes", "member_permissions"}
}
OF_IDS = {"holder_id", "api_key_id", *WHOSE}
UNBOUNDED_TEXTS = {
    *LISTS_OF_TEXTS,
    *(f"{name}.id" for name, table in metadata.tables.items() if "id" in table.c),
    "audit_entries.actor_user_id",
    "audit_entries.actor_key_id",
    "audit_entries.organization_id",
    "audit_entries.team_id",
    "deleted_api_keys.user_id",
    "deleted_api_keys.team_id",
    "deleted_api_keys.organization_id",
    "deleted_api_keys.deleted_by_user_id",
    "deleted_api_keys.deleted_by_key_id",
    "deleted_teams.organization_id",
    "deleted_teams.deleted_by_user_id",
    "deleted_teams.deleted_by_key_id",
    *(
        f"{name}.{column.name}"
        for name, table in metadata.tables.items()
        for column in table.c
        if name.startswith(("usage_", "former_", "lifetime_", "spend")) and column.name in OF_IDS
    ),
}
BOUNDED_TEXT = re.compile(r"char_length\(.*\) <=|= ANY \(ARRAY\[|<@ ARRAY\[|~ '\^.*\$'")
MONTH = re.compile(r"_\d{4}_\d{2}$")
TWO_SIDES = re.compile(r">= .* <= ")


@pytest.fixture
async def columns(upgraded: str, as_owner: asyncpg.Connection) -> list[asyncpg.Record]:
    assert upgraded
    return list(await as_owner.fetch(COLUMNS))


@pytest.fixture
async def constraints(upgraded: str, as_owner: asyncpg.Connection) -> list[asyncpg.Record]:
    assert upgraded
    return list(await as_owner.fetch(CONSTRAINTS))


async def catalog(connection: asyncpg.Connection) -> set[str]:
    return {
        str(row)
        for query in (COLUMNS, CONSTRAINTS, INDEXES)
        for row in await connection.fetch(query)
    }


def no_partition(name: str | None, kind: str, _parents: object) -> bool:
    return kind != "table" or MONTH.search(str(name)) is None


async def test_autogenerate_finds_nothing_to_add_to_the_migrations(upgraded: str) -> None:
    def differences(connection: Connection) -> object:
        options = {"compare_server_default": True, "include_name": no_partition}
        return compare_metadata(MigrationContext.configure(connection, opts=options), metadata)

    assert await alone(upgraded, differences) == []


async def test_the_migrations_make_what_the_models_make(
    upgraded: str, as_owner: asyncpg.Connection
) -> None:
    """Checks and the conditions of indexes too, which autogenerate does not see."""
    by_migrations = await catalog(as_owner)
    await as_owner.execute(f"DROP TABLE {', '.join(metadata.tables)}")
    await alone(upgraded, metadata.create_all)

    by_models = await catalog(as_owner)

    assert len(by_models) > 100
    assert by_migrations ^ by_models == set()


@pytest.mark.parametrize(
    "query",
    [
        "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal",
        "SELECT relname FROM pg_class WHERE relkind = 'S' AND oid >= 16384",
        # A session of the tests has one of its own.
        "SELECT proname FROM pg_proc WHERE oid >= 16384 AND pronamespace::regnamespace::text !~ 'temp'",
        "SELECT extname FROM pg_extension WHERE extname <> 'plpgsql'",
    ],
    ids=["trigger", "sequence", "function", "extension"],
)
async def test_nothing_needs_a(as_owner: asyncpg.Connection, upgraded: str, query: str) -> None:
    """By 16384 begin the ids of what PostgreSQL's users make."""
    assert upgraded
    assert await as_owner.fetch(query) == []


def test_every_text_is_bounded(
    columns: list[asyncpg.Record], constraints: list[asyncpg.Record]
) -> None:
    texts = {
        f"{column['table']}.{column['column']}"
        for column in columns
        if column["type"].startswith(("text", "char"))
    }
    bounded = {
        f"{constraint['table']}.{constraint['columns'][0]}"
        for constraint in constraints
        if len(constraint["columns"]) == 1
        if constraint["kind"] == "f" or BOUNDED_TEXT.search(constraint["definition"])
    }

    assert texts - bounded == UNBOUNDED_TEXTS


def test_every_number_but_a_version_has_two_sides(
    columns: list[asyncpg.Record], constraints: list[asyncpg.Record]
) -> None:
    """Two, since NaN is above every number and passes a check of the lower side alone."""
    numbers = {
        f"{column['table']}.{column['column']}"
        for column in columns
        if column["type"].startswith(("int", "bigint", "small", "numeric"))
        # It counts changes from 1 and is nobody's input.
        if column["column"] != "version"
    }
    two_sided = {
        f"{constraint['table']}.{constraint['columns'][0]}"
        for constraint in constraints
        if constraint["kind"] == "c" and TWO_SIDES.search(constraint["definition"])
    }

    assert "budgets.max_budget" in numbers
    assert numbers - two_sided == set()


async def test_money_that_is_no_number_is_refused(as_application: asyncpg.Connection) -> None:
    with pytest.raises(asyncpg.CheckViolationError, match="budgets_max_budget_range_check"):
        await as_application.execute(
            "INSERT INTO budgets (id, organization_id, max_budget) VALUES ('b', $1, 'NaN')",
            DEFAULT_ORGANIZATION,
        )


def test_no_column_is_a_float_a_local_time_or_anything_else_that_loses(
    columns: list[asyncpg.Record],
) -> None:
    assert {column["type"] for column in columns} == {
        *("text", "text[]", "bytea", "jsonb", "boolean", "integer", "bigint", "date"),
        *("numeric(28,10)", "timestamp with time zone"),
    }


def test_ids_and_keys_compare_byte_by_byte(columns: list[asyncpg.Record]) -> None:
    compared = {
        f"{column['table']}.{column['column']}": column["collation"]
        for column in columns
        if re.search("(^|_)(id|key)$", column["column"])
    }

    assert "users.email_key" in compared
    assert {name for name, collation in compared.items() if collation != "C"} == set()
