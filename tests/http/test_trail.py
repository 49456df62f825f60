"""The trail in the log: who asked, from where, what was refused and why; and no secret."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import httpx2
import pytest

from bursar.domain.errors import ErrorCode, Unavailable
from bursar.domain.keys import new_secret
from bursar.domain.roles import KeyScope, PlatformRole
from bursar.graphql.context import Refused
from bursar.graphql.execution.run import run
from bursar.graphql.types.error import Refusal
from bursar.http import endpoint, trail
from bursar.services.sign_in import SignIn
from factories import Factory
from reports import event

VIEWER = "{ viewer { platformRole } }"
RENAME = """mutation($input: TeamUpdateInput!) { teamUpdate(input: $input) { errors { code } } }"""
ADD = """mutation($input: TeamMembersAddInput!) {
  teamMembersAdd(input: $input) { members { id } errors { code } }
}"""
WHO = {"key_id", "user_id", "on_behalf_of", "presented", "address"}

Serve = Callable[..., AbstractAsyncContextManager[httpx2.AsyncClient]]
Logged = Callable[[], list[dict[str, Any]]]


def bearer(secret: str, **more: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}", **more}


async def post(caller: httpx2.AsyncClient, secret: str, query: str, **variables: Any) -> Any:
    json = {"query": query, "variables": variables}
    return (await caller.post("/graphql", json=json, headers=bearer(secret))).json()


async def ask_all(caller: httpx2.AsyncClient, secret: str, **more: str) -> list[int]:
    """Ask every path that asks for a key, and answer the statuses."""
    headers = bearer(secret, **more)
    call = {"key": "bk_", "model": "m"}
    forwarded = {**headers, "Bursar-Gateway-Key": secret, "X-Model": "m"}
    answers = [
        await caller.post("/graphql", json={"query": VIEWER}, headers=headers),
        await caller.post("/usage", json={"events": [event("1", key="bk_")]}, headers=headers),
        await caller.post("/authorize", json=call, headers=headers),
        await caller.get("/authorize/forward", headers=forwarded),
        await caller.get("/metrics", headers=headers),
    ]
    return [answer.status_code for answer in answers]


def who(line: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in line.items() if name in WHO}


async def test_every_line_names_the_key_its_user_and_the_address(
    serve: Serve, logged: Logged, make: Factory
) -> None:
    person = await make.person()
    async with serve() as caller:
        assert await ask_all(caller, person.secret) == [200, 403, 403, 403, 403]
    named = {"key_id": person.key_id, "user_id": person.id, "address": "127.0.0.1"}
    assert [who(line) for line in logged()] == [named] * 5


async def test_a_service_has_no_user_and_a_gateway_may_name_for_whom_it_speaks(
    serve: Serve, logged: Logged, make: Factory
) -> None:
    gateway = await make.api_key(team=await make.team(), scopes=[KeyScope.GATEWAY])
    async with serve() as caller:
        statuses = await ask_all(caller, gateway.secret, **{"On-Behalf-Of": "ada@example.com"})
        assert statuses == [200, 200, 200, 403, 403]
        await ask_all(caller, gateway.secret, **{"On-Behalf-Of": "x" * 129})
    named = {"key_id": gateway.id, "address": "127.0.0.1"}
    lines = [who(line) for line in logged()]
    assert lines[:5] == [{**named, "on_behalf_of": "ada@example.com"}] * 5
    assert lines[5:] == [named] * 5


async def test_whom_somebody_may_not_speak_for_is_not_named_but_refused(
    serve: Serve, logged: Logged, make: Factory
) -> None:
    person = await make.person()
    document = 'mutation { teamCreate(input: {name: "T"}) { errors { code } } }'
    async with serve() as caller:
        headers = bearer(person.secret, **{"On-Behalf-Of": "ada@example.com"})
        await caller.post("/graphql", json={"query": document}, headers=headers)
    (line,) = logged()
    assert who(line) == {"key_id": person.key_id, "user_id": person.id, "address": "127.0.0.1"}
    refusal = {"field": "teamCreate", "code": "FORBIDDEN", "count": 1}
    assert line["refusals"] == [{**refusal, "paths": ["input.onBehalfOf"]}]


@pytest.mark.parametrize(
    "make_secret", [new_secret, lambda: "chosen-by-an-operator-and-long-enough"]
)
async def test_a_failed_sign_in_tells_the_end_of_what_was_presented(
    serve: Serve, logged: Logged, make_secret: Callable[[], str]
) -> None:
    secret = make_secret()
    async with serve() as caller:
        assert await ask_all(caller, secret) == [401] * 5
    lines = logged()
    presented = {"presented": f"…{secret[-4:]}", "address": "127.0.0.1"}
    assert [who(line) for line in lines] == [presented] * 5
    assert {line["level"] for line in lines} == {"info"}
    assert secret[:-4][-6:] not in str(lines)


async def test_of_what_is_too_short_for_a_key_nothing_is_told(serve: Serve, logged: Logged) -> None:
    async with serve() as caller:
        await ask_all(caller, "hunter2-hunter2-hunter2-hunter2")
    assert {line["presented"] for line in logged()} == {"…"}
    assert "ter2" not in str(logged())


async def test_without_exactly_one_bearer_there_is_nothing_to_tell(
    serve: Serve, logged: Logged
) -> None:
    async with serve() as caller:
        await caller.post("/graphql", json={"query": VIEWER})
        await caller.post("/graphql", headers={"Authorization": f"Basic {new_secret()}"})
    assert [who(line) for line in logged()] == [{"address": "127.0.0.1"}] * 2
    assert {line["code"] for line in logged()} == {"UNAUTHENTICATED"}


async def test_a_sign_in_that_was_not_to_be_had_tells_what_was_presented(
    serve: Serve, logged: Logged, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise Unavailable

    monkeypatch.setattr(SignIn, "__call__", fail)
    secret = new_secret()
    async with serve() as caller:
        assert await ask_all(caller, secret) == [503] * 5
    assert {(line["presented"], line["code"]) for line in logged()} == {
        (f"…{secret[-4:]}", Unavailable.code)
    }


async def test_a_refused_mutation_tells_all_codes_and_where_but_not_what_was_sent(
    serve: Serve, logged: Logged, make: Factory
) -> None:
    admin, team = await make.admin(), await make.team()
    members = [{"userId": f"canary-{number}"} for number in range(30)] + [{}]
    async with serve() as caller:
        given = {"id": team.id, "name": "", "models": ["canary", "canary"], "tags": ["canary"] * 99}
        await post(caller, admin.secret, RENAME, input=given)
        await post(caller, admin.secret, RENAME, input={"id": "canary", "name": "N"})
        await post(caller, admin.secret, ADD, input={"teamId": team.id, "members": members[:-1]})
        await post(caller, admin.secret, ADD, input={"teamId": team.id, "members": members})
    field, added = {"field": "teamUpdate"}, {"field": "teamMembersAdd"}
    paths = [f"input.members.{number}" for number in range(10)]
    assert [line["refusals"] for line in logged()] == [
        [
            {
                **field,
                "code": "BAD_INPUT",
                "count": 3,
                "paths": ["input.name", "input.tags", "input.models.1"],
            }
        ],
        [{**field, "code": "NOT_FOUND", "count": 1, "paths": ["input.id"]}],
        [{**added, "code": "NOT_FOUND", "count": 30, "paths": [f"{p}.userId" for p in paths]}],
        [{**added, "code": "BAD_INPUT", "count": 1, "paths": ["input.members.30"]}],
    ]
    assert {(line["outcome"], line["key_id"]) for line in logged()} == {("refused", admin.key_id)}
    assert "canary" not in str(logged())


def test_refusals_are_told_by_field_and_code_each_with_a_number_of_paths() -> None:
    def refused(field: str, code: ErrorCode, *path: str) -> Refused:
        return Refused(field, Refusal(code=code, message="canary", path=["input", *path]))

    many = [refused("teamCreate", ErrorCode.NOT_FOUND, "members", str(n)) for n in range(100)]
    one = refused("teamCreate", ErrorCode.FORBIDDEN, "budget")
    other = refused("userCreate", ErrorCode.NOT_FOUND, "id")
    told = trail.refusals([*many, one, other])
    assert [(said["field"], said["code"], said["count"]) for said in told] == [
        ("teamCreate", "NOT_FOUND", 100),
        ("teamCreate", "FORBIDDEN", 1),
        ("userCreate", "NOT_FOUND", 1),
    ]
    assert told[0]["paths"] == [f"input.members.{n}" for n in range(trail.MOST_PATHS)]


async def test_what_a_mutation_did_not_do_of_all_is_told_though_it_went_well(
    serve: Serve, logged: Logged, make: Factory
) -> None:
    admin, team, person = await make.admin(), await make.team(), await make.person()
    members = [{"userId": person.id}, {"userId": "user_0"}]
    given = {"teamId": team.id, "members": members, "mode": "BEST_EFFORT"}
    async with serve() as caller:
        await post(caller, admin.secret, ADD, input={**given, "addToOrganization": True})
    (line,) = logged()
    (refusal,) = line["refusals"]
    assert (line["outcome"], refusal["code"]) == ("ok", "NOT_FOUND")
    assert refusal["paths"] == ["input.members.1.userId"]


async def test_a_denied_call_tells_the_reasons_and_whose_key_it_was(
    serve: Serve, logged: Logged, make: Factory
) -> None:
    gateway = await make.api_key(team=await make.team(), scopes=[KeyScope.GATEWAY])
    open_, blocked = [await make.api_key(team=await make.team()) for _ in range(2)]
    admin = await make.admin()
    document = """query($a: String!, $b: String!) {
        a: authorize(key: $a, model: "") { allowed }
        b: authorize(key: $b, model: "") { allowed }
    }"""
    async with serve() as caller:
        block = "mutation($id: ID!) { apiKeyBlock(input: {id: $id}) { errors { code } } }"
        await post(caller, admin.secret, block, id=blocked.id)
        for key in (open_.secret, blocked.secret, new_secret()):
            headers = bearer(gateway.secret)
            json = {"key": key, "model": "gpt-4"}
            await caller.post("/authorize", json=json, headers=headers)
            headers = {"Bursar-Gateway-Key": gateway.secret, "X-Api-Key": key, "X-Model": "gpt-4"}
            await caller.get("/authorize/forward", headers=headers)
        await post(caller, gateway.secret, document, a=open_.secret, b=blocked.secret)
    lines = logged()[1:]
    denials = [
        {name: line.get(name) for name in ("allowed", "reasons", "denied_key_id")} for line in lines
    ]
    allowed = {"allowed": True, "reasons": None, "denied_key_id": None}
    known = {"allowed": False, "reasons": ["KEY_BLOCKED"], "denied_key_id": blocked.id}
    unknown = {"allowed": False, "reasons": ["KEY_UNKNOWN"], "denied_key_id": None}
    assert denials[:-1] == [allowed, allowed, known, known, unknown, unknown]
    assert lines[-1]["reasons"] == ["MODEL_MALFORMED", "KEY_BLOCKED"]


async def test_of_several_fields_all_are_named(serve: Serve, logged: Logged, make: Factory) -> None:
    admin = await make.admin()
    async with serve() as caller:
        document = "{ canary: viewer { platformRole } auditEntries { totalCount } ...More }"
        more = "fragment More on Query { viewer { platformRole } users { totalCount } }"
        await post(caller, admin.secret, f"{document} {more}")
        await post(caller, admin.secret, VIEWER)
    several, one = logged()
    assert several["fields"] == ["auditEntries", "users", "viewer"]
    assert (several["field"], one["field"]) == ("several", "viewer")
    assert "fields" not in one


async def test_who_reads_the_metrics_is_written_where_that_was_refused(
    serve: Serve, logged: Logged, make: Factory
) -> None:
    viewer, person = await make.person(PlatformRole.VIEWER), await make.person()
    async with serve() as caller:
        statuses = [
            (await caller.get("/metrics", headers=bearer(one.secret))).status_code
            for one in (viewer, person)
        ]
    assert statuses == [200, 403]
    (line,) = logged()
    assert (line["path"], line["code"], line["key_id"]) == ("/metrics", "FORBIDDEN", person.key_id)


async def test_what_was_refused_is_told_of_a_request_that_then_failed(
    serve: Serve, logged: Logged, make: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*given: Any, **options: Any) -> None:
        await run(*given, **options)
        raise Unavailable

    monkeypatch.setattr(endpoint, "run", fail)
    admin = await make.admin()
    async with serve() as caller:
        await post(caller, admin.secret, RENAME, input={"id": "team_0", "name": "N"})
    (line,) = logged()
    assert (line["code"], line["refusals"][0]["code"]) == (Unavailable.code, "NOT_FOUND")
