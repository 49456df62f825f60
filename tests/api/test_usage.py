"""Recording usage: what becomes of each event, that every sum is exact, and refusals change nothing."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import asyncpg
import pytest

from api_client import Api
from bursar.domain.roles import KeyScope
from bursar.services import usage
from factories import Factory, Key
from reports import event, record, spent, statuses

COST = Decimal("0.5")


@pytest.fixture
async def gateway(make: Factory) -> Key:
    return await make.api_key(team=await make.team(), scopes=[KeyScope.GATEWAY])


async def test_a_call_of_a_member_counts_for_all_above(
    api: Api, make: Factory, owner: asyncpg.Connection, gateway: Key
) -> None:
    organization = await make.organization()
    team = await make.team(organization)
    person = await make.person()
    in_organization = await make.organization_member(organization, person)
    in_team = await make.team_member(team, person)
    key = await make.api_key(person, team=team)
    calls = [event("1", key=key.secret), event("2", keyId=key.id, cost="0.0000000001")]
    assert statuses(await record(api, gateway, *calls)) == ["RECORDED", "RECORDED"]
    holders = [row.id for row in (key, in_team, team, in_organization, organization)]
    assert await spent(owner) == dict.fromkeys(holders, COST + Decimal("1e-10"))


async def test_a_call_of_a_personal_key_counts_for_its_user_and_of_a_service_for_its_team(
    api: Api, make: Factory, owner: asyncpg.Connection, gateway: Key
) -> None:
    organization = await make.organization()
    team, person = await make.team(organization), await make.person()
    service = await make.api_key(team=team)
    await record(api, gateway, event("1", keyId=person.key_id), event("2", keyId=service.id))
    holders = [person.id, person.key_id, service.id, team.id, organization.id]
    assert await spent(owner) == dict.fromkeys(holders, COST)


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
        event("2", keyId="team_1"),
        event("2", key="x" * 513),
        event("3", at=now - timedelta(hours=73), **key),
        event("4", at=now + timedelta(minutes=6), **key),
        event("5", cost="-1", **key),
        event("2", at=now + timedelta(minutes=4), **key),
        event("3", at=now - timedelta(hours=71), **key),
    )
    assert statuses(answer) == [
        *("RECORDED", "EVENT_MISMATCH", "UNKNOWN_KEY", "UNKNOWN_KEY", "UNKNOWN_KEY"),
        *("TOO_LATE", "FUTURE", "INVALID", "RECORDED", "RECORDED"),
    ]
    assert answer.payload["results"][7] == {
        "requestId": "5",
        "status": "INVALID",
        "message": "The cost must not be negative.",
    }
    assert await spent(owner) == dict.fromkeys([person.id, person.key_id], 4 * COST)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"requestId": ""}, "The request id must be 1 to 128 printable ASCII characters."),
        ({"requestId": "é"}, "The request id must be 1 to 128 printable ASCII characters."),
        ({"key": "bk"}, "The key must be given by its secret or by its id, and not by both."),
        ({"keyId": None}, "The key must be given by its secret or by its id, and not by both."),
        ({"model": "gpt-*"}, "The model must be the name of one model, without `*` and `group:`."),
        ({"model": "x" * 257}, "The model must be 1 to 256 characters."),
        ({"provider": "x" * 129}, "The provider must be 1 to 128 characters."),
        ({"endpoint": " "}, "The endpoint must not begin or end with white space."),
        ({"tags": list("abcdefghijklmnopqrstu")}, "The tags must be at most 20."),
        ({"tags": ["a", "a"]}, "The tags must all be different."),
        ({"tags": ["\0"]}, "The tags must not contain control characters each."),
        (
            {"promptTokens": "-1", "cost": "-1"},
            f"The tokens must be 0 to {2**62} of each kind; the cost must not be negative.",
        ),
    ],
)
async def test_an_event_that_breaks_a_rule_by_itself_is_invalid(
    api: Api, gateway: Key, given: dict[str, Any], message: str
) -> None:
    before = await api.fingerprint()
    answer = await record(api, gateway, event(**{"keyId": gateway.id, **given}))
    assert [one["message"] for one in answer.payload["results"]] == [message]
    assert statuses(answer) == ["INVALID"]
    assert await api.fingerprint() == before


async def test_the_same_event_again_is_counted_once(
    api: Api, make: Factory, owner: asyncpg.Connection, gateway: Key
) -> None:
    person = await make.person()
    call = event("1", key=person.secret, tags=["a", "b"])
    other = {**call, "cost": "0.6"}
    answer = await record(api, gateway, call, call, other)
    assert statuses(answer) == ["RECORDED", "DUPLICATE", "EVENT_MISMATCH"]
    same = {**call, "keyId": person.key_id, "key": None, "cost": "0.50", "tags": ["b", "a"]}
    assert statuses(await record(api, gateway, same, other)) == ["DUPLICATE", "EVENT_MISMATCH"]
    assert await spent(owner) == dict.fromkeys([person.id, person.key_id], COST)


async def test_an_event_that_was_recorded_in_time_is_a_duplicate_even_when_it_comes_too_late(
    api: Api, gateway: Key, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = event(keyId=gateway.id, at=datetime.now(UTC) - timedelta(hours=1))
    await record(api, gateway, call)
    before = await api.fingerprint()
    monkeypatch.setattr(usage, "LATEST", timedelta(minutes=59))
    late = {**call, "requestId": "2"}
    answer = await record(api, gateway, call, late, {**call, "cost": "9"})
    assert statuses(answer) == ["DUPLICATE", "TOO_LATE", "EVENT_MISMATCH"]
    assert await api.fingerprint() == before


async def test_a_request_id_that_is_forgotten_just_then_is_taken_again(
    api: Api, gateway: Key, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = event(keyId=gateway.id)
    await record(api, gateway, call)
    contents_of = usage.contents_of
    forgotten = iter([{}])

    async def forgetting(*arguments: Any) -> dict[str, bytes]:
        return next(forgotten, None) or await contents_of(*arguments)

    monkeypatch.setattr(usage, "contents_of", forgetting)
    assert statuses(await record(api, gateway, call)) == ["DUPLICATE"]


async def test_days_add_up_events_that_differ_in_nothing_but_numbers(
    api: Api, owner: asyncpg.Connection, gateway: Key
) -> None:
    tags = ['a "quoted" one', "back\\slash", "comma, {brace}"]
    said = {"keyId": gateway.id, "provider": "openai", "endpoint": "/v1", "promptTokens": "3"}
    await record(
        api,
        gateway,
        event("1", tags=tags, **said),
        event("2", tags=tags[::-1], success=False, cacheReadTokens="9", **said),
        event("3", tags=tags[:1], **said),
    )
    await record(api, gateway, event("4", tags=tags, completionTokens=str(2**61), **said))
    rows = await owner.fetch(
        "SELECT tags, prompt_tokens, completion_tokens, cache_read_tokens, spend, requests, successes"
        " FROM usage_days ORDER BY requests"
    )
    assert [tuple(row) for row in rows] == [
        (tags[:1], 3, 0, 0, COST, 1, 1),
        (sorted(tags), 9, 2**61, 9, 3 * COST, 3, 2),
    ]
    kept = await owner.fetch("SELECT request_id, tags, success FROM usage_events ORDER BY 1")
    assert [row["tags"] for row in kept] == [tags, tags[::-1], tags[:1], tags]
    assert [row["success"] for row in kept] == [True, False, True, True]


async def test_amounts_of_every_size_add_up_exactly(
    api: Api, owner: asyncpg.Connection, gateway: Key
) -> None:
    costs = ["0", "0.0000000001", "99999999999999999.9999999999", "0.1", "0.2", "123456.7890123456"]
    calls = [event(str(n), keyId=gateway.id, cost=cost) for n, cost in enumerate(costs * 3)]
    await record(api, gateway, *calls[:10])
    await record(api, gateway, *calls[10:])
    total = 3 * sum(map(Decimal, costs))
    for table in ("lifetime_spends", "spends"):
        rows = await owner.fetch(f"SELECT DISTINCT spend FROM {table}")
        assert [row["spend"] for row in rows] == [total]
    assert await owner.fetchval("SELECT sum(spend) FROM usage_days") == total
    assert await owner.fetchval("SELECT sum(cost) FROM usage_events") == total


@pytest.mark.parametrize(
    "huge",
    [
        {"cost": "999999999999999999"},
        {"promptTokens": str(2**62)},
        {"promptTokens": str(2**62), "success": False},
    ],
)
async def test_more_than_can_be_counted_is_refused(
    api: Api, gateway: Key, huge: dict[str, Any]
) -> None:
    await record(api, gateway, event("1", keyId=gateway.id, **huge))
    calls = [event(name, keyId=gateway.id, **huge) for name in ("2", "3")]
    for events in (calls, calls[:1]):
        answer = await api.refused(gateway, "usageRecord", events=events)
        assert answer.refusals == [("CONFLICT", "input.events")]


@pytest.mark.parametrize("number", [0, 1001])
async def test_a_report_of_too_few_or_many_is_refused(api: Api, gateway: Key, number: int) -> None:
    events = [event(str(n), keyId=gateway.id) for n in range(number)]
    answer = await api.mutate(gateway, "usageRecord", events=events)
    if answer.errors:  # a list so long is refused before anything looks at it
        assert answer.codes == ["LIMIT_EXCEEDED"]
    else:
        assert answer.refusals == [("BAD_INPUT", "input.events")]


async def test_a_report_of_a_thousand_events_is_taken(
    api: Api, owner: asyncpg.Connection, gateway: Key
) -> None:
    events = [event(f"{'x' * 100}{n}", keyId=gateway.id) for n in range(1000)]
    assert set(statuses(await record(api, gateway, *events))) == {"RECORDED"}
    assert (await spent(owner))[gateway.id] == 1000 * COST


async def test_only_a_key_of_a_gateway_records(api: Api, make: Factory, gateway: Key) -> None:
    admin = await make.admin()
    for who in (admin, await make.api_key(team=await make.team())):
        answer = await api.refused(who, "usageRecord", events=[event(keyId=gateway.id)])
        assert answer.refusals == [("FORBIDDEN", "input")]
    both = await make.api_key(admin, scopes=[KeyScope.GATEWAY])
    assert statuses(await record(api, both, event(keyId=gateway.id))) == ["RECORDED"]


async def test_the_number_of_statements_depends_on_neither_events_nor_keys(
    api: Api, make: Factory, gateway: Key
) -> None:
    organization = await make.organization()
    keys = []
    for _ in range(50):
        team = await make.team(organization)
        person = await make.person(organization=organization, team=team)
        keys.append(await make.api_key(person, team=team))
    one = await record(api, gateway, event("1", keyId=keys[0].id))
    many = await record(api, gateway, *(event(key.id, key=key.secret) for key in keys))
    again = await record(api, gateway, *(event(key.id, key=key.secret) for key in keys))
    assert one.statements == many.statements == 7
    assert again.statements == 4


async def test_a_report_with_an_idempotency_key_is_answered_again(
    api: Api, owner: asyncpg.Connection, gateway: Key
) -> None:
    calls = [event("1", keyId=gateway.id), event("1", keyId=gateway.id, cost="-1")]
    first = await record(api, gateway, *calls, idempotencyKey="report 1")
    again = await record(api, gateway, *calls, idempotencyKey="report 1")
    assert again.payload == first.payload
    assert statuses(first) == ["RECORDED", "INVALID"]
    assert (await spent(owner))[gateway.id] == COST
