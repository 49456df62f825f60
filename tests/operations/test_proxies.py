"""Who a request comes from: whom a trusted proxy names, and of anybody else the peer itself."""

import gc
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send

from bursar.http.incoming import Incoming
from bursar.http.sign_in import address_of
from bursar.operations.server import Server
from bursar.operations.stopping import StopRequest
from bursar.settings import Settings

CLIENT, PROXY, STRANGER = "198.51.100.7", "10.1.2.3", "203.0.113.9"


@pytest.fixture(autouse=True)
def _collector_as_before() -> Iterator[None]:
    """A server tells it to leave alone what is there."""
    yield
    gc.unfreeze()


async def seen(trusted: list[str] | None, peer: tuple[str, int] | None, *lines: str) -> str:
    """The address that an application behind the server's own layers sees."""
    addresses: list[str] = []

    async def app(scope: Scope, receive: Receive, _: Send) -> None:
        addresses.append(address_of(Incoming(scope, receive)))

    given: Any = app
    server = Server(Settings(trusted_proxies=trusted), given, StopRequest(), lambda: None)
    server.config.load()
    headers = [(b"x-forwarded-for", line.encode()) for line in lines]
    scope: Any = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "method": "POST",
        "path": "/graphql",
        "scheme": "http",
        "client": peer,
        "headers": headers,
    }
    unused: Any = None
    await server.config.loaded_app(scope, unused, unused)
    return addresses[0]


async def test_only_of_trusted_proxies_the_client_that_they_name_counts() -> None:
    trusted = ["10.0.0.0/8"]
    assert await seen(trusted, (PROXY, 1), CLIENT) == CLIENT
    assert await seen(trusted, (PROXY, 1), f"{STRANGER}, {CLIENT}") == CLIENT  # it sent the first
    assert await seen(trusted, (PROXY, 1)) == PROXY
    assert await seen(trusted, (STRANGER, 1), CLIENT) == STRANGER
    assert await seen(None, (PROXY, 1), CLIENT) == PROXY
    assert await seen(None, None, CLIENT) == ""
