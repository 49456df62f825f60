"""Limits by plans: within what limits the holder, and not below what the holder's own hold."""

import asyncpg
import pytest

from api_client import Api
from bursar.database.rows import Row
from bursar.domain.ids import Prefix, new_id
from factories import Factory, Person
from holders import Holders, attach, done, make_holders


@pytest.fixture
async def things(make: Factory) -> Holders:
    return await make_holders(make)


async def team_key(owner: asyncpg.Connection, team: Row, person: Person | None = None) -> str:
    """A key of a team: of a member, or of the team's service."""
    key_id = new_id(Prefix.API_KEY)
    await owner.execute(
        "INSERT INTO api_keys (id, team_id, user_id, secret_hash, last_four, scopes)"
        " VALUES ($1, $2, $3, sha256(convert_to($1::text, 'UTF8')), 'last', '{INFER}')",
        key_id,
        team.id,
        person and person.id,
    )
    return key_id


async def test_team_is_held_to_the_plan_of_its_organization(
    api: Api, things: Holders, make: Factory
) -> None:
    whole = await make.plan(max_budget=5, rpm_limit=5)
    await make.attachment(whole, "organization", things.organization.id)
    budget = {"maxBudget": "6", "rpmLimit": "5"}
    for name, given in (
        ("teamUpdate", {"id": things.team.id, "budget": budget}),
        (
            "teamCreate",
            {"name": "New", "organizationId": things.organization.id, "budget": budget},
        ),
    ):
        answer = await api.refused(things.admin, name, **given)
        assert answer.refusals == [("CONFLICT", "input.budget.maxBudget")]
        (error,) = answer.payload["errors"]
        assert (error["level"], error["limit"], error["requested"]) == ("organization", "5", "6")


async def test_organization_is_not_lowered_below_the_plan_of_a_team(
    api: Api, things: Holders, make: Factory
) -> None:
    await make.attachment(await make.plan(max_budget=5), "team", things.team.id)
    given = {"id": things.organization.id, "budget": {"maxBudget": "4.99"}}
    answer = await api.refused(things.admin, "organizationUpdate", **given)
    assert answer.refusals == [("CONFLICT", "input.budget.maxBudget")]
    assert answer.payload["errors"][0]["teams"] == [{"id": things.team.id}]


async def test_plan_above_the_parents_limits_is_not_attached(
    api: Api, things: Holders, make: Factory, owner: asyncpg.Connection
) -> None:
    plan = await make.plan(max_budget=6, tpm_limit=2, rpm_limit=6)
    limits = {"max_budget": 5, "tpm_limit": 2, "rpm_limit": 5}
    await make.budget("organization", things.organization, **limits)
    await make.budget("team", things.team, **limits)
    await make.budget("user", things.person.row, **limits)
    keys = [
        await team_key(owner, things.team, things.person),
        await team_key(owner, things.team),
    ]
    for level, id_ in (
        ("organization", things.team.id),
        ("team", keys[0]),
        ("team", keys[1]),
        ("user", things.person.key_id),
    ):
        answer = await api.refused(things.admin, "budgetAttach", budgetId=plan.id, holderId=id_)
        assert answer.refusals == [
            ("CONFLICT", "input.budgetId.maxBudget"),
            ("CONFLICT", "input.budgetId.rpmLimit"),
        ]
        assert [error["level"] for error in answer.payload["errors"]] == [level, level]
    # A member's share may be anything: what is above the member binds.
    for kind in ("team_member", "organization_member"):
        await attach(api, things.admin, plan, things.ids[kind])
    await attach(api, things.admin, plan, things.team.id, asMemberDefault=True)


async def test_plan_below_what_teams_hold_is_not_attached_to_their_organization(
    api: Api, things: Holders, make: Factory
) -> None:
    plan = await make.plan(max_budget=4)
    other = await make.team(things.organization)
    await make.budget("team", things.team, max_budget=5)
    await make.attachment(await make.plan(max_budget=6), "team", other.id)
    given = {"budgetId": plan.id, "holderId": things.organization.id}
    answer = await api.refused(things.admin, "budgetAttach", **given)
    assert answer.refusals == [("CONFLICT", "input.budgetId.maxBudget")]
    teams = [team["id"] for team in answer.payload["errors"][0]["teams"]]
    assert teams == sorted([things.team.id, other.id])


async def test_plan_is_not_raised_above_what_limits_its_holders(
    api: Api, things: Holders, make: Factory, owner: asyncpg.Connection
) -> None:
    plan, admin = await make.plan(max_budget=4, rpm_limit=4), things.admin
    await make.budget("organization", things.organization, max_budget=5)
    await make.attachment(plan, "team", things.team.id)
    tight = await make.team()
    await make.budget("team", tight, rpm_limit=7)
    await make.attachment(plan, "api_key", await team_key(owner, tight))
    tighter = await make.person()
    await make.budget("user", tighter.row, rpm_limit=6)
    await make.attachment(plan, "api_key", tighter.key_id)
    payload = await done(
        api, admin, "budgetUpdate", "budget { version }", id=plan.id, maxBudget="5", rpmLimit="6"
    )
    assert payload["budget"]["version"] == 2
    answer = await api.refused(admin, "budgetUpdate", id=plan.id, maxBudget="5.1", rpmLimit="8")
    said = [
        (error["__typename"], error["path"][1], error.get("level"), error.get("limit"))
        for error in answer.payload["errors"]
    ]
    assert said == [
        ("TeamsExceedLimits", "maxBudget", None, None),
        ("LimitExceeded", "rpmLimit", "team", "7"),
        ("LimitExceeded", "rpmLimit", "user", "6"),
    ]
    assert answer.payload["errors"][0]["teams"] == [{"id": things.team.id}]
    # No limit at all is always within: the parent binds.
    await done(api, admin, "budgetUpdate", id=plan.id, maxBudget=None, rpmLimit=None)


async def test_plan_is_not_lowered_below_what_the_teams_of_its_organizations_hold(
    api: Api, things: Holders, make: Factory
) -> None:
    plan, admin = await make.plan(max_budget=9), things.admin
    await make.attachment(plan, "organization", things.organization.id)
    same = await make.team(things.organization)
    await make.attachment(plan, "team", same.id)
    await make.budget("team", things.team, max_budget=8)
    elsewhere = await make.team()
    await make.budget("team", elsewhere, max_budget=99)
    await done(api, admin, "budgetUpdate", id=plan.id, maxBudget="8")
    answer = await api.refused(admin, "budgetUpdate", id=plan.id, maxBudget="7")
    assert answer.refusals == [("CONFLICT", "input.maxBudget")]
    assert answer.payload["errors"][0]["teams"] == [{"id": things.team.id}]
    # A team that shares the organization's plan goes up and down with it.
    await done(api, admin, "budgetUpdate", id=plan.id, maxBudget="20")
