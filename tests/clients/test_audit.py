"""The specification's own word on the endpoint: npm's graphql-http audits a server that listens."""

import asyncio
import json
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import uvicorn
from starlette.applications import Starlette

from factories import Factory

ROOT = Path(__file__).parents[2]
AUDIT = [sys.executable, "scripts/node.py", "tests/clients", "node", "audit.mjs"]


class Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield  # pytest's own stay in place


@pytest.fixture
async def url(app: Starlette) -> AsyncIterator[str]:
    config = uvicorn.Config(app, http="httptools", lifespan="off", log_config=None)
    server = Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving = asyncio.create_task(server.serve([listener]))
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/graphql"
        server.should_exit = True
        await serving


async def test_the_graphql_http_audit_finds_no_error_and_nothing_to_warn_of(
    url: str, make: Factory
) -> None:
    person = await make.person()
    audit = await asyncio.create_subprocess_exec(
        *AUDIT, url, person.secret, cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await audit.communicate()
    *findings, counts = said.decode().splitlines()
    assert json.loads(counts) == {"ok": 58, "notice": 3, "warn": 0, "error": 0}, findings
    assert audit.returncode == 0
