"""A connection: its time limits, how jsonb goes there and back, what it counts, how it is opened."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import bindparam, cast, select, text
from sqlalchemy.dialects.postgresql import JSONB

from bursar.database.connections import Connection, OneAtATime, connect, statements_sent
from bursar.database.embedded import EmbeddedPostgres
from bursar.database.statements import Statement
from bursar.domain.errors import Unavailable

ECHO = Statement(select(cast(bindparam("value", type_=JSONB), JSONB).label("value")))
BACKENDS = """
SELECT count(*) FROM pg_stat_activity
WHERE application_name = 'bursar' AND datname = current_database() AND usename = current_user
"""
NUMBERS = st.integers(-(2**63), 2**63 - 1) | st.floats(-1e15, 1e15).map(lambda x: round(x, 3))
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner),
)


@pytest.fixture
async def connection(postgres: EmbeddedPostgres) -> AsyncIterator[Connection]:
    connection = await connect(postgres.owner_url)
    yield connection
    await connection.raw.close()


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("lock_timeout", "2s"),
        ("statement_timeout", "5s"),
        ("idle_in_transaction_session_timeout", "10s"),
        ("application_name", "bursar"),
        ("TimeZone", "UTC"),
    ],
)
async def test_a_connection_is_opened_with_limits(
    connection: Connection, setting: str, value: str
) -> None:
    row = await connection.one(Statement(text(f"SELECT current_setting('{setting}') AS value")))
    assert row is not None
    assert row.value == value


@given(JSON)
@settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
async def test_json_comes_back_as_it_was_given(connection: Connection, value: Any) -> None:
    row = await connection.one(ECHO, value=value)
    assert row is not None
    assert row.value == value


async def test_a_row_has_its_columns_as_attributes(connection: Connection) -> None:
    row = await connection.one(Statement(text("SELECT 1 AS one, NULL AS nothing")))
    assert row is not None
    assert (row.one, row.nothing, row["one"]) == (1, None, 1)
    with pytest.raises(AttributeError):
        _ = row.two


async def test_statements_are_counted_for_the_request_and_commands_are_not(
    connection: Connection,
) -> None:
    one = Statement(text("SELECT 1"))
    add = Statement(text("SELECT CAST(:x AS int) AS x"))
    counted = statements_sent.set(sent := [0])
    await connection.one(one)
    await connection.all(one)
    rows = await connection.each(add, [{"x": n} for n in range(5)])
    await connection.command("SELECT 1")
    statements_sent.reset(counted)
    await connection.one(one)
    assert [row.x for row in rows] == [0, 1, 2, 3, 4]
    assert sent == [3]


async def test_one_finds_nothing_as_none(connection: Connection) -> None:
    assert await connection.one(Statement(text("SELECT 1 WHERE false"))) is None
    assert await connection.all(Statement(text("SELECT 1 WHERE false"))) == []


async def test_readers_of_one_connection_take_turns(connection: Connection) -> None:
    slow = Statement(text("SELECT pg_sleep(0.01)"))
    with pytest.raises(Unavailable):  # asyncpg takes one statement at a time
        await asyncio.gather(connection.one(slow), connection.one(slow))
    await asyncio.sleep(0.05)
    reads = OneAtATime(connection)
    rows = await asyncio.gather(*(reads.one(slow) for _ in range(5)), reads.all(slow))
    assert len(rows) == 6


@pytest.mark.parametrize(
    "dsn", ["postgresql://bursar@127.0.0.1:1/x", "postgresql://bursar@host.invalid/x"]
)
async def test_a_server_that_is_not_there_is_unavailable(dsn: str) -> None:
    with pytest.raises(Unavailable):
        await connect(dsn)


@pytest.mark.parametrize("error", [ConnectionResetError, asyncio.CancelledError])
async def test_a_connection_that_was_half_opened_is_closed(
    postgres: EmbeddedPostgres,
    as_owner: asyncpg.Connection,
    monkeypatch: pytest.MonkeyPatch,
    error: type[BaseException],
) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(asyncpg.Connection, "set_type_codec", fail)
    before = await as_owner.fetchval(BACKENDS)
    expected = Unavailable if error is ConnectionResetError else error
    with pytest.raises(expected):
        await connect(postgres.owner_url)
    await asyncio.sleep(0.1)
    assert await as_owner.fetchval(BACKENDS) == before
