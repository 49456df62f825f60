"""viewer and limits: who asks, what they may do anywhere, and which limits hold."""

import pytest

from api_client import Api
from bursar.domain.roles import OrganizationRole, PlatformRole, TeamRole
from factories import Factory

VIEWER = """
{ viewer {
  platformRole scopes permissions user { id role } key { id lastFour }
  organizations { totalCount nodes { role organization { id } } }
  teams { totalCount nodes { role team { id viewerPermissions } } }
} }
"""
OF_A_TEAM_ADMIN = [
    "TEAM_UPDATE",
    "TEAM_MODELS_UPDATE",
    "TEAM_MEMBERS_ADD",
    "TEAM_MEMBER_UPDATE",
    "TEAM_MEMBERS_REMOVE",
    "TEAM_MEMBER_BUDGET_UPDATE",
    "TEAM_MEMBER_PERMISSIONS_UPDATE",
]


async def test_viewer_is_the_user_and_key_behind_the_request(api: Api, make: Factory) -> None:
    organization = await make.organization()
    team = await make.team(organization)
    person = await make.person(
        organization=organization,
        organization_role=OrganizationRole.VIEWER,
        team=team,
        team_role=TeamRole.ADMIN,
    )
    answer = await api(person, VIEWER)
    assert answer.payload == {
        "platformRole": "USER",
        "scopes": ["MANAGE"],
        "permissions": [],
        "user": {"id": person.id, "role": "USER"},
        "key": {"id": person.key_id, "lastFour": person.secret[-4:]},
        "organizations": {
            "totalCount": 1,
            "nodes": [{"role": "VIEWER", "organization": {"id": organization.id}}],
        },
        "teams": {
            "totalCount": 1,
            "nodes": [
                {
                    "role": "ADMIN",
                    "team": {
                        "id": team.id,
                        "viewerPermissions": OF_A_TEAM_ADMIN,
                    },
                }
            ],
        },
    }


async def test_platform_admin_may_do_everything_anywhere(api: Api, make: Factory) -> None:
    admin, team = await make.admin(), await make.team()
    document = '{ __type(name: "Action") { enumValues { name } } }'
    every = [value["name"] for value in (await api(admin, document)).payload["enumValues"]]
    every.remove("TEAM_JOIN")  # a team is joined as a plain member, or not at all
    for of_gateways in ("USAGE_RECORD", "CALL_AUTHORIZE"):
        every.remove(of_gateways)
    assert (await api(admin, VIEWER)).payload["permissions"] == every
    document = "query($id: ID!) { team(id: $id) { viewerPermissions } }"
    of_team = [action for action in every if action.startswith("TEAM_")]
    of_team.remove("TEAM_CREATE")
    assert (await api(admin, document, id=team.id)).payload["viewerPermissions"] == of_team


@pytest.mark.parametrize("role", [PlatformRole.VIEWER, PlatformRole.USER_VIEWER])
async def test_who_only_reads_may_do_nothing_whatever_else_they_are(
    api: Api, make: Factory, role: PlatformRole
) -> None:
    organization = await make.organization()
    team = await make.team(organization)
    person = await make.person(
        role,
        organization=organization,
        organization_role=OrganizationRole.ADMIN,
        team=team,
        team_role=TeamRole.ADMIN,
    )
    viewer = (await api(person, VIEWER)).payload
    assert viewer["permissions"] == []
    assert viewer["teams"]["nodes"][0]["team"]["viewerPermissions"] == []


async def test_limits_say_what_is_in_force(api: Api, make: Factory) -> None:
    admin = await make.admin()
    document = """
      { limits { defaultPageSize maxPageSize maxNodeIds maxMembersAtOnce maxTeamsDeletedAtOnce
        maxApiKeysDeletedAtOnce maxGracePeriod
        maxNameCharacters maxEmailCharacters maxDescriptionCharacters maxTags maxTagCharacters
        maxMetadataBytes maxMetadataDepth maxDurationYears maxPreviewPeriods maxBodyBytes
        maxIdempotencyKeyCharacters idempotencyHours maxUsersAtOnce maxExternalIdCharacters
        maxModelLimits maxIncreaseDays maxActivityDays usageMinutesAhead } }
    """
    limits = (await api(admin, document)).payload
    assert limits["maxBodyBytes"] == 256 * 1024
    assert (limits["defaultPageSize"], limits["maxPageSize"], limits["maxNodeIds"]) == (
        50,
        1000,
        1000,
    )
    assert (limits["maxMembersAtOnce"], limits["maxTeamsDeletedAtOnce"]) == (500, 100)
    assert (limits["maxApiKeysDeletedAtOnce"], limits["maxGracePeriod"]) == (100, "30d")
    assert (limits["maxMetadataBytes"], limits["maxMetadataDepth"]) == (16 * 1024, 8)
    assert (limits["maxDurationYears"], limits["maxPreviewPeriods"]) == (100, 100)
    assert (limits["maxIdempotencyKeyCharacters"], limits["idempotencyHours"]) == (128, 24)
    assert (limits["maxUsersAtOnce"], limits["usageMinutesAhead"]) == (10_000, 5)
    assert (limits["maxIncreaseDays"], limits["maxActivityDays"]) == (366, 366)
    team = await make.team()
    tag = "t" * limits["maxTagCharacters"]
    per_model = [{"model": f"m{n}", "rpmLimit": 1} for n in range(limits["maxModelLimits"])]
    longest = {
        "name": "n" * limits["maxNameCharacters"],
        "description": "d" * limits["maxDescriptionCharacters"],
        "tags": [f"{number:02}" for number in range(limits["maxTags"] - 1)] + [tag],
        "externalId": "e" * limits["maxExternalIdCharacters"],
        "budget": {"duration": f"{limits['maxDurationYears']}y", "modelLimits": per_model},
    }
    assert (await api.mutate(admin, "teamUpdate", id=team.id, **longest)).refusals == []
    for name in ("name", "description", "externalId"):
        answer = await api.refused(admin, "teamUpdate", id=team.id, **{name: longest[name] + "x"})
        assert answer.refusals == [("BAD_INPUT", f"input.{name}")]
    for tags in ([*longest["tags"], "x"], [tag + "x"]):
        answer = await api.refused(admin, "teamUpdate", id=team.id, tags=tags)
        assert answer.refusals == [("BAD_INPUT", "input.tags")]
    more = {"modelLimits": [*per_model, {"model": "one more", "rpmLimit": 1}]}
    answer = await api.refused(admin, "teamUpdate", id=team.id, budget=more)
    assert answer.refusals == [("BAD_INPUT", "input.budget.modelLimits")]
    domain = "@example.com"
    email = "e" * (limits["maxEmailCharacters"] - len(domain)) + domain
    assert (await api.mutate(admin, "userCreate", name="E", email=email)).refusals == []
    answer = await api.refused(admin, "userCreate", name="E", email="e" + email)
    assert answer.refusals == [("BAD_INPUT", "input.email")]
