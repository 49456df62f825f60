"""PostgreSQL dies under load and comes back: what is told is true, and a good answer comes at once."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
from faults.cluster import Cluster, thrown_away
from faults.storm import Storm, judge

from bursar.database.pool import Database
from factories import Factory
from live_server import serving_on

WITHIN, BUSY = 1.0, 5.0  # seconds to the first good answer; where the machine does other things too
LONG = (pytest.mark.soak, pytest.mark.timeout(0))


@pytest.fixture
async def cluster() -> AsyncIterator[Cluster]:
    async with thrown_away() as cluster:
        yield cluster


@pytest.fixture
async def storm(cluster: Cluster) -> Storm:
    return await _storm(cluster)


async def _storm(cluster: Cluster) -> Storm:
    database = Database(cluster.application_url)
    storm = await Storm.of(Factory(database))
    await database.close()
    return storm


async def crash(cluster: Cluster, number: int) -> None:
    """One way after the other; at the end it is ready again."""
    match number % 3:
        case 0:
            await cluster.kill_backend()
            return
        case 1:
            await asyncio.to_thread(cluster.kill)
        case _:
            await asyncio.to_thread(cluster.stop_immediately)
    await asyncio.sleep(0.3)  # clients are refused meanwhile
    await asyncio.to_thread(cluster.restart)


@pytest.mark.parametrize(("crashes", "within"), [(2, BUSY), pytest.param(20, WITHIN, marks=LONG)])
async def test_postgres_crashes_under_load_and_no_answer_is_wrong(
    cluster: Cluster,
    storm: Storm,
    record_property: Callable[[str, object], None],
    crashes: int,
    within: float,
) -> None:
    waits: list[float] = []
    with serving_on(cluster.application_url, workers=2) as server:
        workers = server.workers()
        storm.url = server.url
        async with storm.raging(8):
            for number in range(crashes):
                await asyncio.sleep(0.5)
                await crash(cluster, number)
                waits.append(await storm.seconds_to_a_good_answer(cluster.ready_at))
        await storm.ask_again()
        assert server.workers() == workers
        assert {line["level"] for line in server.lines()} == {"info", "warning"}
    figures = await judge(storm, cluster.owner_url)
    for name, figure in figures.items():
        record_property(f"{name}, with {crashes} crashes", figure)
    record_property(f"most ms to a good answer after {crashes} crashes", round(1000 * max(waits)))
    assert figures["not told"] == 0
    assert storm.codes["UNAVAILABLE"] > 0
    assert max(waits) < within


@pytest.mark.soak
@pytest.mark.timeout(0)
async def test_a_disk_that_is_full_under_load_loses_nothing(
    record_property: Callable[[str, object], None],
) -> None:
    """Tables that cannot grow are an error, a log that cannot be written ends PostgreSQL."""
    async with thrown_away(megabytes=150) as cluster:
        storm = await _storm(cluster)
        with serving_on(cluster.application_url, workers=2) as server:
            storm.url = server.url
            async with storm.raging(8):
                for _ in range(5):
                    await asyncio.sleep(2)
                    await asyncio.to_thread(cluster.fill_disk)
                    await asyncio.sleep(5)
                    await asyncio.to_thread(cluster.free_disk)
                    assert await storm.seconds_to_a_good_answer(cluster.ready_at) < WITHIN
            await storm.ask_again()
            causes = {line.get("cause") for line in server.lines()}
        figures = await judge(storm, cluster.owner_url)
    for name, figure in figures.items():
        record_property(f"{name}, with a disk full 5 times", figure)
    assert (figures["not told"], "DiskFullError" in causes) == (0, True)
