"""A secret that was replaced, blocked or deleted is refused from the acknowledgement on, everywhere."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from typing import Self

import httpx2
import pytest

from bursar.database.embedded import EmbeddedPostgres
from factories import Factory, Key
from live_server import LiveApi, LiveServer, serving_on

WHO = {"query": "{ viewer { key { id } } }"}
WORKERS = 3
CONNECTIONS = 12  # to each address, so that each of the workers behind one is likely to be asked
trials = pytest.mark.parametrize("trials", [50, pytest.param(500, marks=pytest.mark.soak)])

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
    """Several workers behind one port, each of which was asked in the end."""
    with serving_on(migrated.application_url, workers=WORKERS) as server:
        yield server
        answering = {line["worker"] for line in server.lines() if line["event"] == "request"}
    assert len(answering) == WORKERS


@pytest.fixture
def urls(server: LiveServer) -> list[str]:
    """Every address of the server."""
    return [server.url]


@trials
@pytest.mark.parametrize("document", [ROTATE, BLOCK, DELETE], ids=["rotate", "block", "delete"])
async def test_old_secret_is_refused_from_the_acknowledgement_on(
    ask: LiveApi, make: Factory, urls: list[str], document: str, trials: int
) -> None:
    admin, team = await make.admin(), await make.team()
    async with Door(urls) as door:
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


class Door:
    """Shows a secret at every address over several connections, kept open, at the same moment."""

    def __init__(self, urls: list[str]) -> None:
        self._clients = [
            httpx2.AsyncClient(base_url=url, timeout=30) for url in urls for _ in range(CONNECTIONS)
        ]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.gather(*(client.aclose() for client in self._clients))

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
