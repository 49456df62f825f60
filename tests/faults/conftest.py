"""The API over a pool of one connection, so that none is kept unseen; and over a proxy that fails."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import httpx2
import pytest
from faults.proxy import Proxy, proxied
from faults.storm import Storm
from starlette.applications import Starlette

from bursar.app import create_app
from bursar.database import pool as pools
from bursar.database.embedded import EmbeddedPostgres
from bursar.database.pool import Database
from bursar.settings import Settings
from factories import PEPPER, Factory

BACKENDS = """
SELECT count(*) FROM pg_stat_activity
WHERE application_name = 'bursar' AND datname = current_database()
"""


@pytest.fixture(scope="session")
async def app(migrated: EmbeddedPostgres) -> AsyncIterator[Starlette]:
    app = create_app(Settings(pool_size=1), dsn=migrated.application_url, peppers=[PEPPER])
    yield app
    await app.state.database.close()


@pytest.fixture(autouse=True)
def _connections_take_their_time() -> None:
    """Not here, where time-outs are tested."""


@pytest.fixture(autouse=True)
def _at_once(no_tracebacks: None, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001 (for all of them)
    """Of five attempts the pauses between them would take most of the time."""
    monkeypatch.setattr(pools.JITTER, "uniform", lambda *_: 0)


@pytest.fixture(autouse=True)
async def _no_connection_is_lost(
    app: Starlette, pool: Database, owner: asyncpg.Connection
) -> AsyncIterator[None]:
    """At the end nobody has one, and PostgreSQL none that is not free; it is late to notice an end."""

    async def unknown() -> int:
        backends: int = await owner.fetchval(BACKENDS)
        return backends - pool.use.free - app.state.database.use.free

    before = await unknown()
    yield
    assert (app.state.database.use.lent, app.state.database.use.waiting) == (0, 0)
    async with asyncio.timeout(5):
        while await unknown() > before:  # noqa: ASYNC110 (PostgreSQL tells nobody)
            await asyncio.sleep(0.01)


@pytest.fixture
async def proxy(migrated: EmbeddedPostgres) -> AsyncIterator[Proxy]:
    async with proxied(migrated.application_url) as proxy:
        yield proxy


@pytest.fixture
async def proxied_app(proxy: Proxy) -> AsyncIterator[Starlette]:
    """The application, whose few connections go through the proxy; none is lent at the end."""
    app = create_app(Settings(pool_size=4), dsn=proxy.url, peppers=[PEPPER])
    yield app
    assert (app.state.database.use.lent, app.state.database.use.waiting) == (0, 0)
    await app.state.database.close()


@pytest.fixture
async def storm(proxied_app: Starlette, make: Factory) -> Storm:
    """Clients of the application behind the proxy."""
    transport = httpx2.ASGITransport(proxied_app)
    return await Storm.of(make, "http://bursar.test", transport=transport)
