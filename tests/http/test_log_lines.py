"""What the endpoint writes to the log: one line a request, and nothing that a client sent."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import httpx2
import pytest

from bursar.domain.roles import KeyScope
from bursar.services import organizations
from factories import Factory

NEW = "application/graphql-response+json"
CREATE = 'mutation Create { organizationCreate(input: {name: "canary"}) { errors { code } } }'
VIEWER = "query Me { viewer { user { id } } }"

Serve = Callable[..., AbstractAsyncContextManager[httpx2.AsyncClient]]
Logged = Callable[[], list[dict[str, Any]]]


def post(caller: httpx2.AsyncClient, document: str, **variables: Any) -> Any:
    json = {"query": document, "variables": variables}
    return caller.post("/graphql", json=json, headers={"Accept": NEW})


async def test_a_request_is_one_line_that_tells_what_it_did(
    serve: Serve, logged: Logged, make: Factory
) -> None:
    admin = await make.admin()
    async with serve() as caller:
        caller.headers["Authorization"] = f"Bearer {admin.secret}"
        answers = [
            await post(caller, VIEWER),
            await post(caller, CREATE),
            await post(caller, "{ teams(first: -1) { totalCount } }"),
            await post(caller, "{ canary }"),
            await caller.post("/graphql", content=b"canary"),
            await caller.get("/graphql?query={canary}", headers={"Accept": NEW}),
        ]
        caller.headers["Authorization"] = "Bearer canary"
        answers.append(await post(caller, VIEWER))
    lines = logged()
    for line, answer in zip(lines, answers, strict=True):
        assert line.pop("time")
        assert line.pop("duration_ms") >= 0
        assert line.pop("request_id") == answer.headers["X-Request-Id"]
        assert line.pop("bytes") == len(answer.content)
        assert line.pop("status") == answer.status_code
        assert line.pop("path") == "/graphql"
        assert (line.pop("level"), line.pop("event")) == ("info", "request")
        assert line.pop("address") == "127.0.0.1"
    assert lines[-1].pop("presented") == "…"
    for line in lines[:5]:
        assert (line.pop("key_id"), line.pop("user_id")) == (admin.key_id, admin.id)
    query = {"method": "POST", "operation_type": "query"}
    refused = {"method": "POST", "outcome": "refused"}
    assert lines == [
        {
            **query,
            "field": "viewer",
            "operation": "Me",
            "executor": "plan",
            "outcome": "ok",
            "statements": 2,
        },
        {
            "method": "POST",
            "operation_type": "mutation",
            "field": "organizationCreate",
            "operation": "Create",
            "executor": "plan",
            "outcome": "ok",
            "statements": 3,
        },
        {
            **query,
            "field": "teams",
            "executor": "graphql-core",
            "why": "surprised: BadUserInput",
            "outcome": "errors",
            "code": "BAD_USER_INPUT",
            "statements": 1,
        },
        {**refused, "code": "GRAPHQL_VALIDATION_FAILED", "statements": 1},
        {**refused, "code": "BAD_USER_INPUT"},
        {**refused, "method": "GET", "code": "BAD_USER_INPUT"},
        {**refused, "code": "UNAUTHENTICATED"},
    ]


async def test_the_log_holds_nothing_of_what_a_client_sent(
    serve: Serve, logged: Logged, make: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object, **values: object) -> None:
        raise ValueError(values)

    admin, person = await make.admin(), await make.person()
    gateway = await make.api_key(team=await make.team(), scopes=[KeyScope.GATEWAY])
    create = """mutation($input: OrganizationCreateInput!) {
        organizationCreate(input: $input) { errors { message } }
    }"""
    async with serve() as caller:
        await caller.post(
            "/graphql?canary=canary",
            json={"query": VIEWER},
            headers={"Authorization": "Bearer canary", "Cookie": "canary", "User-Agent": "canary"},
        )
        caller.headers["Authorization"] = f"Bearer {admin.secret}"
        await post(caller, create, input={"name": "canary" * 99, "externalId": "canary"})
        await post(caller, create, input={"name": "canary", "canary": "canary"})
        await post(caller, create, input={"name": "canary", "externalId": "canary"})
        await post(caller, create, input={"name": "canary", "externalId": "canary"})
        await post(caller, '{ team(id: "canary") { canary } }')
        await post(caller, '{ canary: userByEmail(email: "canary\u0000") { id } }')
        await caller.post("/graphql", json={"query": VIEWER, "operationName": "canary"})
        await caller.post("/graphql", json={"query": "canary", "extensions": {"canary": "canary"}})
        behalf = {"Authorization": f"Bearer {person.secret}", "On-Behalf-Of": "canary"}
        await caller.post("/graphql", json={"query": CREATE}, headers=behalf)
        own = {"Authorization": f"Bearer {gateway.secret}"}
        call = {"key": "canary", "model": "canary"}
        await caller.post("/authorize", json=call, headers=own)
        await caller.post("/authorize", json={**call, "estimatedCost": "canary"}, headers=own)
        await caller.post("/usage", json={"events": [{"canary": "canary"}]}, headers=own)
        forwarded = {"Bursar-Gateway-Key": gateway.secret, "X-Api-Key": "canary"}
        await caller.get("/authorize/forward", headers={**forwarded, "X-Model": "canary"})
        monkeypatch.setattr(organizations, "create", fail)
        await post(caller, create, input={"name": "canary", "metadata": {"canary": "canary"}})
    told = str(logged())
    assert len(logged()) == 16  # the fault has a line of its own
    assert "canary" not in told
    assert not any(secret in told for secret in (admin.secret, person.secret, gateway.secret))


async def test_a_long_name_of_an_operation_is_cut_in_the_log(
    serve: Serve, logged: Logged, make: Factory
) -> None:
    admin = await make.admin()
    async with serve() as caller:
        caller.headers["Authorization"] = f"Bearer {admin.secret}"
        await post(caller, f"query {'x' * 10_000} {{ __typename }}")
    (line,) = logged()
    assert line["operation"] == "x" * 200
