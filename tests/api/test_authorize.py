"""authorize and POST /authorize: every reason by what is stored, and what binds the key."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from api_client import Api
from bursar.domain.ids import DEFAULT_ORGANIZATION
from bursar.domain.keys import new_secret
from bursar.domain.roles import KeyScope, PlatformRole
from factories import Factory, Key, Person
from holders import member_key

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


DONE = {
    "KEY_BLOCKED": ("apiKeyBlock", "api_key"),
    "TEAM_BLOCKED": ("teamBlock", "team"),
    "USER_BLOCKED": ("userBlock", "user"),
}


@pytest.mark.parametrize("code", DONE)
async def test_what_is_blocked_refuses_until_it_is_unblocked(
    api: Api, make: Factory, authorize: Ask, code: str
) -> None:
    admin = await make.admin()
    owners, key = await member_key(make)
    deed, owner = DONE[code]
    assert (await api.mutate(admin, deed, id=owners[owner].id)).refusals == []
    assert reasons(await authorize(key.secret)) == [(code, None)]
    undo = deed.replace("Block", "Unblock")
    assert (await api.mutate(admin, undo, id=owners[owner].id)).refusals == []
    assert reasons(await authorize(key.secret)) == []


async def test_a_key_that_has_expired_or_is_not_to_infer_is_refused(
    make: Factory, authorize: Ask
) -> None:
    person = await make.person()
    expired = await make.api_key(person, expires_at=EARLIER, scopes=[KeyScope.INFER])
    later = await make.api_key(person, expires_at=LATER, scopes=[KeyScope.INFER])
    assert reasons(await authorize(expired.secret)) == [("KEY_EXPIRED", None)]
    assert reasons(await authorize(later.secret)) == []
    assert reasons(await authorize(person.secret)) == [("KEY_NOT_FOR_INFERENCE", None)]


async def test_what_is_no_key_is_answered_like_a_wrong_one(
    api: Api, make: Factory, gateway: Key, authorize: Ask
) -> None:
    good = await make.api_key(team=await make.team())
    bodies = set()
    for secret in ("", "x", "bk_", new_secret(), good.secret + "x", good.id, "ü" * 600, "\0"):
        assert reasons(await authorize(secret)) == [("KEY_UNKNOWN", None)]
        answer = await over_http(api, gateway, {"key": secret, "model": "gpt-4"})
        bodies.add(answer.content)
    assert len(bodies) == 1


async def test_a_secret_before_the_last_is_good_while_its_grace_lasts(
    api: Api, make: Factory, authorize: Ask
) -> None:
    admin, (_, key) = await make.admin(), await member_key(make)
    rotated = await api.mutate(admin, "apiKeyRotate", "secret", id=key.id, gracePeriod="1d")
    assert reasons(await authorize(key.secret)) == []
    assert reasons(await authorize(rotated.payload["secret"])) == []
    again = await api.mutate(admin, "apiKeyRotate", "secret", id=key.id)
    for old in (key.secret, rotated.payload["secret"]):
        assert reasons(await authorize(old)) == [("KEY_UNKNOWN", None)]
    assert reasons(await authorize(again.payload["secret"])) == []


async def test_a_key_that_was_deleted_or_whose_member_was_removed_is_unknown(
    api: Api, make: Factory, authorize: Ask
) -> None:
    admin = await make.admin()
    owners, key = await member_key(make)
    other = await make.api_key(team=owners["team"])
    await api.mutate(admin, "apiKeysDelete", ids=[other.id])
    member = {"userId": owners["user"].id}
    await api.mutate(admin, "teamMembersRemove", teamId=owners["team"].id, members=[member])
    for gone in (key, other):
        assert reasons(await authorize(gone.secret)) == [("KEY_UNKNOWN", None)]


@pytest.mark.parametrize(
    ("level", "mutation"),
    [
        ("KEY", "apiKeyUpdate"),
        ("TEAM", "teamUpdate"),
        ("ORGANIZATION", "organizationUpdate"),
    ],
)
async def test_each_list_that_does_not_have_the_model_refuses_it(
    api: Api, make: Factory, authorize: Ask, level: str, mutation: str
) -> None:
    admin = await make.admin()
    await make.access_group("small", models=["gpt-4", "claude-*"])
    owners, key = await member_key(make)
    id_ = {"KEY": key.id, "TEAM": owners["team"].id, "ORGANIZATION": owners["organization"].id}
    assert (await api.mutate(admin, mutation, id=id_[level], models=["group:small"])).refusals == []
    assert reasons(await authorize(key.secret, "claude-5")) == []
    decision = await authorize(key.secret, "gpt-5")
    assert reasons(decision) == [("MODEL_NOT_ALLOWED", level)]
    assert decision["reasons"][0]["model"] == "gpt-5"
    assert (await api.mutate(admin, mutation, id=id_[level], allowNone=True)).refusals == []
    assert reasons(await authorize(key.secret, "gpt-4")) == [("MODEL_NOT_ALLOWED", level)]


async def test_the_user_s_own_list_and_budget_bind_personal_keys_only(
    make: Factory, authorize: Ask
) -> None:
    owners, key = await member_key(make)
    person = await make.person(models=["claude-*"])
    await make.budget("user", owners["user"], max_budget=0)
    await make.budget("user", person.row, max_budget=0)
    personal = await make.api_key(person, scopes=[KeyScope.INFER])
    assert reasons(await authorize(key.secret)) == []
    assert reasons(await authorize(personal.secret)) == [
        ("MODEL_NOT_ALLOWED", "USER"),
        ("BUDGET_EXHAUSTED", "USER"),
    ]


async def test_an_alias_is_allowed_when_its_target_is(
    api: Api, make: Factory, authorize: Ask
) -> None:
    admin, (owners, key) = await make.admin(), await member_key(make)
    aliases = [{"alias": "fast", "model": "gpt-4"}, {"alias": "gpt-5", "model": "claude-5"}]
    changed = await api.mutate(
        admin, "teamUpdate", id=owners["team"].id, models=["gpt-*"], modelAliases=aliases
    )
    assert changed.refusals == []
    allowed = await authorize(key.secret, "fast")
    assert (reasons(allowed), allowed["model"]) == ([], "gpt-4")
    refused = await authorize(key.secret, "gpt-5")
    assert (reasons(refused), refused["model"]) == ([("MODEL_NOT_ALLOWED", "TEAM")], "claude-5")


async def test_a_name_that_no_model_can_have_is_refused(make: Factory, authorize: Ask) -> None:
    _, key = await member_key(make)
    for name in ("", "gpt 4", "gpt-*", "group:small", "\0", "x" * 300):
        decision = await authorize(key.secret, name)
        assert reasons(decision) == [("MODEL_MALFORMED", None)]
        assert decision["model"] is None


LEVELS = {
    "api_key": "KEY",
    "team_member": "TEAM_MEMBER",
    "organization_member": "ORGANIZATION_MEMBER",
    "team": "TEAM",
    "organization": "ORGANIZATION",
}


@pytest.mark.parametrize("kind", LEVELS)
@pytest.mark.parametrize("by_plan", [False, True])
async def test_each_budget_that_is_spent_refuses(
    make: Factory, authorize: Ask, kind: str, by_plan: bool
) -> None:
    owners, key = await member_key(make)
    limits = {"max_budget": 10, "soft_budget": 5}
    if by_plan:
        budget = await make.plan(**limits)
        await make.attachment(budget, kind, owners[kind].id)
    else:
        budget = await make.budget(kind, owners[kind], **limits)
    await make.model_limit(budget, "gpt-4", max_budget=1, rpm_limit=3)
    await make.spend_of(owners[kind].id, "9.5")
    decision = await authorize(key.secret)
    assert reasons(decision) == []
    assert decision["softBudgetsReached"] == [LEVELS[kind]]
    assert decision["effectiveLimits"]["maxBudget"] == {"value": "10", "level": LEVELS[kind]}
    assert decision["modelLimits"]["rpmLimit"] == {"value": "3", "level": LEVELS[kind]}
    assert reasons(await authorize(key.secret, cost="0.5")) == []
    await make.spend_of(owners[kind].id, "0.6", model="gpt-4")
    (reason,) = (await authorize(key.secret, cost="0.5"))["reasons"]
    assert reason == {
        "code": "BUDGET_EXHAUSTED",
        "level": LEVELS[kind],
        "model": "gpt-4",
        "spend": "0.6",
        "maximum": "1",
        "message": f"The budget of the {LEVELS[kind].lower().replace('_', ' ')} for gpt-4 does not "
        "suffice: 0.6 of 1 is spent.",
    }
    # Another model has the whole only.
    (reason,) = (await authorize(key.secret, "gpt-5", cost="0.51"))["reasons"]
    assert (reason["spend"], reason["maximum"], reason["model"]) == ("9.5", "10", None)
    await make.increase(kind, owners[kind], Decimal(2), LATER)
    assert reasons(await authorize(key.secret, "gpt-5", cost="2.5")) == []
    (reason,) = (await authorize(key.secret, "gpt-5", cost="2.51"))["reasons"]
    assert reason["maximum"] == "12"


async def test_the_team_s_default_binds_a_member_without_a_budget_of_their_own(
    make: Factory, authorize: Ask
) -> None:
    owners, key = await member_key(make)
    await make.budget("team_default", owners["team"], max_budget=3)
    await make.spend_of(owners["team_member"].id, "3")
    service = await make.api_key(team=owners["team"])
    assert reasons(await authorize(key.secret)) == [("BUDGET_EXHAUSTED", "TEAM_MEMBER")]
    assert reasons(await authorize(service.secret)) == []
    await make.budget("team_member", owners["team_member"], max_budget=4)
    assert reasons(await authorize(key.secret)) == []


async def test_only_what_is_spent_in_the_period_that_runs_counts(
    make: Factory, authorize: Ask
) -> None:
    owners, key = await member_key(make)
    team = owners["team"]
    await make.budget("team", team, max_budget=1, duration="1d")
    before = datetime.now(UTC) - timedelta(days=3)
    await make.spend_of(team.id, "5", starts_at=before, ends_at=EARLIER)
    await make.increase("team", team, Decimal(1), EARLIER)
    assert reasons(await authorize(key.secret)) == []
    await make.spend_of(team.id, "5", starts_at=EARLIER, ends_at=LATER)
    (reason,) = (await authorize(key.secret))["reasons"]
    assert (reason["spend"], reason["maximum"]) == ("5", "1")
    # Another schedule begins to count anew, though the period that was begun by the one before it
    # would last; one that is only to come changes nothing.
    await make.schedule("team", team, LATER)
    assert reasons(await authorize(key.secret)) == [("BUDGET_EXHAUSTED", "TEAM")]
    since = datetime.now(UTC) - timedelta(hours=1)
    await make.schedule("team", team, since)
    assert reasons(await authorize(key.secret)) == []
    await make.spend_of(team.id, "1", since=since, starts_at=since, ends_at=LATER)
    assert reasons(await authorize(key.secret)) == [("BUDGET_EXHAUSTED", "TEAM")]


async def test_what_was_recorded_counts_in_the_next_decision(
    api: Api, make: Factory, gateway: Key, authorize: Ask
) -> None:
    owners, key = await member_key(make)
    admin = await make.admin()
    given = {"maxBudget": "1", "duration": "1mo"}
    changed = await api.mutate(admin, "teamUpdate", id=owners["team"].id, budget=given)
    assert changed.refusals == []
    at = datetime.now(UTC).isoformat()
    for number, left in (("1", True), ("2", False)):
        event = {"requestId": number, "keyId": key.id, "model": "gpt-4", "cost": "0.5", "at": at}
        recorded = await api.mutate(gateway, "usageRecord", "results { status }", events=[event])
        assert recorded.payload["results"] == [{"status": "RECORDED"}]
        decision = await authorize(key.secret)
        assert decision["allowed"] is left
    (reason,) = decision["reasons"]
    assert (reason["level"], reason["spend"], reason["maximum"]) == ("TEAM", "1", "1")


@pytest.mark.parametrize("role", PlatformRole)
async def test_only_a_key_for_gateways_may_ask(api: Api, make: Factory, role: PlatformRole) -> None:
    key = await make.api_key(team=await make.team())
    person = await make.person(role)
    answer = await api(person, AUTHORIZE, key=key.secret, model="gpt-4")
    assert answer.payload is None
    plain = await over_http(api, person, {"key": key.secret, "model": "gpt-4"})
    assert (plain.status_code, plain.json()["errors"][0]["extensions"]["code"]) == (
        403,
        "FORBIDDEN",
    )


async def test_an_estimate_below_nothing_is_the_asker_s_mistake(api: Api, gateway: Key) -> None:
    answer = await api(gateway, AUTHORIZE, key="", model="gpt-4", estimatedCost="-1")
    assert answer.codes == ["BAD_USER_INPUT"]
