"""Budgets: own and inherited, changed through what has them; teamMemberBudgetUpdate."""

from typing import Any

import pytest

from api_client import Api
from bursar.database.rows import Row
from bursar.domain.ids import Prefix, new_id
from bursar.domain.roles import OrganizationRole, TeamRole
from factories import Factory, Person

USE = """
source limits { id version maxBudget softBudget duration timezone tpmLimit rpmLimit
maxParallelRequests }
"""
NO_LIMITS = {
    "maxBudget": None,
    "softBudget": None,
    "duration": None,
    "timezone": "UTC",
    "tpmLimit": None,
    "rpmLimit": None,
    "maxParallelRequests": None,
}


async def budget_of(api: Api, person: Person, member: Row) -> Any:
    document = (
        f"query($id: ID!) {{ node(id: $id) {{ ... on TeamMember {{ budget {{ {USE} }} }} }} }}"
    )
    return (await api(person, document, id=member.id)).payload["budget"]


def limits_of(use: Any) -> dict[str, Any]:
    return {name: use["limits"][name] for name in NO_LIMITS}


async def set_own(api: Api, person: Person, member: Row, budget: Any) -> Any:
    """The member's budget in force after they were given limits of their own."""
    answer = await api.mutate(
        person,
        "teamMemberUpdate",
        f"member {{ budget {{ {USE} }} }}",
        teamId=member.team_id,
        userId=member.user_id,
        budget=budget,
    )
    assert answer.refusals == []
    return answer.payload["member"]["budget"]


async def set_default(api: Api, person: Person, team: Row, **given: Any) -> Any:
    answer = await api.mutate(
        person,
        "teamMemberBudgetUpdate",
        f"team {{ version memberBudget {{ {USE} }} }}",
        teamId=team.id,
        **given,
    )
    assert answer.refusals == []
    return answer.payload["team"]


async def test_member_without_a_budget_inherits_the_teams_default(api: Api, make: Factory) -> None:
    team, admin = await make.team(), await make.admin()
    member = await make.team_member(team, await make.person())
    assert await budget_of(api, admin, member) is None
    default = await make.budget("team_default", team, max_budget=5, rpm_limit=2)
    use = await budget_of(api, admin, member)
    assert (use["source"], use["limits"]["id"]) == ("TEAM_DEFAULT", default.id)
    assert limits_of(use) == {**NO_LIMITS, "maxBudget": "5", "rpmLimit": "2"}


async def test_first_limit_of_an_inheriting_member_makes_an_own_copy_and_null_goes_back(
    api: Api, make: Factory
) -> None:
    team, admin = await make.team(), await make.admin()
    member, other = [await make.team_member(team, await make.person()) for _ in range(2)]
    default = await make.budget(
        "team_default", team, max_budget=5, duration="1mo", timezone="Asia/Tokyo"
    )
    use = await set_own(api, admin, member, {"rpmLimit": 7})
    assert use["source"] == "OWN"
    assert use["limits"]["id"] != default.id
    copied = {**NO_LIMITS, "maxBudget": "5", "duration": "1mo", "timezone": "Asia/Tokyo"}
    assert limits_of(use) == {**copied, "rpmLimit": "7"}
    assert limits_of(await budget_of(api, admin, other)) == copied
    use = await set_own(api, admin, member, None)
    assert (use["source"], use["limits"]["id"]) == ("TEAM_DEFAULT", default.id)


async def test_changing_the_default_reaches_who_inherits_and_nobody_else(
    api: Api, make: Factory
) -> None:
    organization = await make.organization()
    await make.budget("organization", organization, max_budget=9)
    team, admin = await make.team(organization), await make.admin()
    await make.budget("team", team, max_budget=8)
    inherits, owns = [await make.team_member(team, await make.person()) for _ in range(2)]
    elsewhere = await make.team_member(await make.team(), await make.person())
    await set_default(api, admin, team, budget={"maxBudget": "5", "rpmLimit": 1})
    own = await set_own(api, admin, owns, {"maxBudget": "3"})
    changed = await set_default(api, admin, team, budget={"maxBudget": "4"})
    assert changed["version"] == 3
    use = await budget_of(api, admin, inherits)
    assert use == changed["memberBudget"]
    assert limits_of(use) == {**NO_LIMITS, "maxBudget": "4", "rpmLimit": "1"}
    assert await budget_of(api, admin, owns) == own
    assert await budget_of(api, admin, elsewhere) is None
    cleared = await set_default(api, admin, team, budget=None)
    assert cleared["memberBudget"] is None
    assert await budget_of(api, admin, inherits) is None
    assert await budget_of(api, admin, owns) == own
    document = f"""query($t: ID!, $o: ID!) {{
      team(id: $t) {{ budget {{ {USE} }} }} organization(id: $o) {{ budget {{ {USE} }} }}
    }}"""
    data = (await api(admin, document, t=team.id, o=organization.id)).data
    assert data["team"]["budget"]["limits"]["maxBudget"] == "8"
    assert data["organization"]["budget"]["limits"]["maxBudget"] == "9"


async def test_default_that_is_not_named_is_kept(api: Api, make: Factory) -> None:
    team, admin = await make.team(), await make.admin()
    await make.budget("team_default", team, max_budget=5)
    kept = await set_default(api, admin, team)
    assert kept["memberBudget"]["limits"]["maxBudget"] == "5"


async def test_default_is_refused_at_the_path_of_the_input(api: Api, make: Factory) -> None:
    team, admin = await make.team(), await make.admin()
    member = await make.person(team=team)
    await make.budget("team_default", team, soft_budget=3)
    mistakes = {"maxBudget": "-1", "timezone": None, "tpmLimit": -1}
    name = "teamMemberBudgetUpdate"
    answer = await api.refused(member, name, teamId=team.id, budget=mistakes, expectedVersion=9)
    assert sorted(answer.refusals) == [
        ("BAD_INPUT", "input.budget.maxBudget"),
        ("BAD_INPUT", "input.budget.timezone"),
        ("BAD_INPUT", "input.budget.tpmLimit"),
    ]
    given = {"budget": {"maxBudget": "3"}, "expectedVersion": 9}
    answer = await api.refused(await make.person(), name, teamId=team.id, **given)
    assert answer.refusals == [("NOT_FOUND", "input.teamId")]
    answer = await api.refused(member, name, teamId=team.id, **given)
    assert answer.refusals == [("FORBIDDEN", "input.teamId")]
    answer = await api.refused(admin, name, teamId=team.id, **given)
    assert answer.refusals == [("VERSION_CONFLICT", "input.expectedVersion")]
    answer = await api.refused(admin, name, teamId=team.id, budget={"maxBudget": "3"})
    assert answer.refusals == [("BAD_INPUT", "input.budget.softBudget")]


async def test_team_admin_sets_the_default_of_members(api: Api, make: Factory) -> None:
    team = await make.team()
    admin = await make.person(team=team, team_role=TeamRole.ADMIN)
    changed = await set_default(api, admin, team, budget={"maxBudget": "5"}, expectedVersion=1)
    assert changed["memberBudget"]["limits"]["maxBudget"] == "5"


async def test_new_member_with_a_limit_gets_a_copy_of_the_default(api: Api, make: Factory) -> None:
    team, person = await make.team(), await make.person()
    await make.budget("team_default", team, max_budget=5, duration="1d")
    answer = await api.mutate(
        await make.admin(),
        "teamMembersAdd",
        f"members {{ budget {{ {USE} }} }}",
        teamId=team.id,
        members=[{"userId": person.id, "budget": {"softBudget": "4", "duration": None}}],
    )
    use = answer.payload["members"][0]["budget"]
    assert use["source"] == "OWN"
    assert limits_of(use) == {**NO_LIMITS, "maxBudget": "5", "softBudget": "4"}


async def test_team_admin_does_not_raise_their_own_budget_above_the_default(
    api: Api, make: Factory
) -> None:
    organization = await make.organization()
    team = await make.team(organization)
    admin = await make.person(organization=organization)
    member = await make.team_member(team, admin, TeamRole.ADMIN)
    await make.budget("team_default", team, max_budget=5, rpm_limit=5)
    given = {"teamId": team.id, "userId": admin.id}
    for budget in (
        {"maxBudget": "5.01", "rpmLimit": 6},
        {"maxBudget": None, "rpmLimit": None},
    ):
        answer = await api.refused(admin, "teamMemberUpdate", **given, budget=budget)
        assert answer.refusals == [
            ("FORBIDDEN", "input.budget.maxBudget"),
            ("FORBIDDEN", "input.budget.rpmLimit"),
        ]
    within = {"maxBudget": "5", "rpmLimit": 0, "tpmLimit": 99}
    assert (await set_own(api, admin, member, within))["source"] == "OWN"
    higher = await make.person(organization=organization, organization_role=OrganizationRole.ADMIN)
    await set_own(api, higher, member, {"maxBudget": "100"})
    use = await set_own(api, admin, member, {"softBudget": "1", "maxBudget": "99"})
    assert use["limits"]["maxBudget"] == "99"  # lowered, or left as a higher admin set it
    answer = await api.refused(admin, "teamMemberUpdate", **given, budget={"maxBudget": "99.01"})
    assert answer.refusals == [("FORBIDDEN", "input.budget.maxBudget")]
    assert (await set_own(api, admin, member, None))["source"] == "TEAM_DEFAULT"


async def test_team_admin_budgets_other_members_without_that_bound(api: Api, make: Factory) -> None:
    team = await make.team()
    admin = await make.person(team=team, team_role=TeamRole.ADMIN)
    member = await make.team_member(team, await make.person())
    await make.budget("team_default", team, max_budget=5)
    use = await set_own(api, admin, member, {"maxBudget": None})
    assert limits_of(use) == NO_LIMITS


async def test_null_is_no_limit_and_zero_is_nothing(api: Api, make: Factory) -> None:
    member = await make.team_member(await make.team(), await make.person())
    admin = await make.admin()
    nothing = {
        "maxBudget": "0",
        "tpmLimit": "0",
        "rpmLimit": "0",
        "maxParallelRequests": "0",
    }
    use = await set_own(api, admin, member, nothing)
    assert limits_of(use) == {**NO_LIMITS, **nothing}
    use = await set_own(api, admin, member, dict.fromkeys(nothing))
    assert limits_of(use) == NO_LIMITS


@pytest.mark.parametrize(
    ("field", "value", "stored"),
    [
        ("maxBudget", "999999999999999999.9999999999", "999999999999999999.9999999999"),
        ("maxBudget", "0.0000000001", "0.0000000001"),
        ("maxBudget", "-0.0", "0"),
        ("maxBudget", "1.50", "1.5"),
        ("tpmLimit", str(2**62), str(2**62)),
        ("duration", "7d", "7d"),
        ("duration", "100y", "100y"),
        ("timezone", "America/Argentina/Buenos_Aires", "America/Argentina/Buenos_Aires"),
    ],
)
async def test_extreme_limits_read_back_exactly(
    api: Api, make: Factory, field: str, value: str, stored: str
) -> None:
    member = await make.team_member(await make.team(), await make.person())
    admin = await make.admin()
    await set_own(api, admin, member, {field: value})
    assert (await budget_of(api, admin, member))["limits"][field] == stored


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("maxBudget", "-0.0000000001"),
        ("softBudget", "-1"),
        ("tpmLimit", str(2**62 + 1)),
        ("rpmLimit", -1),
        ("maxParallelRequests", -(2**62)),
        ("timezone", ""),
        ("timezone", "utc"),
        ("timezone", "../../etc/passwd"),
        ("timezone", "Factory"),
        ("timezone", "\0"),
    ],
)
async def test_limit_out_of_bounds_is_bad_input(
    api: Api, make: Factory, field: str, value: str | int
) -> None:
    team = await make.team()
    answer = await api.refused(await make.admin(), "teamUpdate", id=team.id, budget={field: value})
    assert answer.refusals == [("BAD_INPUT", f"input.budget.{field}")]


async def test_member_sees_their_own_budget_and_no_colleagues(api: Api, make: Factory) -> None:
    team = await make.team()
    one, other = await make.person(), await make.person()
    mine, theirs = await make.team_member(team, one), await make.team_member(team, other)
    budgets = [await make.budget("team_member", m, max_budget=1) for m in (mine, theirs)]
    assert (await budget_of(api, one, mine))["limits"]["id"] == budgets[0].id
    assert await budget_of(api, one, theirs) is None
    document = "query($id: ID!) { budget(id: $id) { id maxBudget } }"
    assert (await api(one, document, id=budgets[0].id)).payload == {
        "id": budgets[0].id,
        "maxBudget": "1",
    }
    for hidden in (budgets[1].id, new_id(Prefix.BUDGET), team.id, "budget_x", ""):
        assert (await api(one, document, id=hidden)).payload is None


async def test_budget_counts_its_versions_only_when_it_changes(api: Api, make: Factory) -> None:
    member = await make.team_member(await make.team(), await make.person())
    admin = await make.admin()
    first = await set_own(api, admin, member, {"maxBudget": "1"})
    again = await set_own(api, admin, member, {"maxBudget": "1.0"})
    assert again["limits"] == first["limits"]
    changed = await set_own(api, admin, member, {"maxBudget": "2"})
    assert changed["limits"]["id"] == first["limits"]["id"]
    assert changed["limits"]["version"] == first["limits"]["version"] + 1
