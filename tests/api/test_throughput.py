"""Guaranteed throughput: what siblings are guaranteed is together within what is above them."""

from typing import Any

import pytest

from api_client import Answer, Api
from bursar.database.rows import Row
from bursar.domain.roles import OrganizationRole, TeamRole
from factories import Factory, Person
from holders import done

GUARANTEED = "GUARANTEED"
MODEL = "gpt-5"


def excess(answer: Answer) -> tuple[str, str, str, str]:
    """What the only error says: where, the level, its limit, and the sum that was requested."""
    (error,) = answer.payload["errors"]
    assert error["code"] == "CONFLICT"
    return ".".join(error["path"][1:]), error["level"], error["limit"], error["requested"]


async def bounded(make: Factory, **limits: Any) -> Row:
    """An organization with a budget."""
    organization = await make.organization()
    await make.budget("organization", organization, **limits)
    return organization


async def guaranteed_team(make: Factory, organization: Row, rpm: int | None) -> Row:
    team = await make.team(organization, rpm_limit_type=GUARANTEED)
    if rpm is not None:
        await make.budget("team", team, rpm_limit=rpm)
    return team


async def test_a_team_is_guaranteed_what_its_siblings_leave(api: Api, make: Factory) -> None:
    organization, admin = await bounded(make, rpm_limit=100), await make.admin()
    await guaranteed_team(make, organization, 60)
    given = {"name": "New", "organizationId": organization.id, "rpmLimitType": GUARANTEED}
    answer = await api.refused(admin, "teamCreate", **given, budget={"rpmLimit": 41})
    assert excess(answer) == ("budget.rpmLimit", "organization", "100", "101")
    payload = await done(
        api,
        admin,
        "teamCreate",
        "team { id rpmLimitType tpmLimitType }",
        **given,
        budget={"rpmLimit": 40},
    )
    team = payload["team"]
    assert (team["rpmLimitType"], team["tpmLimitType"]) == (GUARANTEED, "BEST_EFFORT")
    # Its own old value does not count.
    await done(api, admin, "teamUpdate", id=team["id"], budget={"rpmLimit": 39})
    await done(api, admin, "teamUpdate", id=team["id"], budget={"rpmLimit": 40})
    answer = await api.refused(admin, "teamUpdate", id=team["id"], budget={"rpmLimit": 41})
    assert excess(answer) == ("budget.rpmLimit", "organization", "100", "101")


async def test_best_effort_siblings_and_those_without_a_limit_do_not_count(
    api: Api, make: Factory
) -> None:
    organization, admin = await bounded(make, rpm_limit=100), await make.admin()
    lax = await make.team(organization)
    await make.budget("team", lax, rpm_limit=90)
    await guaranteed_team(make, organization, None)
    tokens = await make.team(organization, tpm_limit_type=GUARANTEED)
    await make.budget("team", tokens, rpm_limit=90)
    await guaranteed_team(make, await bounded(make, rpm_limit=100), 90)
    team = await make.team(organization)
    given = {"id": team.id, "rpmLimitType": GUARANTEED, "budget": {"rpmLimit": 100}}
    await done(api, admin, "teamUpdate", **given)
    # Now that it holds all, the others can be guaranteed nothing more.
    answer = await api.refused(admin, "teamUpdate", id=lax.id, rpmLimitType=GUARANTEED)
    assert excess(answer) == ("rpmLimitType", "organization", "100", "190")
    await done(api, admin, "teamUpdate", id=team.id, rpmLimitType="BEST_EFFORT")
    await done(api, admin, "teamUpdate", id=lax.id, rpmLimitType=GUARANTEED)


async def test_a_parent_without_a_limit_has_room_for_all(api: Api, make: Factory) -> None:
    organization, admin = await bounded(make, max_budget=5), await make.admin()
    for _ in range(2):
        team = await make.team(organization)
        given = {"id": team.id, "rpmLimitType": GUARANTEED, "budget": {"rpmLimit": 2**62}}
        await done(api, admin, "teamUpdate", **given)
    answer = await api.refused(
        admin, "organizationUpdate", id=organization.id, budget={"rpmLimit": 2**62}
    )
    assert excess(answer) == ("budget.rpmLimit", "organization", str(2**62), str(2**63))


async def test_what_is_above_the_parent_by_itself_is_said_once(api: Api, make: Factory) -> None:
    organization, admin = await bounded(make, rpm_limit=10, tpm_limit=10), await make.admin()
    tokens = await make.team(organization, tpm_limit_type=GUARANTEED)
    await make.budget("team", tokens, tpm_limit=6)
    team = await make.team(organization, rpm_limit_type=GUARANTEED, tpm_limit_type=GUARANTEED)
    limits = {"rpmLimit": 11, "tpmLimit": 5}
    answer = await api.refused(admin, "teamUpdate", id=team.id, budget=limits)
    said = [(error["path"][-1], error["requested"]) for error in answer.payload["errors"]]
    assert said == [("rpmLimit", "11"), ("tpmLimit", "11")]
    plan = await make.plan(rpm_limit=11, tpm_limit=5)
    answer = await api.refused(admin, "budgetAttach", budgetId=plan.id, holderId=team.id)
    assert [error["requested"] for error in answer.payload["errors"]] == ["11", "11"]


async def test_each_dimension_is_added_up_by_itself_and_all_of_them_are_said(
    api: Api, make: Factory
) -> None:
    organization, admin = await bounded(make, rpm_limit=10, tpm_limit=10), await make.admin()
    both = {"rpm_limit_type": GUARANTEED, "tpm_limit_type": GUARANTEED}
    await make.budget("team", await make.team(organization, **both), rpm_limit=6, tpm_limit=6)
    team = await make.team(organization)
    await make.budget("team", team, rpm_limit=6, tpm_limit=4)
    answer = await api.refused(
        admin, "teamUpdate", id=team.id, rpmLimitType=GUARANTEED, tpmLimitType=GUARANTEED
    )
    assert excess(answer) == ("rpmLimitType", "organization", "10", "12")
    answer = await api.refused(
        admin,
        "teamUpdate",
        id=team.id,
        rpmLimitType=GUARANTEED,
        tpmLimitType=GUARANTEED,
        budget={"tpmLimit": 5, "maxBudget": "1"},
    )
    assert answer.refusals == [
        ("CONFLICT", "input.rpmLimitType"),
        ("CONFLICT", "input.budget.tpmLimit"),
    ]


async def test_limits_of_a_model_are_added_up_against_those_of_the_model_or_of_the_whole(
    api: Api, make: Factory
) -> None:
    organization, admin = await make.organization(), await make.admin()
    whole = await make.budget("organization", organization, rpm_limit=100)
    await make.model_limit(whole, MODEL, rpm_limit=10)
    teams = []
    for _ in range(2):
        team = await make.team(organization, rpm_limit_type=GUARANTEED)
        await make.model_limit(await make.budget("team", team), MODEL, rpm_limit=5)
        teams.append(team)

    def limited(model: str, rpm: int) -> dict[str, Any]:
        return {"modelLimits": [{"model": "other"}, {"model": model, "rpmLimit": rpm}]}

    answer = await api.refused(admin, "teamUpdate", id=teams[0].id, budget=limited(MODEL, 6))
    assert excess(answer) == ("budget.modelLimits.1.rpmLimit", "organization", "10", "11")
    # Of another model the organization says nothing: its whole binds.
    await done(api, admin, "teamUpdate", id=teams[0].id, budget=limited("o5", 60))
    await done(api, admin, "teamUpdate", id=teams[1].id, budget=limited("o5", 40))
    answer = await api.refused(admin, "teamUpdate", id=teams[1].id, budget=limited("o5", 41))
    assert excess(answer) == ("budget.modelLimits.1.rpmLimit", "organization", "100", "101")
    # Nor does it say anything more when it names no models, and then lowers the whole.
    await done(api, admin, "organizationUpdate", id=organization.id, budget={"modelLimits": []})
    answer = await api.refused(
        admin, "organizationUpdate", id=organization.id, budget={"rpmLimit": 99}
    )
    assert excess(answer) == ("budget.rpmLimit", "organization", "99", "100")
    answer = await api.refused(
        admin,
        "organizationUpdate",
        id=organization.id,
        budget={"modelLimits": [{"model": "o5", "rpmLimit": 99}]},
    )
    assert excess(answer) == ("budget.modelLimits.0.rpmLimit", "organization", "99", "100")


async def test_forgetting_a_model_whose_guarantees_the_whole_does_not_hold_is_refused(
    api: Api, make: Factory
) -> None:
    organization, admin = await make.organization(), await make.admin()
    whole = await make.budget("organization", organization, rpm_limit=9)
    await make.model_limit(whole, MODEL, rpm_limit=10)
    for _ in range(2):
        team = await make.team(organization, rpm_limit_type=GUARANTEED)
        await make.model_limit(await make.budget("team", team), MODEL, rpm_limit=5)
    answer = await api.refused(
        admin, "organizationUpdate", id=organization.id, budget={"modelLimits": None}
    )
    assert excess(answer) == ("budget.modelLimits", "organization", "9", "10")


async def test_an_organization_is_not_lowered_below_what_its_teams_are_guaranteed(
    api: Api, make: Factory
) -> None:
    organization, admin = await bounded(make, rpm_limit=100), await make.admin()
    for _ in range(2):
        await guaranteed_team(make, organization, 45)
    answer = await api.refused(
        admin, "organizationUpdate", id=organization.id, budget={"rpmLimit": 89}
    )
    assert excess(answer) == ("budget.rpmLimit", "organization", "89", "90")
    plan = await make.plan(rpm_limit=89)
    answer = await api.refused(admin, "budgetAttach", budgetId=plan.id, holderId=organization.id)
    assert excess(answer) == ("budgetId.rpmLimit", "organization", "89", "90")
    await done(api, admin, "organizationUpdate", id=organization.id, budget={"rpmLimit": 90})
    await done(api, admin, "organizationUpdate", id=organization.id, budget=None)


async def test_a_plan_counts_for_each_team_that_has_it(api: Api, make: Factory) -> None:
    organization, admin = await bounded(make, rpm_limit=100), await make.admin()
    plan = await make.plan(rpm_limit=40)
    teams = [await make.team(organization, rpm_limit_type=GUARANTEED) for _ in range(3)]
    for team in teams[:2]:
        await done(api, admin, "budgetAttach", budgetId=plan.id, holderId=team.id)
    answer = await api.refused(admin, "budgetAttach", budgetId=plan.id, holderId=teams[2].id)
    assert excess(answer) == ("budgetId.rpmLimit", "organization", "100", "120")
    answer = await api.refused(admin, "budgetUpdate", id=plan.id, rpmLimit=51)
    assert excess(answer) == ("rpmLimit", "organization", "100", "102")
    await done(api, admin, "budgetUpdate", id=plan.id, rpmLimit=50)
    await done(api, admin, "budgetDetach", holderId=teams[0].id)
    await done(api, admin, "budgetAttach", budgetId=plan.id, holderId=teams[2].id)


async def test_a_plan_of_the_parent_binds_and_is_not_lowered_below_the_sum(
    api: Api, make: Factory
) -> None:
    plan, admin = await make.plan(rpm_limit=10), await make.admin()
    organization = await make.organization()
    await make.attachment(plan, "organization", organization.id)
    await guaranteed_team(make, organization, 6)
    team = await make.team()
    await make.attachment(plan, "team", team.id)
    for _ in range(2):
        key = await make.api_key(team=team, rpm_limit_type=GUARANTEED)
        await make.budget("api_key", key.row, rpm_limit=4)
    answer = await api.refused(admin, "budgetUpdate", id=plan.id, rpmLimit=7)
    assert excess(answer) == ("rpmLimit", "team", "7", "8")
    await guaranteed_team(make, organization, 4)
    answer = await api.refused(admin, "budgetUpdate", id=plan.id, rpmLimit=7)
    said = [(error["level"], error["requested"]) for error in answer.payload["errors"]]
    assert said == [("organization", "10"), ("team", "8")]
    await done(api, admin, "budgetUpdate", id=plan.id, rpmLimit=10)


async def test_keys_are_guaranteed_within_their_team(api: Api, make: Factory) -> None:
    team, admin = await make.team(), await make.admin()
    await make.budget("team", team, tpm_limit=10)
    given = {"teamId": team.id, "tpmLimitType": GUARANTEED}
    payload = await done(
        api,
        admin,
        "apiKeyCreate",
        "apiKey { id tpmLimitType rpmLimitType }",
        **given,
        budget={"tpmLimit": 6},
    )
    key = payload["apiKey"]
    assert (key["tpmLimitType"], key["rpmLimitType"]) == (GUARANTEED, "BEST_EFFORT")
    answer = await api.refused(admin, "apiKeyCreate", **given, budget={"tpmLimit": 5})
    assert excess(answer) == ("budget.tpmLimit", "team", "10", "11")
    other = await make.api_key(team=team)
    await make.budget("api_key", other.row, tpm_limit=5)
    answer = await api.refused(admin, "apiKeyUpdate", id=other.id, tpmLimitType=GUARANTEED)
    assert excess(answer) == ("tpmLimitType", "team", "10", "11")
    plan = await make.plan(tpm_limit=4)
    await done(api, admin, "budgetAttach", budgetId=plan.id, holderId=other.id)
    await done(api, admin, "apiKeyUpdate", id=other.id, tpmLimitType=GUARANTEED)
    answer = await api.refused(admin, "budgetUpdate", id=plan.id, tpmLimit=5)
    assert excess(answer) == ("tpmLimit", "team", "10", "11")
    larger = await make.plan(tpm_limit=5)
    answer = await api.refused(admin, "budgetAttach", budgetId=larger.id, holderId=other.id)
    assert excess(answer) == ("budgetId.tpmLimit", "team", "10", "11")
    # The team is held to its keys' guarantees, though not to the limits of each.
    answer = await api.refused(admin, "teamUpdate", id=team.id, budget={"tpmLimit": 9})
    assert excess(answer) == ("budget.tpmLimit", "team", "9", "10")
    lower = await make.plan(tpm_limit=9)
    answer = await api.refused(admin, "budgetAttach", budgetId=lower.id, holderId=team.id)
    assert excess(answer) == ("budgetId.tpmLimit", "team", "9", "10")
    await done(api, admin, "apiKeyUpdate", id=key["id"], budget=None)
    await done(api, admin, "teamUpdate", id=team.id, budget={"tpmLimit": 4})


async def test_a_personal_key_has_nothing_to_be_guaranteed_a_share_of(
    api: Api, make: Factory
) -> None:
    person = await make.person()
    personal = [("BAD_INPUT", "input.rpmLimitType")]
    answer = await api.refused(person, "apiKeyCreate", rpmLimitType=GUARANTEED)
    assert answer.refusals == personal
    answer = await api.refused(person, "apiKeyUpdate", id=person.key_id, rpmLimitType=GUARANTEED)
    assert answer.refusals == personal
    await done(api, person, "apiKeyUpdate", id=person.key_id, rpmLimitType="BEST_EFFORT")


@pytest.mark.parametrize("name", ["rpmLimitType", "tpmLimitType"])
async def test_a_kind_cannot_be_null(api: Api, make: Factory, name: str) -> None:
    admin, team = await make.admin(), await make.team()
    key = await make.api_key(team=team)
    for mutation, given in (
        ("teamCreate", {"name": "New"}),
        ("teamUpdate", {"id": team.id}),
        ("apiKeyCreate", {"teamId": team.id}),
        ("apiKeyUpdate", {"id": key.id}),
    ):
        answer = await api.refused(admin, mutation, **given, **{name: None})
        assert answer.refusals == [("BAD_INPUT", f"input.{name}")]


async def test_kinds_of_a_team_are_for_its_organizations_admins_and_of_a_key_for_its_teams(
    api: Api, make: Factory
) -> None:
    organization = await make.organization()
    team = await make.team(organization)
    chief = await make.person(organization=organization, organization_role=OrganizationRole.ADMIN)
    lead = await make.person(organization=organization, team=team, team_role=TeamRole.ADMIN)
    mate = await make.person(organization=organization, team=team)
    key = await make.api_key(mate, team=team)
    kinds = {"rpmLimitType": GUARANTEED, "tpmLimitType": GUARANTEED}
    forbidden = [("FORBIDDEN", f"input.{name}") for name in kinds]
    for name, id_, may, may_not in (
        ("teamUpdate", team.id, chief, [lead, mate]),
        ("apiKeyUpdate", key.id, lead, [mate]),
    ):
        for person in may_not:
            assert (await api.refused(person, name, id=id_, **kinds)).refusals == forbidden
        await done(api, may, name, id=id_, **kinds)


async def test_a_change_of_kinds_is_recorded(api: Api, make: Factory) -> None:
    admin, team = await make.admin(), await make.team()
    await done(api, admin, "teamUpdate", id=team.id, rpmLimitType=GUARANTEED)
    (entry,) = (await api(admin, "{ auditEntries { nodes { action before after } } }")).payload[
        "nodes"
    ]
    assert entry == {
        "action": "team.update",
        "before": {"rpmLimitType": "BEST_EFFORT"},
        "after": {"rpmLimitType": GUARANTEED},
    }


async def test_a_guarantee_takes_as_many_statements_among_1_sibling_as_among_50(
    api: Api, make: Factory
) -> None:
    admin = await make.admin()

    async def statements(siblings: int, person: Person = admin) -> int:
        organization = await bounded(make, rpm_limit=100)
        for _ in range(siblings):
            await guaranteed_team(make, organization, 1)
        team = await guaranteed_team(make, organization, 1)
        answer = await api.mutate(person, "teamUpdate", id=team.id, budget={"rpmLimit": 2})
        assert answer.refusals == []
        return answer.statements

    assert await statements(1) == await statements(50)
