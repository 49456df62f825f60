"""Decisions among recordings, blocks and removals: none is of a state older than its question."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import asyncpg
import httpx2
import pytest

from api_client import ERRORS
from bursar.database.embedded import EmbeddedPostgres
from bursar.domain.roles import KeyScope
from factories import Factory, Key, Person
from live_server import LiveApi, LiveServer, serving_on

CALLERS = 24
LIMIT = 30
ASKERS = 8
NO_POOL = httpx2.Limits(max_connections=None, max_keepalive_connections=0)


@pytest.fixture
async def gateway(make: Factory) -> Key:
    return await make.api_key(team=await make.team(), scopes=[KeyScope.GATEWAY])


async def decided(http: httpx2.AsyncClient, gateway: Key, key: Key) -> Any:
    answer = await http.post(
        "/authorize",
        json={"key": key.secret, "model": "gpt-4"},
        headers={"Authorization": f"Bearer {gateway.secret}"},
    )
    assert answer.status_code == 200, answer.text
    return answer.json()


@dataclass
class Sums:
    """What was begun to be recorded, and what of it was acknowledged."""

    begun: int = 0
    acknowledged: int = 0
    allowed: int = 0
    refused: int = 0


async def call_until_refused(http: httpx2.AsyncClient, gateway: Key, key: Key, sums: Sums) -> None:
    """Each decision agrees with a spend between the least and the most that it could have seen."""
    while True:
        least = sums.acknowledged
        decision = await decided(http, gateway, key)
        most = sums.begun
        if not decision["allowed"]:
            (reason,) = decision["reasons"]
            assert (reason["level"], reason["maximum"]) == ("TEAM", str(LIMIT))
            assert least <= Decimal(reason["spend"]) <= most
            assert Decimal(reason["spend"]) >= LIMIT
            sums.refused += 1
            return
        assert least < LIMIT
        sums.allowed += 1
        sums.begun += 1
        event = {
            "requestId": f"{key.id} {sums.begun}",
            "key": key.secret,
            "model": "gpt-4",
            "cost": "1",
            "at": datetime.now(UTC).isoformat(),
        }
        headers = {"Authorization": f"Bearer {gateway.secret}"}
        answer = await http.post("/usage", json={"events": [event]}, headers=headers)
        assert [result["status"] for result in answer.json()["results"]] == ["RECORDED"]
        sums.acknowledged += 1


@pytest.mark.parametrize("rounds", [10, pytest.param(1000, marks=pytest.mark.soak)])
@pytest.mark.timeout(3600)
async def test_what_is_allowed_around_a_limit_agrees_with_what_is_recorded(
    ask: LiveApi,  # noqa: ARG001 (at its end the doctor looks at all that was recorded)
    server: LiveServer,
    make: Factory,
    owner: asyncpg.Connection,
    gateway: Key,
    rounds: int,
) -> None:
    total = Sums()
    async with httpx2.AsyncClient(base_url=server.url, timeout=30) as http:
        for _ in range(rounds):
            team = await make.team()
            await make.budget("team", team, max_budget=LIMIT)
            key, sums = await make.api_key(team=team), Sums()
            await asyncio.gather(
                *(call_until_refused(http, gateway, key, sums) for _ in range(CALLERS))
            )
            spent = await owner.fetchval("SELECT spend FROM spends WHERE holder_id = $1", team.id)
            assert spent == sums.acknowledged == sums.begun
            # Nothing is reserved: of those who were asking when it was reached each may pass it once.
            assert LIMIT <= spent < LIMIT + CALLERS
            total.allowed += sums.allowed
            total.refused += sums.refused
    assert total.refused == rounds * CALLERS
    assert total.allowed >= rounds * LIMIT


@pytest.fixture(scope="module")
def servers(migrated: EmbeddedPostgres) -> Iterator[tuple[LiveServer, LiveServer]]:
    """One with two workers, and another one beside it on the same database."""
    with ExitStack() as stack:
        two = stack.enter_context(serving_on(migrated.application_url, workers=2))
        yield two, stack.enter_context(serving_on(migrated.application_url))


@pytest.fixture
async def everywhere(
    servers: tuple[LiveServer, LiveServer],
) -> AsyncIterator[list[httpx2.AsyncClient]]:
    """Each question takes a connection of its own, and so any worker."""
    clients = [httpx2.AsyncClient(base_url=s.url, limits=NO_POOL, timeout=30) for s in servers]
    yield clients
    for client in clients:
        await client.aclose()


@dataclass
class Asking:
    """Asks again and again, from when to when and whether it was allowed."""

    http: httpx2.AsyncClient
    gateway: Key
    key: Key
    decisions: list[tuple[float, bool]] = field(default_factory=list)
    asked_since: asyncio.Event = field(default_factory=asyncio.Event)

    async def go_on(self) -> None:
        while True:
            began = time.perf_counter()
            decision = await decided(self.http, self.gateway, self.key)
            self.decisions.append((began, decision["allowed"]))
            self.asked_since.set()

    async def asks_once_more(self) -> None:
        """Return when a decision has ended whose question began after this was called."""
        for _ in range(2):
            self.asked_since.clear()
            await self.asked_since.wait()


Deed = tuple[str, Callable[[Person, Key], dict[str, Any]]]
DEEDS: dict[str, Deed] = {
    "the team is blocked": ("teamBlock", lambda _, key: {"id": key.row.team_id}),
    "the key is blocked": ("apiKeyBlock", lambda _, key: {"id": key.id}),
    "the user is blocked": ("userBlock", lambda mate, _: {"id": mate.id}),
    "the key is deleted": ("apiKeysDelete", lambda _, key: {"ids": [key.id]}),
    "the key is rotated": ("apiKeyRotate", lambda _, key: {"id": key.id}),
    "the member is removed": (
        "teamMembersRemove",
        lambda mate, key: {"teamId": key.row.team_id, "members": [{"userId": mate.id}]},
    ),
    "the models change": ("teamUpdate", lambda _, key: {"id": key.row.team_id, "models": ["x"]}),
    "the budget is cut": (
        "teamUpdate",
        lambda _, key: {"id": key.row.team_id, "budget": {"maxBudget": "0"}},
    ),
}
TRIALS = [
    *(pytest.param(deed, 5, id=deed) for deed in DEEDS if deed != "the team is blocked"),
    pytest.param("the team is blocked", 40, id="the team is blocked"),
    pytest.param("the team is blocked", 2000, id="blocked 2,000 times", marks=pytest.mark.soak),
    *(
        pytest.param(deed, 200, id=f"{deed}, 200 times", marks=pytest.mark.soak)
        for deed in DEEDS
        if deed != "the team is blocked"
    ),
]


@pytest.mark.parametrize(("deed", "trials"), TRIALS)
@pytest.mark.timeout(3600)
async def test_from_its_acknowledgement_on_it_holds_in_every_process(
    everywhere: list[httpx2.AsyncClient], make: Factory, gateway: Key, deed: str, trials: int
) -> None:
    admin = await make.admin()
    mutation, input_of = DEEDS[deed]
    late = before = after = 0
    for trial in range(trials):
        team, mate = await make.team(), await make.person()
        await make.team_member(team, mate)
        key = await make.api_key(mate, team=team)
        asking = [
            Asking(everywhere[number % len(everywhere)], gateway, key) for number in range(ASKERS)
        ]
        tasks = [asyncio.create_task(each.go_on()) for each in asking]
        await asyncio.gather(*(each.asked_since.wait() for each in asking))
        acknowledged = await done(everywhere[trial % 2], admin, mutation, input_of(mate, key))
        await until(tasks, *(each.asks_once_more() for each in asking))
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        for began, allowed in (one for each in asking for one in each.decisions):
            before += allowed and began < acknowledged
            after += began >= acknowledged
            late += allowed and began >= acknowledged
    assert late == 0
    assert before >= trials
    assert after >= trials * ASKERS


async def done(
    http: httpx2.AsyncClient, admin: Person, mutation: str, given: dict[str, Any]
) -> float:
    """When it was acknowledged."""
    type_ = f"{mutation[0].upper()}{mutation[1:]}Input!"
    document = f"mutation($input: {type_}) {{ {mutation}(input: $input) {{ {ERRORS} }} }}"
    answer = await http.post(
        "/graphql",
        json={"query": document, "variables": {"input": given}},
        headers={"Authorization": f"Bearer {admin.secret}"},
    )
    acknowledged = time.perf_counter()
    assert answer.json()["data"][mutation]["errors"] == []
    return acknowledged


async def until(tasks: list[asyncio.Task[None]], *waiting: Awaitable[None]) -> None:
    """Wait for these; what fails in a task meanwhile is raised."""
    all_of_it = asyncio.gather(*waiting)
    await asyncio.wait([all_of_it, *tasks], return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        if task.done():
            task.result()
    await all_of_it
