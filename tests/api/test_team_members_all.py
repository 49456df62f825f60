"""teamMembersAdd for everybody of an organization."""

from typing import Any

import asyncpg

from api_client import Api
from bursar.database.rows import Row
from bursar.domain.ids import DEFAULT_ORGANIZATION
from bursar.domain.roles import OrganizationRole, TeamRole
from factories import Factory, Person

COUNTS = "added alreadyMembers members { id } results { status }"
ROLES = "SELECT user_id, role FROM team_members WHERE team_id = $1"
MANY = """
INSERT INTO users (id, name, name_key)
SELECT 'user_' || lpad(n::text, 26, '0'), 'U', 'u' FROM generate_series(1, $1::int) n
"""


async def add(api: Api, person: Person, team: Row, **given: Any) -> dict[str, Any]:
    answer = await api.mutate(
        person, "teamMembersAdd", COUNTS, teamId=team.id, allUsers=True, **given
    )
    assert answer.refusals == []
    return dict(answer.payload)


async def stored(owner: asyncpg.Connection, team: Row) -> dict[str, str]:
    """The roles of a team's members."""
    return dict(await owner.fetch(ROLES, team.id))


async def test_everybody_of_the_organization_becomes_a_member(
    api: Api, make: Factory, owner: asyncpg.Connection
) -> None:
    organization = await make.organization()
    team = await make.team(organization)
    await make.person(organization=await make.organization())
    lead = await make.person(organization=organization, team=team, team_role=TeamRole.ADMIN)
    blocked = await make.person(organization=organization, blocked=True)
    admin = await make.person(organization=organization, organization_role=OrganizationRole.ADMIN)
    nobody: dict[str, Any] = {"members": [], "results": []}
    payload = await add(api, admin, team)
    assert payload == nobody | {"added": 2, "alreadyMembers": 1, "errors": []}
    expected = {lead.id: "ADMIN", blocked.id: "MEMBER", admin.id: "MEMBER"}
    assert await stored(owner, team) == expected
    (entry,) = await owner.fetch("SELECT * FROM audit_entries WHERE team_id = $1", team.id)
    assert (entry["action"], entry["object_id"]) == ("team_member.add_all", team.id)
    assert (entry["organization_id"], entry["before"]) == (organization.id, None)
    document = '{ auditEntries(filter: {actions: ["team_member.add_all"]}) { nodes { after } } }'
    (told,) = (await api(admin, document)).payload["nodes"]
    ids = sorted([blocked.id, admin.id])
    assert told["after"] == {"role": "MEMBER", "added": 2, "alreadyMembers": 1, "userIds": ids}
    before = await api.fingerprint()
    payload = await add(api, admin, team)
    assert payload == nobody | {"added": 0, "alreadyMembers": 3, "errors": []}
    assert await api.fingerprint() == before


async def test_everybody_in_the_built_in_organization_is_every_user(
    api: Api, make: Factory, owner: asyncpg.Connection
) -> None:
    team, admin = await make.team(), await make.admin()
    everybody = {admin.id, (await make.person(organization=await make.organization())).id}
    payload = await add(api, admin, team, mode="BEST_EFFORT")
    assert (payload["added"], payload["alreadyMembers"]) == (2, 0)
    assert set(await stored(owner, team)) == everybody
    assert team.organization_id == DEFAULT_ORGANIZATION


async def test_everybody_is_added_with_nothing_else_and_by_admins_above_the_team(
    api: Api, make: Factory
) -> None:
    organization = await make.organization()
    team = await make.team(organization)
    lead = await make.person(organization=organization, team=team, team_role=TeamRole.ADMIN)
    member = await make.person(organization=organization, team=team)
    some = {"members": [{"userId": member.id, "role": "ADMIN"}], "addToOrganization": True}
    for person, given, refusals in (
        (
            await make.admin(),
            some,
            [("BAD_INPUT", "input.members"), ("BAD_INPUT", "input.addToOrganization")],
        ),
        (lead, {}, [("FORBIDDEN", "input.allUsers")]),
        (member, {}, [("FORBIDDEN", "input.teamId"), ("FORBIDDEN", "input.allUsers")]),
        (await make.person(), {}, [("NOT_FOUND", "input.teamId")]),
    ):
        answer = await api.refused(
            person, "teamMembersAdd", COUNTS, teamId=team.id, allUsers=True, **given
        )
        assert answer.refusals == refusals
        assert answer.payload["added"] is answer.payload["alreadyMembers"] is None


async def test_ten_thousand_people_are_everybody_at_most_in_as_many_statements_as_one(
    api: Api, make: Factory, owner: asyncpg.Connection
) -> None:
    admin, team = await make.admin(), await make.team()
    few = await api.mutate(admin, "teamMembersAdd", COUNTS, teamId=team.id, allUsers=True)
    await owner.execute(MANY, 9_999)
    many = await api.mutate(admin, "teamMembersAdd", COUNTS, teamId=team.id, allUsers=True)
    assert (few.payload["added"], few.payload["alreadyMembers"]) == (1, 0)
    assert (many.payload["added"], many.payload["alreadyMembers"]) == (9_999, 1)
    assert many.statements == few.statements
    await make.person()
    answer = await api.refused(admin, "teamMembersAdd", teamId=team.id, allUsers=True)
    assert answer.refusals == [("BAD_INPUT", "input.allUsers")]
