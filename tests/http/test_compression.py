"""Long answers to queries are compressed for who takes that, and all answers say the same as before."""

import threading
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any
from zlib import decompress

import httpx2
import pytest
from graphql import GraphQLObjectType, GraphQLUnionType, get_named_type
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api_client import Api
from bursar.graphql.execution.trusted import id_of
from bursar.graphql.schema import schema
from bursar.http import compression, endpoint
from bursar.http.compression import LEAST, takes_gzip
from factories import Factory

SHORT = "{ viewer { user { id } } }"
LONG = "{ organizations { nodes { metadata } } }"
GZIP = {"Accept-Encoding": "gzip"}
PLAIN = {"Accept-Encoding": "identity"}
METADATA = {"notes": "what for " * 1500}  # stored as JSON of less than 16 KiB

NAMES = ["gzip", "x-gzip", "identity", "*", "br", "deflate", "GZIP", "gzipped", ""]
QUALITIES = ["", ";q=0", ";q=0.5", ";q=1", " ; Q=0.001", ";q=nan", ";q=", ";level=9;q=0.7"]
NOISE = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20)
ACCEPTED = st.lists(
    st.tuples(st.sampled_from(NAMES), st.sampled_from(QUALITIES)).map("".join) | NOISE, max_size=6
).map(",".join)

Serve = Callable[..., AbstractAsyncContextManager[httpx2.AsyncClient]]
Sent = tuple[httpx2.Response, bytes]


@pytest.fixture
async def caller(api: Api, make: Factory) -> httpx2.AsyncClient:
    """Signed in as who sees an organization of which there is much to tell."""
    admin = await make.admin()
    await make.organization(metadata=METADATA)
    api.http.headers["Authorization"] = f"Bearer {admin.secret}"
    return api.http


async def ask(http: httpx2.AsyncClient, query: str, headers: dict[str, str]) -> Sent:
    """The answer, and its body as it went over the network."""
    async with http.stream("POST", "/graphql", json={"query": query}, headers=headers) as answer:
        return answer, b"".join([part async for part in answer.aiter_raw()])


def told(answer: httpx2.Response) -> tuple[str | None, str | None]:
    return answer.headers.get("content-encoding"), answer.headers.get("vary")


@pytest.mark.parametrize(
    ("accepted", "taken"),
    [
        (None, False),
        ("", False),
        ("identity", False),
        ("br, deflate, zstd", False),
        ("gzip", True),
        ("GZip", True),
        ("x-gzip", True),
        ("gzip, deflate, br, zstd", True),
        ("*", True),
        ("br;q=1.0, gzip;q=0.8, *;q=0.1", True),
        ("gzip;q=0", False),
        ("gzip;q=0, *", False),
        ("*;q=0", False),
        ("identity;q=0, *", True),
        ("identity;q=0", False),
        ("gzip;q=0.5, identity", False),
        ("gzip;q=0.5, identity;q=0.5", True),
        ("gzip;q=0.001", True),
        ("gzip;q=nan", False),
        ("gzipped", False),
    ],
)
def test_gzip_is_taken_where_it_is_liked_no_less_than_nothing(
    accepted: str | None, taken: bool
) -> None:
    assert takes_gzip(accepted) is taken


@given(accepted=ACCEPTED)
@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
async def test_an_answer_is_the_same_whatever_its_client_takes(
    caller: httpx2.AsyncClient, accepted: str
) -> None:
    answer, body = await ask(caller, LONG, {"Accept-Encoding": accepted})
    plain, expected = await ask(caller, LONG, PLAIN)
    assert (told(plain), plain.status_code) == ((None, "accept-encoding"), 200)
    assert int(answer.headers["content-length"]) == len(body)
    if takes_gzip(accepted.strip()):
        assert told(answer) == ("gzip", "accept-encoding")
        assert len(body) < len(expected) / 4
        body = decompress(body, 31)
    else:
        assert told(answer) == told(plain)
    assert body == expected
    assert answer.headers["content-type"] == plain.headers["content-type"]


async def test_lines_of_the_header_are_one_value(caller: httpx2.AsyncClient) -> None:
    headers = httpx2.Headers([("Accept-Encoding", "gzip;q=0.5"), ("Accept-Encoding", "identity")])
    caller.headers.pop("Accept-Encoding")
    answer = await caller.post("/graphql", json={"query": LONG}, headers=headers)
    assert told(answer) == (None, "accept-encoding")


async def test_a_short_answer_is_sent_as_it_is_and_nothing_is_asked_of_the_request(
    caller: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoint, "compressed", None)
    for headers in (GZIP, PLAIN, {}):
        answer, body = await ask(caller, SHORT, headers)
        assert (answer.status_code, told(answer)) == (200, (None, None))
        assert len(body) < LEAST


async def test_an_answer_to_a_mutation_is_sent_as_it_is_since_it_may_tell_a_secret(
    api: Api, make: Factory
) -> None:
    admin = await make.admin()
    api.http.headers["Authorization"] = f"Bearer {admin.secret}"
    made = await api.http.post(
        "/graphql",
        json={
            "query": """mutation ($input: ApiKeyCreateInput!) {
              apiKeyCreate(input: $input) { secret apiKey { metadata } errors { message } } }""",
            "variables": {"input": {"metadata": METADATA}},
        },
        headers=GZIP,
    )
    assert len(made.content) > LEAST
    assert told(made) == (None, None)
    assert made.json()["data"]["apiKeyCreate"]["secret"].startswith("bk_")
    keys, body = await ask(api.http, "{ apiKeys { nodes { metadata } } }", GZIP)
    assert told(keys) == ("gzip", "accept-encoding")
    assert METADATA["notes"].encode() in decompress(body, 31)


def test_no_query_has_a_secret_in_its_answer() -> None:
    of = schema._schema  # noqa: SLF001 (as in execution.request)
    seen: set[Any] = set()
    pending: list[Any] = [of.query_type]
    while pending:
        if (type_ := pending.pop()) in seen:
            continue
        seen.add(type_)
        if isinstance(type_, GraphQLUnionType):
            pending += type_.types
        elif hasattr(type_, "fields"):
            assert "secret" not in type_.fields, type_
            pending += [get_named_type(field.type) for field in type_.fields.values()]
            if not isinstance(type_, GraphQLObjectType):
                pending += of.get_possible_types(type_)
    assert len(seen) > 50


@pytest.mark.parametrize(
    ("method", "headers", "status"),
    [
        ("POST", {"Authorization": "Bearer bk_none"}, 401),
        ("POST", {"Accept": "text/plain"}, 406),
        ("POST", {"Content-Type": "text/plain"}, 415),
        ("POST", {"Content-Encoding": "gzip"}, 415),
        ("POST", {"Accept": "application/graphql-response+json"}, 400),
        ("PUT", {}, 405),
        ("GET", {}, 405),
        ("HEAD", {}, 405),
        ("GET", {"Accept": "text/html"}, 200),
        ("HEAD", {"Accept": "text/html"}, 200),
    ],
)
async def test_refusals_and_pages_are_as_they_were(
    caller: httpx2.AsyncClient, method: str, headers: dict[str, str], status: int
) -> None:
    one = {"X-Request-Id": "one", "Content-Type": "application/json", **headers}
    asked = [
        await caller.request(
            method, "/graphql", content='{"query": "{"}', headers={**one, **coding}
        )
        for coding in (GZIP, PLAIN)
    ]
    assert asked[0].status_code == status
    assert "content-encoding" not in asked[0].headers
    assert (asked[0].headers, asked[0].content) == (asked[1].headers, asked[1].content)


async def test_a_trusted_document_by_get_is_compressed_too(
    serve: Serve, caller: httpx2.AsyncClient, tmp_path: Path
) -> None:
    manifest = tmp_path / "documents.json"
    manifest.write_text(httpx2.Request("POST", "/", json={id_of(LONG): LONG}).content.decode())
    headers = {"Authorization": caller.headers["Authorization"], **GZIP}
    trusting = {"trusted_documents": "only", "trusted_documents_file": manifest}
    async with serve(**trusting) as http:
        got = await http.get(f"/graphql?documentId={id_of(LONG)}", headers=headers)
        posted = await http.post("/graphql", json={"documentId": id_of(LONG)}, headers=headers)
    assert told(got) == told(posted) == ("gzip", "accept-encoding")
    assert got.content == posted.content


async def test_pages_of_other_sites_are_told_of_both_that_the_answer_varies_by(
    serve: Serve, caller: httpx2.AsyncClient
) -> None:
    headers = {"Authorization": caller.headers["Authorization"], **GZIP}
    async with serve(cors_origins=["https://dashboard.example"]) as http:
        answer, _ = await ask(http, LONG, headers)
    assert answer.headers.get_list("vary") == ["accept-encoding", "Origin"]


async def test_it_can_be_turned_off(serve: Serve, caller: httpx2.AsyncClient) -> None:
    headers = {"Authorization": caller.headers["Authorization"], **GZIP}
    async with serve(compress=False) as http:
        answer, body = await ask(http, LONG, headers)
    assert told(answer) == (None, None)
    assert body.startswith(b'{"data"')


async def test_what_takes_long_is_compressed_beside_the_loop(
    caller: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads = []

    def gzip(body: bytes) -> bytes:
        threads.append(threading.current_thread())
        return body

    monkeypatch.setattr(compression, "_gzip", gzip)
    _, body = await ask(caller, LONG, GZIP)
    for least in (len(body), len(body) + 1):
        monkeypatch.setattr(compression, "LONG", least)
        await ask(caller, LONG, GZIP)
    loops = threading.current_thread()
    assert [thread is loops for thread in threads] == [True, False, True]


async def test_the_log_tells_the_bytes_that_went_out(
    serve: Serve, caller: httpx2.AsyncClient, logged: Callable[[], list[dict[str, Any]]]
) -> None:
    headers = {"Authorization": caller.headers["Authorization"], **GZIP}
    async with serve() as http:
        _, body = await ask(http, LONG, headers)
    assert [line["bytes"] for line in logged() if line["event"] == "request"] == [len(body)]
