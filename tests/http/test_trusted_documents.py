"""Trusted documents: asked for by hash, by POST or GET, and with `only` nothing else is run."""

import json
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from graphql import get_introspection_query

from api_client import Api
from bursar.graphql.execution import library
from bursar.graphql.execution.trusted import BadManifest, id_of, texts_in
from bursar.http.body import BadBody
from bursar.http.query_string import operation_in
from factories import Factory

ME = "query Me { viewer { user { id } } }"
TEAMS = "query ($n: Int) { teams(first: $n) { nodes { id } } }"
ORDERED = "query ($by: [TeamOrder!]) { teams(orderBy: $by) { totalCount } }"
CREATE = 'mutation { organizationCreate(input: {name: "Trusted"}) { errors { code } } }'
SEVERAL = "query A { a: __typename } query B { b: __typename }"
TRUSTED = [ME, TEAMS, ORDERED, CREATE, SEVERAL]
NEW = {"Accept": "application/graphql-response+json"}

Serve = Callable[..., AbstractAsyncContextManager[httpx2.AsyncClient]]


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    file = tmp_path / "documents.json"
    file.write_text(json.dumps({id_of(text): text for text in TRUSTED}))
    return file


@pytest.fixture
async def signed_in(api: Api, make: Factory) -> Any:
    """Headers of a platform ADMIN, and what tells whether the database changed."""
    admin = await make.admin()
    return {"Authorization": f"Bearer {admin.secret}", **NEW}, api.fingerprint


async def post(caller: httpx2.AsyncClient, headers: Any, **body: Any) -> httpx2.Response:
    return await caller.post("/graphql", json=body, headers=headers)


def code_of(answer: httpx2.Response) -> tuple[int, str]:
    (error,) = answer.json()["errors"]
    return answer.status_code, error["extensions"]["code"]


@pytest.mark.parametrize("mode", ["prefer", "only"])
async def test_a_trusted_document_is_run_by_its_hash(
    serve: Serve, manifest: Path, signed_in: Any, mode: str
) -> None:
    headers, _ = signed_in
    async with serve(trusted_documents=mode, trusted_documents_file=manifest) as caller:
        by_hash = await post(caller, headers, documentId=id_of(ME))
        assert by_hash.json()["data"]["viewer"]["user"]["id"]
        assert (await post(caller, headers, query=ME)).json() == by_hash.json()
        got = await caller.get("/graphql", params={"documentId": id_of(ME)}, headers=headers)
        assert (got.status_code, got.json()) == (200, by_hash.json())
        assert got.headers["Cache-Control"] == "no-store"
        of_two = await post(caller, headers, documentId=id_of(SEVERAL), operationName="B")
        assert of_two.json() == {"data": {"b": "Query"}}


async def test_only_refuses_all_others_and_suggests_nothing(
    serve: Serve, manifest: Path, signed_in: Any
) -> None:
    headers, fingerprint = signed_in
    before = await fingerprint()
    other = 'mutation { organizationCreate(input: {name: "x"}) { errors { code } } }'
    async with serve(trusted_documents="only", trusted_documents_file=manifest) as caller:
        for document in (other, ME + " ", get_introspection_query(), "{ viewr { id } }", "{"):
            answer = await post(caller, headers, query=document)
            assert code_of(answer) == (400, "PERSISTED_QUERY_NOT_FOUND")
            assert list(answer.json()) == ["errors"]
            assert "viewer" not in answer.text
        order = {"field": "NAMES", "direction": "ASC"}
        answer = await post(caller, headers, documentId=id_of(ORDERED), variables={"by": [order]})
        assert code_of(answer) == (400, "BAD_USER_INPUT")
        assert "Did you mean" not in answer.text
    async with serve(trusted_documents="prefer", trusted_documents_file=manifest) as caller:
        answer = await post(caller, headers, documentId=id_of(ORDERED), variables={"by": [order]})
        assert "Did you mean" in answer.text
        assert (await post(caller, headers, query="{ __typename }")).json()["data"]
    assert await fingerprint() == before


@pytest.mark.parametrize(
    "id_", ["", "sha256:", id_of(ME)[7:], id_of(ME).upper(), id_of(ME + " "), "x" * 10_000, "\0"]
)
async def test_an_id_that_is_not_in_the_manifest_is_not_found(
    serve: Serve, manifest: Path, signed_in: Any, id_: str
) -> None:
    headers, _ = signed_in
    async with serve(trusted_documents="prefer", trusted_documents_file=manifest) as caller:
        assert code_of(await post(caller, headers, documentId=id_)) == (
            400,
            "PERSISTED_QUERY_NOT_FOUND",
        )
    async with serve(trusted_documents_file=manifest) as caller:  # off
        found = await post(caller, headers, documentId=id_of(ME))
        assert code_of(found) == (400, "PERSISTED_QUERY_NOT_FOUND")


async def test_either_a_document_or_an_id_is_given(
    serve: Serve, manifest: Path, signed_in: Any
) -> None:
    headers, _ = signed_in
    async with serve(trusted_documents="prefer", trusted_documents_file=manifest) as caller:
        for body, said in (
            ({}, "`query` must be a string, or"),
            ({"documentId": id_of(ME), "query": ME}, "not both."),
            ({"documentId": 5}, "`documentId` must be a string"),
        ):
            answer = await post(caller, headers, **body)
            assert code_of(answer) == (400, "BAD_USER_INPUT")
            assert said in answer.text


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ({"documentId": id_of(CREATE)}, 405, "BAD_USER_INPUT"),
        ({"query": ME}, 405, "BAD_USER_INPUT"),
        ({"query": ME, "documentId": id_of(ME)}, 405, "BAD_USER_INPUT"),
        ({}, 405, "BAD_USER_INPUT"),
        ({"documentId": [id_of(ME), id_of(TEAMS)]}, 400, "BAD_USER_INPUT"),
        ({"documentId": id_of(TEAMS), "variables": "[]"}, 400, "BAD_USER_INPUT"),
        ({"documentId": id_of(TEAMS), "variables": "{"}, 400, "BAD_USER_INPUT"),
        ({"documentId": id_of(TEAMS), "variables": '{"n": NaN}'}, 400, "BAD_USER_INPUT"),
        ({"documentId": id_of(TEAMS), "variables": '{"n": 10000}'}, 400, "LIMIT_EXCEEDED"),
        ({"documentId": id_of(SEVERAL)}, 400, "OPERATION_RESOLUTION_FAILURE"),
        ({"documentId": id_of(ME), **{f"p{n}": "" for n in range(20)}}, 400, "BAD_USER_INPUT"),
    ],
)
async def test_get_is_for_queries_by_trusted_document(
    serve: Serve, manifest: Path, signed_in: Any, query: Any, status: int, code: str
) -> None:
    headers, fingerprint = signed_in
    before = await fingerprint()
    async with serve(trusted_documents="prefer", trusted_documents_file=manifest) as caller:
        answer = await caller.get("/graphql", params=query, headers=headers)
        assert code_of(answer) == (status, code)
        assert answer.headers.get("Allow") == ("POST" if status == 405 else None)
    assert await fingerprint() == before


@pytest.mark.parametrize(
    ("query", "status"),
    [
        (b"documentId=x&p=" + b"x" * 100, 414),
        (b"documentId=x&operationName=%ff", 400),
        (b"documentId=x&operationName=\xff", 400),
        (b"documentId=x&variables={%22a%22:%22\\ud800%22}", 400),
    ],
)
def test_a_query_string_is_short_and_in_utf_8(query: bytes, status: int) -> None:
    with pytest.raises(BadBody) as refused:
        operation_in(query, 100, 10)
    assert refused.value.status == status
    assert "body" not in str(refused.value)


async def test_get_has_variables_and_the_same_limits_and_sign_in(
    serve: Serve, manifest: Path, signed_in: Any
) -> None:
    headers, _ = signed_in
    query = {"documentId": id_of(TEAMS), "variables": '{"n": 1}', "unknown": "x"}
    async with serve(trusted_documents="only", trusted_documents_file=manifest) as caller:
        answer = await caller.get("/graphql", params=query, headers=headers)
        assert answer.json() == {"data": {"teams": {"nodes": []}}}
        key = headers["Authorization"].removeprefix("Bearer ")
        for hidden in ({"key": key}, {"access_token": key}, {"Authorization": f"Bearer {key}"}):
            answer = await caller.get("/graphql", params={**query, **hidden}, headers=NEW)
            assert code_of(answer) == (401, "UNAUTHENTICATED")
    async with serve() as caller:
        answer = await caller.get("/graphql", params=query, headers=headers)
        assert code_of(answer) == (405, "BAD_USER_INPUT")


async def test_what_strangers_send_forgets_no_trusted_document(
    serve: Serve, manifest: Path, signed_in: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    headers, _ = signed_in
    prepared: list[str] = []
    original = library.prepare

    def counted(schema: Any, text: str, *rest: Any) -> Any:
        prepared.append(text)
        return original(schema, text, *rest)

    monkeypatch.setattr(library, "prepare", counted)
    async with serve(trusted_documents="prefer", trusted_documents_file=manifest) as caller:
        for n in range(30):
            junk = f"{{ a{n}: __typename }} # " + "x" * 14_000
            assert (await post(caller, headers, query=junk)).status_code == 200
        for id_ in map(id_of, (ME, TEAMS)):
            assert (await post(caller, headers, documentId=id_)).status_code == 200
        assert len(prepared) == 30
        await post(caller, headers, query="{ a0: __typename } # " + "x" * 14_000)
        assert len(prepared) == 31  # while of the others some had to go


@pytest.mark.parametrize(
    "manifest",
    [
        {id_of(ME): ME},
        {id_of(ME)[7:]: ME},
        {"format": "apollo-persisted-query-manifest", "version": 1, "operations": [
            {"id": id_of(ME)[7:], "name": "Me", "type": "query", "body": ME},
        ]},
    ],
)  # fmt: skip
def test_the_manifests_that_tools_write_are_read(manifest: Any) -> None:
    assert texts_in(json.dumps(manifest).encode()) == {id_of(ME): ME}


@pytest.mark.parametrize(
    ("manifest", "problem"),
    [
        ("{", "not JSON"),
        ("[]", "not an object"),
        ('{"operations": [5]}', "not an object"),
        ('{"operations": [{"id": "a"}]}', "not a string"),
        ('{"0123456789abcdef0123456789abcdef": "{ a }"}', "'0123456789abcdef"),
        (json.dumps({id_of(ME): ME + " "}), id_of(ME)),
    ],
)
def test_a_manifest_that_is_none_is_told(manifest: str, problem: str) -> None:
    with pytest.raises(BadManifest, match=problem):
        texts_in(manifest.encode())


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ("{", "Syntax Error"),
        ("{ nothing }", "Cannot query field"),
        ("{ " + "viewer { scopes } " * 21 + "}", "root fields"),
    ],
)
async def test_a_document_that_would_be_refused_stops_the_start_and_is_named(
    serve: Serve, tmp_path: Path, document: str, problem: str
) -> None:
    file = tmp_path / "documents.json"
    file.write_text(json.dumps({id_of(ME): ME, id_of(document): document}))
    with pytest.raises(BadManifest, match=problem) as refused:
        async with serve(trusted_documents="only", trusted_documents_file=file):
            pass
    assert str(file) in str(refused.value)
    assert id_of(document) in str(refused.value)
