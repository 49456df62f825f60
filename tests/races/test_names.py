"""Names that only one thing may have, asked for by many at the same moment: one gets it."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable

import asyncpg
import pytest

from bursar.database.rows import Row
from factories import Factory, Key, Person
from live_server import LiveApi


@pytest.mark.parametrize("thing", ["organization", "team", "user"])
async def test_an_external_id_asked_for_20_times_is_given_once(
    ask: LiveApi, make: Factory, owner: asyncpg.Connection, thing: str
) -> None:
    admin = await make.admin()
    create = f"""
        mutation Create($input: {thing.title()}CreateInput!) {{
          {thing}Create(input: $input) {{ {thing} {{ id }} errors {{ code path }} }}
        }}
    """
    given = {"name": "One of many", "externalId": "the-one"}
    answers = await asyncio.gather(*(ask(admin, create, input=given) for _ in range(20)))
    outcomes = Counter(tuple(answer.refusals) for answer in answers)
    assert outcomes == {(): 1, (("CONFLICT", "input.externalId"),): 19}
    assert await owner.fetchval(f"SELECT count(*) FROM {thing}s WHERE external_id = 'the-one'") == 1
    created = "SELECT count(*) FROM audit_entries WHERE action = $1 AND after->>'name' = $2"
    assert await owner.fetchval(created, f"{thing}.create", "One of many") == 1


@pytest.mark.parametrize("rounds", [20, pytest.param(1000, marks=pytest.mark.soak)])
@pytest.mark.parametrize("thing", ["organization", "team", "user", "apiKey"])
async def test_an_external_id_given_to_two_things_at_once_is_given_to_one(
    ask: LiveApi, make: Factory, owner: asyncpg.Connection, thing: str, rounds: int
) -> None:
    admin, team = await make.admin(), await make.team()
    new: dict[str, Callable[[], Awaitable[Row | Person | Key]]] = {
        "organization": make.organization,
        "team": make.team,
        "user": make.person,
        "apiKey": lambda: make.api_key(team=team),
    }
    update = f"""
        mutation Update($input: {thing[0].upper()}{thing[1:]}UpdateInput!) {{
          {thing}Update(input: $input) {{ {thing} {{ externalId }} errors {{ code path }} }}
        }}
    """
    table = "api_keys" if thing == "apiKey" else f"{thing}s"
    for number in range(rounds):
        name = f"the-one/{number}"
        two = [await new[thing](), await new[thing]()]
        answers = await asyncio.gather(
            *(ask(admin, update, input={"id": one.id, "externalId": name}) for one in two)
        )
        given = {
            one.id: answer.payload[thing]["externalId"]
            for one, answer in zip(two, answers, strict=True)
            if not answer.refusals
        }
        assert sorted(answer.refusals for answer in answers) == [
            [],
            [("CONFLICT", "input.externalId")],
        ]
        stored = await owner.fetch(
            f"SELECT id, external_id FROM {table} WHERE external_id = $1", name
        )
        assert dict(stored) == given


async def test_an_email_asked_for_in_different_case_is_given_once(
    ask: LiveApi, make: Factory, owner: asyncpg.Connection
) -> None:
    admin = await make.admin()
    create = """
        mutation Create($input: UserCreateInput!) {
          userCreate(input: $input) { user { id } errors { code path } }
        }
    """
    spellings = ["élodie@example.com", "ÉLODIE@EXAMPLE.COM", "Élodie@Example.com"] * 7
    answers = await asyncio.gather(
        *(ask(admin, create, input={"name": "E", "email": email}) for email in spellings)
    )
    outcomes = Counter(tuple(answer.refusals) for answer in answers)
    assert outcomes == {(): 1, (("CONFLICT", "input.email"),): 20}
    count = "SELECT count(*) FROM users WHERE email_key = 'élodie@example.com'"
    assert await owner.fetchval(count) == 1
