"""Self-service: with the setting users create teams for themselves, within what is theirs."""

from collections.abc import AsyncIterator, Callable
from types import SimpleNamespace
from typing import Any

import asyncpg
import pytest

from api_client import Api
from bursar.database.pool import Database
from bursar.domain.ids import DEFAULT_ORGANIZATION
from bursar.domain.roles import KeyScope, OrganizationRole, PlatformRole
from factories import Factory, Key, Person

TEAM = """
team {
  id organization { id } budget { limits { maxBudget } }
  members { nodes { role user { id } } }
}
"""
MAKER = "SELECT self_service_user_id FROM teams"
BUILT_IN = SimpleNamespace(id=DEFAULT_ORGANIZATION)


@pytest.fixture
async def on(
    app_with: Callable[..., Any],
    database: Database,  # noqa: ARG001 (emptied after the test)
    owner: asyncpg.Connection,
) -> AsyncIterator[Api]:
    """The API of a server where self-service is on."""
    async with app_with(self_service_teams=True) as app, Api(app, owner) as api:
        yield api


async def created(api: Api, person: Person, **given: Any) -> Any:
    answer = await api.mutate(person, "teamCreate", TEAM, **{"name": "Mine", **given})
    assert answer.refusals == []
    return answer.payload["team"]


async def refusals(api: Api, person: Person | Key, **given: Any) -> list[tuple[str, str]]:
    return (await api.refused(person, "teamCreate", **{"name": "Mine", **given})).refusals


@pytest.mark.parametrize(
    "given", [{}, {"organizationId": DEFAULT_ORGANIZATION, "externalId": None}]
)
async def test_a_user_creates_a_team_and_administers_it(
    on: Api, make: Factory, owner: asyncpg.Connection, given: dict[str, str | None]
) -> None:
    me = await make.person()
    team = await created(on, me, **given)
    assert team["organization"] == {"id": DEFAULT_ORGANIZATION}
    assert team["members"]["nodes"] == [{"role": "ADMIN", "user": {"id": me.id}}]
    assert await owner.fetchval(MAKER) == me.id
    answer = await on.mutate(me, "teamUpdate", id=team["id"], name="Ours")
    assert answer.refusals == []


async def test_without_the_setting_nobody_does(api: Api, make: Factory) -> None:
    assert await refusals(api, await make.person()) == [("FORBIDDEN", "input.organizationId")]


async def test_the_limits_tell_whether_it_is_on(on: Api, api: Api, make: Factory) -> None:
    me = await make.person()
    document = "{ limits { selfServiceTeams } }"
    told = [(await each(me, document)).payload for each in (on, api)]
    assert told == [{"selfServiceTeams": True}, {"selfServiceTeams": False}]


async def test_who_only_reads_and_keys_that_do_not_manage_create_none(
    on: Api, make: Factory
) -> None:
    forbidden = [("FORBIDDEN", "input.organizationId")]
    for role in (PlatformRole.VIEWER, PlatformRole.USER_VIEWER):
        assert await refusals(on, await make.person(role)) == forbidden
    team, person = await make.team(), await make.person()
    for key in (
        await make.api_key(team=team),
        await make.api_key(person, scopes=[KeyScope.GATEWAY], team=None),
    ):
        answer = await on.refused(key, "teamCreate", name="Mine")
        assert {path for _, path in answer.refusals} == {"input.organizationId"}


async def test_elsewhere_than_in_the_built_in_organization_it_is_for_admins(
    on: Api, make: Factory
) -> None:
    organization = await make.organization()
    member = await make.person(organization=organization)
    at = {"organizationId": organization.id}
    assert await refusals(on, member, **at) == [("FORBIDDEN", "input.organizationId")]
    assert await refusals(on, await make.person(), **at) == [("NOT_FOUND", "input.organizationId")]


OWN = {"max_budget": 10, "duration": "1mo", "tpm_limit": 100, "rpm_limit": 5}
WITHIN = {"maxBudget": "10", "duration": "1mo", "tpmLimit": "100", "rpmLimit": "5"}


@pytest.mark.parametrize("plan", [False, True], ids=["own budget", "plan"])
@pytest.mark.parametrize(
    ("budget", "fields"),
    [
        (WITHIN, []),
        ({**WITHIN, "maxBudget": "0", "tpmLimit": "0", "maxParallelRequests": "9"}, []),
        ({**WITHIN, "maxBudget": "10.0000000001"}, ["maxBudget"]),
        ({**WITHIN, "tpmLimit": "101"}, ["tpmLimit"]),
        ({**WITHIN, "rpmLimit": "6"}, ["rpmLimit"]),
        ({**WITHIN, "duration": "1d"}, ["duration"]),
        ({**WITHIN, "duration": None}, ["duration"]),
        ({**WITHIN, "maxBudget": None, "rpmLimit": None}, ["maxBudget", "rpmLimit"]),
        ({}, ["maxBudget", "tpmLimit", "rpmLimit", "duration"]),
        (None, ["maxBudget", "tpmLimit", "rpmLimit", "duration"]),
    ],
)
async def test_a_team_has_no_more_than_its_user_and_no_limit_is_more(
    on: Api, make: Factory, budget: Any, fields: list[str], plan: bool
) -> None:
    me = await make.person()
    if plan:
        await make.attachment(await make.plan(**OWN), "user", me.id)
    else:
        await make.budget("user", me.row, **OWN)
    if not fields:
        await created(on, me, budget=budget)
        return
    expected = [("FORBIDDEN", f"input.budget.{name}") for name in fields]
    assert await refusals(on, me, budget=budget) == expected
    if budget is None:
        assert await refusals(on, me) == expected


@pytest.mark.parametrize(
    ("models", "places"),
    [
        ([{"model": "gpt-5", "maxBudget": "2"}], []),
        ([{"model": "o5", "maxBudget": "9"}, {"model": "gpt-5", "maxBudget": "1"}], []),
        ([{"model": "gpt-5", "maxBudget": "3"}], [".0.maxBudget"]),
        ([{"model": "o5", "maxBudget": "11"}], [".0.maxBudget", ""]),
        ([{"model": "gpt-5"}], [".0.maxBudget"]),
        ([], [""]),
    ],
)
async def test_of_a_model_a_team_has_no_more_than_its_user(
    on: Api, make: Factory, models: list[dict[str, str]], places: list[str]
) -> None:
    me = await make.person()
    own = await make.budget("user", me.row, max_budget=10)
    await make.model_limit(own, "gpt-5", max_budget=2)
    budget = {"maxBudget": "10", "modelLimits": models}
    if not places:
        await created(on, me, budget=budget)
        return
    expected = [("FORBIDDEN", f"input.budget.modelLimits{place}") for place in places]
    assert await refusals(on, me, budget=budget) == expected


async def test_where_the_user_limits_money_of_a_model_alone_the_period_is_theirs(
    on: Api, make: Factory
) -> None:
    me = await make.person()
    await make.model_limit(await make.budget("user", me.row, duration="1mo"), "o5", max_budget=2)
    budget = {"duration": "1d", "modelLimits": [{"model": "o5", "maxBudget": "2"}]}
    expected = [("FORBIDDEN", "input.budget.duration")]
    assert await refusals(on, me, budget=budget) == expected
    await created(on, me, budget={**budget, "duration": "30d"})


async def test_where_the_user_has_no_limit_a_team_may_have_any(on: Api, make: Factory) -> None:
    me = await make.person()
    await make.budget("user", me.row, rpm_limit=5, duration="1d")
    await created(on, me, budget={"maxBudget": "1000", "duration": "1mo", "rpmLimit": "5"})


async def test_the_limits_of_the_organization_are_said_beside_the_users_own(
    on: Api, make: Factory, owner: asyncpg.Connection
) -> None:
    me = await make.person()
    await make.budget("user", me.row, rpm_limit=5)
    limit = "INSERT INTO budgets (id, organization_id, rpm_limit) VALUES ('budget_1', $1, 7)"
    await owner.execute(limit, DEFAULT_ORGANIZATION)
    assert await refusals(on, me, budget={"rpmLimit": "8"}) == [
        ("CONFLICT", "input.budget.rpmLimit"),
        ("FORBIDDEN", "input.budget.rpmLimit"),
    ]


async def test_an_external_id_and_new_users_are_for_higher_admins(on: Api, make: Factory) -> None:
    me, other = await make.person(), await make.person()
    assert await refusals(on, me, externalId="x", addToOrganization=True) == [
        ("FORBIDDEN", "input.externalId"),
        ("FORBIDDEN", "input.addToOrganization"),
    ]
    members = [{"userId": other.id}, {"email": "nobody@example.com"}]
    assert await refusals(on, me, members=members) == [("NOT_FOUND", "input.members.1.email")]
    team = await created(on, me, members=members[:1])
    roles = {node["user"]["id"]: node["role"] for node in team["members"]["nodes"]}
    assert roles == {other.id: "MEMBER", me.id: "ADMIN"}


@pytest.mark.parametrize("who", ["platform", "organization"])
async def test_admins_are_bound_by_nothing_of_their_own(
    on: Api, make: Factory, owner: asyncpg.Connection, who: str
) -> None:
    me = await make.person(PlatformRole.ADMIN if who == "platform" else PlatformRole.USER)
    if who == "organization":
        await make.organization_member(BUILT_IN, me, OrganizationRole.ADMIN)
    await make.budget("user", me.row, max_budget=1)
    await created(on, me, externalId="x", members=[{"email": "new@example.com"}])
    assert await owner.fetchval(MAKER) is None


async def test_a_team_stays_what_it_is_for_its_admins_and_higher_ones_may_raise_it(
    on: Api, make: Factory
) -> None:
    me = await make.person()
    await make.budget("user", me.row, max_budget=1)
    team = await created(on, me, budget={"maxBudget": "1"})
    given = {"id": team["id"], "budget": {"maxBudget": "2"}}
    answer = await on.refused(me, "teamUpdate", **given)
    assert answer.refusals == [("FORBIDDEN", "input.budget")]
    assert (await on.mutate(await make.admin(), "teamUpdate", **given)).refusals == []


async def test_whose_a_team_is_ends_with_a_move_and_with_the_user(
    on: Api, make: Factory, owner: asyncpg.Connection
) -> None:
    admin, me, organization = await make.admin(), await make.person(), await make.organization()
    team = await created(on, me)
    given = {"id": team["id"], "organizationId": organization.id, "addToOrganization": True}
    assert (await on.mutate(admin, "teamMove", **given)).refusals == []
    assert await owner.fetchval(MAKER) is None
    await owner.execute("DELETE FROM teams")
    other = await make.person()
    team = await created(on, me, members=[{"userId": other.id, "role": "ADMIN"}])
    assert await owner.fetchval(MAKER) == me.id
    assert (await on.mutate(me, "teamLeave", teamId=team["id"])).refusals == []
    assert (await on.mutate(admin, "userDelete", id=me.id)).refusals == []
    assert await owner.fetch(MAKER) == [(None,)]


@pytest.mark.parametrize(
    ("given", "places"),
    [
        ({}, ["models"]),
        ({"models": ["*"]}, ["models"]),
        ({"models": ["gpt-5", "gemini", "openai/*", "openai/o3"]}, ["models.1", "models.2"]),
    ],
)
async def test_a_user_gives_a_team_no_more_models_than_are_their_own(
    on: Api, make: Factory, given: dict[str, Any], places: list[str]
) -> None:
    me = await make.person(models=["gpt-5", "openai/o*"])
    assert await refusals(on, me, **given) == [("FORBIDDEN", f"input.{at}") for at in places]


async def test_later_too_the_models_of_a_team_stay_within_its_users_but_for_higher_admins(
    on: Api, make: Factory
) -> None:
    me = await make.person(models=["gpt-5", "openai/o*"])
    team = await created(on, me, models=["gpt-5"])
    wider = {"id": team["id"], "models": ["gpt-5", "gemini"]}
    for name, given, place in (
        ("teamUpdate", wider, "models.1"),
        ("teamUpdate", {"id": team["id"], "models": None}, "models"),
        ("teamModelsAdd", {"id": team["id"], "models": ["gemini"]}, "models.0"),
    ):
        answer = await on.refused(me, name, **given)
        assert answer.refusals == [("FORBIDDEN", f"input.{place}")]
    within = await on.mutate(me, "teamModelsAdd", id=team["id"], models=["openai/o3"])
    assert within.refusals == []
    over_team = await make.person()
    await make.organization_member(BUILT_IN, over_team, OrganizationRole.ADMIN)
    for higher in (over_team, await make.admin()):
        assert (await on.mutate(higher, "teamUpdate", **wider)).refusals == []
