"""Single calls: listed newest first, found again by their ids, and seen by who sees activity."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from api_client import Api
from bursar.domain.ids import Prefix, id_from
from bursar.domain.roles import OrganizationRole, TeamRole
from factories import Factory, Person

NOW = datetime.now(UTC).replace(microsecond=123_456)
LIST = """
query($filter: UsageEventFilter, $orderBy: [UsageEventOrder!], $first: Int, $after: String) {
  usageEvents(filter: $filter, orderBy: $orderBy, first: $first, after: $after) {
    totalCount pageInfo { hasNextPage endCursor } nodes { id }
  }
}
"""
NODE = """
query($id: ID!) {
  node(id: $id) {
    ... on UsageEvent {
      id requestId at recordedAt model provider endpoint tags
      promptTokens completionTokens cacheReadTokens cacheCreationTokens cost success
      apiKeyId userId teamId organizationId
      apiKey { id } user { id } team { id } organization { id }
    }
  }
}
"""


async def ids(api: Api, me: Person, **variables: Any) -> list[str]:
    listed = (await api(me, LIST, **variables)).payload
    assert listed["totalCount"] == len(listed["nodes"])
    return [node["id"] for node in listed["nodes"]]


async def test_a_call_is_found_by_its_id_with_all_that_is_known_of_it(
    api: Api, make: Factory
) -> None:
    organization = await make.organization()
    team = await make.team(organization)
    person = await make.person(team=team)
    key = await make.api_key(person, team=team)
    call = await make.usage_event(
        key.row,
        NOW,
        model="gpt-5",
        provider="openai",
        endpoint="/chat/completions",
        tags=["nightly"],
        prompt_tokens=2**40,
        cost=Decimal("0.0000000001"),
        success=False,
    )
    at = f"{NOW:%Y-%m-%dT%H:%M:%S.%f}Z"
    assert (await api(await make.admin(), NODE, id=call.id)).payload == {
        "id": call.id,
        "requestId": call.request_id,
        "at": at,
        "recordedAt": at,
        "model": "gpt-5",
        "provider": "openai",
        "endpoint": "/chat/completions",
        "tags": ["nightly"],
        "promptTokens": str(2**40),
        "completionTokens": "0",
        "cacheReadTokens": "0",
        "cacheCreationTokens": "0",
        "cost": "0.0000000001",
        "success": False,
        "apiKeyId": key.id,
        "userId": person.id,
        "teamId": team.id,
        "organizationId": organization.id,
        "apiKey": {"id": key.id},
        "user": {"id": person.id},
        "team": {"id": team.id},
        "organization": {"id": organization.id},
    }


async def test_what_a_call_was_made_with_may_be_gone(api: Api, make: Factory) -> None:
    admin, organization = await make.admin(), await make.organization()
    team = await make.team(organization)
    key = await make.api_key(team=team)
    call = await make.usage_event(key.row)
    await api.mutate(admin, "organizationDelete", id=organization.id, cascade=True)
    node = (await api(admin, NODE, id=call.id)).payload
    assert (node["apiKeyId"], node["teamId"]) == (key.id, team.id)
    assert (node["userId"], node["organizationId"]) == (None, organization.id)
    assert [node[edge] for edge in ("apiKey", "user", "team", "organization")] == [None] * 4


@pytest.mark.parametrize("milliseconds", [0, 1, (1 << 48) - 1])
async def test_an_id_of_no_call_finds_nothing(api: Api, make: Factory, milliseconds: int) -> None:
    id_ = id_from(Prefix.USAGE_EVENT, milliseconds << 80)
    assert (await api(await make.admin(), NODE, id=id_)).payload is None


async def test_calls_are_seen_one_by_one_by_who_sees_their_activity(
    api: Api, make: Factory
) -> None:
    organization = await make.organization()
    team, person = await make.team(organization), await make.person()
    await make.team_member(team, person)
    call = await make.usage_event((await make.api_key(person, team=team)).row)
    for who, sees in (
        (person, True),
        (await make.person(team=team), False),
        (await make.person(team=team, team_role=TeamRole.ADMIN), True),
        (await make.person(organization=organization), False),
        (
            await make.person(organization=organization, organization_role=OrganizationRole.VIEWER),
            True,
        ),
        (await make.person(), False),
    ):
        node = (await api(who, NODE, id=call.id)).payload
        assert (node is not None) is sees
        assert await ids(api, who) == ([call.id] if sees else [])


async def test_calls_are_listed_newest_first_or_oldest_and_turned_over_between_equals(
    api: Api, make: Factory
) -> None:
    admin, key = await make.admin(), (await make.api_key(await make.person())).row
    times = [NOW, NOW, NOW - timedelta(days=1), NOW, NOW - timedelta(microseconds=1)]
    calls = [await make.usage_event(key, at) for at in times]
    newest = [call.id for call in sorted(calls, key=lambda c: (c.at, c.id), reverse=True)]
    assert await ids(api, admin) == newest
    assert await ids(api, admin, orderBy=[{"field": "AT"}]) == newest[::-1]
    seen, after = [], None
    for _ in calls:
        page = (await api(admin, LIST, first=1, after=after)).payload
        seen += [node["id"] for node in page["nodes"]]
        after = page["pageInfo"]["endCursor"]
    assert seen == newest
    assert not page["pageInfo"]["hasNextPage"]


async def test_each_filter_of_calls_narrows(api: Api, make: Factory) -> None:
    admin, organization = await make.admin(), await make.organization()
    team = await make.team(organization)
    person = await make.person(team=team)
    mine = await make.api_key(person, team=team)
    one = await make.usage_event(mine.row, NOW, model="claude", tags=["red", "blue"], success=False)
    other = await make.usage_event(
        (await make.api_key(await make.person())).row, NOW - timedelta(hours=1), tags=["green"]
    )
    for given in (
        {"organizationId": organization.id},
        {"teamId": team.id},
        {"userId": person.id},
        {"apiKeyId": mine.id},
        {"models": ["claude", "none"]},
        {"tags": ["blue", "none"]},
        {"success": False},
        {"since": NOW.isoformat()},
    ):
        assert await ids(api, admin, filter=given) == [one.id]
    assert await ids(api, admin, filter={"before": NOW.isoformat()}) == [other.id]
    assert await ids(api, admin, filter={"success": True}) == [other.id]
    assert await ids(api, admin, filter={"models": []}) == []
