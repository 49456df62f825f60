"""Lists walked page by page while rows come and go: who was there all the time is met exactly once."""

import asyncio
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import asyncpg
import pytest

from bursar.database.rows import Row
from bursar.domain.ids import Prefix, new_id
from bursar.operations.seed.chance import Chance
from factories import Factory, Person
from live_server import LiveApi

PAGE = "nodes { id } pageInfo { hasNextPage hasPreviousPage startCursor endCursor }"
VARIABLES = "$first: Int, $last: Int, $after: String, $before: String"
ARGUMENTS = "first: $first, last: $last, after: $after, before: $before"
START = datetime(2026, 1, 1, tzinfo=UTC)
LETTERS = "abcdefg"
ORDERS = {
    "teams": ("TeamOrder", ["NAME", "CREATED_AT"]),
    "members": ("TeamMemberOrder", ["JOINED_AT", "USER_NAME"]),
    "apiKeys": ("ApiKeyOrder", ["CREATED_AT", "ALIAS"]),
}


def document(field: str) -> str:
    kind = ORDERS[field][0]
    page = f"page: {field}({ARGUMENTS}, orderBy: $orderBy) {{ {PAGE} }}"
    if field == "members":
        return f"query($team: ID!, {VARIABLES}, $orderBy: [{kind}!]) {{ team(id: $team) {{ {page} }} }}"
    return f"query({VARIABLES}, $orderBy: [{kind}!]) {{ {page} }}"


async def walked(
    ask: LiveApi, admin: Person, field: str, *, backward: bool, **always: Any
) -> list[str]:
    """The ids on all pages of seven, in the order of the walk."""
    size, place, more, cursor = (
        ("last", "before", "hasPreviousPage", "startCursor")
        if backward
        else ("first", "after", "hasNextPage", "endCursor")
    )
    met: list[str] = []
    given: dict[str, Any] = {}
    while True:
        answer = await ask(admin, document(field), **{size: 7}, **given, **always)
        page = answer.data.get("page") or answer.data["team"]["page"]
        ids = [node["id"] for node in page["nodes"]]
        met += ids[::-1] if backward else ids
        if not page["pageInfo"][more]:
            return met
        given = {place: page["pageInfo"][cursor]}


class Crowd:
    """Teams of a few names and times, and in one of them members with keys: many are alike."""

    def __init__(self, make: Factory, team: Row, connection: asyncpg.Connection) -> None:
        self._make, self._team, self._connection = make, team, connection
        self._chance = Chance.of(7, "crowd")
        self.gone = 0

    async def come(self) -> list[str]:
        """A team, a member and a key of theirs, somewhere between the others; their ids.

        What comes stays where it is: what moves may well be met twice.
        """
        moment = START + timedelta(microseconds=self._chance.randrange(9))
        name = self._chance.choice(LETTERS) * self._chance.randrange(1, 3)
        team = await self._make.team(name=name, created_at=moment)
        person = await self._make.person(name=name)
        member = new_id(Prefix.TEAM_MEMBER)
        await self._connection.execute(
            "INSERT INTO team_members (id, team_id, user_id, role, joined_at)"
            " VALUES ($1, $2, $3, 'MEMBER', $4)",
            *(member, self._team.id, person.id, moment),
        )
        key = new_id(Prefix.API_KEY)
        await self._connection.execute(
            "INSERT INTO api_keys (id, user_id, alias, alias_key, secret_hash, last_four, scopes,"
            " created_at) VALUES ($1, $2, $3, $3, $4, 'last', '{MANAGE}', $5)",
            *(key, person.id, name if self._chance.percent(50) else None),
            *(self._chance.randbytes(32), moment),
        )
        return [team.id, person.id, member, key]

    async def go(self, ids: list[str]) -> None:
        await self._connection.execute("DELETE FROM teams WHERE id = $1", ids[0])
        await self._connection.execute("DELETE FROM users WHERE id = $1", ids[1])

    async def come_and_go(self, end: asyncio.Event) -> None:
        """Again and again: one more comes, and one that came before goes."""
        here = []
        while not end.is_set():
            here.append(await self.come())
            if len(here) > 5:
                await self.go(here.pop(self._chance.randrange(len(here))))
                self.gone += 1


@pytest.mark.parametrize("field", ORDERS)
async def test_who_is_there_all_the_time_is_met_once_whatever_comes_and_goes(
    ask: LiveApi, make: Factory, owner: asyncpg.Connection, field: str
) -> None:
    admin, team = await make.admin(), await make.team(name="The team")
    crowd = Crowd(make, team, owner)
    stay = {id_ for _ in range(40) for id_ in await crowd.come()}
    given = {"team": team.id} if field == "members" else {}
    fields = ORDERS[field][1]
    first, second = ({"field": name} for name in fields)
    down = {"direction": "DESC"}
    orders = [[first], [second | down], [second, first | down]]
    walks = list(product(orders, (False, True)))
    end = asyncio.Event()
    coming = asyncio.create_task(crowd.come_and_go(end))
    try:
        while walks or crowd.gone <= 20:
            order, backward = walks.pop() if walks else ([first], False)
            met = await walked(ask, admin, field, backward=backward, orderBy=order, **given)
            assert len(set(met)) == len(met)
            assert len(stay.intersection(met)) == 40
    finally:
        end.set()
        await coming
