"""Plans in the stead of own budgets: attached, detached, and left by who changes a limit of theirs."""

from types import SimpleNamespace
from typing import Any

import asyncpg
import pytest

from api_client import Answer, Api
from bursar.domain.ids import Prefix, new_id
from bursar.domain.roles import TeamRole
from factories import Factory
from holders import HELD, KINDS, NO_LIMITS, USE, Holders, attach, done, latest, make_holders

OWNED = ["organization", "team", "team_default", "team_member", "user"]


@pytest.fixture
async def things(make: Factory) -> Holders:
    return await make_holders(make)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_plan_takes_the_place_of_an_own_budget_and_detaching_leaves_none(
    api: Api, things: Holders, make: Factory, kind: str
) -> None:
    plan, other = await make.plan("Gold", max_budget=3), await make.plan("Silver", max_budget=2)
    id_, admin = things.ids[kind], things.admin
    own = await make.budget(kind, SimpleNamespace(id=id_), max_budget=1, rpm_limit=5)
    held = await attach(api, admin, plan, id_)
    assert held["id"] == id_
    assert held["budget"]["source"] == "PLAN"
    limits = held["budget"]["limits"]
    assert (limits["id"], limits["name"], limits["maxBudget"]) == (plan.id, "Gold", "3")
    assert held.get("version", held.get("seen")) == 2
    document = "query($id: ID!) { budget(id: $id) { id } }"
    assert (await api(admin, document, id=own.id)).payload is None
    entry = await latest(api, admin, id_)
    assert entry["action"] == "budget.attach"
    assert entry["before"] == {"budget": {**NO_LIMITS, "maxBudget": "1", "rpmLimit": 5}}
    assert entry["after"] == {"budget": {**NO_LIMITS, "maxBudget": "3", "planId": plan.id}}
    held = await attach(api, admin, other, id_)
    assert held["budget"]["limits"]["name"] == "Silver"
    document = "query($id: ID!) { budget(id: $id) { holders { totalCount } } }"
    assert (await api(admin, document, id=plan.id)).payload == {"holders": {"totalCount": 0}}
    payload = await done(api, admin, "budgetDetach", HELD, holderId=id_)
    assert payload["holder"]["budget"] is None
    entry = await latest(api, admin, id_)
    assert (entry["action"], entry["after"]) == ("budget.detach", {"budget": None})
    in_organization = kind not in {"user", "api_key"}
    assert entry["organizationId"] == (things.organization.id if in_organization else None)
    assert entry["teamId"] == (things.team.id if kind.startswith("team") else None)


async def test_attaching_again_and_detaching_nothing_change_nothing(
    api: Api, things: Holders, make: Factory
) -> None:
    plan, admin, team = await make.plan(max_budget=3), things.admin, things.team
    await attach(api, admin, plan, team.id)
    before = await api.fingerprint()
    assert (await attach(api, admin, plan, team.id))["version"] == 2
    await done(api, admin, "budgetDetach", holderId=team.id, asMemberDefault=True)
    await done(api, admin, "budgetDetach", holderId=things.person.id)
    assert await api.fingerprint() == before
    await make.budget("user", things.person.row, max_budget=1)
    before = await api.fingerprint()
    held = await done(api, admin, "budgetDetach", HELD, holderId=things.person.id)
    assert held["holder"]["budget"]["source"] == "OWN"
    assert await api.fingerprint() == before


async def test_attaching_is_refused_at_the_path_of_the_input(
    api: Api, things: Holders, make: Factory
) -> None:
    plan, admin, name = await make.plan(), things.admin, "budgetAttach"
    nothing = {"budgetId": new_id(Prefix.BUDGET), "holderId": new_id(Prefix.TEAM)}
    answer = await api.refused(admin, name, **nothing)
    assert answer.refusals == [("NOT_FOUND", "input.budgetId"), ("NOT_FOUND", "input.holderId")]
    for no_holder in (plan.id, "team_x", "\0", new_id(Prefix.AUDIT_ENTRY)):
        answer = await api.refused(admin, name, budgetId=plan.id, holderId=no_holder)
        assert answer.refusals == [("NOT_FOUND", "input.holderId")]
        answer = await api.mutate(admin, "budgetDetach", holderId=no_holder)
        assert answer.refusals == [("NOT_FOUND", "input.holderId")]
    for kind in KINDS:
        given = {"budgetId": plan.id, "holderId": things.ids[kind]}
        answer = await api.refused(admin, name, **given, expectedVersion=2)
        assert answer.refusals == [("VERSION_CONFLICT", "input.expectedVersion")]
        if kind != "team":
            answer = await api.refused(admin, name, **given, asMemberDefault=True)
            assert answer.refusals == [("BAD_INPUT", "input.asMemberDefault")]


async def test_member_has_their_own_budget_or_plan_or_else_the_teams_default(
    api: Api, things: Holders, make: Factory
) -> None:
    admin, team, member_id = things.admin, things.team, things.ids["team_member"]
    default, plan = await make.plan("Default", rpm_limit=1), await make.plan("Plan", rpm_limit=2)
    held = await attach(api, admin, default, team.id, asMemberDefault=True)
    assert (held["budget"], held["memberBudget"]["source"]) == (None, "TEAM_DEFAULT")

    async def use() -> tuple[str, str | None]:
        document = (
            f"query($id: ID!) {{ node(id: $id) {{ ... on TeamMember {{ budget {{ {USE} }} }} }} }}"
        )
        found = (await api(admin, document, id=member_id)).payload["budget"]
        return found["source"], found["limits"]["name"]

    assert await use() == ("TEAM_DEFAULT", "Default")
    await attach(api, admin, plan, member_id)
    assert await use() == ("PLAN", "Plan")
    given = {"teamId": team.id, "userId": things.person.id}
    await done(api, admin, "teamMemberUpdate", **given, budget={"maxBudget": "1"})
    assert await use() == ("OWN", None)
    await attach(api, admin, plan, member_id)
    await done(api, admin, "budgetDetach", holderId=member_id)
    assert await use() == ("TEAM_DEFAULT", "Default")
    await attach(api, admin, plan, member_id)
    await done(api, admin, "teamMemberUpdate", **given, budget=None)
    assert await use() == ("TEAM_DEFAULT", "Default")


async def test_member_who_inherits_a_plan_gets_a_copy_of_it_with_the_first_own_limit(
    api: Api, things: Holders, make: Factory
) -> None:
    admin, team = things.admin, things.team
    default = await make.plan("Default", rpm_limit=1, max_budget=4)
    await attach(api, admin, default, team.id, asMemberDefault=True)
    member = await done(
        api,
        admin,
        "teamMemberUpdate",
        f"member {{ budget {{ {USE} }} }}",
        teamId=team.id,
        userId=things.person.id,
        budget={"rpmLimit": "9"},
    )
    use = member["member"]["budget"]
    assert (use["source"], use["limits"]["maxBudget"], use["limits"]["rpmLimit"]) == (
        "OWN",
        "4",
        "9",
    )
    newcomer = await make.person(organization=things.organization)
    members = [{"userId": newcomer.id, "budget": {"maxBudget": "2"}}]
    payload = await done(
        api,
        admin,
        "teamMembersAdd",
        f"members {{ budget {{ {USE} }} }}",
        teamId=team.id,
        members=members,
    )
    limits = payload["members"][0]["budget"]["limits"]
    assert (limits["maxBudget"], limits["rpmLimit"], limits["name"]) == ("2", "1", None)


async def through(api: Api, things: Holders, kind: str, budget: Any) -> Answer:
    """Change the budget of a thing by the thing's own mutation."""
    admin, team_id = things.admin, things.team.id
    match kind:
        case "organization" | "team" | "user":
            name = f"{kind}Update"
            return await api.mutate(admin, name, id=things.ids[kind], budget=budget)
        case "team_default":
            return await api.mutate(admin, "teamMemberBudgetUpdate", teamId=team_id, budget=budget)
        case _:
            given = {"teamId": team_id, "userId": things.person.id}
            return await api.mutate(admin, "teamMemberUpdate", **given, budget=budget)


@pytest.mark.parametrize("kind", OWNED)
async def test_changing_a_limit_through_an_owner_gives_it_a_copy_and_leaves_the_plan_alone(
    api: Api, things: Holders, make: Factory, owner: asyncpg.Connection, kind: str
) -> None:
    plan = await make.plan("Gold", max_budget=3, rpm_limit=9, duration="1mo")
    id_ = things.ids.get(kind, things.team.id)
    await make.attachment(plan, kind, id_)
    await make.attachment(plan, "api_key", things.person.key_id)
    assert (await through(api, things, kind, {"rpmLimit": "9"})).refusals == []
    assert await owner.fetchval("SELECT count(*) FROM budget_attachments") == 2
    assert (await through(api, things, kind, {"rpmLimit": "8"})).refusals == []
    (own,) = await owner.fetch("SELECT * FROM budgets WHERE name IS NULL")
    assert (own["max_budget"], own["rpm_limit"], own["duration"]) == (3, 8, "1mo")
    (left,) = await owner.fetch("SELECT plan_id, api_key_id FROM budget_attachments")
    assert dict(left) == {"plan_id": plan.id, "api_key_id": things.person.key_id}
    entry = await latest(api, things.admin, id_)
    part = "memberBudget" if kind == "team_default" else "budget"
    copied = {**NO_LIMITS, "maxBudget": "3", "duration": "1mo"}
    assert entry["before"] == {part: {**copied, "rpmLimit": 9, "planId": plan.id}}
    assert entry["after"] == {part: {**copied, "rpmLimit": 8}}
    document = "query($id: ID!) { budget(id: $id) { version rpmLimit } }"
    unchanged = (await api(things.admin, document, id=plan.id)).payload
    assert unchanged == {"version": 1, "rpmLimit": "9"}


@pytest.mark.parametrize("kind", OWNED)
async def test_null_through_an_owner_takes_the_plan_off_it(
    api: Api, things: Holders, make: Factory, owner: asyncpg.Connection, kind: str
) -> None:
    plan = await make.plan(max_budget=3)
    await make.attachment(plan, kind, things.ids.get(kind, things.team.id))
    assert (await through(api, things, kind, None)).refusals == []
    assert await owner.fetchval("SELECT count(*) FROM budget_attachments") == 0
    assert await owner.fetchval("SELECT count(*) FROM budgets") == 1


async def test_team_admin_does_not_raise_their_own_plan_above_the_default(
    api: Api, make: Factory
) -> None:
    team = await make.team()
    me = await make.person()
    member = await make.team_member(team, me, TeamRole.ADMIN)
    await make.attachment(await make.plan(max_budget=5), "team_default", team.id)
    await make.attachment(await make.plan(max_budget=4), "team_member", member.id)
    given = {"teamId": team.id, "userId": me.id}
    answer = await api.refused(me, "teamMemberUpdate", **given, budget={"maxBudget": "6"})
    assert answer.refusals == [("FORBIDDEN", "input.budget.maxBudget")]


async def test_deleting_a_holder_leaves_the_plan(
    api: Api, things: Holders, make: Factory, owner: asyncpg.Connection
) -> None:
    plan, admin = await make.plan(max_budget=3), things.admin
    for kind, id_ in things.ids.items():
        await make.attachment(plan, kind, id_)
    await make.attachment(plan, "team_default", things.team.id)
    await done(api, admin, "userDelete", id=things.person.id)
    await done(api, admin, "organizationDelete", id=things.organization.id, cascade=True)
    assert await owner.fetchval("SELECT count(*) FROM budget_attachments") == 0
    for action, id_ in (
        ("user.delete", things.person.id),
        ("team.delete", things.team.id),
        ("organization.delete", things.organization.id),
    ):
        entry = await latest(api, admin, id_)
        assert (entry["action"], entry["before"]["budget"]["planId"]) == (action, plan.id)
    await done(api, admin, "budgetDelete", id=plan.id)
