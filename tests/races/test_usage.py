"""Calls that many clients report while the server is killed are counted once, in every sum, exactly."""

import asyncio
import os
import shutil
import signal
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import asyncpg
import httpx2
import pytest

from bursar.database.embedded import EmbeddedPostgres, running
from bursar.database.pool import Database
from bursar.domain.roles import KeyScope
from bursar.operations import doctor
from bursar.operations.seed.chance import Chance
from factories import PEPPER, Factory, Key
from live_server import LiveServer, serving

RECORD = """
mutation ($events: [UsageEventInput!]!) {
  usageRecord(input: {events: $events}) { results { requestId status } errors { code } }
}
"""
SUMS = {
    "events": "SELECT sum(cost) FROM usage_events",
    "days": "SELECT sum(spend) FROM usage_days",
    "requests by day": "SELECT sum(requests) FROM usage_days",
    **{
        f"{kind} {table}": f"SELECT sum(spend) FROM {table} WHERE starts_with(holder_id, '{kind}_')"
        + (" AND model = ''" if table == "spends" else "")
        for kind in ("key", "member", "team", "org", "orgmem")
        for table in ("lifetime_spends", "spends")
    },
}
Serve = Callable[..., AbstractContextManager[LiveServer]]
Event = dict[str, Any]


@dataclass
class Storm:
    """Clients who report batches, each until it is answered, and what the answers said."""

    gateway: Key
    batches: list[list[Event]]
    url: str = ""
    answered: int = 0
    tries: int = 0
    number: int = 0
    said: defaultdict[str, set[tuple[str, str]]] = field(default_factory=lambda: defaultdict(set))

    def __post_init__(self) -> None:
        self.number = len(self.batches)

    async def report(self, clients: int) -> None:
        await asyncio.gather(*(self._client() for _ in range(clients)))

    def part(self, part: float) -> bool:
        return self.answered >= part * self.number

    async def _client(self) -> None:
        limits = httpx2.Limits(max_keepalive_connections=1)
        async with httpx2.AsyncClient(limits=limits, timeout=60) as http:
            while self.batches:
                batch = self.batches.pop()
                results = None
                while results is None:
                    results = await self._try(http, batch)
                self.answered += 1
                for event, result in zip(batch, results, strict=True):
                    assert result["requestId"] == event["requestId"]
                    self.said[event["requestId"]].add((result["status"], event["cost"]))

    async def _try(self, http: httpx2.AsyncClient, batch: list[Event]) -> list[Any] | None:
        """The results; None where there is no answer, or one that says to try again."""
        self.tries += 1
        try:
            response = await http.post(
                f"{self.url}/graphql",
                json={"query": RECORD, "variables": {"events": batch}},
                headers={"Authorization": f"Bearer {self.gateway.secret}"},
            )
            body = response.json()
        except (httpx2.TransportError, ValueError):
            await asyncio.sleep(0.1)
            return None
        if body.get("errors"):
            codes = {error["extensions"]["code"] for error in body["errors"]}
            assert codes <= {"OVERLOADED", "UNAVAILABLE", "OUTCOME_UNKNOWN"}, body
            await asyncio.sleep(0.1)
            return None
        assert body["data"]["usageRecord"]["errors"] == []
        return list(body["data"]["usageRecord"]["results"])


def events_of(keys: Sequence[Key], number: int, chance: Chance) -> list[Event]:
    """Of a hundred, ten are repeated, one is repeated with another cost, five come hours late."""
    now, events = datetime.now(UTC), list[Event]()
    for count in range(number):
        kind = chance.randrange(100)
        if kind < 11 and events:
            earlier = chance.choice(events)
            changed = {"cost": "9.9999999999"} if kind == 10 else {}
            events.append(earlier | changed)
            continue
        late = timedelta(hours=chance.randrange(1, 70)) if 11 <= kind < 16 else timedelta()
        at = now - late - timedelta(seconds=chance.randrange(60))
        events.append(
            {
                "requestId": f"call-{count}",
                "keyId": chance.choice(keys).id,
                "model": chance.choice(["gpt-5", "claude", "mistral"]),
                "at": at.isoformat(),
                "cost": str(Decimal(chance.randrange(10**11)).scaleb(-10)),
                "promptTokens": str(chance.randrange(1000)),
                "tags": chance.choice([[], ["a"], ["b", "a"]]),
            }
        )
    return events


async def population(make: Factory) -> tuple[Key, list[Key]]:
    """A gateway's key, and keys of members of teams whose periods are hours and days."""
    gateway = await make.api_key(await make.admin(), scopes=[KeyScope.GATEWAY])
    keys = []
    for _ in range(2):
        organization = await make.organization()
        await make.budget("organization", organization, duration="1d", timezone="Europe/Rome")
        for _ in range(3):
            team = await make.team(organization)
            budget = await make.budget("team", team, max_budget=Decimal(10**9), duration="1h")
            await make.model_limit(budget, "claude", max_budget=Decimal(10**9))
            for _ in range(4):
                person = await make.person(organization=organization, team=team)
                keys.append(await make.api_key(person, team=team))
    return gateway, keys


async def weather(
    storm: Storm, clients: int, serve: Serve, kills: Sequence[Callable[[LiveServer], None]]
) -> None:
    """The storm, with the server killed each time when a further part of it is answered."""
    storming = None
    for number, kill in enumerate(kills, 1):
        life = serve(ending=-signal.SIGKILL)
        server = await asyncio.to_thread(life.__enter__)
        try:
            storm.url = server.url
            storming = storming or asyncio.create_task(storm.report(clients))
            while not storm.part(number / (len(kills) + 1)):
                await asyncio.sleep(0.01)
                assert not storming.done() or not storming.exception()
            kill(server)
        finally:
            await asyncio.to_thread(life.__exit__, None, None, None)
    with serve() as server:
        storm.url = server.url
        assert storming is not None
        await storming


def kill_server(server: LiveServer) -> None:
    os.kill(server.pid, signal.SIGKILL)


async def check(storm: Storm, owner_url: str) -> None:
    """What was acknowledged is all that is counted, and no other content of the same call is."""
    costs = {}
    for request_id, said in storm.said.items():
        taken = {cost for status, cost in said if status in {"RECORDED", "DUPLICATE"}}
        assert {status for status, _ in said} <= {"RECORDED", "DUPLICATE", "EVENT_MISMATCH"}
        (costs[request_id],) = taken
        assert taken.isdisjoint(cost for status, cost in said if status == "EVENT_MISMATCH")
    total = sum(map(Decimal, costs.values()))
    connection = await asyncpg.connect(owner_url)
    try:
        sums = {name: await connection.fetchval(sql) for name, sql in SUMS.items()}
        assert sums.pop("requests by day") == len(costs)
        assert {name: sum_ - total for name, sum_ in sums.items()} == dict.fromkeys(sums, 0)
        recorded = await connection.fetch("SELECT request_id, cost FROM usage_events")
        assert dict(recorded) == {name: Decimal(cost) for name, cost in costs.items()}
        assert len(recorded) == len(costs)
    finally:
        await connection.close()
    assert (await doctor.report(owner_url)).violations == []


def batches_of(events: list[Event], size: int) -> list[list[Event]]:
    return [events[at : at + size] for at in range(0, len(events), size)]


async def test_what_is_reported_while_the_server_is_killed_is_counted_once(
    migrated: EmbeddedPostgres, make: Factory, live_server: Serve
) -> None:
    gateway, keys = await population(make)
    storm = Storm(gateway, batches_of(events_of(keys, 600, Chance(4)), 10))
    await weather(storm, 4, live_server, [kill_server])
    await check(storm, migrated.owner_url)


@pytest.fixture
def directory() -> Iterator[Path]:
    """Not under pytest's tmp_path, which PostgreSQL's account may not enter when root tests."""
    parent = Path(tempfile.mkdtemp(prefix="bursar-test-"))
    parent.chmod(0o711)
    yield parent / "data"
    shutil.rmtree(parent)


@pytest.mark.soak
@pytest.mark.timeout(0)
async def test_of_100_000_calls_none_is_lost_nor_counted_twice(
    directory: Path, record_property: Callable[[str, object], None]
) -> None:
    """Every other time PostgreSQL is killed too: what was acknowledged is on the disk."""

    def kill_all(server: LiveServer) -> None:
        kill_server(server)
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if (process / "cwd").readlink().is_relative_to(directory):
                    os.kill(int(process.name), signal.SIGKILL)

    serve = partial(
        serving, BURSAR_DATA_DIR=str(directory), BURSAR_PEPPER=PEPPER.decode(), BURSAR_WORKERS="2"
    )
    with serve():
        place = running(directory)
        assert place is not None
        database = Database(place.application_url)
        gateway, keys = await population(Factory(database))
        await database.close()
    storm = Storm(gateway, batches_of(events_of(keys, 100_000, Chance(4)), 50))
    started = time.monotonic()
    await weather(storm, 32, serve, [kill_server, kill_all] * 5)
    record_property("seconds of storm", int(time.monotonic() - started))
    record_property("batches sent again", storm.tries - storm.number)
    record_property("calls counted", len(storm.said))
    with EmbeddedPostgres(directory) as postgres:
        await check(storm, postgres.owner_url)
