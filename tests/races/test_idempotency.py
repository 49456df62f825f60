"""The same call with the same key, sent by many at the same moment: it is done once."""

import asyncio
from collections import Counter

import asyncpg
import pytest

from factories import Factory, Person
from live_server import LiveApi

CREATE = """
mutation Create($input: TeamCreateInput!) {
  teamCreate(input: $input) { team { id } errors { code path } }
}
"""
keys = pytest.mark.parametrize("keys", [25, pytest.param(500, marks=pytest.mark.soak)])


async def create(ask: LiveApi, admin: Person, name: str, key: int) -> str:
    """The id of the team, or how it was refused."""
    answer = await ask(admin, CREATE, input={"name": name, "idempotencyKey": f"key {key}"})
    return ".".join(answer.refusals[0]) if answer.refusals else answer.payload["team"]["id"]


@keys
async def test_20_at_once_have_one_effect_for_each_key(
    ask: LiveApi, make: Factory, owner: asyncpg.Connection, keys: int
) -> None:
    admin = await make.admin()
    ids = set()
    for key in range(keys):
        told = await asyncio.gather(*(create(ask, admin, f"Team {key}", key) for _ in range(20)))
        assert len(set(told)) == 1, told
        ids.add(told[0])
    assert {team["id"] for team in await owner.fetch("SELECT id FROM teams")} == ids
    assert len(ids) == keys
    created = await owner.fetch("SELECT object_id FROM audit_entries WHERE action = 'team.create'")
    assert Counter(entry["object_id"] for entry in created) == dict.fromkeys(ids, 1)
    assert await owner.fetchval("SELECT count(*) FROM idempotency_records") == keys


@keys
async def test_of_two_inputs_with_one_key_at_once_one_is_done(
    ask: LiveApi, make: Factory, owner: asyncpg.Connection, keys: int
) -> None:
    admin = await make.admin()
    for key in range(keys):
        told = await asyncio.gather(
            *(create(ask, admin, f"Team {number % 2}", key) for number in range(20))
        )
        halves = [set(told[::2]), set(told[1::2])]
        assert {"IDEMPOTENCY_MISMATCH.input.idempotencyKey"} in halves
        assert [len(half) for half in halves] == [1, 1]
        assert halves[0] != halves[1]
    assert await owner.fetchval("SELECT count(*) FROM teams") == keys
