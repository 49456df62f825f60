"""Calls reported at the same moment: each is counted once, and nobody waits for another in a circle."""

import asyncio
from collections import Counter
from decimal import Decimal
from typing import Any

import asyncpg
import pytest

from bursar.domain.roles import KeyScope
from factories import Factory, Key
from live_server import LiveApi
from reports import event, spent

RECORD = """
mutation Record($input: UsageRecordInput!) {
  usageRecord(input: $input) { results { status } errors { code path } }
}
"""


async def report(ask: LiveApi, gateway: Key, events: list[dict[str, Any]]) -> Counter[str]:
    answer = await ask(gateway, RECORD, input={"events": events})
    return Counter(result["status"] for result in answer.payload["results"])


@pytest.mark.parametrize("rounds", [20, pytest.param(300, marks=pytest.mark.soak)])
async def test_the_same_report_of_eight_clients_is_recorded_once(
    ask: LiveApi, make: Factory, owner: asyncpg.Connection, rounds: int
) -> None:
    gateway = await make.api_key(team=await make.team(), scopes=[KeyScope.GATEWAY])
    keys = [await make.api_key(team=await make.team()) for _ in range(4)]
    for round_ in range(rounds):
        calls = [event(f"{round_}/{n}", keyId=keys[n % 4].id) for n in range(20)]
        said = await asyncio.gather(
            *(report(ask, gateway, calls[n:] + calls[:n]) for n in range(8))
        )
        assert sum(said, Counter()) == {"RECORDED": 20, "DUPLICATE": 140}
    total = rounds * 5 * Decimal("0.5")
    assert {(await spent(owner))[key.id] for key in keys} == {total}


@pytest.mark.parametrize("rounds", [10, pytest.param(200, marks=pytest.mark.soak)])
async def test_sixteen_clients_report_for_one_organization_while_its_periods_change(
    ask: LiveApi, make: Factory, owner: asyncpg.Connection, rounds: int
) -> None:
    admin, organization = await make.admin(), await make.organization()
    await make.budget("organization", organization, duration="1d")
    gateway = await make.api_key(team=await make.team(), scopes=[KeyScope.GATEWAY])
    keys = []
    for _ in range(3):
        team = await make.team(organization)
        person = await make.person(organization=organization, team=team)
        keys += [await make.api_key(person, team=team), await make.api_key(team=team)]
    change = """
      mutation Change($input: OrganizationUpdateInput!) {
        organizationUpdate(input: $input) { errors { code path } }
      }
    """
    for round_ in range(rounds):
        batches = (
            [event(f"{round_}/{client}/{n}", keyId=keys[(n + client) % 6].id) for n in range(12)]
            for client in range(16)
        )
        budget = {"duration": f"{round_ + 2}d"}
        changed, *said = await asyncio.gather(
            ask(admin, change, input={"id": organization.id, "budget": budget}),
            *(report(ask, gateway, batch) for batch in batches),
        )
        assert changed.refusals == []
        assert sum(said, Counter()) == {"RECORDED": 192}
    assert (await spent(owner))[organization.id] == rounds * 96
