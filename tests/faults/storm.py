"""Clients who change and read while things break, and a judge of what they were told."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from time import monotonic
from typing import Any

import asyncpg
import httpx2

from bursar.database.rows import Row
from bursar.operations import doctor
from factories import Factory, Person

CREATE = """
mutation ($input: TeamCreateInput!) {
  teamCreate(input: $input) { team { id name } errors { code message } }
}
"""
READ = "query ($id: ID!) { node(id: $id) { ... on Team { name members { totalCount } } } }"
DONE = "done"
SILENCE = "no answer"
UNDECIDED = {"OUTCOME_UNKNOWN", SILENCE}
UNCHANGED = {"UNAVAILABLE", "OVERLOADED"}
# Of each team what one transaction writes, and how often: of what is whole every number is 1.
FOUND = """
SELECT t.name, count(*) OVER (PARTITION BY t.name) AS teams,
    (SELECT count(*) FROM team_members WHERE team_id = t.id) / 2.0 AS members,
    (SELECT count(*) FROM budgets WHERE team_id = t.id) AS budgets,
    (SELECT count(*) FROM audit_entries WHERE object_id = t.id AND action = 'team.create') AS entries,
    (SELECT count(*) FROM idempotency_records WHERE key = t.name AND outcome <> '{}') AS outcomes
FROM teams AS t WHERE starts_with(t.name, 'deed ')
"""
STRAY = """
SELECT count(*) FROM audit_entries
WHERE action = 'team.create' AND object_id NOT IN (SELECT id FROM teams)
"""


@dataclass
class Deed:
    """A team that somebody wants, and what each call for it was answered: a code, `done`, silence."""

    name: str
    told: list[str] = field(default_factory=list)

    @property
    def must_be(self) -> set[int]:
        """How many there may be of it."""
        if DONE in self.told:
            return {1}
        return {0, 1} if UNDECIDED & set(self.told) else {0}


@dataclass
class Storm:
    """What clients did and were told; `url` may change when the server does."""

    who: Person
    organization: Row
    members: list[Person]
    url: str = ""
    transport: httpx2.AsyncBaseTransport | None = None
    pause: float = 0.05
    deeds: list[Deed] = field(default_factory=list)
    codes: Counter[str] = field(default_factory=Counter)
    made: int = 0
    reads: int = 0
    good: list[float] = field(default_factory=list)
    slowest: float = 0.0
    over: bool = False
    _numbers: "count[int]" = field(default_factory=count)

    @classmethod
    async def of(cls, make: Factory, url: str = "", **given: Any) -> "Storm":
        organization = await make.organization()
        members = [await make.person(organization=organization) for _ in range(2)]
        return cls(await make.admin(), organization, members, url, **given)

    @asynccontextmanager
    async def raging(self, clients: int) -> AsyncIterator[None]:
        """Meanwhile clients work, as soon as there is a `url`; what one of them finds wrong ends it."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.rage(clients))
            yield
            self.over = True

    async def rage(self, clients: int, until: Callable[["Storm"], bool] = lambda _: False) -> None:
        """Until it is over; every other client asks again for what was refused, the rest never do."""
        self.over = False

        async def client(number: int) -> None:
            async with self._client() as http:
                while not self.over:
                    await self._one(http, stubborn=number % 2 == 0)
                    self.over = self.over or until(self)

        while not self.url:  # noqa: ASYNC110 (set where the server is started)
            await asyncio.sleep(0.01)
        await asyncio.gather(*(client(number) for number in range(clients)))

    async def ask_again(self, clients: int = 4) -> None:
        """Every call whose outcome was not told, with its own key, until it is done."""
        open_ = [deed for deed in self.deeds if deed.must_be == {0, 1}]

        async def client() -> None:
            async with self._client() as http:
                while open_:
                    deed = open_.pop()
                    while await self._create(http, deed) is None:  # noqa: ASYNC110 (as clients do)
                        await asyncio.sleep(self.pause)

        await asyncio.gather(*(client() for _ in range(clients)))

    def _client(self) -> httpx2.AsyncClient:
        limits = httpx2.Limits(max_keepalive_connections=1)
        return httpx2.AsyncClient(limits=limits, timeout=30, transport=self.transport)

    async def _one(self, http: httpx2.AsyncClient, *, stubborn: bool) -> None:
        deed = Deed(f"deed {next(self._numbers)}")
        self.deeds.append(deed)
        team = await self._create(http, deed)
        while team is None and stubborn and not self.over:
            await asyncio.sleep(self.pause)
            team = await self._create(http, deed)
        if team is None:
            await asyncio.sleep(self.pause)
        else:
            await self._read(http, team)

    async def _create(self, http: httpx2.AsyncClient, deed: Deed) -> dict[str, Any] | None:
        given = {
            "name": deed.name,
            "organizationId": self.organization.id,
            "budget": {"maxBudget": "1", "duration": "1d"},
            "members": [{"userId": member.id} for member in self.members],
            "idempotencyKey": deed.name,
        }
        told, data = await self._ask(http, CREATE, {"input": given})
        deed.told.append(told)
        if data is None:
            return None
        assert data["teamCreate"]["errors"] == [], data
        team: dict[str, Any] = data["teamCreate"]["team"]
        assert team["name"] == deed.name
        self.made += 1
        return team

    async def _read(self, http: httpx2.AsyncClient, team: dict[str, Any]) -> None:
        """What was acknowledged is there for whoever asks and is answered."""
        _, data = await self._ask(http, READ, {"id": team["id"]})
        if data is not None:
            assert data == {"node": {"name": team["name"], "members": {"totalCount": 2}}}
            self.reads += 1

    async def _ask(
        self, http: httpx2.AsyncClient, document: str, variables: dict[str, Any]
    ) -> tuple[str, dict[str, Any] | None]:
        """What was told, and the data where it is whole."""
        started = monotonic()
        try:
            response = await http.post(
                f"{self.url}/graphql",
                json={"query": document, "variables": variables},
                headers={"Authorization": f"Bearer {self.who.secret}"},
            )
            body = response.json()
        except (httpx2.TransportError, ValueError):
            self.codes[SILENCE] += 1
            await asyncio.sleep(10 * self.pause)
            return SILENCE, None
        self.slowest = max(self.slowest, monotonic() - started)
        if errors := body.get("errors"):
            (code,) = {error["extensions"]["code"] for error in errors}
            assert code in UNDECIDED | UNCHANGED, body
            self.codes[code] += 1
            # Of a change that is made only the answer could not be read.
            made = body.get("data") is not None and "teamCreate" in body["data"]
            return ("OUTCOME_UNKNOWN" if made else code), None
        self.codes[DONE] += 1
        self.good.append(monotonic())
        return DONE, body["data"]

    async def seconds_to_a_good_answer(self, since: float) -> float:
        async with asyncio.timeout(20):
            while not self.good or self.good[-1] < since:  # noqa: ASYNC110 (clients tell nobody)
                await asyncio.sleep(0.01)
        return next(at for at in self.good if at >= since) - since


async def judge(storm: Storm, owner_url: str) -> dict[str, int]:
    """Raise where an answer was not true; else how many of what were looked at, and found wrong."""
    connection = await asyncpg.connect(owner_url)
    try:
        rows = {row["name"]: dict(row) for row in await connection.fetch(FOUND)}
        stray = await connection.fetchval(STRAY)
    finally:
        await connection.close()
    whole = {"teams": 1, "members": 1, "budgets": 1, "entries": 1, "outcomes": 1}
    half = [row for name, row in rows.items() if row != {"name": name, **whole}]
    there = {deed.name: int(deed.name in rows) for deed in storm.deeds}
    wrong = [deed for deed in storm.deeds if there[deed.name] not in deed.must_be]
    figures = {
        "mutations": len(storm.deeds),
        "calls": sum(len(deed.told) for deed in storm.deeds),
        "acknowledged": sum(deed.must_be == {1} for deed in storm.deeds),
        "refused": sum(deed.must_be == {0} for deed in storm.deeds),
        "not told": sum(deed.must_be == {0, 1} for deed in storm.deeds),
        "read again": storm.reads,
        "lost": sum(deed.must_be == {1} for deed in wrong),
        "ghosts": sum(deed.must_be == {0} for deed in wrong),
        "half applied": len(half) + stray,
    }
    assert (wrong, half, stray) == ([], [], 0), figures
    assert len(rows) == sum(there.values())
    assert (await doctor.report(owner_url)).violations == []
    return figures
