"""teamMembersAdd, teamMemberUpdate, teamMembersRemove."""

from api_client import Api
from bursar.domain.roles import OrganizationRole, TeamRole
from factories import Factory

ADD = """
mutation Add($input: TeamMembersAddInput!) {
  teamMembersAdd(input: $input) {
    members { id role user { id email } budget { source limits { maxBudget rpmLimit } } }
    errors { code path message }
  }
}
"""


async def test_team_admin_adds_member_of_the_organization(api: Api, make: Factory) -> None:
    organization = await make.organization()
    team = await make.team(organization)
    admin = await make.person(organization=organization, team=team, team_role=TeamRole.ADMIN)
    newcomer = await make.person(organization=organization)
    members = [{"email": newcomer.email.upper()}]
    answer = await api(admin, ADD, input={"teamId": team.id, "members": members})
    assert answer.refusals == []
    (member,) = answer.payload["members"]
    assert (member["role"], member["user"]["id"]) == ("MEMBER", newcomer.id)


async def test_team_admin_adding_somebody_outside_the_organization_finds_nobody(
    api: Api, make: Factory
) -> None:
    organization = await make.organization()
    team = await make.team(organization)
    admin = await make.person(organization=organization, team=team, team_role=TeamRole.ADMIN)
    stranger = await make.person()
    before = await api.fingerprint()
    people = [{"userId": stranger.id}, {"email": "nobody@example.com"}]
    answer = await api(admin, ADD, input={"teamId": team.id, "members": people})
    assert answer.refusals == [
        ("NOT_FOUND", "input.members.0.userId"),
        ("NOT_FOUND", "input.members.1.email"),
    ]
    assert await api.fingerprint() == before


async def test_organization_admin_adds_new_people_to_team_and_organization_at_once(
    api: Api, make: Factory
) -> None:
    organization = await make.organization()
    team = await make.team(organization)
    admin = await make.person(organization=organization, organization_role=OrganizationRole.ADMIN)
    people = [{"email": "new@example.com", "role": "ADMIN", "budget": {"rpmLimit": "5"}}]
    answer = await api(
        admin, ADD, input={"teamId": team.id, "members": people, "addToOrganization": True}
    )
    assert answer.refusals == []
    (member,) = answer.payload["members"]
    assert member["role"] == "ADMIN"
    assert member["budget"] == {"source": "OWN", "limits": {"maxBudget": None, "rpmLimit": "5"}}
