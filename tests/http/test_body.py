"""The body of a request: whatever bytes it holds, the answer is JSON and no fault."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import httpx2
import orjson
import pytest
from starlette.types import Message

from bursar.http.body import BadBody, json_object, read_body, read_json
from bursar.http.incoming import Incoming
from factories import Factory

TYPENAME = "{ __typename }"
JSON = {"Content-Type": "application/json"}
NEW = {**JSON, "Accept": "application/graphql-response+json"}
LONGEST = 262_144
Serve = Callable[..., AbstractAsyncContextManager[httpx2.AsyncClient]]


async def post(caller: httpx2.AsyncClient, body: Any, **headers: str) -> httpx2.Response:
    content = body if isinstance(body, bytes) else orjson.dumps(body)
    return await caller.post("/graphql", content=content, headers={**NEW, **headers})


def code_of(answer: httpx2.Response) -> str:
    """The one code of an answer that has no data, and tells its request's id."""
    body = answer.json()
    assert list(body) == ["errors"]
    (error,) = body["errors"]
    assert error["extensions"]["requestId"] == answer.headers["X-Request-Id"]
    return str(error["extensions"]["code"])


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"null",
        b"5",
        b'"x"',
        b"true",
        b"NaN",
        b"[]",
        b"{}",
        b'[{"query":"{__typename}"}]',
        b'{"query":"{__typename}"',
        b'{"query":"{__typename}"} {}',
        b"{'query':'{__typename}'}",
        b"\xef\xbb\xbf" + orjson.dumps({"query": TYPENAME}),
        orjson.dumps({"query": TYPENAME}).decode().encode("utf-16"),
        b'{"query":"{__typename}\xff"}',
        b'{"query":"{__typename}","operationName":"\xc3"}',
        b'{"query":"\\ud800"}',
        b'{"query":"{__typename}","operationName":"\\ud800"}',
        b'{"query":"{__typename}","variables":{"a":"\\udfff"}}',
        b'{"query":"{__typename}\x00"}',
        b'{"query":"{__typename}","variables":' + b'{"a":' * 10_000 + b"1" + b"}" * 10_001,
        b"[" * 2_000,
        b'{"query":"{a}","query":"{__typename}"}',
        b'{"query":"{a}","\\u0071uery":"{__typename}"}',
        b'{"query":"{__typename}","variables":{},"variables":{}}',
        b'{"query":"{__typename}","operationName":null,"operationName":null}',
        b'{"query":"{__typename}","variables":{"query":1,"query":2}}',
        b'{"query":"{__typename}","variables":{"a":[{"b" :1,"\\u0062":{}}]}}',
        b'{"query":"{__typename}","variables":{"\\\\":1,"\\u005c":"\\":,"}}',
        b'{"query":"{__typename}","query":"","variables":' + b"[" * 900 + b"]" * 900 + b"}",
        b'{"query":null}',
        b'{"query":5}',
        b'{"query":["{__typename}"]}',
        b'{"query":{"a":1}}',
        b'{"query":"{__typename}","operationName":5}',
        b'{"query":"{__typename}","operationName":["A"]}',
        b'{"query":"{__typename}","operationName":false}',
        b'{"query":"{__typename}","variables":"{}"}',
        b'{"query":"{__typename}","variables":[]}',
        b'{"query":"{__typename}","variables":0}',
        b'{"query":"{__typename}","extensions":[]}',
        b'{"query":"{__typename}","extensions":"x"}',
    ],
)
@pytest.mark.parametrize("accept", ["application/json", "application/graphql-response+json"])
async def test_a_body_that_is_no_graphql_request_is_refused(
    caller: httpx2.AsyncClient, body: bytes, accept: str
) -> None:
    answer = await post(caller, body, Accept=accept)
    assert answer.status_code == 400
    assert code_of(answer) == "BAD_USER_INPUT"


@pytest.mark.parametrize(
    "parts",
    [
        {},
        {"operationName": None, "variables": None, "extensions": None},
        {"variables": {}, "extensions": {"client": {"name": "x"}}},
        {"variables": {"a" * 1000: [{"b": None}], "\0": "\0"}},
        {"unknown": [1, 2]},
        {"variables": {"query": 1, "variables": {"query": 5}}, "extensions": {"é": "\0"}},
    ],
)
async def test_what_a_request_may_have_besides_its_document_is_taken(
    caller: httpx2.AsyncClient, parts: dict[str, Any]
) -> None:
    answer = await post(caller, {"query": TYPENAME, **parts})
    assert answer.json() == {"data": {"__typename": "Query"}}


async def test_a_long_number_is_no_fault_where_it_is_looked_at_closely(
    caller: httpx2.AsyncClient,
) -> None:
    number = b"9" * 300 + b"." + b"9" * 5_000 + b"," + b'"b":' + b"9" * 300
    body = b'{"query":"{__typename}","variables":{"query":1,"a":' + number + b"}}"
    assert (await post(caller, body)).json() == {"data": {"__typename": "Query"}}


@pytest.mark.parametrize(
    "name", ["", " ", "B", "a", "A ", "\0", "\n", "{}", "%s", "é", "'", '"', "x" * 100_000]
)
async def test_an_operation_that_the_document_lacks_is_not_found(
    caller: httpx2.AsyncClient, name: str
) -> None:
    answer = await post(caller, {"query": "query A { __typename }", "operationName": name})
    assert (answer.status_code, code_of(answer)) == (400, "OPERATION_RESOLUTION_FAILURE")
    assert "no operation named" in answer.json()["errors"][0]["message"]


async def test_of_several_operations_one_must_be_named(caller: httpx2.AsyncClient) -> None:
    document = "query A { a: __typename } query B { b: __typename }"
    answer = await post(caller, {"query": document})
    assert (answer.status_code, code_of(answer)) == (400, "OPERATION_RESOLUTION_FAILURE")
    answer = await post(caller, {"query": document, "operationName": "B"})
    assert answer.json() == {"data": {"b": "Query"}}


@pytest.mark.parametrize("depth", [50, 100, 150, 199, 1000, 20_000])
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("{a", "}"),
        ("{ ... on Query ", "}"),
        ("{teams{nodes{organization", "}}}"),
        ("{__schema{types{fields{type{fields{type", "}}}}}}"),
    ],
)
async def test_a_deep_document_is_no_fault(
    caller: httpx2.AsyncClient, depth: int, before: str, after: str
) -> None:
    depth = min(depth, LONGEST // len(before + after) - 10)
    document = before * depth + "{__typename}" + after * depth
    answer = await post(caller, {"query": document})
    assert answer.status_code in {200, 400}
    for error in answer.json().get("errors", []):
        assert error["extensions"]["code"] != "INTERNAL_SERVER_ERROR"


@pytest.mark.parametrize(
    "literal",
    [
        '"""\\ud800"""',
        '"\\ud800"',
        '"\\u{110000}"',
        '"\0"',
        "9" * 10_000,
        "1e" + "9" * 9,
        "[" * 900,
    ],
)
async def test_a_hostile_literal_is_no_fault(caller: httpx2.AsyncClient, literal: str) -> None:
    answer = await post(caller, {"query": f"{{ team(id: {literal}) {{ id }} }}"})
    assert answer.status_code in {200, 400}
    for error in answer.json().get("errors", []):
        code = error["extensions"]["code"]
        assert code in {"GRAPHQL_PARSE_FAILED", "LIMIT_EXCEEDED", "BAD_USER_INPUT"}


MANY = {
    "lists": ("[", "[],", "1]"),
    "objects": ("[", "{},", "1]"),
    "numbers": ("[", "1,", "1]"),
    "names": ("{", '"%d":1,', '"":1}'),
    "names with spaces": ("{", '"%d"\t \n: 1 ,', '"":1}'),
    "names in disguise": ("{", '"\\u0061%d" :1,', '"":1}'),
    "texts": ("[", '"\\\\","\\"",', "1]"),
    "named lists": ("{", '"%d":[],', '"":1}'),
}


@pytest.mark.parametrize("made", MANY)
def test_a_body_of_too_many_values_is_refused_before_it_is_read(made: str) -> None:
    before, part, after = MANY[made]
    few, many = (
        (before + "".join(part.replace("%d", str(n)) for n in range(count)) + after).encode()
        for count in (500, 2_002)
    )
    assert json_object(b'{"a":%b}' % few, 1_000) == {"a": orjson.loads(few)}
    for body in (many, many[:-1]):
        with pytest.raises(BadBody, match="is 1,000") as refused:
            read_json(body, 1_000)
        assert refused.value.code == "LIMIT_EXCEEDED"


def test_a_body_has_room_for_as_many_values_as_variables_may_hold() -> None:
    values: list[Any] = [{"a": []}] * 333 + [":,[{" * 9]
    named = {str(n): [] for n in range(1_000)}
    for variables in (values, named, ["a"] * 1_000, {str(n): "b\\" for n in range(1_000)}):
        body = {"query": TYPENAME, "variables": {"v": variables}, "extensions": {"a": 1}}
        assert json_object(orjson.dumps(body), 1_001) == body


@pytest.mark.parametrize("accept", ["application/json", "application/graphql-response+json"])
async def test_the_most_values_of_a_body_are_those_of_the_settings(
    serve: Serve, make: Factory, accept: str
) -> None:
    body = orjson.dumps({"query": TYPENAME, "extensions": {"a": [[]] * 1_200}})
    admin = await make.admin()
    for most, status in ((100, 400), (300, 200)):
        async with serve(max_values=most) as caller:
            caller.headers["Authorization"] = f"Bearer {admin.secret}"
            answer = await post(caller, body, Accept=accept)
        assert answer.status_code == status
        assert status == 200 or code_of(answer) == "LIMIT_EXCEEDED"


@pytest.mark.parametrize(
    "value",
    [[[]] * 3, [1, [2, [3]]], {"a": {"b": {}}}, True, 1e308, 2**63, 10**400, "x" * 100_000, "\0"],
)
async def test_a_hostile_variable_is_no_fault(caller: httpx2.AsyncClient, value: Any) -> None:
    document = "query($id: ID!) { node(id: $id) { id } }"
    body = f'{{"query":"{document}","variables":{{"id":{json.dumps(value)}}}}}'
    answer = await post(caller, body.encode())
    assert answer.status_code in {200, 400}
    for error in answer.json().get("errors", []):
        assert error["extensions"]["code"] == "BAD_USER_INPUT"


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": ""},
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/graphql"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "multipart/form-data; boundary=x"},
        {"Content-Type": "application/jsonp"},
        {"Content-Type": "application/json; charset=utf-16"},
        {"Content-Type": "application/json; charset=latin-1"},
        {"Content-Encoding": "gzip"},
        {"Content-Encoding": "identity, br"},
    ],
)
async def test_another_media_type_is_refused(
    caller: httpx2.AsyncClient, headers: dict[str, str]
) -> None:
    answer = await post(caller, {"query": TYPENAME}, **headers)
    assert (answer.status_code, code_of(answer)) == (415, "BAD_USER_INPUT")


@pytest.mark.parametrize(
    "media_type",
    [
        "application/json",
        "Application/JSON",
        "application/json;charset=utf-8",
        'application/json; charset="UTF-8"',
        "application/json ; Charset=utf8",
    ],
)
async def test_json_is_taken_however_it_is_spelled(
    caller: httpx2.AsyncClient, media_type: str
) -> None:
    answer = await post(caller, {"query": TYPENAME}, **{"Content-Type": media_type})
    assert answer.status_code == 200


async def test_the_longest_body_is_taken_and_one_byte_more_is_not(
    caller: httpx2.AsyncClient,
) -> None:
    body = orjson.dumps({"query": TYPENAME})
    longest = body + b" " * (LONGEST - len(body))
    assert (await post(caller, longest)).status_code == 200
    answer = await post(caller, longest + b" ")
    assert (answer.status_code, code_of(answer)) == (413, "BAD_USER_INPUT")


async def test_a_client_that_hangs_up_in_its_body_is_no_fault() -> None:
    messages = [{"type": "http.request", "body": b"{", "more_body": True}]

    async def receive() -> Message:
        return messages.pop() if messages else {"type": "http.disconnect"}

    headers = [(b"content-type", b"application/json")]
    scope = {"type": "http", "method": "POST", "path": "/graphql", "headers": headers}
    with pytest.raises(BadBody):
        await read_body(Incoming(scope, receive), LONGEST)


async def test_a_long_body_in_chunks_is_refused_before_it_is_read(
    caller: httpx2.AsyncClient,
) -> None:
    read = 0

    async def chunks() -> AsyncIterator[bytes]:
        nonlocal read
        for _ in range(10_000):
            read += 10_000
            yield b" " * 10_000

    answer = await caller.post("/graphql", content=chunks(), headers=NEW)
    assert (answer.status_code, code_of(answer)) == (413, "BAD_USER_INPUT")
    assert read < LONGEST + 20_000
