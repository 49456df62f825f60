"""Connections to PostgreSQL that are cut around COMMIT: what is told is true, and a retry converges."""

import random
from collections.abc import AsyncIterator, Callable

import httpx2
import pytest
from faults.proxy import Moment, Proxy, proxied
from faults.storm import DONE, Storm, judge
from starlette.applications import Starlette

from bursar.app import create_app
from bursar.database.embedded import EmbeddedPostgres
from bursar.settings import Settings
from factories import PEPPER, Factory


@pytest.fixture
async def proxy(migrated: EmbeddedPostgres) -> AsyncIterator[Proxy]:
    async with proxied(migrated.application_url) as proxy:
        yield proxy


@pytest.fixture
async def served(proxy: Proxy) -> AsyncIterator[Starlette]:
    """The application, by way of the proxy."""
    app = create_app(Settings(pool_size=4), dsn=proxy.url, peppers=[PEPPER])
    yield app
    await app.state.database.close()


@pytest.fixture
async def storm(served: Starlette, make: Factory) -> Storm:
    transport = httpx2.ASGITransport(served)
    return await Storm.of(make, "http://bursar.test", transport=transport, pause=0)


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


@pytest.mark.parametrize(
    "cuts", [60, pytest.param(2_000, marks=[pytest.mark.soak, pytest.mark.timeout(0)])]
)
async def test_what_is_told_of_commits_that_are_cut_at_random_is_true(
    proxy: Proxy,
    storm: Storm,
    migrated: EmbeddedPostgres,
    record_property: Callable[[str, object], None],
    cuts: int,
) -> None:
    chance = random.Random(7)
    proxy.cut_at = lambda: chance.choice([None, None, None, *Moment])

    await storm.rage(8, until=lambda _: proxy.cuts >= cuts)
    proxy.cut_at = lambda: None
    await judge(storm, migrated.owner_url)
    await storm.ask_again()
    figures = await judge(storm, migrated.owner_url)
    assert figures["not told"] == 0
    for name, figure in figures.items():
        record_property(f"{name} with {cuts} cuts at COMMIT", figure)
