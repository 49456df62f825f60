"""The probes: alive whatever happens around, ready only when a request could be answered."""

import asyncio
from typing import Any

import pytest
from httpx2 import ASGITransport, AsyncClient, Response
from starlette.applications import Starlette

from bursar.database.revision import HEAD
from bursar.domain.errors import Unavailable
from bursar.http import health


class DatabaseAt:
    """Stands in for the pool: answers with a revision, late, or not at all."""

    def __init__(
        self, revision: str | None, fault: Exception | None = None, late: float = 0
    ) -> None:
        self.revision = revision
        self.fault = fault
        self.late = late

    async def one(self, _statement: object) -> Any:
        await asyncio.sleep(self.late)
        if self.fault:
            raise self.fault
        return self.revision and type("Row", (), {"version_num": self.revision})


async def ask(path: str, database: object, *, stopping: bool = False) -> Response:
    app = Starlette(routes=health.ROUTES)
    app.state.at_once, app.state.stopping = database, stopping
    async with AsyncClient(
        transport=ASGITransport(app=app), base_url="http://bursar.test"
    ) as asker:
        return await asker.get(path)


async def test_a_living_process_is_healthy_without_a_database() -> None:
    answer = await ask("/healthz", None, stopping=True)
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


async def test_a_database_at_head_is_ready() -> None:
    answer = await ask("/readyz", DatabaseAt(HEAD))
    checks = {"database": "ok", "schema": "ok", "server": "ok"}
    assert (answer.status_code, answer.json()) == (200, {"status": "ok", "checks": checks})


@pytest.mark.parametrize("revision", ["0000", None])
async def test_a_schema_of_another_version_is_not_ready(revision: str | None) -> None:
    answer = await ask("/readyz", DatabaseAt(revision))
    checks = {"database": "ok", "schema": "different", "server": "ok"}
    assert (answer.status_code, answer.json()) == (503, {"status": "unavailable", "checks": checks})


@pytest.mark.parametrize("fault", [Unavailable(), RuntimeError("db.internal:5432")])
async def test_a_database_that_is_away_is_not_ready(fault: Exception) -> None:
    answer = await ask("/readyz", DatabaseAt(None, fault))
    checks = {"database": "unavailable", "schema": "unknown", "server": "ok"}
    assert (answer.status_code, answer.json()) == (503, {"status": "unavailable", "checks": checks})


async def test_a_database_that_is_slow_is_not_waited_for() -> None:
    started = asyncio.get_running_loop().time()
    answer = await ask("/readyz", DatabaseAt(HEAD, late=60))
    assert answer.status_code == 503
    assert 0.9 < asyncio.get_running_loop().time() - started < 3


async def test_a_server_that_stops_is_not_ready() -> None:
    answer = await ask("/readyz", DatabaseAt(HEAD), stopping=True)
    assert answer.status_code == 503
    assert answer.json()["checks"]["server"] == "stopping"
