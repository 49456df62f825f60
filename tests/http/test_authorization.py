"""POST /authorize: what is asked, what is refused, what is logged and counted, and failing closed."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import httpx2
import pytest

from api_client import Api
from bursar.database.connections import statements_sent
from bursar.database.pool import Database
from bursar.domain.errors import Fault, Overloaded, Unavailable
from bursar.domain.keys import new_secret
from bursar.domain.roles import KeyScope
from factories import Factory, Key

Serve = Callable[..., AbstractAsyncContextManager[httpx2.AsyncClient]]
Logged = Callable[[], list[dict[str, Any]]]


@pytest.fixture
async def gateway(api: Api, make: Factory) -> Key:
    """The one that the client speaks as."""
    key = await make.api_key(team=await make.team(), scopes=[KeyScope.GATEWAY])
    api.http.headers["Authorization"] = f"Bearer {key.secret}"
    return key


@pytest.fixture
async def call(make: Factory) -> dict[str, str]:
    """One that is allowed."""
    return {"key": (await make.api_key(team=await make.team())).secret, "model": "gpt-4"}


def code(answer: httpx2.Response) -> str:
    (error,) = answer.json()["errors"]
    assert error["message"]
    assert error["extensions"]["requestId"] == answer.headers["X-Request-Id"]
    return str(error["extensions"]["code"])


@pytest.mark.usefixtures("gateway")
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b'{"key": "bk_"}',
        b'{"model": "gpt-4"}',
        b'{"key": 1, "model": "gpt-4"}',
        b'{"key": "bk_", "model": null}',
        b'{"key": "bk_", "model": "gpt-4", "estimated_cost": "0.1"}',
        *(
            b'{"key": "bk_", "model": "gpt-4", "estimatedCost": %s}' % cost
            for cost in (b"0.1", b'"1e3"', b'"NaN"', b'"-0.1"', b'""', b"[]")
        ),
    ],
)
async def test_a_body_that_asks_nothing_is_refused(api: Api, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    answer = await api.http.post("/authorize", content=body, headers=headers)
    assert (answer.status_code, code(answer)) == (400, "BAD_USER_INPUT")


@pytest.mark.usefixtures("gateway")
async def test_all_that_is_wrong_with_a_body_is_said_at_once(api: Api) -> None:
    answer = await api.http.post("/authorize", json={"estimatedCost": 0.1, "model": 5, "cost": 1})
    assert answer.json()["errors"][0]["message"] == (
        "`cost` is not known; `key` must be a string; `model` must be a string; "
        '`estimatedCost` must be a string such as "0.25", or null.'
    )


@pytest.mark.usefixtures("gateway")
async def test_other_methods_media_types_and_lengths_are_refused(
    api: Api, call: dict[str, str]
) -> None:
    got = await api.http.get("/authorize")
    assert (got.status_code, got.headers["Allow"], code(got)) == (405, "POST", "BAD_USER_INPUT")
    form = await api.http.post("/authorize", data=call)
    assert (form.status_code, code(form)) == (415, "BAD_USER_INPUT")
    long = await api.http.post("/authorize", json=call | {"filler": "x" * 300_000})
    assert (long.status_code, code(long)) == (413, "BAD_USER_INPUT")


@pytest.mark.parametrize("header", [None, "Bearer ", "Bearer bk_nobody", "Basic x"])
async def test_without_a_key_nothing_is_decided(
    api: Api, call: dict[str, str], header: str | None
) -> None:
    headers = {} if header is None else {"Authorization": header}
    answer = await api.http.post("/authorize", json=call, headers=headers)
    assert (answer.status_code, code(answer)) == (401, "UNAUTHENTICATED")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.usefixtures("gateway")
async def test_what_is_no_key_takes_as_many_statements_as_any(
    api: Api, call: dict[str, str]
) -> None:
    for secret in (call["key"], new_secret(), "", "x" * 5000, "\0"):
        await api.http.post("/authorize", json=call | {"key": secret})
        assert statements_sent.get() == [2]


@pytest.mark.usefixtures("gateway")
async def test_calls_at_the_same_moment_share_statements(
    api: Api, call: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    sent, ask = [], Database.all

    async def counted(self: Database, statement: Any, **values: Any) -> Any:
        sent.append(statement)
        return await ask(self, statement, **values)

    monkeypatch.setattr(Database, "all", counted)
    answers = await asyncio.gather(
        *(
            api.http.post("/authorize", json=call | {"key": key})
            for key in [call["key"], "bk_nobody"] * 25
        )
    )
    assert [answer.json()["allowed"] for answer in answers] == [True, False] * 25
    assert len(sent) <= 10


@pytest.mark.parametrize(
    ("fault", "said"), [(Overloaded, "OVERLOADED"), (Unavailable, "UNAVAILABLE")]
)
async def test_without_the_database_nothing_is_allowed(
    api: Api,
    gateway: Key,
    call: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    fault: type[Fault],
    said: str,
) -> None:
    async def away(*_: object, **__: object) -> None:
        raise fault

    monkeypatch.setattr(Database, "all", away)
    answers = await asyncio.gather(*(api.http.post("/authorize", json=call) for _ in range(3)))
    for answer in answers:
        assert (answer.status_code, code(answer)) == (503, said)
        assert answer.headers["Retry-After"] == "1"
    assert gateway.secret not in answers[0].text


async def test_the_log_tells_the_decision_and_no_secret(
    serve: Serve, logged: Logged, gateway: Key, call: dict[str, str]
) -> None:
    headers = {"Authorization": f"Bearer {gateway.secret}"}
    async with serve() as caller:
        await caller.post("/authorize", json=call, headers=headers)
        await caller.post("/authorize", json=call | {"key": "bk_nobody"}, headers=headers)
    lines = logged()
    assert [(line["field"], line["outcome"], line["allowed"]) for line in lines] == [
        ("authorize", "ok", True),
        ("authorize", "ok", False),
    ]
    assert lines[0]["statements"] == 2
    assert not any(secret in str(lines) for secret in (call["key"], gateway.secret, "bk_nobody"))


async def test_decisions_are_counted(
    serve: Serve, make: Factory, gateway: Key, call: dict[str, str]
) -> None:
    admin = await make.admin()
    async with serve() as caller:
        for key in (call["key"], "bk_nobody", "bk_nobody"):
            headers = {"Authorization": f"Bearer {gateway.secret}"}
            await caller.post("/authorize", json=call | {"key": key}, headers=headers)
        headers = {"Authorization": f"Bearer {admin.secret}"}
        metrics = (await caller.get("/metrics", headers=headers)).text
    assert 'bursar_decisions_total{allowed="true"} 1.0' in metrics
    assert 'bursar_decisions_total{allowed="false"} 2.0' in metrics
