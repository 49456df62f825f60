"""Workers and servers killed during mutations: what was acknowledged is there, and no more."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, asynccontextmanager
from time import monotonic

import httpx2
import pytest
from faults.storm import SILENCE, Storm, judge

from bursar.database.embedded import EmbeddedPostgres
from factories import Factory
from live_server import LiveServer

START_SECONDS = 1.5
BUSY = 6  # as many times as long a machine may take that does other things too
Serve = Callable[..., AbstractContextManager[LiveServer]]


async def kill_a_worker(server: LiveServer) -> None:
    """And see it replaced."""
    workers = server.workers()
    os.kill(min(workers), signal.SIGKILL)
    async with asyncio.timeout(START_SECONDS * BUSY):
        while len(server.workers() - {min(workers)}) < len(workers):  # noqa: ASYNC110 (nobody tells)
            await asyncio.sleep(0.05)


async def ready(server: LiveServer) -> None:
    async with httpx2.AsyncClient(base_url=server.url) as http:
        while (await http.get("/readyz")).status_code != 200:  # noqa: ASYNC110 (nobody tells)
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("kills", "mutations"),
    [
        (3, 240),
        pytest.param(50, 50_000, marks=[pytest.mark.soak, pytest.mark.timeout(0)]),
    ],
)
async def test_servers_are_killed_during_mutations_and_no_answer_was_wrong(
    live_server: Serve,
    make: Factory,
    migrated: EmbeddedPostgres,
    record_property: Callable[[str, object], None],
    kills: int,
    mutations: int,
) -> None:
    """Every other time a worker, which is replaced; else the server, in whose place another starts."""
    storm = await Storm.of(make)
    raging = None
    starts: list[float] = []
    killed = 0
    for deaths in [("worker", "server")] * (kills // 2) + [("worker",) * (kills % 2)]:
        started = monotonic()
        async with living(live_server, dies="server" in deaths) as server:
            await ready(server)
            starts.append(monotonic() - started)
            storm.url = server.url
            raging = raging or asyncio.create_task(storm.rage(8))
            for death in (*deaths, *([] if "server" in deaths else ["none"])):
                killed += 1
                while storm.made < killed * mutations / (kills + 1):
                    await asyncio.sleep(0.01)
                    assert not raging.done() or raging.exception() is None
                if death == "worker":
                    await kill_a_worker(server)
                elif death == "server":
                    os.kill(server.pid, signal.SIGKILL)
                else:
                    storm.over = True
                    await raging
                    await judge(storm, migrated.owner_url)
                    await storm.ask_again()
    figures = await judge(storm, migrated.owner_url)
    for name, figure in figures.items():
        record_property(f"{name}, with {kills} kills", figure)
    record_property(f"most ms of {len(starts)} starts to ready", round(1000 * max(starts)))
    record_property(f"least ms of {len(starts)} starts to ready", round(1000 * min(starts)))
    assert figures["not told"] == 0
    assert storm.codes[SILENCE] > 0
    assert min(starts) < START_SECONDS * BUSY


@asynccontextmanager
async def living(serve: Serve, *, dies: bool) -> AsyncIterator[LiveServer]:
    life = serve(workers=2, ending=-signal.SIGKILL if dies else 0)
    server = await asyncio.to_thread(life.__enter__)
    try:
        yield server
    finally:
        await asyncio.to_thread(life.__exit__, None, None, None)
