"""A real server while clients hang up, ask for too much, and while it is replaced by another."""

import asyncio
import os
import random
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import (
    AbstractContextManager,
    AsyncExitStack,
    ExitStack,
    asynccontextmanager,
    suppress,
)
from pathlib import Path
from typing import Any

import asyncpg
import httpx2
import orjson
import pytest
from operations import bystander as bystander_
from operations import hostile

from bursar.database.embedded import EmbeddedPostgres
from factories import Factory, Person, TeamRole
from live_server import LiveServer

Serve = Callable[..., AbstractContextManager[LiveServer]]
Record = Callable[[str, object], None]

DASHBOARD = """{ organizations(first: 5) { nodes { name teams(first: 20) { nodes { name
  members(first: 20) { nodes { user { email } } } } } } } }"""
CREATE = """mutation($name: String!) { organizationCreate(input: {name: $name, idempotencyKey: $name}) {
  errors { code } } }"""

WAITS = "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"
AT_ONCE = 30  # fewer than are refused for being too many


def head(person: Person, body: bytes) -> bytes:
    return (
        f"POST /graphql HTTP/1.1\r\nHost: bursar.test\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {person.secret}\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode()


async def gauges(http: httpx2.AsyncClient, admin: Person) -> dict[str, float]:
    answer = await http.get("/metrics", headers={"Authorization": f"Bearer {admin.secret}"})
    lines = [line.rpartition(" ") for line in answer.text.splitlines() if line[0] != "#"]
    return {name: float(value) for name, _, value in lines}


class Lock:
    """Lets nobody read or change an organization, and knows how many requests wait for that."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    @classmethod
    @asynccontextmanager
    async def taken(cls, url: str) -> AsyncIterator["Lock"]:
        connection = await asyncpg.connect(url)
        try:
            async with connection.transaction():
                await connection.execute("LOCK TABLE organizations IN ACCESS EXCLUSIVE MODE")
                yield cls(connection)
        finally:
            await connection.close()

    async def waits(self, wanted: bool) -> None:
        """Return when somebody waits for it, or nobody does any more."""
        while await self._connection.fetchval(WAITS) is not wanted:  # noqa: ASYNC110 (it tells nobody)
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    "times", [210, pytest.param(10_020, marks=pytest.mark.soak)], ids=["short", "long"]
)
async def test_clients_that_hang_up_leave_nothing_behind(
    live_server: Serve,
    migrated: EmbeddedPostgres,
    make: Factory,
    record_property: Record,
    times: int,
) -> None:
    """While PostgreSQL works for them, while they wait for a connection, and before their body ends."""
    admin = await make.admin()
    chance = random.Random(7)  # noqa: S311 (not for secrets)

    async def sent(server: LiveServer, number: int) -> asyncio.StreamWriter:
        create = {"query": CREATE, "variables": {"name": f"o{chance.random()}"}}
        body = orjson.dumps(create if number % 2 else {"query": DASHBOARD})
        port = int(server.url.rpartition(":")[2])
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(head(admin, body) + body[: None if number % 3 else 10])
        return writer

    async def hang_up(server: LiveServer, lock: Lock) -> None:
        writers = [await sent(server, number) for number in range(AT_ONCE)]
        await lock.waits(True)
        for writer in writers:
            await asyncio.sleep(chance.random() / 500)
            writer.transport.abort()
        await lock.waits(False)

    with live_server(BURSAR_POOL_SIZE="10") as server:
        async with (
            httpx2.AsyncClient(base_url=server.url, timeout=30) as http,
            Lock.taken(migrated.owner_url) as lock,
        ):
            for _ in range(3):  # what is made once
                await hang_up(server, lock)
            before = await gauges(http, admin)
            for _ in range(times // AT_ONCE):
                await hang_up(server, lock)
            async with asyncio.timeout(30):
                while (after := await gauges(http, admin))["bursar_pool_lent"]:  # noqa: ASYNC110 (it tells nobody)
                    await asyncio.sleep(0.05)
        lines = server.lines()
    assert after["bursar_pool_waiting"] == 0
    assert after["process_open_fds"] <= before["process_open_fds"] + after["bursar_pool_size"]
    grown = after["process_resident_memory_bytes"] / before["process_resident_memory_bytes"]
    assert grown < 1.2
    assert not [line for line in lines if line["level"] == "error"]
    gone = sum(line.get("outcome") == "gone" for line in lines)
    assert gone > times / AT_ONCE
    record_property("clients that hung up", times)
    record_property("requests that ended with them", gone)
    record_property("memory after them, in % of before", round(grown * 100))


@pytest.mark.parametrize(
    ("seconds", "most_p99_ms"),
    [(1.0, 2_000), pytest.param(30.0, 100, marks=pytest.mark.soak)],
    ids=["short", "long"],
)
async def test_nobody_waits_for_the_documents_of_another_or_for_who_sends_none(
    live_server: Serve,
    make: Factory,
    record_property: Record,
    seconds: float,
    most_p99_ms: float,
) -> None:
    person, bystander, team = await make.person(), await make.person(), await make.team()
    await make.team_member(team, person, TeamRole.ADMIN)
    bodies, sent = [*hostile.bodies(team.id).values()], 0
    with live_server() as server, ExitStack() as half_open:
        host, _, port = server.url.removeprefix("http://").rpartition(":")
        for number in range(1_000):
            silent = half_open.enter_context(socket.create_connection((host, int(port))))
            silent.sendall(b"POST /graphql HTTP/1.1\r\nHost: " * (number % 2))
        waiting = await asyncio.create_subprocess_exec(
            *(sys.executable, bystander_.__file__, host, port, str(seconds)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        told = asyncio.create_task(waiting.communicate(bystander.secret.encode()))
        async with httpx2.AsyncClient(base_url=server.url, timeout=30) as http:
            headers = {
                "Authorization": f"Bearer {person.secret}",
                "Content-Type": "application/json",
            }
            while not told.done():
                body = bodies[sent % len(bodies)]
                answer = await http.post("/graphql", content=body, headers=headers)
                assert answer.status_code < 500, answer.text
                sent += 1
        assert waiting.returncode == 0
        waits = orjson.loads((await told)[0])
    p99 = statistics.quantiles(waits, n=100)[98]
    record_property("hostile documents beside which nobody waited", sent)
    record_property("a bystander's p99 beside them, in ms", round(p99))
    assert p99 < most_p99_ms


class Insisting:
    """Clients who ask again, by the same idempotency key, until they are told that it is done."""

    def __init__(self, url: str, admin: Person) -> None:
        self.url = url
        self.done: list[str] = []
        self.failed: list[Any] = []
        self.retried = 0
        self.over = False
        self._headers = {"Authorization": f"Bearer {admin.secret}"}

    async def work(self, client: int) -> None:
        async with httpx2.AsyncClient(base_url=self.url, timeout=30, headers=self._headers) as http:
            number = 0
            while not self.over:
                number += 1
                await self._create(http, f"c{client}-{number}")

    async def _create(self, http: httpx2.AsyncClient, name: str) -> None:
        for _ in range(1_000):
            with suppress(httpx2.TransportError):
                asked = {"query": CREATE, "variables": {"name": name}}
                answer = (await http.post("/graphql", json=asked)).json()
                codes = {error["extensions"]["code"] for error in answer.get("errors", [])}
                if not codes:
                    errors = answer["data"]["organizationCreate"]["errors"]
                    (self.failed if errors else self.done).append(name)
                    return
                if codes - {"OVERLOADED", "UNAVAILABLE", "OUTCOME_UNKNOWN"}:
                    self.failed.append(answer)
                    return
            self.retried += 1
            await asyncio.sleep(0.02)
        self.failed.append(name)


def lives(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"


async def ended(pid: int) -> None:
    while lives(pid):  # noqa: ASYNC110 (it is not our event loop's child)
        await asyncio.sleep(0.01)


@asynccontextmanager
async def insisting(clients: Insisting, count: int) -> AsyncIterator[None]:
    working = [asyncio.create_task(clients.work(number)) for number in range(count)]
    try:
        yield
    finally:
        clients.over = True
        await asyncio.gather(*working)


@pytest.mark.parametrize(
    "times", [1, pytest.param(20, marks=pytest.mark.soak)], ids=["short", "long"]
)
async def test_a_server_is_replaced_under_load_and_no_request_fails(
    live_server: Serve,
    migrated: EmbeddedPostgres,
    make: Factory,
    record_property: Record,
    times: int,
) -> None:
    admin = await make.admin()
    starts = []
    async with AsyncExitStack() as stack:
        server = stack.enter_context(live_server())
        clients = Insisting(server.url, admin)
        async with insisting(clients, 8):
            for _ in range(times):
                await asyncio.sleep(0.5)
                os.kill(server.pid, signal.SIGTERM)
                await ended(server.pid)
                started = time.monotonic()
                next_one = live_server(BURSAR_PORT=server.url.rpartition(":")[2])
                server = await asyncio.to_thread(stack.enter_context, next_one)
                starts.append(time.monotonic() - started)
                known = len(clients.done)
                async with asyncio.timeout(20):
                    while len(clients.done) < known + 50:  # noqa: ASYNC110 (they tell nobody)
                        await asyncio.sleep(0.01)
    assert clients.failed == []
    assert clients.retried
    connection = await asyncpg.connect(migrated.owner_url)
    made = await connection.fetch("SELECT name FROM organizations WHERE external_id IS NULL")
    await connection.close()
    assert sorted(row["name"] for row in made) == sorted(clients.done)
    record_property("mutations beside a server's replacement, 0 failed", len(clients.done))
    record_property("ms from the start to serving, at most", round(max(starts) * 1000))
