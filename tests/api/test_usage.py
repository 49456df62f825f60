"""Recording usage: what becomes of each event, and that every sum is exact."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import asyncpg
import pytest

from api_client import Answer, Api
from bursar.domain.roles import KeyScope
from factories import Factory, Key

RESULTS = "results { requestId status message }"


def event(request_id: str = "1", **given: Any) -> dict[str, Any]:
    """A call that was just made."""
    at = given.pop("at", None) or datetime.now(UTC) - timedelta(seconds=1)
    said = {"requestId": request_id, "model": "gpt-4", "cost": "0.5", **given}
    return {**said, "at": at.isoformat()}


@pytest.fixture
async def gateway(make: Factory) -> Key:
    return await make.api_key(team=await make.team(), scopes=[KeyScope.GATEWAY])


async def record(api: Api, gateway: Key, *events: dict[str, Any], **given: Any) -> Answer:
    answer = await api.mutate(gateway, "usageRecord", RESULTS, events=list(events), **given)
    assert answer.refusals == []
    return answer


def statuses(answer: Answer) -> list[str]:
    return [result["status"] for result in answer.payload["results"]]


async def spent(owner: asyncpg.Connection) -> dict[str, Decimal]:
    """What each holder ever spent."""
    return dict(await owner.fetch("SELECT holder_id, spend FROM lifetime_spends WHERE spend > 0"))


async def test_a_call_of_a_member_counts_for_all_above(
    api: Api, make: Factory, owner: asyncpg.Connection, gateway: Key
) -> None:
    organization = await make.organization()
    team = await make.team(organization)
    person = await make.person(organization=organization, team=team)
    key = await make.api_key(person, team=team)
    answer = await record(api, gateway, event("1", key=key.secret), event("2", keyId=key.id))
    assert statuses(answer) == ["RECORDED", "RECORDED"]
    holders = [row.id for row in (key, team, organization)]
    members = await owner.fetch(
        "SELECT id FROM team_members UNION SELECT id FROM organization_members"
    )
    holders += [row["id"] for row in members]
    assert await spent(owner) == dict.fromkeys(holders, Decimal(1))
    assert await owner.fetchval("SELECT count(*) FROM usage_events WHERE cost = 0.5") == 2
    assert await owner.fetchval("SELECT sum(spend) FROM usage_days") == 1


async def test_what_is_wrong_with_one_event_does_not_keep_the_others(
    api: Api, make: Factory, owner: asyncpg.Connection, gateway: Key
) -> None:
    person = await make.person()
    now = datetime.now(UTC)
    key = {"keyId": person.key_id}
    await record(api, gateway, event("old", **key))
    answer = await record(
        api,
        gateway,
        event("1", **key),
        event("old", cost="0.6", **key),
        event("2", key="bk_unknown"),
        event("3", at=now - timedelta(hours=73), **key),
        event("4", at=now + timedelta(minutes=6), **key),
        event("5", cost="-1", **key),
        event("6", at=now - timedelta(hours=71), **key),
    )
    assert statuses(answer) == [
        *("RECORDED", "EVENT_MISMATCH", "UNKNOWN_KEY", "TOO_LATE", "FUTURE", "INVALID", "RECORDED")
    ]
    assert await spent(owner) == dict.fromkeys([person.id, person.key_id], Decimal("1.5"))


async def test_the_same_event_again_is_counted_once(
    api: Api, make: Factory, owner: asyncpg.Connection, gateway: Key
) -> None:
    person = await make.person()
    call = event("1", key=person.secret)
    assert statuses(await record(api, gateway, call, call)) == ["RECORDED", "DUPLICATE"]
    by_id = {**call, "keyId": person.key_id, "key": None, "cost": "0.50"}
    assert statuses(await record(api, gateway, by_id)) == ["DUPLICATE"]
    assert await spent(owner) == dict.fromkeys([person.id, person.key_id], Decimal("0.5"))
