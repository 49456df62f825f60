"""A secret that was replaced, blocked or deleted is refused from the acknowledgement on, everywhere."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Self

import httpx2
import pytest

from api_client import Api
from bursar.database.embedded import EmbeddedPostgres
from bursar.database.pool import Database
from factories import Factory, Key
from live_server import LiveApi, LiveServer, serving_on

WHO = {"query": "{ viewer { key { id } } }"}
WORKERS = 3
CONNECTIONS = 4  # to each worker
trials = pytest.mark.parametrize("trials", [20, pytest.param(500, marks=pytest.mark.soak)])

ROTATE = """
mutation Rotate($input: ApiKeyRotateInput!) {
  apiKeyRotate(input: $input) { secret errors { code path } }
}
"""
BLOCK = """
mutation Block($input: ApiKeyBlockInput!) { apiKeyBlock(input: $input) { errors { code path } } }
"""
DELETE = """
mutation Delete($input: ApiKeysDeleteInput!) { apiKeysDelete(input: $input) { errors { code path } } }
"""


@pytest.fixture(scope="module")
def server(migrated: EmbeddedPostgres) -> Iterator[LiveServer]:
    """Several workers behind one port."""
    with serving_on(migrated.application_url, workers=WORKERS) as server:
        yield server


@trials
@pytest.mark.parametrize("document", [ROTATE, BLOCK, DELETE], ids=["rotate", "block", "delete"])
async def test_old_secret_is_refused_from_the_acknowledgement_on(
    ask: LiveApi, make: Factory, server: LiveServer, document: str, trials: int
) -> None:
    admin, team = await make.admin(), await make.team()
    async with Door(server) as door:
        await door.reach_all_workers(await make.api_key(team=team))
        for _ in range(trials):
            key = await make.api_key(team=team)
            assert await door.statuses(key) == {200}
            knocking = asyncio.create_task(door.knock_until_refused(key))
            given = {"ids": [key.id]} if document is DELETE else {"id": key.id}
            answer = await ask(admin, document, input=given)
            assert await door.statuses(key) == {401}
            assert answer.refusals == []
            if document is ROTATE:
                rotated = replace(key, secret=answer.payload["secret"])
                assert await door.statuses(rotated) == {200}
            assert await knocking == 401


async def test_old_secret_is_refused_though_others_that_show_it_are_still_looked_up(
    api: Api, make: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sign-ins share statements: none may join one that began before the acknowledgement."""
    look_up = Database.all

    async def late(self: Database, statement: Any, **values: Any) -> Any:
        found = await look_up(self, statement, **values)
        await asyncio.sleep(0.01)  # what was found is old when it is told
        return found

    admin, team = await make.admin(), await make.team()
    key = await make.api_key(team=team)
    monkeypatch.setattr(Database, "all", late)
    shown = [key]

    async def show() -> None:
        while True:
            await api(shown[-1], WHO["query"])

    showing = [asyncio.create_task(show()) for _ in range(4)]
    try:
        for _ in range(10):
            rotated = await api.mutate(admin, "apiKeyRotate", "secret", id=key.id)
            now = replace(key, secret=rotated.payload["secret"])
            statuses = [(await api(one, WHO["query"])).status for one in (shown[-1], now)]
            assert statuses == [401, 200]
            shown.append(now)
    finally:
        for task in showing:
            task.cancel()
        await asyncio.gather(*showing, return_exceptions=True)


class Door:
    """Shows a secret over several connections, kept open, at the same moment."""

    def __init__(self, server: LiveServer) -> None:
        self._server = server
        self._clients: list[httpx2.AsyncClient] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.gather(*(client.aclose() for client in self._clients))

    async def reach_all_workers(self, key: Key) -> None:
        """Open connections until as many as are wanted lead to each of the workers."""
        opened: Counter[int] = Counter()
        while len(self._clients) < WORKERS * CONNECTIONS:
            assert opened.total() < 100 * WORKERS * CONNECTIONS
            client = httpx2.AsyncClient(base_url=self._server.url, timeout=30)
            before = len(self._requests())
            assert await self._status(client, key) == 200
            while len(self._requests()) == before:  # noqa: ASYNC110 (a log file has no event)
                await asyncio.sleep(0.01)  # the line comes after the answer
            worker = self._requests()[-1]["worker"]
            opened[worker] += 1
            if opened[worker] <= CONNECTIONS:
                self._clients.append(client)
            else:
                await client.aclose()

    def _requests(self) -> list[dict[str, Any]]:
        return [line for line in self._server.lines() if line["event"] == "request"]

    async def statuses(self, key: Key) -> set[int]:
        return set(await asyncio.gather(*(self._status(client, key) for client in self._clients)))

    async def knock_until_refused(self, key: Key) -> int:
        """Keep the secret in use, for whatever a server might remember of it; the last status."""
        status = 200
        while status == 200:
            status = await self._status(self._clients[0], key)
        return status

    async def _status(self, client: httpx2.AsyncClient, key: Key) -> int:
        headers = {"Authorization": f"Bearer {key.secret}"}
        response = await client.post("/graphql", json=WHO, headers=headers)
        return response.status_code
