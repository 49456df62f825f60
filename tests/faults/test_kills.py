"""Workers and servers killed during mutations: what was acknowledged is there, and no more."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, asynccontextmanager
from pathlib import Path
from time import monotonic

import httpx2
import pytest
from faults.storm import SILENCE, Storm, judge

from bursar.database.embedded import EmbeddedPostgres
from factories import Factory
from live_server import LiveServer

START_CPU_SECONDS = (
    15  # of a parent and two workers; a busy machine's clock says nothing of a start
)
REPLACED_SECONDS = 60
Serve = Callable[..., AbstractContextManager[LiveServer]]


async def kill_a_worker(server: LiveServer) -> None:
    """And see it replaced."""
    workers = server.workers()
    os.kill(min(workers), signal.SIGKILL)
    async with asyncio.timeout(REPLACED_SECONDS):
        while len(server.workers() - {min(workers)}) < len(workers):  # noqa: ASYNC110 (nobody tells)
            await asyncio.sleep(0.05)


async def ready(server: LiveServer) -> None:
    async with httpx2.AsyncClient(base_url=server.url) as http:
        while (await http.get("/readyz")).status_code != 200:  # noqa: ASYNC110 (nobody tells)
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("lives", "mutations"),
    [
        (1, 150),
        pytest.param(17, 50_000, marks=[pytest.mark.soak, pytest.mark.timeout(0)]),
    ],
)
async def test_servers_are_killed_during_mutations_and_no_answer_was_wrong(
    live_server: Serve,
    make: Factory,
    migrated: EmbeddedPostgres,
    record_property: Callable[[str, object], None],
    lives: int,
    mutations: int,
) -> None:
    """In each life of a server two workers, which are replaced, and then the server itself."""
    storm = await Storm.of(make)
    starts: list[tuple[float, float]] = []
    kills = range(1, 3 * lives + 1)
    async with storm.raging(8):
        for kill in kills[::3]:
            async with living(live_server, storm, starts, ending=-signal.SIGKILL) as server:
                for number in range(kill, kill + 3):
                    while storm.made < number * mutations / len(kills):  # noqa: ASYNC110 (nobody tells)
                        await asyncio.sleep(0.01)
                    if number % 3:
                        await kill_a_worker(server)
                os.kill(server.pid, signal.SIGKILL)
    async with living(live_server, storm, starts, ending=0):
        await judge(storm, migrated.owner_url)
        await storm.ask_again()
    figures = await judge(storm, migrated.owner_url)
    for name, figure in figures.items():
        record_property(f"{name}, with {len(kills)} kills", figure)
    for name, choose in (("most", max), ("least", min)):
        seconds, cpu = map(choose, zip(*starts, strict=True))
        record_property(f"{name} ms of {len(starts)} starts to ready", round(1000 * seconds))
        record_property(f"{name} ms of CPU of {len(starts)} starts", round(1000 * cpu))
    assert cpu < START_CPU_SECONDS
    assert figures["not told"] == 0
    assert storm.codes[SILENCE] > 0


def cpu_seconds(server: LiveServer) -> float:
    """What all processes of a server have taken so far."""
    clock = os.sysconf("SC_CLK_TCK")
    stats = [
        Path(f"/proc/{pid}/stat").read_text()
        for pid in (server.pid, *server.nurseries(), *server.workers())
    ]
    return sum(sum(map(int, stat.rpartition(") ")[2].split()[11:13])) for stat in stats) / clock


@asynccontextmanager
async def living(
    serve: Serve, storm: Storm, starts: list[tuple[float, float]], *, ending: int
) -> AsyncIterator[LiveServer]:
    """A server that is asked from when it is ready."""
    started = monotonic()
    life = serve(workers=2, ending=ending)
    server = await asyncio.to_thread(life.__enter__)
    try:
        await ready(server)
        starts.append((monotonic() - started, cpu_seconds(server)))
        storm.url = server.url
        yield server
    finally:
        await asyncio.to_thread(life.__exit__, None, None, None)
