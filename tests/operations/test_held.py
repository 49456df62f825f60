"""The event loop: how long what one request makes it do keeps it from all others."""

import asyncio
import gc
import sys
import time
from collections.abc import Callable, Iterator

import pytest
from operations.hostile import bodies

from api_client import Api
from factories import Factory, Person, TeamRole

# Of processor time, on a machine that does other things too; 50 ms is what the longest may take.
LONGEST = 0.1
TRACED = 3  # times as long, where coverage looks at each line


@pytest.fixture
def turns(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """Seconds that each turn of the event loop was on a core; the collector has little to look at."""
    seconds: list[float] = []
    run = asyncio.Handle._run  # noqa: SLF001 (what the loop calls for each turn)

    def timed(handle: asyncio.Handle) -> None:
        began = time.thread_time()
        run(handle)
        seconds.append(time.thread_time() - began)

    monkeypatch.setattr(asyncio.Handle, "_run", timed)
    gc.collect()
    gc.freeze()
    yield seconds
    gc.unfreeze()


async def posted(api: Api, person: Person, body: bytes) -> int:
    headers = {"Authorization": f"Bearer {person.secret}", "Content-Type": "application/json"}
    return (await api.http.post("/graphql", content=body, headers=headers)).status_code


async def test_no_body_holds_the_event_loop_for_long(
    api: Api,
    make: Factory,
    turns: list[float],
    record_property: Callable[[str, object], None],
) -> None:
    team, person = await make.team(), await make.person()
    await make.team_member(team, person, TeamRole.ADMIN)
    held = {}
    for name, body in bodies(team.id).items():
        assert len(body) <= 262_144
        longest = []
        for _ in range(2):
            turns.clear()
            assert await asyncio.create_task(posted(api, person, body)) < 500
            await asyncio.sleep(0)  # so that the last turn has ended
            longest.append(max(turns))
        held[name] = min(longest)
    slowest = max(held, key=lambda name: held[name])
    record_property("bodies that held no event loop for long", len(held))
    record_property("microseconds that the worst of them did", round(held[slowest] * 1e6))
    assert held[slowest] < LONGEST * (1 if sys.gettrace() is None else TRACED), held


@pytest.mark.parametrize(("what", "share"), [("the schema", 1 / 3), ("members with limits", 2 / 3)])
async def test_what_takes_long_leaves_turns_to_others(
    api: Api, make: Factory, turns: list[float], what: str, share: float
) -> None:
    team, person = await make.team(), await make.person()
    await make.team_member(team, person, TeamRole.ADMIN)
    body = bodies(team.id)[what]
    for _ in range(2):  # so that the document is at hand
        turns.clear()
        assert await asyncio.create_task(posted(api, person, body)) == 200
        await asyncio.sleep(0)
    assert max(turns) < sum(turns) * share
