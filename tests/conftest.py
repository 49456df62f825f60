"""PostgreSQL once for each worker, migrated once, emptied between tests; and the API in front of it."""

import logging
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    AsyncExitStack,
    asynccontextmanager,
)
from dataclasses import fields
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest
import structlog
from external import database_in
from starlette.applications import Starlette

from api_client import Api
from bursar.app import create_app
from bursar.database import connections, tables
from bursar.database import pool as pools
from bursar.database.embedded import EmbeddedPostgres, RunningPostgres
from bursar.database.grants import grant
from bursar.database.migrations import upgrade
from bursar.database.pool import Database
from bursar.domain.ids import DEFAULT_ORGANIZATION
from bursar.graphql.execution.limits import DocumentLimits
from bursar.settings import Settings
from factories import PEPPER, Factory
from live_server import LiveServer, serving_on

EXTERNAL = os.environ.get("BURSAR_TEST_DATABASE_URL")
# What no setting allows: documents that ask for everything at once, however long a busy machine takes.
WIDE = {f"max_{limit.name}": 10**9 for limit in fields(DocumentLimits)} | {
    "max_request_seconds": 3600
}
# Of a few rows, DELETE takes a twentieth of what TRUNCATE does, which makes each table and index anew.
# A function is planned once a session; most tables, and all their partitions, are found empty at once.
_EMPTIED = "\n".join(
    f"IF EXISTS (SELECT FROM {table.name}) THEN DELETE FROM {table.name}; END IF;"
    for table in reversed(tables.metadata.sorted_tables)
    if table is not tables.organizations
)
PREPARE_EMPTY = f"""
CREATE FUNCTION pg_temp.empty() RETURNS void LANGUAGE plpgsql AS $$ BEGIN
{_EMPTIED}
DELETE FROM organizations WHERE id <> '{DEFAULT_ORGANIZATION}';
UPDATE organizations SET name = 'Default', name_key = 'default', metadata = '{{}}', version = 1,
  models = '{{}}', allow_none = false;
END $$
"""
EMPTY = "SELECT pg_temp.empty()"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what tests counted with `record_property`, each kind of thing summed over all of them."""
    counted: Counter[str] = Counter()
    for report in terminalreporter.getreports("passed"):
        counted.update({what: n for what, n in report.user_properties if isinstance(n, int)})
    for what, number in counted.items():
        terminalreporter.write_line(f"{what}: {number:,}")


@pytest.fixture(scope="session", autouse=True)
def _no_setting_of_bursar() -> None:
    """Which refuses names that it does not know; only here, as xdist hands the environment on."""
    os.environ.pop("BURSAR_TEST_DATABASE_URL", None)


@pytest.fixture(autouse=True)
def _connections_take_their_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """In this process, whose machine may be busy; servers that tests start have the real time-outs."""
    monkeypatch.setattr(connections, "CONNECT_SECONDS", 60)
    monkeypatch.setattr(pools, "ACQUIRE_SECONDS", 60)


@pytest.fixture(scope="session")
def postgres() -> Iterator[EmbeddedPostgres | RunningPostgres]:
    """A server of this worker's own, or its own database in BURSAR_TEST_DATABASE_URL's.

    pytest's tmp_path is a place that root's PostgreSQL could not enter.
    """
    if EXTERNAL:
        with database_in(EXTERNAL) as database:
            yield database
        return
    parent = Path(tempfile.mkdtemp(prefix="bursar-test-"))
    parent.chmod(0o711)
    try:
        with EmbeddedPostgres(parent / "data", durable=False) as server:
            yield server
    finally:
        shutil.rmtree(parent)


@pytest.fixture(scope="session")
def application_role(postgres: EmbeddedPostgres) -> str:
    return urlsplit(postgres.application_url).username or ""


@pytest.fixture(scope="session")
async def migrated(postgres: EmbeddedPostgres, application_role: str) -> EmbeddedPostgres:
    await upgrade(postgres.owner_url)
    await grant(postgres.owner_url, application_role)
    return postgres


@pytest.fixture(scope="session")
async def pool(migrated: EmbeddedPostgres) -> AsyncIterator[Database]:
    pool = Database(migrated.application_url)
    yield pool
    await pool.close()


@pytest.fixture(scope="session")
async def owner(migrated: EmbeddedPostgres) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(migrated.owner_url)
    await connection.execute(PREPARE_EMPTY)
    yield connection
    await connection.close()


@pytest.fixture
async def database(pool: Database, owner: asyncpg.Connection) -> AsyncIterator[Database]:
    """The migrated database, empty but for what the migrations put there."""
    yield pool
    await owner.execute(EMPTY)


@pytest.fixture(scope="session")
async def app(migrated: EmbeddedPostgres) -> AsyncIterator[Starlette]:
    app = create_app(Settings(), dsn=migrated.application_url, peppers=[PEPPER])
    yield app
    await app.state.database.close()


@pytest.fixture
def app_with(migrated: EmbeddedPostgres) -> Callable[..., AbstractAsyncContextManager[Starlette]]:
    """The application by other settings: `async with app_with(workers=2) as app`."""

    @asynccontextmanager
    async def other(**settings: object) -> AsyncIterator[Starlette]:
        app = create_app(Settings(**settings), dsn=migrated.application_url, peppers=[PEPPER])
        yield app
        await app.state.database.close()

    return other


@pytest.fixture
async def wide_apis(
    migrated: EmbeddedPostgres,
    database: Database,  # noqa: ARG001 (emptied after the test)
    owner: asyncpg.Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[list[Api]]:
    """As `api`, without the limits of documents and time-outs: by plans, and by graphql-core alone."""
    monkeypatch.setattr(f"{connections.__name__}._TIME_OUTS", {})
    monkeypatch.setattr(connections, "SILENCE_SECONDS", 3600)
    async with AsyncExitStack() as stack:
        apis = []
        for compiled in (True, False):
            settings = Settings().model_copy(update={**WIDE, "compiled": compiled})
            app = create_app(settings, dsn=migrated.application_url, peppers=[PEPPER])
            stack.push_async_callback(app.state.database.close)
            apis.append(await stack.enter_async_context(Api(app, owner)))
        yield apis


@pytest.fixture
def wide_api(wide_apis: list[Api]) -> Api:
    """By plans, without the limits of documents."""
    return wide_apis[0]


@pytest.fixture
def logging_as_before() -> Iterator[None]:
    """Where a test has Bursar configure the log, often for a stream that is closed after it."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    root.handlers, root.level = handlers, level
    logging.captureWarnings(capture=False)
    logging.getLogger("strawberry.execution").disabled = False
    structlog.reset_defaults()


@pytest.fixture
def no_tracebacks() -> Iterator[None]:
    """Where a test makes faults: printed beautifully, they would take most of the time."""
    with structlog.testing.capture_logs():
        yield


@pytest.fixture
async def make(database: Database) -> Factory:
    """Makes things straight in the database: `await make.team(name="…")`."""
    return Factory(database)


@pytest.fixture
def live_server(
    migrated: EmbeddedPostgres,
    database: Database,  # noqa: ARG001 (emptied after the test)
) -> Callable[..., AbstractContextManager[LiveServer]]:
    """Serves over sockets, from processes of its own: `with live_server(workers=4) as server`."""
    return partial(serving_on, migrated.application_url)


@pytest.fixture
async def api(app: Starlette, database: Database, owner: asyncpg.Connection) -> AsyncIterator[Api]:  # noqa: ARG001 (emptied after the test)
    """Speaks GraphQL over HTTP as somebody: `await api(user, document, **variables)`."""
    async with Api(app, owner) as api:
        yield api
