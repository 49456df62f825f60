"""A database that says nothing, or little by little: all are answered, and all is well after it."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from time import monotonic

import httpx2
import pytest
from faults.proxy import Proxy
from faults.storm import Storm, judge
from starlette.applications import Starlette

from bursar.database.embedded import EmbeddedPostgres

Probe = Callable[[str], Awaitable[tuple[int, float]]]
NOT_READY_SECONDS = 2.0
ANSWER_SECONDS = 11.0  # a request's ten, and what a busy machine adds
WITHIN, BUSY = 1.0, 5.0  # seconds to the first good answer; where the machine does other things too
GROWN_BYTES = 32 * 2**20


def swallow(proxy: Proxy) -> None:
    proxy.swallow()


def delay(proxy: Proxy) -> None:
    proxy.delay = 2.0


def trickle(proxy: Proxy) -> None:
    proxy.trickle = 0.05


def long(trouble: Callable[[Proxy], None]) -> object:
    return pytest.param(trouble, 60.0, WITHIN, marks=[pytest.mark.soak, pytest.mark.timeout(0)])


@pytest.fixture
def probe(proxied_app: Starlette) -> Probe:
    async def ask(path: str) -> tuple[int, float]:
        started = monotonic()
        transport = httpx2.ASGITransport(proxied_app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://bursar.test") as http:
            return (await http.get(path)).status_code, monotonic() - started

    return ask


@pytest.mark.parametrize(
    ("trouble", "seconds", "within"),
    [
        pytest.param(swallow, 7.0, BUSY, id="hole"),  # longer than a silence is borne
        pytest.param(delay, 2.0, BUSY, id="slow"),
        pytest.param(trickle, 2.0, BUSY, id="byte by byte"),
        *map(long, (swallow, delay, trickle)),
    ],
)
async def test_who_asks_meanwhile_is_answered_and_afterwards_at_once(
    proxy: Proxy,
    proxied_app: Starlette,
    storm: Storm,
    probe: Probe,
    migrated: EmbeddedPostgres,
    record_property: Callable[[str, object], None],
    trouble: Callable[[Proxy], None],
    seconds: float,
    within: float,
) -> None:
    async with storm.raging(8):
        await storm.seconds_to_a_good_answer(monotonic())
        before, began = resident(), monotonic()
        trouble(proxy)
        while monotonic() < began + seconds:
            status, took = await probe("/readyz")
            assert (status, took < NOT_READY_SECONDS) == (503, True)
            status, took = await probe("/healthz")
            assert (status, took < NOT_READY_SECONDS) == (200, True)
            await asyncio.sleep(0.2)
        while trouble is swallow and proxied_app.state.database.use.lent:
            assert monotonic() < began + ANSWER_SECONDS, "somebody holds on to what says nothing"
            await asyncio.sleep(0.05)
        grown = resident() - before
        proxy.heal()
        good = await storm.seconds_to_a_good_answer(monotonic())
        while (await probe("/readyz"))[0] != 200:
            assert monotonic() < began + 60
    record_property(
        f"ms to a good answer after {seconds:.0f} s of {trouble.__name__}", round(1000 * good)
    )
    assert good < within
    assert grown < GROWN_BYTES
    assert storm.slowest < ANSWER_SECONDS
    await storm.ask_again()
    figures = await judge(storm, migrated.owner_url)
    assert proxy.open == proxied_app.state.database.use.free
    for name, figure in figures.items():
        record_property(f"{name}, with {seconds:.0f} s of {trouble.__name__}", figure)


def resident() -> int:
    """Bytes of memory that this process has."""
    pages = Path("/proc/self/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")
