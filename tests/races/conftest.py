"""A real server over the tests' PostgreSQL, for people who ask it at the same moment."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import httpx2
import pytest

from bursar.database.embedded import EmbeddedPostgres
from bursar.database.pool import Database
from bursar.operations import doctor
from live_server import LiveApi, LiveServer, serving_on

DEADLOCKS = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"


@pytest.fixture(scope="session")
async def server(
    migrated: EmbeddedPostgres, owner: asyncpg.Connection
) -> AsyncIterator[LiveServer]:
    """One for all races; at the end nothing was logged as an error, and no deadlock was broken."""
    before = await owner.fetchval(DEADLOCKS)
    room = {"BURSAR_MAX_REQUESTS_UNDER_WAY": "200"}  # for all of a race
    with serving_on(migrated.application_url, **room) as server:
        yield server
        levels = {line["level"] for line in server.lines()}
    assert levels == {"info"}
    await asyncio.sleep(0.5)  # a backend hands in its counts when it ends
    assert await owner.fetchval(DEADLOCKS) == before


@pytest.fixture
async def ask(
    server: LiveServer,
    database: Database,  # noqa: ARG001 (emptied after the test)
    migrated: EmbeddedPostgres,
) -> AsyncIterator[LiveApi]:
    """At the end the doctor finds nothing."""
    limits = httpx2.Limits(max_connections=None, max_keepalive_connections=None)
    async with httpx2.AsyncClient(base_url=server.url, limits=limits, timeout=30) as http:
        yield LiveApi(http)
    assert (await doctor.report(migrated.owner_url)).violations == []
