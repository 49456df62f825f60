"""Effective limits of a key: the tightest of all that bind it, and the level that says so."""

from typing import Any

import pytest

from api_client import Api
from bursar.domain.roles import OrganizationRole, PlatformRole, TeamRole
from factories import Factory, Key, Person
from holders import member_key

LIMITS = " ".join(
    f"{name} {{ value level }}"
    for name in ("maxBudget", "tpmLimit", "rpmLimit", "maxParallelRequests")
)
EFFECTIVE = f"query($id: ID!) {{ apiKey(id: $id) {{ effectiveLimits {{ {LIMITS} }} }} }}"
NONE = dict.fromkeys(("maxBudget", "tpmLimit", "rpmLimit", "maxParallelRequests"))


async def effective(api: Api, person: Person | Key, key_id: str) -> Any:
    payload = (await api(person, EFFECTIVE, id=key_id)).payload
    return payload and payload["effectiveLimits"]


def at(value: int | str, level: str) -> dict[str, str]:
    return {"value": str(value), "level": level}


async def test_a_key_that_nothing_limits_has_no_limits(api: Api, make: Factory) -> None:
    admin = await make.admin()
    _, key = await member_key(make)
    for id_ in (key.id, admin.key_id, (await make.api_key(team=await make.team())).id):
        assert await effective(api, admin, id_) == NONE


@pytest.mark.parametrize(
    "level", ["API_KEY", "TEAM_MEMBER", "ORGANIZATION_MEMBER", "TEAM", "ORGANIZATION"]
)
@pytest.mark.parametrize("by_plan", [False, True])
async def test_each_level_that_is_the_tightest_says_so(
    api: Api, make: Factory, level: str, by_plan: bool
) -> None:
    owners, key = await member_key(make)
    tight = level.lower()
    for owner, row in owners.items():
        limits = {"max_budget": 9, "tpm_limit": 9, "rpm_limit": 9, "max_parallel_requests": 9}
        if owner == tight:
            limits = {"max_budget": 5, "tpm_limit": 6, "rpm_limit": 7, "max_parallel_requests": 8}
        # A user's own binds personal keys only.
        limits = dict.fromkeys(limits, 1) if owner == "user" else limits
        if by_plan:
            await make.attachment(await make.plan(**limits), owner, row.id)
        else:
            await make.budget(owner, row, **limits)
    named = "KEY" if level == "API_KEY" else level
    assert await effective(api, await make.admin(), key.id) == {
        "maxBudget": at(5, named),
        "tpmLimit": at(6, named),
        "rpmLimit": at(7, named),
        "maxParallelRequests": at(8, named),
    }


async def test_limits_of_different_levels_are_mixed_and_of_equal_ones_the_nearest_is_named(
    api: Api, make: Factory
) -> None:
    owners, key = await member_key(make)
    await make.budget("organization", owners["organization"], max_budget="0.5", rpm_limit=3)
    await make.budget("team", owners["team"], rpm_limit=3, tpm_limit=0)
    await make.budget("organization_member", owners["organization_member"], rpm_limit=3)
    assert await effective(api, await make.admin(), key.id) == {
        "maxBudget": at("0.5", "ORGANIZATION"),
        "tpmLimit": at(0, "TEAM"),
        "rpmLimit": at(3, "ORGANIZATION_MEMBER"),
        "maxParallelRequests": None,
    }


async def test_a_members_own_budget_or_plan_takes_the_place_of_the_teams_default(
    api: Api, make: Factory
) -> None:
    owners, key = await member_key(make)
    admin = await make.admin()
    await make.budget("team_default", owners["team"], rpm_limit=3, tpm_limit=3)
    inherited = {**NONE, "rpmLimit": at(3, "TEAM_MEMBER"), "tpmLimit": at(3, "TEAM_MEMBER")}
    assert await effective(api, admin, key.id) == inherited
    # The key of a service has no member, and so no default of members.
    service = await make.api_key(team=owners["team"])
    assert await effective(api, admin, service.id) == NONE
    await make.budget("team_member", owners["team_member"], rpm_limit=9)
    assert await effective(api, admin, key.id) == {**NONE, "rpmLimit": at(9, "TEAM_MEMBER")}


async def test_a_personal_key_is_bound_by_its_user_and_by_no_team(api: Api, make: Factory) -> None:
    organization = await make.organization()
    team = await make.team(organization)
    person = await make.person(organization=organization, team=team)
    for owner, row in (("organization", organization), ("team", team), ("team_default", team)):
        await make.budget(owner, row, rpm_limit=1)
    await make.budget("user", person.row, rpm_limit=5, max_budget=7)
    expected = {**NONE, "rpmLimit": at(5, "USER"), "maxBudget": at(7, "USER")}
    assert await effective(api, person, person.key_id) == expected
    other = await make.api_key(person)
    await make.budget("api_key", other.row, rpm_limit=5)
    expected = {**expected, "rpmLimit": at(5, "KEY")}
    assert await effective(api, person, other.id) == expected


async def test_who_sees_a_key_sees_what_binds_it_and_nobody_else(api: Api, make: Factory) -> None:
    owners, key = await member_key(make)
    organization, team = owners["organization"], owners["team"]
    await make.budget("organization", organization, rpm_limit=3)
    expected = {**NONE, "rpmLimit": at(3, "ORGANIZATION")}
    lead = await make.person(organization=organization, team=team, team_role=TeamRole.ADMIN)
    reader = await make.person(organization=organization, organization_role=OrganizationRole.VIEWER)
    # A plain reader of the team's keys does not see the organization's budget itself.
    for person in (lead, reader, await make.person(PlatformRole.VIEWER), key):
        assert await effective(api, person, key.id) == expected
    for person in (await make.person(team=team), await make.person()):
        assert await effective(api, person, key.id) is None


async def test_effective_limits_of_50_keys_take_as_many_statements_as_of_1(
    api: Api, make: Factory
) -> None:
    admin = await make.admin()
    for number in range(50):
        owners, key = await member_key(make)
        for owner, row in owners.items():
            await make.budget(owner, row, rpm_limit=number + 10)
        assert key
    document = (
        "query($n: Int!) { apiKeys(first: $n, filter: {kind: MEMBER}) "
        f"{{ nodes {{ effectiveLimits {{ {LIMITS} }} }} }} }}"
    )
    one = await api(admin, document, n=1)
    fifty = await api(admin, document, n=50)
    assert one.statements == fifty.statements
    limits = [node["effectiveLimits"]["rpmLimit"] for node in fifty.payload["nodes"]]
    assert limits == [at(number + 10, "KEY") for number in range(50)]
