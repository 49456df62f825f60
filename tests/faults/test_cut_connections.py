"""Connections to PostgreSQL that are cut around COMMIT: what is told is true, and a retry converges."""

import asyncio
from collections.abc import Callable

import pytest
from faults.proxy import Moment, Proxy
from faults.storm import DONE, Storm, judge

from bursar.database.embedded import EmbeddedPostgres
from bursar.operations.seed.chance import Chance

CUTS = [60, pytest.param(2_000, marks=[pytest.mark.soak, pytest.mark.timeout(0)])]


@pytest.mark.parametrize("moment", Moment)
async def test_a_commit_that_is_cut_is_of_unknown_outcome_and_done_once_by_the_same_call(
    proxy: Proxy, storm: Storm, migrated: EmbeddedPostgres, moment: Moment
) -> None:
    moments = [moment]
    proxy.cut_at = lambda: moments.pop() if moments else None
    await storm.rage(1, until=lambda _: True)
    (deed,) = storm.deeds
    assert deed.told == ["OUTCOME_UNKNOWN", DONE]
    assert (await judge(storm, migrated.owner_url))["acknowledged"] == 1


@pytest.mark.parametrize("cuts", CUTS)
async def test_what_is_told_is_true_of_connections_that_are_cut_at_random(
    proxy: Proxy,
    storm: Storm,
    migrated: EmbeddedPostgres,
    record_property: Callable[[str, object], None],
    cuts: int,
) -> None:
    """A half of the commits by their moment, and any connection at any moment."""
    chance = Chance(7)
    proxy.cut_at = lambda: chance.choice([None, None, None, *Moment])

    async def cut_any() -> None:
        while True:
            await asyncio.sleep(chance.random() / 10)
            proxy.cut(1)

    cutting = asyncio.create_task(cut_any())
    await storm.rage(8, until=lambda _: proxy.cuts >= cuts)
    cutting.cancel()
    proxy.cut_at = lambda: None
    await judge(storm, migrated.owner_url)
    await storm.ask_again()
    figures = await judge(storm, migrated.owner_url)
    for name, figure in figures.items():
        record_property(f"{name}, with {cuts} commits cut", figure)
    assert figures["not told"] == 0
    assert storm.codes["UNAVAILABLE"] > 0
