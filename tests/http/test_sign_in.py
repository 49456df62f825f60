"""Without a valid key nothing is run, and nobody learns why a key is not one."""

import asyncpg
import httpx2
import pytest
from graphql import get_introspection_query

from api_client import Api
from bursar.app import create_app
from bursar.database.connections import statements_sent
from bursar.database.embedded import EmbeddedPostgres
from bursar.domain.keys import LONGEST_SECRET, digest
from bursar.http import endpoint
from bursar.settings import Settings
from factories import PEPPER, Factory, Person

VIEWER = {"query": "{ viewer { user { id } } }"}


def refused(answer: httpx2.Response) -> bool:
    """Whether the answer is the one that all get who have no valid key, to the letter."""
    request_id = answer.headers["X-Request-Id"]
    extensions = {"code": "UNAUTHENTICATED", "requestId": request_id}
    message = "A valid key is needed: Authorization: Bearer …"
    return (
        answer.status_code == 401
        and answer.headers["WWW-Authenticate"] == "Bearer"
        and answer.json() == {"errors": [{"message": message, "extensions": extensions}]}
    )


async def ask(api: Api, *headers: tuple[str, str | bytes]) -> httpx2.Response:
    return await api.http.post("/graphql", json=VIEWER, headers=list(headers))


@pytest.fixture
async def person(make: Factory) -> Person:
    return await make.person()


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "Bearer  "])
async def test_a_valid_key_signs_in(api: Api, person: Person, scheme: str) -> None:
    answer = await ask(api, ("Authorization", f"{scheme} {person.secret}"))
    assert answer.json() == {"data": {"viewer": {"user": {"id": person.id}}}}


@pytest.mark.parametrize(
    "document",
    [
        "{ __typename }",
        get_introspection_query(),
        "{ viewer { user { id } } }",
        'mutation { userCreate(input: {name: "A"}) { errors { code } } }',
        "{ no such field",
        "",
    ],
)
async def test_no_document_runs_without_a_key(
    api: Api, monkeypatch: pytest.MonkeyPatch, document: str
) -> None:
    def prepare(*_: object) -> None:
        raise AssertionError("the document was looked at")

    monkeypatch.setattr(endpoint.Documents, "prepare", prepare)
    before = await api.fingerprint()
    answer = await api.http.post("/graphql", json={"query": document})
    assert refused(answer)
    assert await api.fingerprint() == before
    assert statements_sent.get() == [0]


@pytest.mark.parametrize("body", [b"", b"null", b"x" * 300_000])
async def test_a_body_without_a_key_is_not_read(api: Api, body: bytes) -> None:
    assert refused(await api.http.post("/graphql", content=body))


@pytest.mark.parametrize(
    "value",
    [
        "",
        " ",
        "Bearer",
        "Bearer ",
        "Bearer\t{key}",
        "{key}",
        "Basic {key}",
        "Token {key}",
        "BearerX {key}",
        "Bearer{key}",
        "Bearer Bearer {key}",
        "Bearer {key}, Bearer {key}",
        "Bearer {key} {key}",
        "Bearer {key}x",
        'Bearer "{key}"',
        "Bearer {upper}",
        "Bearer {shortened}",
        "Bearer bk_" + "0" * 49,
        "Bearer {key}" + "x" * 9_000,
        "Bearer " + "x" * 100_000,
        "Bearer null",
        "Bearer ' OR 1=1 --",
        "Bearer {key}\0",
        "Bearer \0{key}",
        "Bearer {key}\r\nX-Admin: 1",
        "Bearer ключ",
        "Bearer \U0001f511",
        "Bearer {key}é",
    ],
)
async def test_what_is_no_valid_key_does_not_sign_in(api: Api, person: Person, value: str) -> None:
    key = person.secret
    said = value.format(key=key, upper=key.swapcase(), shortened=key[:-1])
    assert refused(await ask(api, ("Authorization", said.encode())))


async def test_a_key_in_bytes_that_are_no_text_does_not_sign_in(api: Api) -> None:
    assert refused(await ask(api, ("Authorization", b"Bearer \xff\xfe\x80")))


async def test_two_authorization_headers_do_not_sign_in_though_each_would(
    api: Api, person: Person
) -> None:
    header = ("Authorization", f"Bearer {person.secret}")
    assert refused(await ask(api, header, header))
    assert refused(await ask(api, ("Authorization", "Basic eDp5"), header))
    assert refused(await ask(api, header, ("Authorization", "")))


async def test_a_key_elsewhere_does_not_sign_in(api: Api, person: Person) -> None:
    key = person.secret
    for headers in ({"X-Api-Key": key}, {"Cookie": f"Authorization=Bearer {key}"}):
        assert refused(await ask(api, *headers.items()))
    url = httpx2.URL("/graphql", params={"access_token": key, "Authorization": f"Bearer {key}"})
    assert refused(await api.http.post(url, json=VIEWER))


async def test_keys_of_blocked_users_and_expired_keys_do_not_sign_in(
    api: Api, make: Factory, owner: asyncpg.Connection
) -> None:
    blocked = await make.person(blocked=True)
    expired = await make.person()
    await owner.execute(
        "UPDATE api_keys SET created_at = now() - interval '1 day', expires_at = now() WHERE id = $1",
        expired.key_id,
    )
    for person in (blocked, expired):
        assert refused(await ask(api, ("Authorization", f"Bearer {person.secret}")))


async def test_the_longest_key_signs_in_and_a_longer_one_that_begins_like_it_does_not(
    api: Api, person: Person, owner: asyncpg.Connection
) -> None:
    longest = "x" * LONGEST_SECRET
    hashed = digest(longest, PEPPER)
    await owner.execute("UPDATE api_keys SET secret_hash = $2 WHERE id = $1", person.key_id, hashed)
    assert (await ask(api, ("Authorization", f"Bearer {longest}"))).status_code == 200
    assert refused(await ask(api, ("Authorization", f"Bearer {longest}x")))


async def test_a_key_is_taken_under_every_pepper_and_under_no_other(
    migrated: EmbeddedPostgres, person: Person
) -> None:
    for peppers, status in (([b"new", PEPPER], 200), ([PEPPER, b"new"], 200), ([b"new"], 401)):
        app = create_app(Settings(), dsn=migrated.application_url, peppers=peppers)
        transport = httpx2.ASGITransport(app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://bursar.test") as caller:
            headers = {"Authorization": f"Bearer {person.secret}"}
            answer = await caller.post("/graphql", json=VIEWER, headers=headers)
            assert answer.status_code == status
        await app.state.database.close()
