"""Servers of a test's own, and what they log."""

import io
import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import httpx2
import pytest
import structlog

from api_client import Api
from bursar.app import create_app
from bursar.database.embedded import EmbeddedPostgres
from bursar.http import endpoint, logs
from bursar.settings import Settings
from factories import PEPPER, Factory

Serve = Callable[..., AbstractAsyncContextManager[httpx2.AsyncClient]]


@pytest.fixture
async def caller(api: Api, make: Factory) -> httpx2.AsyncClient:
    """Signed in as somebody who is nothing in particular."""
    person = await make.person()
    api.http.headers["Authorization"] = f"Bearer {person.secret}"
    return api.http


@pytest.fixture
def serve(migrated: EmbeddedPostgres) -> Serve:
    """Another server: `async with serve(pool_size=1) as caller`."""

    @asynccontextmanager
    async def serve(dsn: str | None = None, **settings: Any) -> AsyncIterator[httpx2.AsyncClient]:
        dsn = migrated.application_url if dsn is None else dsn
        app = create_app(Settings(**settings), dsn=dsn, peppers=[PEPPER])
        transport = httpx2.ASGITransport(app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://bursar.test") as caller:
            yield caller
        await app.state.database.close()

    return serve


@pytest.fixture
def logged(
    logging_as_before: None,  # noqa: ARG001 (after the test)
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[[], list[dict[str, Any]]]:
    """The lines that servers made after this wrote."""
    written = io.StringIO()
    logs.configure("info", written)
    monkeypatch.setattr(endpoint, "log", structlog.get_logger())  # one that is bound to no stream

    def lines() -> list[dict[str, Any]]:
        logging.getLogger().handlers[0].flush()  # what waits for the end of a turn
        return [json.loads(line) for line in written.getvalue().splitlines()]

    return lines
