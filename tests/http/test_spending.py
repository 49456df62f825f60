"""What a key may ask in a minute: beyond it RATE_LIMITED, before anything is read or looked at."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import httpx2
import pytest

from api_client import Api
from bursar.database.connections import statements_sent
from bursar.http import endpoint
from factories import Factory, Person

NEW, OLD = "application/graphql-response+json", "application/json"
TEAMS = "query ($n: Int) { teams(first: $n) { nodes { id } } }"
CREATE = 'mutation { organizationCreate(input: {name: "x"}) { errors { code } } }'

Serve = Callable[..., AbstractAsyncContextManager[httpx2.AsyncClient]]


async def ask(
    caller: httpx2.AsyncClient, person: Person, document: str, accept: str = NEW, **variables: Any
) -> httpx2.Response:
    return await caller.post(
        "/graphql",
        json={"query": document, "variables": variables},
        headers={"Authorization": f"Bearer {person.secret}", "Accept": accept},
    )


@pytest.mark.parametrize("accept", [NEW, OLD])
async def test_a_key_that_spent_what_it_had_is_told_to_wait(
    api: Api, serve: Serve, make: Factory, monkeypatch: pytest.MonkeyPatch, accept: str
) -> None:
    admin, other = await make.admin(), await make.admin()
    async with serve(max_cost_per_minute=60, max_cost_at_once=500) as caller:
        for _ in range(2):  # 107 characters and 300 objects, then 300 objects
            answer = await ask(caller, admin, TEAMS, accept, n=300)
            assert answer.json() == {"data": {"teams": {"nodes": []}}}
        before = await api.fingerprint()
        with monkeypatch.context() as patch:
            patch.setattr(endpoint, "operation_of", None)
            answer = await ask(caller, admin, CREATE, accept)
        assert answer.status_code == 429
        (error,) = answer.json()["errors"]
        assert error["extensions"]["code"] == "RATE_LIMITED"
        assert 200 < int(answer.headers["Retry-After"]) < 250
        assert statements_sent.get() == [1]  # the sign-in
        assert await api.fingerprint() == before
        assert (await ask(caller, other, TEAMS, accept, n=1)).status_code == 200


async def test_documents_that_are_refused_are_paid_for_and_known_ones_once(
    serve: Serve, make: Factory
) -> None:
    person = await make.person()
    async with serve(max_cost_per_minute=60, max_cost_at_once=2_000) as caller:
        for _ in range(100):
            assert (await ask(caller, person, "{ __typename }" + " " * 500)).status_code == 200
    async with serve(max_cost_per_minute=60, max_cost_at_once=2_000) as caller:
        statuses = [(await ask(caller, person, "{ x }" + " " * 500)).status_code for _ in range(3)]
        assert statuses == [400, 400, 429]


async def test_a_document_beyond_a_limit_costs_its_characters_only(
    serve: Serve, make: Factory
) -> None:
    person = await make.person()
    async with serve(max_cost_per_minute=60, max_cost_at_once=1_000) as caller:
        for _ in range(2):
            answer = await ask(caller, person, TEAMS, n=5_001)
            assert answer.json()["errors"][0]["extensions"]["code"] == "LIMIT_EXCEEDED"
