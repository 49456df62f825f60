"""/authorize/forward: what proxies ask before they pass a call on, and what they are told."""

from collections.abc import Awaitable, Callable
from decimal import Decimal

import httpx2
import pytest

from api_client import Api
from bursar.database.pool import Database
from bursar.domain.errors import Fault, Overloaded, Unavailable
from bursar.domain.roles import KeyScope
from factories import Factory, Key

NONE = {
    "X-Bursar-User-Id",
    "X-Bursar-Max-Budget",
    "X-Bursar-Tpm-Limit",
    "X-Bursar-Max-Parallel-Requests",
    "X-Bursar-Model-Rpm-Limit",
    "X-Bursar-Soft-Budgets-Reached",
    "X-Bursar-Reason",
}
Ask = Callable[..., Awaitable[httpx2.Response]]


@pytest.fixture
async def gateway(make: Factory) -> Key:
    return await make.api_key(team=await make.team(), scopes=[KeyScope.GATEWAY])


@pytest.fixture
def ask(api: Api, gateway: Key) -> Ask:
    """Forwards the head of a call, without a header where it is None."""

    async def ask(
        secret: str | None, model: str | None = "gpt-4", path: str = "", **headers: str | None
    ) -> httpx2.Response:
        given = {
            "Bursar-Gateway-Key": gateway.secret,
            "Authorization": None if secret is None else f"Bearer {secret}",
            "X-Model": model,
        }
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {name: value for name, value in given.items() if value is not None}
        return await api.http.get(f"/authorize/forward{path}", headers=sent)

    return ask


def told(answer: httpx2.Response) -> tuple[int, str]:
    return answer.status_code, answer.headers["X-Bursar-Reason"]


def codes(answer: httpx2.Response) -> list[str]:
    return [error["extensions"]["code"] for error in answer.json()["errors"]]


async def test_an_allowed_call_has_the_facts_in_headers(make: Factory, ask: Ask) -> None:
    organization = await make.organization()
    team = await make.team(organization, model_aliases={"fast": "größer"})
    key = await make.api_key(team=team)
    budget = await make.budget("team", team, rpm_limit=60)
    await make.model_limit(budget, "größer", tpm_limit=1000)
    answer = await ask(key.secret, "fast")
    assert told(answer) == (200, "")
    assert answer.content == b""
    raw = {name.decode().title(): value.decode() for name, value in answer.headers.raw}
    facts = {name: value for name, value in raw.items() if name.startswith("X-Bursar-")}
    assert {name for name, value in facts.items() if not value} == NONE
    assert {name: value for name, value in facts.items() if value} == {
        "X-Bursar-Model": "größer",
        "X-Bursar-Key-Id": key.id,
        "X-Bursar-Team-Id": team.id,
        "X-Bursar-Organization-Id": organization.id,
        "X-Bursar-Rpm-Limit": "60",
        "X-Bursar-Model-Tpm-Limit": "1000",
    }
    assert answer.headers["Cache-Control"] == "no-store"


async def test_all_that_is_against_a_call_is_said_without_the_sums(make: Factory, ask: Ask) -> None:
    team = await make.team(models=["claude"], blocked=True)
    key = await make.api_key(team=team)
    await make.budget("team", team, max_budget=Decimal("31.25"))
    await make.budget("api_key", key.row, max_budget=Decimal(0))
    await make.spend_of(team.id, "31.25")
    answer = await ask(key.secret)
    assert told(answer) == (403, "TEAM_BLOCKED, MODEL_NOT_ALLOWED, BUDGET_EXHAUSTED")
    assert codes(answer) == ["TEAM_BLOCKED", "MODEL_NOT_ALLOWED", *["BUDGET_EXHAUSTED"] * 2]
    levels = [error["extensions"]["level"] for error in answer.json()["errors"]]
    assert levels == [None, "TEAM", "KEY", "TEAM"]
    assert "31.25" not in answer.text
    assert not [name for name in answer.headers if name.startswith("x-bursar-") and "id" in name]


@pytest.mark.parametrize("model", [None, "", "group:all", "gpt-*", b"\xff"])
async def test_a_call_that_does_not_name_one_model_is_denied(
    make: Factory, ask: Ask, model: str | None
) -> None:
    key = await make.api_key(team=await make.team())
    answer = await ask(key.secret, model)
    assert (told(answer), codes(answer)) == ((403, "MODEL_MALFORMED"), ["MODEL_MALFORMED"])


async def test_a_model_that_is_said_twice_is_none(api: Api, make: Factory, gateway: Key) -> None:
    key = await make.api_key(team=await make.team())
    headers = [
        ("Bursar-Gateway-Key", gateway.secret),
        ("Authorization", f"Bearer {key.secret}"),
        ("X-Model", "gpt-4"),
        ("X-Model", "gpt-4"),
    ]
    answer = await api.http.get("/authorize/forward", headers=headers)
    assert told(answer) == (403, "MODEL_MALFORMED")


async def test_a_secret_of_nothing_is_denied(ask: Ask) -> None:
    assert told(await ask("bk_nothing")) == (403, "KEY_UNKNOWN")


@pytest.mark.parametrize(
    "headers", [{}, {"X_Api_Key": ""}, {"Authorization": "Basic eA=="}, {"Authorization": "Bearer"}]
)
async def test_a_call_without_a_key_is_asked_for_one(ask: Ask, headers: dict[str, str]) -> None:
    answer = await ask(None, **headers)
    assert (told(answer), codes(answer)) == ((401, "KEY_MISSING"), ["KEY_MISSING"])
    assert answer.headers["WWW-Authenticate"] == "Bearer"


async def test_a_key_may_come_as_anthropics_clients_send_it(make: Factory, ask: Ask) -> None:
    key = await make.api_key(team=await make.team())
    assert told(await ask(None, X_Api_Key=key.secret)) == (200, "")
    assert told(await ask("bk_nothing", X_Api_Key=key.secret)) == (403, "KEY_UNKNOWN")
    basic = await ask(None, X_Api_Key=key.secret, Authorization="Basic eA==")
    assert told(basic) == (401, "KEY_MISSING")


async def test_the_proxy_itself_needs_a_key_for_it(make: Factory, ask: Ask) -> None:
    key, admin = await make.api_key(team=await make.team()), await make.admin()
    for own in (None, "", "bk_nothing"):
        answer = await ask(key.secret, Bursar_Gateway_Key=own)
        assert told(answer) == (401, "GATEWAY_UNAUTHENTICATED")
        assert "WWW-Authenticate" not in answer.headers
    for own in (key.secret, admin.secret):
        answer = await ask(key.secret, Bursar_Gateway_Key=own)
        assert told(answer) == (403, "GATEWAY_FORBIDDEN")
        assert codes(answer) == ["GATEWAY_FORBIDDEN"]


@pytest.mark.parametrize("method", ["HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_it_answers_under_the_method_and_path_of_the_call(
    api: Api, make: Factory, gateway: Key, method: str
) -> None:
    key = await make.api_key(team=await make.team())
    headers = {
        "Bursar-Gateway-Key": gateway.secret,
        "Authorization": f"Bearer {key.secret}",
        "X-Model": "gpt-4",
        "Content-Length": "0",
    }
    path = "/authorize/forward/v1/chat/completions?stream=true"
    answer = await api.http.request(method, path, headers=headers)
    assert told(answer) == (200, "")


@pytest.mark.parametrize("fault", [Overloaded, Unavailable])
async def test_what_cannot_be_decided_is_not_allowed(
    make: Factory, ask: Ask, monkeypatch: pytest.MonkeyPatch, fault: type[Fault]
) -> None:
    key = await make.api_key(team=await make.team())

    async def fail(*_: object, **__: object) -> None:
        raise fault

    monkeypatch.setattr(Database, "all", fail)
    answer = await ask(key.secret)
    assert told(answer) == (503, fault.code)
    assert answer.headers["Retry-After"] == "1"
