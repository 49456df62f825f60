"""The API over a pool of one connection: whoever does not give it back leaves nothing to the next."""

from collections.abc import AsyncIterator, Iterator

import pytest
import structlog
from starlette.applications import Starlette

from bursar.app import create_app
from bursar.database.embedded import EmbeddedPostgres
from bursar.settings import Settings
from factories import PEPPER


@pytest.fixture(scope="session")
async def app(migrated: EmbeddedPostgres) -> AsyncIterator[Starlette]:
    app = create_app(Settings(pool_size=1), dsn=migrated.application_url, peppers=[PEPPER])
    yield app
    await app.state.database.close()


@pytest.fixture(autouse=True)
def _no_tracebacks() -> Iterator[None]:
    """Printed beautifully, they would take most of the time."""
    with structlog.testing.capture_logs():
        yield
