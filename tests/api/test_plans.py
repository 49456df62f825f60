"""Plans: named budgets that many things share; created, changed, deleted, listed, and their holders."""

from typing import Any

import pytest

from api_client import Api
from bursar.domain.roles import OrganizationRole, PlatformRole
from factories import Factory
from holders import NO_LIMITS, Holders, done, latest, make_holders

HOLDERS = "query($id: ID!) { budget(id: $id) { holders { totalCount nodes { __typename id } } } }"
HOLDERS_PAGE = """
query($id: ID!, $first: Int, $last: Int, $after: String) {
  budget(id: $id) {
    holders(first: $first, last: $last, after: $after) {
      totalCount
      edges { cursor node { id } }
      pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    }
  }
}
"""


@pytest.fixture
async def things(make: Factory) -> Holders:
    return await make_holders(make)


async def test_admin_creates_a_plan_and_finds_it(api: Api, make: Factory) -> None:
    admin = await make.admin()
    given = {"name": "Gold", "maxBudget": "5", "duration": "1mo", "timezone": "Europe/Rome"}
    selection = "budget { id name version maxBudget duration timezone rpmLimit }"
    made = (await done(api, admin, "budgetCreate", selection, **given))["budget"]
    assert made == {**given, "id": made["id"], "version": 1, "rpmLimit": None}
    for field in ("budget", "node"):
        document = f"query($id: ID!) {{ {field}(id: $id) {{ ... on Budget {{ name }} }} }}"
        assert (await api(admin, document, id=made["id"])).payload == {"name": "Gold"}
    entry = await latest(api, admin, made["id"])
    assert (entry["action"], entry["before"]) == ("budget.create", None)
    created_at = entry["after"].pop("createdAt")
    expected = {**NO_LIMITS, **given, "id": made["id"]}
    assert entry["after"] == expected
    assert created_at.endswith("Z")


@pytest.mark.parametrize("name", ["budgetCreate", "budgetUpdate"])
async def test_name_of_a_plan_is_unique_without_regard_to_case(
    api: Api, make: Factory, name: str
) -> None:
    await make.plan("Gold")
    given = {"id": (await make.plan("Silver")).id} if name == "budgetUpdate" else {}
    answer = await api.refused(await make.admin(), name, **given, name="GOLD")
    assert answer.refusals == [("CONFLICT", "input.name")]


async def test_a_plan_is_found_by_its_name_without_regard_to_case(api: Api, make: Factory) -> None:
    admin, plan = await make.admin(), await make.plan("Straße")
    document = "query($name: String!) { budgetByName(name: $name) { id } }"
    for name in ("Straße", "STRASSE"):
        assert (await api(admin, document, name=name)).payload == {"id": plan.id}
    for who, other in (
        (admin, "Stra"),
        (admin, ""),
        (admin, "\0"),
        (await make.person(), "Straße"),
    ):
        assert (await api(who, document, name=other)).payload is None


async def test_all_that_is_wrong_with_a_plan_is_said_at_once(api: Api, make: Factory) -> None:
    admin, plan = await make.admin(), await make.plan(max_budget=3)
    wrong = {"name": " ", "maxBudget": "-1", "rpmLimit": -1, "timezone": "Mars"}
    bad = [("BAD_INPUT", f"input.{name}") for name in ("maxBudget", "name", "rpmLimit", "timezone")]
    answer = await api.refused(admin, "budgetCreate", **wrong)
    assert sorted(answer.refusals) == bad
    answer = await api.refused(admin, "budgetUpdate", id=plan.id, **wrong, expectedVersion=9)
    assert sorted(answer.refusals) == bad
    answer = await api.refused(admin, "budgetUpdate", id=plan.id, name=None)
    assert answer.refusals == [("BAD_INPUT", "input.name")]
    answer = await api.refused(admin, "budgetUpdate", id=plan.id, softBudget="3", expectedVersion=9)
    assert answer.refusals == [("VERSION_CONFLICT", "input.expectedVersion")]
    answer = await api.refused(admin, "budgetUpdate", id=plan.id, softBudget="3")
    assert answer.refusals == [("BAD_INPUT", "input.softBudget")]
    answer = await api.refused(admin, "budgetCreate", name="New", softBudget="1", maxBudget="1")
    assert answer.refusals == [("BAD_INPUT", "input.softBudget")]


async def test_update_keeps_clears_and_sets_and_records_only_what_changed(
    api: Api, make: Factory
) -> None:
    admin, plan = await make.admin(), await make.plan("Gold", max_budget=3, rpm_limit=9)
    changes = {"maxBudget": "4", "rpmLimit": None, "expectedVersion": 1}
    selection = "budget { name version maxBudget rpmLimit }"
    payload = await done(api, admin, "budgetUpdate", selection, id=plan.id, **changes)
    expected = {"name": "Gold", "version": 2, "maxBudget": "4", "rpmLimit": None}
    assert payload["budget"] == expected
    entry = await latest(api, admin, plan.id)
    assert entry == {
        "action": "budget.update",
        "organizationId": None,
        "teamId": None,
        "before": {"maxBudget": "3", "rpmLimit": 9},
        "after": {"maxBudget": "4", "rpmLimit": None},
    }
    payload = await done(api, admin, "budgetUpdate", selection, id=plan.id, name="Silver")
    assert payload["budget"] == {**expected, "name": "Silver", "version": 3}


async def test_plan_of_nothing_is_deleted_and_one_in_use_is_not(
    api: Api, things: Holders, make: Factory
) -> None:
    plan, admin = await make.plan("Gold", max_budget=3), things.admin
    for kind in ("team", "team_default", "user"):
        await make.attachment(plan, kind, things.ids.get(kind, things.team.id))
    answer = await api.refused(admin, "budgetDelete", id=plan.id)
    assert answer.refusals == [("CONFLICT", "input.id")]
    message = answer.payload["errors"][0]["message"]
    assert message == "This plan is in use by things, 2 in all; take it from them first."
    for given in (
        {"holderId": things.team.id},
        {"holderId": things.team.id, "asMemberDefault": True},
        {"holderId": things.person.id},
    ):
        await done(api, admin, "budgetDetach", **given)
    payload = await done(api, admin, "budgetDelete", "deletedId", id=plan.id)
    assert payload["deletedId"] == plan.id
    entry = await latest(api, admin, plan.id)
    assert (entry["action"], entry["after"]) == ("budget.delete", None)
    assert (entry["before"]["name"], entry["before"]["maxBudget"]) == ("Gold", "3")


async def test_a_budget_that_something_owns_is_no_plan(
    api: Api, things: Holders, make: Factory
) -> None:
    own = await make.budget("team", things.team, max_budget=1)
    for name, given in (
        ("budgetUpdate", {"id": own.id, "maxBudget": "2"}),
        ("budgetDelete", {"id": own.id}),
        ("budgetAttach", {"budgetId": own.id, "holderId": things.person.id}),
    ):
        answer = await api.refused(things.admin, name, **given)
        place = "input.budgetId" if name == "budgetAttach" else "input.id"
        assert answer.refusals == [("NOT_FOUND", place)]


async def test_holders_are_each_thing_that_has_a_plan_once(
    api: Api, things: Holders, make: Factory
) -> None:
    plan, other = await make.plan(), await make.plan()
    for kind, id_ in things.ids.items():
        await make.attachment(plan, kind, id_)
    await make.attachment(plan, "team_default", things.team.id)
    await make.attachment(other, "team_default", (await make.team()).id)
    holders = (await api(things.admin, HOLDERS, id=plan.id)).payload["holders"]
    assert holders["totalCount"] == 6
    assert [node["id"] for node in holders["nodes"]] == sorted(things.ids.values())
    assert {node["__typename"] for node in holders["nodes"]} == {
        "Organization",
        "OrganizationMember",
        "Team",
        "TeamMember",
        "User",
        "ApiKey",
    }
    own = await make.budget("organization", await make.organization(), max_budget=1)
    holders = (await api(things.admin, HOLDERS, id=own.id)).payload["holders"]
    owned_by = {"__typename": "Organization", "id": own.organization_id}
    assert holders == {"totalCount": 1, "nodes": [owned_by]}


async def test_holders_are_paged_by_their_ids(api: Api, make: Factory) -> None:
    admin, plan = await make.admin(), await make.plan()
    ids = sorted([(await make.team()).id for _ in range(5)])
    for id_ in ids:
        await make.attachment(plan, "team", id_)
    seen: list[str] = []
    after = None
    for _ in range(3):
        page = (await api(admin, HOLDERS_PAGE, id=plan.id, first=2, after=after)).payload["holders"]
        assert page["totalCount"] == 5
        seen += [edge["node"]["id"] for edge in page["edges"]]
        after = page["pageInfo"]["endCursor"]
    assert (seen, page["pageInfo"]["hasNextPage"]) == (ids, False)
    page = (await api(admin, HOLDERS_PAGE, id=plan.id, last=2)).payload["holders"]
    assert [edge["node"]["id"] for edge in page["edges"]] == ids[3:]
    assert page["pageInfo"]["hasPreviousPage"]


async def test_readers_of_a_holder_see_the_limits_of_its_plan_and_not_who_else_has_it(
    api: Api, things: Holders, make: Factory
) -> None:
    plan = await make.plan("Gold", max_budget=3)
    elsewhere = await make.team()
    for id_ in (things.team.id, elsewhere.id):
        await make.attachment(plan, "team", id_)
    await make.attachment(plan, "organization", things.organization.id)
    selection = "budget { source limits { id name maxBudget holders { totalCount nodes { id } } } }"
    document = f"""query($id: ID!, $plan: ID!) {{
      team(id: $id) {{ {selection} }} budget(id: $plan) {{ id }} node(id: $plan) {{ id }}
    }}"""
    for person, holders in (
        (things.person, [things.team.id]),
        (
            await make.person(
                organization=things.organization, organization_role=OrganizationRole.ADMIN
            ),
            [things.organization.id, things.team.id],
        ),
    ):
        answer = await api(person, document, id=things.team.id, plan=plan.id)
        assert answer.errors == []
        use = answer.data["team"]["budget"]
        assert use["source"] == "PLAN"
        seen = {"totalCount": len(holders), "nodes": [{"id": id_} for id_ in holders]}
        assert use["limits"] == {"id": plan.id, "name": "Gold", "maxBudget": "3", "holders": seen}
        assert (answer.data["budget"], answer.data["node"]) == (None, None)


async def test_plans_are_listed_by_name_or_age_and_filtered(api: Api, make: Factory) -> None:
    reader = await make.person(PlatformRole.VIEWER)
    await make.budget("team", await make.team(), max_budget=1)
    plans = [await make.plan(name) for name in ("beta", "Alpha 10%", "gamma")]
    document = """
      query($filter: BudgetFilter, $orderBy: [BudgetOrder!], $first: Int, $after: String) {
        budgets(filter: $filter, orderBy: $orderBy, first: $first, after: $after) {
          totalCount nodes { name } pageInfo { endCursor hasNextPage }
        }
      }
    """

    async def names(**variables: Any) -> list[str]:
        found = (await api(reader, document, **variables)).payload
        assert found["totalCount"] == len(found["nodes"])
        return [node["name"] for node in found["nodes"]]

    assert await names() == ["Alpha 10%", "beta", "gamma"]
    newest = [{"field": "CREATED_AT", "direction": "DESC"}]
    assert await names(orderBy=newest) == ["gamma", "Alpha 10%", "beta"]
    assert await names(filter={"nameContains": "ALPHA"}) == ["Alpha 10%"]
    assert await names(filter={"nameContains": "%"}) == ["Alpha 10%"]
    assert await names(filter={"ids": [plans[0].id, "x"], "nameContains": "ta"}) == ["beta"]
    page = (await api(reader, document, first=1)).payload
    rest = (await api(reader, document, first=9, after=page["pageInfo"]["endCursor"])).payload
    assert [node["name"] for node in page["nodes"] + rest["nodes"]] == await names()
