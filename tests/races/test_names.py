"""Names that only one thing may have, asked for by many at the same moment: one gets it."""

import asyncio
from collections import Counter

import asyncpg
import pytest

from factories import Factory
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
