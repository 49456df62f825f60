"""authorize and POST /authorize: every reason by what is stored, and what binds the key."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from api_client import Api
from bursar.domain.ids import DEFAULT_ORGANIZATION
from bursar.domain.roles import KeyScope
from factories import Factory, Key, Person

LIMIT = "{ value level }"
DECISION = f"""
  allowed
  reasons {{ code level model spend maximum message }}
  softBudgetsReached
  model
  key {{ id name }} user {{ id name }} team {{ id name }} organization {{ id name }}
  effectiveLimits {{ maxBudget {LIMIT} tpmLimit {LIMIT} rpmLimit {LIMIT} maxParallelRequests {LIMIT} }}
  modelLimits {{ maxBudget {LIMIT} tpmLimit {LIMIT} rpmLimit {LIMIT} }}
"""
AUTHORIZE = f"""query($key: String!, $model: String!, $estimatedCost: Decimal) {{
  authorize(key: $key, model: $model, estimatedCost: $estimatedCost) {{ {DECISION} }}
}}"""
LATER, EARLIER = (datetime.now(UTC) + timedelta(days=n) for n in (1, -1))

Reasons = list[tuple[str, str | None]]


@pytest.fixture
async def gateway(make: Factory) -> Key:
    """A service's, which neither manages nor sees anything of others."""
    return await make.api_key(team=await make.team(), scopes=[KeyScope.GATEWAY])


@pytest.fixture
def authorize(api: Api, gateway: Key) -> Callable[..., Awaitable[Any]]:
    """Asks both ways, which must answer the same."""

    async def ask(secret: str, model: str = "gpt-4", cost: str | None = None) -> Any:
        call = {"key": secret, "model": model, "estimatedCost": cost}
        answer = await api(gateway, AUTHORIZE, **call)
        assert answer.statements == 2
        plain = await over_http(api, gateway, call)
        assert (plain.status_code, plain.json()) == (200, answer.payload)
        return answer.payload

    return ask


async def over_http(api: Api, caller: Person | Key, call: object) -> Any:
    headers = {"Authorization": f"Bearer {caller.secret}"}
    return await api.http.post("/authorize", json=call, headers=headers)


def reasons(decision: Any) -> Reasons:
    assert decision["allowed"] is (decision["reasons"] == [])
    return [(reason["code"], reason["level"]) for reason in decision["reasons"]]


Ask = Callable[..., Awaitable[Any]]


async def test_a_key_that_nothing_is_against_is_allowed(make: Factory, authorize: Ask) -> None:
    person = await make.person()
    team = await make.team()
    await make.team_member(team, person)
    key = await make.api_key(person, team=team, alias="laptop")
    decision = await authorize(key.secret)
    assert reasons(decision) == []
    assert decision["model"] == "gpt-4"
    assert decision["key"] == {"id": key.id, "name": "laptop"}
    assert decision["user"] == {"id": person.id, "name": person.row.name}
    assert decision["team"] == {"id": team.id, "name": team.name}
    assert decision["organization"] == {"id": DEFAULT_ORGANIZATION, "name": "Default"}
    assert set(decision["effectiveLimits"].values()) == {None}
    assert set(decision["modelLimits"].values()) == {None}


async def test_a_personal_key_is_its_user_s_alone(make: Factory, authorize: Ask) -> None:
    person = await make.person()
    key = await make.api_key(person, scopes=[KeyScope.INFER])
    decision = await authorize(key.secret)
    assert reasons(decision) == []
    assert (decision["team"], decision["organization"]) == (None, None)
    assert decision["user"]["id"] == person.id
