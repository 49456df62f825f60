"""GraphQL over HTTP: methods, media types and statuses, what of a fault is told, and the log line."""

import asyncio
import gc
import re
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import httpx2
import pytest

from api_client import Api
from bursar.database import pool
from bursar.domain.errors import Fault, OutcomeUnknown, Overloaded, Unavailable
from bursar.graphql.context import Context
from bursar.http.incoming import Incoming
from bursar.loaders.rows import RowsByKey
from bursar.services import organizations
from factories import Factory

OLD, NEW = "application/json", "application/graphql-response+json"
CREATE = (
    'mutation Create { organizationCreate(input: {name: "canary-literal"}) { errors { code } } }'
)
VIEWER = "query Me { viewer { user { id } } }"
# What no answer may hold: SQL, a trace, a place in the code, a type of Python or of a library.
INTERNAL = re.compile(
    rb"SELECT|INSERT|Traceback|File \"|\.py|Error\b|Exception|asyncpg|sqlalchemy|canary|<class|0x"
)

Serve = Callable[..., AbstractAsyncContextManager[httpx2.AsyncClient]]
Logged = Callable[[], list[dict[str, Any]]]


def post(caller: httpx2.AsyncClient, document: str, accept: str = NEW, **variables: Any) -> Any:
    json = {"query": document, "variables": variables}
    return caller.post("/graphql", json=json, headers={"Accept": accept})


def codes(answer: httpx2.Response) -> list[str]:
    """The codes of all errors, each of which tells the id of the request."""
    errors = answer.json()["errors"]
    for error in errors:
        assert set(error) <= {"message", "locations", "path", "extensions"}
        assert error["message"]
        assert error["extensions"]["requestId"] == answer.headers["X-Request-Id"]
    return [error["extensions"]["code"] for error in errors]


@pytest.mark.parametrize("accept", [OLD, NEW])
async def test_the_answer_has_the_media_type_that_was_asked_for(
    caller: httpx2.AsyncClient, accept: str
) -> None:
    answer = await post(caller, "{ __typename }", accept)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == f"{accept}; charset=utf-8"
    assert answer.json() == {"data": {"__typename": "Query"}}


def _requests_in_memory() -> list[Context | Incoming]:
    return [each for each in gc.get_objects() if isinstance(each, Context | Incoming)]


async def test_nothing_of_a_request_waits_for_the_collector_of_cycles(
    caller: httpx2.AsyncClient,
) -> None:
    read = "query($id: ID!) { team(id: $id) { id } }"
    await post(caller, read, id="none")
    gc.collect()
    gc.disable()
    try:
        before = _requests_in_memory()  # of tests before, which may have left some at work
        assert (await post(caller, read, id="none")).json() == {"data": {"team": None}}
        left = [each for each in _requests_in_memory() if each not in before]
    finally:
        gc.enable()
    assert left == []


async def test_accept_headers_count_together(caller: httpx2.AsyncClient) -> None:
    headers = [("Accept", f"{OLD};q=0.5"), ("Accept", NEW)]
    answer = await caller.post("/graphql", json={"query": "{ __typename }"}, headers=headers)
    assert answer.headers["Content-Type"].startswith(NEW)


@pytest.mark.parametrize("accept", ["text/plain", "application/xml", "*/*;q=0", "image/*"])
async def test_a_media_type_that_is_not_spoken_is_not_acceptable(
    caller: httpx2.AsyncClient, accept: str
) -> None:
    answer = await post(caller, "{ __typename }", accept)
    assert (answer.status_code, codes(answer)) == (406, ["BAD_USER_INPUT"])
    assert answer.headers["Content-Type"].startswith(OLD)


@pytest.mark.parametrize(("accept", "status"), [(OLD, 200), (NEW, 400)])
@pytest.mark.parametrize(
    ("document", "code"),
    [
        ("{", "GRAPHQL_PARSE_FAILED"),
        ("", "GRAPHQL_PARSE_FAILED"),
        ("{ nothing }", "GRAPHQL_VALIDATION_FAILED"),
        ("type Query { a: Int }", "GRAPHQL_VALIDATION_FAILED"),
        ("subscription { a }", "GRAPHQL_VALIDATION_FAILED"),
        ('{ teams(first: "1") { totalCount } }', "BAD_USER_INPUT"),
        ("query($id: ID!) { team(id: $id) { id } }", "BAD_USER_INPUT"),
        ("query A { __typename } query B { __typename }", "OPERATION_RESOLUTION_FAILURE"),
    ],
)
async def test_a_request_that_cannot_run_has_no_data(
    caller: httpx2.AsyncClient, document: str, code: str, accept: str, status: int
) -> None:
    answer = await post(caller, document, accept)
    assert (answer.status_code, codes(answer)) == (status, [code])
    assert list(answer.json()) == ["errors"]


@pytest.mark.parametrize("accept", [OLD, NEW])
async def test_what_ran_has_its_data_beside_the_errors(
    caller: httpx2.AsyncClient, accept: str
) -> None:
    document = '{ limits { maxPageSize } team(id: "x") { id } nodes(ids: []) { id } '
    answer = await post(caller, document + "teams(first: 1) { nodes { id } } }", accept)
    assert answer.json()["data"]["team"] is None
    answer = await post(caller, document + "teams(first: -1) { totalCount } }", accept)
    assert (answer.status_code, codes(answer)) == (200, ["BAD_USER_INPUT"])
    assert answer.json()["data"] is None  # `teams` cannot be null
    assert answer.json()["errors"][0]["path"] == ["teams"]


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("document", ["", "?query={__typename}", "?query=mutation{__typename}"])
async def test_only_post_runs_a_document(
    caller: httpx2.AsyncClient, method: str, document: str
) -> None:
    answer = await caller.request(method, f"/graphql{document}", headers={"Accept": NEW})
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")
    assert answer.headers["Content-Type"].startswith(OLD)
    if method != "HEAD":
        assert codes(answer) == ["BAD_USER_INPUT"]


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "QUERY", "get"])
async def test_a_method_that_nobody_knows_is_not_allowed(
    caller: httpx2.AsyncClient, method: str
) -> None:
    answer = await caller.request(method, "/graphql")
    assert answer.status_code == 405
    assert "POST" in answer.headers["Allow"]


@pytest.mark.parametrize("document", [VIEWER, CREATE])
async def test_a_fault_of_ours_says_nothing_and_is_logged_once(
    serve: Serve,
    logged: Logged,
    make: Factory,
    monkeypatch: pytest.MonkeyPatch,
    document: str,
) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("canary SELECT secret_hash FROM api_keys")

    monkeypatch.setattr(organizations, "create", fail)
    monkeypatch.setattr(RowsByKey, "__call__", fail)
    admin = await make.admin()
    async with serve() as caller:
        caller.headers["Authorization"] = f"Bearer {admin.secret}"
        answer = await post(caller, document)
    assert (answer.status_code, codes(answer)) == (200, ["INTERNAL_SERVER_ERROR"])
    assert answer.json()["errors"][0]["message"] == "Internal server error"
    assert not INTERNAL.search(answer.content)
    fault, request = logged()
    assert (fault["level"], fault["event"]) == ("error", "resolver failed")
    assert fault["exception"].startswith("builtins.ZeroDivisionError")
    assert fault["request_id"] == request["request_id"] == answer.headers["X-Request-Id"]
    assert (request["level"], request["outcome"]) == ("info", "errors")
    assert "canary" not in str(logged())


async def test_a_value_of_ours_that_its_type_cannot_hold_says_nothing(
    api: Api, make: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def wrong(_reader: object, keys: list[str]) -> dict[str, Any]:
        class Row:
            id, name, role = keys[0], "A", "canary-role"

        return {keys[0]: Row()}

    admin = await make.admin()
    monkeypatch.setattr(RowsByKey, "__call__", lambda _self, reader, keys: wrong(reader, keys))
    api.http.headers["Authorization"] = f"Bearer {admin.secret}"
    answer = await post(api.http, "{ viewer { user { id role } } }")
    assert codes(answer) == ["INTERNAL_SERVER_ERROR"]
    assert answer.json()["errors"][0]["message"] == "Internal server error"
    assert b"canary" not in answer.content


@pytest.mark.parametrize("fault", [Overloaded, Unavailable, OutcomeUnknown])
async def test_a_fault_of_the_database_has_its_own_code_and_is_no_bug(
    serve: Serve,
    logged: Logged,
    make: Factory,
    monkeypatch: pytest.MonkeyPatch,
    fault: type[Fault],
) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise fault from OSError("canary")

    monkeypatch.setattr(organizations, "create", fail)
    admin = await make.admin()
    async with serve() as caller:
        caller.headers["Authorization"] = f"Bearer {admin.secret}"
        answer = await post(caller, CREATE)
    assert (answer.status_code, codes(answer)) == (200, [fault.code])
    assert answer.json()["errors"][0]["message"] == str(fault())
    assert not INTERNAL.search(answer.content)
    assert [line["event"] for line in logged()] == ["request"]


async def test_a_database_that_is_away_at_sign_in_is_unavailable(serve: Serve) -> None:
    async with serve("postgresql://bursar@127.0.0.1:1/canary") as caller:
        answer = await caller.post(
            "/graphql",
            json={"query": VIEWER},
            headers={"Authorization": "Bearer bk_x", "Accept": NEW},
        )
    assert (answer.status_code, codes(answer)) == (503, ["UNAVAILABLE"])
    assert answer.headers["Retry-After"] == "1"
    assert answer.headers["Content-Type"].startswith(NEW)
    assert not INTERNAL.search(answer.content)


async def test_a_server_without_a_free_connection_is_overloaded(
    serve: Serve, make: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    entered, leave = asyncio.Event(), asyncio.Event()

    async def hold(*_: object, **__: object) -> None:
        entered.set()
        await leave.wait()
        raise Unavailable

    monkeypatch.setattr(organizations, "create", hold)
    admin = await make.admin()
    async with serve(pool_size=1) as caller:
        caller.headers["Authorization"] = f"Bearer {admin.secret}"
        holding = asyncio.create_task(post(caller, CREATE))
        await entered.wait()
        with monkeypatch.context() as patched:
            patched.setattr(pool, "ACQUIRE_SECONDS", 0)
            answer = await post(caller, VIEWER)
        assert (answer.status_code, codes(answer)) == (503, ["OVERLOADED"])
        assert answer.json()["errors"][0]["message"] == str(Overloaded())  # not of the deadline
        assert answer.headers["Retry-After"] == "1"
        leave.set()
        await holding
        assert (await post(caller, VIEWER)).status_code == 200
