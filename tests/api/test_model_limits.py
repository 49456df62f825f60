"""Limits of single models: set as a list, kept by who keeps their budget, within the parent's."""

from types import SimpleNamespace
from typing import Any

import pytest

from api_client import Api
from bursar.database.rows import Row
from bursar.domain.limits import MOST_MODELS
from bursar.domain.roles import TeamRole
from factories import Factory, Person
from holders import KINDS, NO_LIMITS, Holders, attach, done, latest, make_holders

MODELS = "modelLimits { model maxBudget tpmLimit rpmLimit }"
BUDGET = f"budget {{ source limits {{ {MODELS} }} }}"
HOLDERS = ("Organization", "OrganizationMember", "Team", "TeamMember", "User", "ApiKey")
HOLDER = " ".join(f"... on {holder} {{ {BUDGET} }}" for holder in HOLDERS)
HELD = f"query($id: ID!) {{ node(id: $id) {{ {HOLDER} }} }}"
SMALL = {"model": "gpt-5-mini", "maxBudget": None, "tpmLimit": "5", "rpmLimit": None}
LARGE = {"model": "gpt-5", "maxBudget": "2.5", "tpmLimit": None, "rpmLimit": "7"}
UPDATES = {
    "organization": lambda things: ("organizationUpdate", {"id": things.organization.id}),
    "organization_member": lambda things: (
        "organizationMemberUpdate",
        {"organizationId": things.organization.id, "userId": things.person.id},
    ),
    "team": lambda things: ("teamUpdate", {"id": things.team.id}),
    "team_member": lambda things: (
        "teamMemberUpdate",
        {"teamId": things.team.id, "userId": things.person.id},
    ),
    "user": lambda things: ("userUpdate", {"id": things.person.id}),
    "api_key": lambda things: ("apiKeyUpdate", {"id": things.person.key_id}),
}


@pytest.fixture
async def things(make: Factory) -> Holders:
    return await make_holders(make)


async def models_of(api: Api, person: Person, id_: str) -> Any:
    """Where the budget of a holder comes from, and what it says of models."""
    budget = (await api(person, HELD, id=id_)).payload["budget"]
    return budget and (budget["source"], budget["limits"]["modelLimits"])


def short(limit: dict[str, Any]) -> dict[str, Any]:
    """Only what it limits, as it may be given."""
    return {name: value for name, value in limit.items() if value is not None}


@pytest.mark.parametrize("kind", KINDS)
async def test_models_of_any_holder_are_set_kept_and_cleared_as_a_whole(
    api: Api, things: Holders, kind: str
) -> None:
    admin, id_ = things.admin, things.ids[kind]
    name, at = UPDATES[kind](things)

    async def update(**budget: Any) -> Any:
        await done(api, admin, name, **at, budget=budget)
        return await models_of(api, admin, id_)

    given = [SMALL, short(LARGE)]
    assert await update(maxBudget="9", modelLimits=given) == ("OWN", [LARGE, SMALL])
    after = {**NO_LIMITS, "maxBudget": "9"}
    entry = await latest(api, admin, id_)
    assert entry["after"]["budget"] == {
        **after,
        "modelLimits": [
            {"model": "gpt-5", "maxBudget": "2.5", "tpmLimit": None, "rpmLimit": 7},
            {"model": "gpt-5-mini", "maxBudget": None, "tpmLimit": 5, "rpmLimit": None},
        ],
    }
    assert await update(maxBudget="8") == ("OWN", [LARGE, SMALL])
    assert await update(modelLimits=[{"model": "gpt-5-mini", "tpmLimit": 5}]) == ("OWN", [SMALL])
    entry = await latest(api, admin, id_)
    (_, kept), (only,) = (
        entry["before"]["budget"]["modelLimits"],
        entry["after"]["budget"]["modelLimits"],
    )
    assert kept == only
    assert await update(modelLimits=[SMALL, LARGE]) == ("OWN", [LARGE, SMALL])
    assert await update(modelLimits=None) == ("OWN", [])
    assert await update(modelLimits=[SMALL]) == ("OWN", [SMALL])
    assert await update(modelLimits=[]) == ("OWN", [])


async def test_everything_can_be_created_with_models(api: Api, things: Holders) -> None:
    admin, limits = things.admin, {"modelLimits": [short(SMALL)]}
    stranger = await done(api, admin, "userCreate", "user { id }", name="New", budget=limits)
    person = {"userId": stranger["user"]["id"], "budget": limits}
    team = {"name": "New", "budget": limits, "memberBudget": limits, "members": [person]}
    for name, thing, given in (
        ("organizationCreate", "organization", {"name": "New", "budget": limits}),
        ("teamCreate", "team", team),
        ("apiKeyCreate", "apiKey", {"teamId": things.team.id, "budget": limits}),
    ):
        made = (await done(api, admin, name, f"{thing} {{ id }}", **given))[thing]
        assert await models_of(api, admin, made["id"]) == ("OWN", [SMALL])
    assert await models_of(api, admin, person["userId"]) == ("OWN", [SMALL])
    for name, owner in (("organizationMembersAdd", "organization"), ("teamMembersAdd", "team")):
        given = {f"{owner}Id": getattr(things, owner).id, "members": [person]}
        await done(api, admin, name, **given)
    document = f"""
    {{ users {{ nodes {{ id }} }} teams(first: 9) {{ nodes {{ memberBudget {{ limits {{ {MODELS} }} }}
        members {{ nodes {{ user {{ id }} {BUDGET} }} }} }} }} }}
    """
    teams = (await api(admin, document)).data["teams"]["nodes"]
    (default,) = [t["memberBudget"] for t in teams if t["memberBudget"]]
    assert default["limits"]["modelLimits"] == [SMALL]
    of_members = [
        member["budget"]["limits"]["modelLimits"]
        for team in teams
        for member in team["members"]["nodes"]
        if member["user"]["id"] == person["userId"]
    ]
    assert of_members == [[SMALL], [SMALL]]


async def test_a_plan_has_models_of_its_own_which_its_holders_share(
    api: Api, things: Holders
) -> None:
    admin = things.admin
    selection = f"budget {{ id version {MODELS} }}"
    given = {"name": "Gold", "modelLimits": [SMALL, LARGE]}
    plan = (await done(api, admin, "budgetCreate", selection, **given))["budget"]
    assert plan["modelLimits"] == [LARGE, SMALL]
    entry = await latest(api, admin, plan["id"])
    assert [each["model"] for each in entry["after"]["modelLimits"]] == ["gpt-5-mini", "gpt-5"]
    row = SimpleNamespace(id=plan["id"])
    for kind in KINDS:
        await attach(api, admin, row, things.ids[kind])
    changed = await done(api, admin, "budgetUpdate", selection, id=plan["id"], modelLimits=[LARGE])
    assert (changed["budget"]["version"], changed["budget"]["modelLimits"]) == (2, [LARGE])
    entry = await latest(api, admin, plan["id"])
    assert [len(entry[side]["modelLimits"]) for side in ("before", "after")] == [2, 1]
    for kind in KINDS:
        assert await models_of(api, admin, things.ids[kind]) == ("PLAN", [LARGE])
    # Through an owner it is copied, unless nothing changes.
    await done(api, admin, "teamUpdate", id=things.team.id, budget={"modelLimits": [LARGE]})
    assert (await models_of(api, admin, things.team.id))[0] == "PLAN"
    await done(api, admin, "teamUpdate", id=things.team.id, budget={"maxBudget": "1"})
    assert await models_of(api, admin, things.team.id) == ("OWN", [LARGE])
    await done(api, admin, "budgetDetach", holderId=things.ids["user"])
    assert await models_of(api, admin, things.ids["user"]) is None
    for kind in ("organization", "organization_member", "team_member", "api_key"):
        await done(api, admin, "budgetDetach", holderId=things.ids[kind])
    await done(api, admin, "budgetDelete", id=plan["id"])
    entry = await latest(api, admin, plan["id"])
    assert [each["model"] for each in entry["before"]["modelLimits"]] == ["gpt-5"]


async def test_members_inherit_the_models_of_the_default_until_they_have_their_own(
    api: Api, things: Holders
) -> None:
    admin, member = things.admin, things.ids["team_member"]
    await done(
        api,
        admin,
        "teamMemberBudgetUpdate",
        teamId=things.team.id,
        budget={"modelLimits": [SMALL]},
    )
    assert await models_of(api, admin, member) == ("TEAM_DEFAULT", [SMALL])
    assert await models_of(api, things.person, member) == ("TEAM_DEFAULT", [SMALL])
    name, at = UPDATES["team_member"](things)
    await done(api, admin, name, **at, budget={"rpmLimit": 1})
    assert await models_of(api, admin, member) == ("OWN", [SMALL])


async def test_what_is_wrong_with_models_is_said_at_once(api: Api, things: Holders) -> None:
    wrong = [
        {"model": "gpt-5", "maxBudget": "-1", "tpmLimit": -1, "rpmLimit": 2**62 + 1},
        {"model": "openai/*"},
        {"model": "group:cheap"},
        {"model": ""},
        {"model": "m" * 257},
        {"model": "a b"},
        {"model": "gpt-5"},
        {"model": "Gpt-5"},
    ]
    answer = await api.refused(
        things.admin, "teamUpdate", id=things.team.id, budget={"modelLimits": wrong}
    )
    assert answer.refusals == [
        *(
            ("BAD_INPUT", f"input.budget.modelLimits.0.{n}")
            for n in ("maxBudget", "tpmLimit", "rpmLimit")
        ),
        *(("BAD_INPUT", f"input.budget.modelLimits.{place}.model") for place in range(1, 7)),
    ]
    many = [{"model": f"m{number}"} for number in range(MOST_MODELS + 1)]
    answer = await api.refused(things.admin, "budgetCreate", name="Many", modelLimits=many)
    assert answer.refusals == [("BAD_INPUT", "input.modelLimits")]
    await done(api, things.admin, "budgetCreate", name="Many", modelLimits=many[1:])


async def limited(
    make: Factory, owner: str, row: Row, model: str | None = None, **given: int
) -> None:
    """A budget of this, or only of a model in it."""
    budget = await make.budget(owner, row, **({} if model else given))
    if model:
        await make.model_limit(budget, model, **given)


@pytest.mark.parametrize(
    ("level", "name"),
    [("organization", "teamUpdate"), ("team", "apiKeyUpdate"), ("user", "apiKeyUpdate")],
)
async def test_models_are_within_what_the_parent_says_of_them_or_of_the_whole(
    api: Api, things: Holders, make: Factory, level: str, name: str
) -> None:
    parents = {
        "organization": (things.organization, things.team.id),
        "team": (things.team, (await make.api_key(things.person, team=things.team)).id),
        "user": (things.person.row, things.person.key_id),
    }
    parent, id_ = parents[level]
    whole = await make.budget(level, parent, rpm_limit=5, max_budget=5)
    await make.model_limit(whole, "gpt-5", rpm_limit=9)
    within = [{"model": "gpt-5", "rpmLimit": 9, "maxBudget": "5"}, {"model": "o5", "rpmLimit": 5}]
    await done(api, things.admin, name, id=id_, budget={"modelLimits": within})
    above = [
        {"model": "o5", "rpmLimit": 6, "tpmLimit": 99},
        {"model": "gpt-5", "rpmLimit": 10, "maxBudget": "6"},
    ]
    answer = await api.refused(things.admin, name, id=id_, budget={"modelLimits": above})
    assert [
        (error["path"][2:], error["limit"], error["requested"])
        for error in answer.payload["errors"]
    ] == [
        (["modelLimits", "0", "rpmLimit"], "5", "6"),
        (["modelLimits", "1", "maxBudget"], "5", "6"),
        (["modelLimits", "1", "rpmLimit"], "9", "10"),
    ]
    assert {error["level"] for error in answer.payload["errors"]} == {level}
    plan = await make.plan()
    await make.model_limit(plan, "gpt-5", rpm_limit=10)
    answer = await api.refused(things.admin, "budgetAttach", budgetId=plan.id, holderId=id_)
    assert answer.refusals == [("CONFLICT", "input.budgetId.modelLimits.0.rpmLimit")]
    await done(
        api,
        things.admin,
        "budgetUpdate",
        id=plan.id,
        modelLimits=[{"model": "gpt-5", "rpmLimit": 9}],
    )
    await attach(api, things.admin, plan, id_)
    more = [{"model": "gpt-5", "rpmLimit": 10}]
    answer = await api.refused(things.admin, "budgetUpdate", id=plan.id, modelLimits=more)
    assert answer.refusals == [("CONFLICT", "input.modelLimits.0.rpmLimit")]


async def test_an_organization_is_not_lowered_below_the_models_of_its_teams(
    api: Api, things: Holders, make: Factory
) -> None:
    admin, id_ = things.admin, things.organization.id
    other = await make.team(things.organization)
    await limited(make, "team", things.team, "gpt-5", rpm_limit=6)
    await limited(make, "team", other, "o5", rpm_limit=7)
    await limited(make, "team", await make.team(), "gpt-5", rpm_limit=99)

    async def lower(name: str = "organizationUpdate", **budget: Any) -> list[Any]:
        given = budget if name == "budgetUpdate" else {"id": id_, "budget": budget}
        answer = await api.refused(admin, name, **given)
        return [
            (".".join(error["path"][1:]), [team["id"] for team in error["teams"]])
            for error in answer.payload["errors"]
        ]

    both = sorted([things.team.id, other.id])
    assert await lower(rpmLimit=5) == [("budget.rpmLimit", both)]
    assert await lower(rpmLimit=6) == [("budget.rpmLimit", [other.id])]
    assert await lower(
        rpmLimit=6, modelLimits=[{"model": "o5"}, {"model": "gpt-5", "rpmLimit": 5}]
    ) == [
        ("budget.rpmLimit", [other.id]),
        ("budget.modelLimits.1.rpmLimit", [things.team.id]),
    ]
    generous = [{"model": "gpt-5", "rpmLimit": 6}, {"model": "o5", "rpmLimit": 7}]
    await done(
        api, admin, "organizationUpdate", id=id_, budget={"rpmLimit": 1, "modelLimits": generous}
    )
    # They are held by nothing but the whole when the models are not named any more.
    assert await lower(modelLimits=[]) == [("budget.modelLimits", both)]
    plan = await make.plan(rpm_limit=6)
    answer = await api.refused(admin, "budgetAttach", budgetId=plan.id, holderId=id_)
    assert answer.refusals == [("CONFLICT", "input.budgetId.rpmLimit")]
    await done(api, admin, "budgetUpdate", id=plan.id, modelLimits=generous)
    await attach(api, admin, plan, id_)
    assert await lower("budgetUpdate", id=plan.id, modelLimits=generous[1:], rpmLimit=5) == [
        ("rpmLimit", [things.team.id])
    ]


async def test_a_team_admin_does_not_raise_the_models_of_their_own_budget_above_the_default(
    api: Api, make: Factory
) -> None:
    team = await make.team()
    lead = await make.person(team=team, team_role=TeamRole.ADMIN)
    await limited(make, "team_default", team, "gpt-5", rpm_limit=5)
    given = {"teamId": team.id, "userId": lead.id}

    async def refused(*models: dict[str, Any]) -> list[tuple[str, str]]:
        budget = {"modelLimits": list(models)}
        return (await api.refused(lead, "teamMemberUpdate", **given, budget=budget)).refusals

    assert await refused({"model": "o5"}, {"model": "gpt-5", "rpmLimit": 6}) == [
        ("FORBIDDEN", "input.budget.modelLimits.1.rpmLimit")
    ]
    assert await refused() == [("FORBIDDEN", "input.budget.modelLimits")]
    less = [{"model": "gpt-5", "rpmLimit": 4}, {"model": "o5", "rpmLimit": 1}]
    await done(api, lead, "teamMemberUpdate", **given, budget={"modelLimits": less})


async def test_an_archived_key_keeps_what_it_said_of_models(api: Api, make: Factory) -> None:
    admin, team = await make.admin(), await make.team()
    key = await make.api_key(team=team)
    await limited(make, "api_key", key.row, "gpt-5", rpm_limit=5)
    await done(api, admin, "apiKeysDelete", ids=[key.id])
    (gone,) = (await api(admin, "{ deletedApiKeys { nodes { state } } }")).payload["nodes"]
    of_model = {"model": "gpt-5", "maxBudget": None, "tpmLimit": None, "rpmLimit": 5}
    assert gone["state"]["budget"]["modelLimits"] == [of_model]


async def test_models_are_seen_where_their_budget_is_in_force_and_nowhere_else(
    api: Api, things: Holders, make: Factory
) -> None:
    plan = await make.plan()
    await make.model_limit(plan, "gpt-5", rpm_limit=5)
    await attach(api, things.admin, plan, things.team.id)
    await attach(api, things.admin, plan, things.organization.id)
    assert await models_of(api, things.person, things.team.id) == (
        "PLAN",
        [{**LARGE, "maxBudget": None, "rpmLimit": "5"}],
    )
    assert await models_of(api, things.person, things.organization.id) is None
    document = f"query($id: ID!) {{ budget(id: $id) {{ {MODELS} }} }}"
    assert (await api(things.person, document, id=plan.id)).payload is None
    assert (await api(things.admin, document, id=plan.id)).payload["modelLimits"]
    service = await make.api_key(team=things.team)
    assert await models_of(api, service, things.team.id)
