"""POST /usage: the same recording as by GraphQL, in plain JSON."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import httpx2
import orjson
import pytest

from api_client import Api
from bursar.domain.roles import KeyScope
from factories import Factory, Key
from reports import event, record, spent, statuses

JSON = {"Content-Type": "application/json"}
Serve = Callable[..., AbstractAsyncContextManager[httpx2.AsyncClient]]


@pytest.fixture
async def gateway(api: Api, make: Factory) -> Key:
    key = await make.api_key(team=await make.team(), scopes=[KeyScope.GATEWAY])
    api.http.headers["Authorization"] = f"Bearer {key.secret}"
    return key


async def post(caller: httpx2.AsyncClient, body: Any, **headers: str) -> httpx2.Response:
    content = body if isinstance(body, bytes) else orjson.dumps(body)
    return await caller.post("/usage", content=content, headers={**JSON, **headers})


async def said(caller: httpx2.AsyncClient, *events: Any) -> list[Any]:
    answer = await post(caller, {"events": events})
    assert answer.status_code == 200
    results: list[Any] = answer.json()["results"]
    return results


async def test_what_is_reported_here_and_by_graphql_is_the_same(
    api: Api, owner: asyncpg.Connection, gateway: Key
) -> None:
    call = event(
        "1", keyId=gateway.id, provider="p", endpoint="/e", tags=["t"], promptTokens="5", cost="1.5"
    )
    assert await said(api.http, call) == [{"requestId": "1", "status": "RECORDED"}]
    assert statuses(await record(api, gateway, call)) == ["DUPLICATE"]
    other_form = {**call, "promptTokens": 5, "cost": "1.50", "key": None, "success": True}
    other = {**call, "success": False}
    answers = await said(api.http, other_form, other, {**call, "requestId": "2", "keyId": "no"})
    assert [one["status"] for one in answers] == ["DUPLICATE", "EVENT_MISMATCH", "UNKNOWN_KEY"]
    assert float((await spent(owner))[gateway.id]) == 1.5


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"cost": 0.5}, '`cost` must be a string such as "0.0125", or a whole number.'),
        ({"cost": True}, '`cost` must be a string such as "0.0125", or a whole number.'),
        ({"at": "yesterday"}, "`at` must be a date and time of RFC 3339"),
        ({"at": 1}, "`at` must be a string."),
        ({"promptTokens": 1.5}, "`promptTokens` must be a whole number of 64 bits"),
        ({"success": 1}, "`success` must be true or false."),
        ({"tags": "a"}, "`tags` must be a list of strings."),
        ({"tags": [1]}, "`tags` must be a list of strings."),
        ({"model": None}, "`model` must be given."),
        (
            {"promptToken": 1, "cost": "x"},
            "`promptToken` is not known.",
        ),
        ({"promptTokens": -1}, "The tokens must be 0 to"),
        ({"cost": -1}, "The cost must not be negative."),
    ],
)
async def test_an_event_that_cannot_be_read_is_invalid_and_the_others_are_recorded(
    api: Api, gateway: Key, given: dict[str, Any], message: str
) -> None:
    good, bad = event("1", keyId=gateway.id, cost=2), event("2", keyId=gateway.id)
    first, second, third = await said(api.http, {**bad, **given}, good, {})
    assert (first["requestId"], first["status"]) == ("2", "INVALID")
    assert message in first["message"]
    assert second == {"requestId": "1", "status": "RECORDED"}
    assert third["requestId"] is None


@pytest.mark.usefixtures("gateway")
async def test_what_is_no_event_is_invalid(api: Api) -> None:
    before = await api.fingerprint()
    results = await said(api.http, None, 5, [], "x", {"requestId": 5})
    assert [one["status"] for one in results] == ["INVALID"] * 5
    assert [one["requestId"] for one in results] == [None] * 5
    assert await api.fingerprint() == before


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b'{"events":null}',
        b'{"events":[]}',
        b'{"events":{}}',
        b'{"events":[',
        b'{"events":["\xff"]}',
        orjson.dumps({"events": [{}] * 1001}),
    ],
)
@pytest.mark.usefixtures("gateway")
async def test_a_body_that_is_no_report_is_refused(api: Api, body: bytes) -> None:
    answer = await post(api.http, body)
    assert answer.status_code == 400
    (error,) = answer.json()["errors"]
    assert error["extensions"] == {
        "code": "BAD_USER_INPUT",
        "requestId": answer.headers["X-Request-Id"],
    }


async def test_only_a_key_of_a_gateway_reports(api: Api, make: Factory, gateway: Key) -> None:
    body = {"events": [event(keyId=gateway.id)]}
    admin = await make.admin()
    before = await api.fingerprint()
    for who, status, code in (
        (admin.secret, 403, "FORBIDDEN"),
        ("bk_unknown", 401, "UNAUTHENTICATED"),
    ):
        answer = await post(api.http, body, Authorization=f"Bearer {who}")
        (error,) = answer.json()["errors"]
        assert (answer.status_code, error["extensions"]["code"]) == (status, code)
        assert ("only keys with the scope GATEWAY may" in error["message"]) is (status == 403)
    assert await api.fingerprint() == before


@pytest.mark.usefixtures("gateway")
async def test_another_method_or_media_type_is_refused(api: Api) -> None:
    answer = await api.http.get("/usage")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")
    assert (await post(api.http, {}, **{"Content-Type": "text/plain"})).status_code == 415


async def test_more_than_can_be_counted_is_refused(api: Api, gateway: Key) -> None:
    huge = {"keyId": gateway.id, "cost": 10**18 - 1}
    await said(api.http, event("1", **huge))
    answer = await post(api.http, {"events": [event("2", **huge)]})
    assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (
        409,
        "CONFLICT",
    )


async def test_a_gateway_may_send_more_than_others_and_is_told_how_much(
    api: Api, make: Factory, gateway: Key, serve: Serve
) -> None:
    asked = "{ limits { maxBodyBytes maxGatewayBodyBytes maxUsageEventsAtOnce usageHours } }"
    assert (await api(gateway, asked)).payload == {
        "maxBodyBytes": 262_144,
        "maxGatewayBodyBytes": 2_097_152,
        "maxUsageEventsAtOnce": 1000,
        "usageHours": 72,
    }
    person = await make.person()
    async with serve(max_body_bytes=100, max_gateway_body_bytes=1000) as caller:
        for size, path, who, status in (
            (1000, "/usage", gateway, 200),
            (1001, "/usage", gateway, 413),
            (1000, "/graphql", gateway, 200),
            (1001, "/graphql", gateway, 413),
            (101, "/graphql", person, 413),
        ):
            body = {"query": "{ __typename }", "events": [None]}
            content = orjson.dumps(body).ljust(size)
            headers = {**JSON, "Authorization": f"Bearer {who.secret}"}
            answer = await caller.post(path, content=content, headers=headers)
            assert answer.status_code == status, (size, path)


async def test_a_database_that_does_not_answer_is_said(gateway: Key, serve: Serve) -> None:
    async with serve(dsn="postgresql://nobody@127.0.0.1:1/none") as caller:
        headers = {"Authorization": f"Bearer {gateway.secret}"}
        answer = await post(caller, {"events": [event(keyId=gateway.id)]}, **headers)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert answer.json()["errors"][0]["extensions"]["code"] == "UNAVAILABLE"


async def test_a_report_is_a_line_in_the_log(
    serve: Serve, gateway: Key, logged: Callable[[], list[dict[str, Any]]]
) -> None:
    late = datetime.now(UTC) - timedelta(days=5)
    events = [event("1", keyId=gateway.id), event("2", keyId=gateway.id, at=late)]
    async with serve() as caller:
        await post(caller, {"events": events}, Authorization=f"Bearer {gateway.secret}")
    (line,) = (line for line in logged() if line["event"] == "request")
    assert {name: line[name] for name in ("path", "status", "field", "outcome", "statements")} == {
        "path": "/usage",
        "status": 200,
        "field": "usage",
        "outcome": "ok",
        "statements": 8,
    }
