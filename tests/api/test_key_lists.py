"""apiKeys, the edges to keys, and how many statements they take."""

from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg

from api_client import Api
from bursar.domain.roles import OrganizationRole, PlatformRole, TeamRole
from factories import Factory, Person

LIST = """
query Keys($filter: ApiKeyFilter, $orderBy: [ApiKeyOrder!]) {
  apiKeys(filter: $filter, orderBy: $orderBy) { totalCount nodes { id } }
}
"""
EDGES = """
query Edges($id: ID!) {
  team(id: $id) {
    apiKeys { totalCount nodes { id } }
    members {
      nodes { user { id apiKeys(first: 20) { nodes { id } } } apiKeys { totalCount nodes { id } } }
    }
  }
}
"""
DASHBOARD = """
{
  teams(first: 50) {
    nodes {
      name
      budget { source limits { maxBudget duration tpmLimit rpmLimit } }
      organization { id name }
      members(first: 15) {
        nodes { role user { name email } budget { source limits { maxBudget } } }
      }
      apiKeys(first: 10) {
        nodes { id kind alias lastFour scopes blocked expiresAt user { name } budget { source } }
      }
    }
  }
}
"""


async def listed(api: Api, person: Person, order_by: Any = None, **filter: Any) -> list[str]:
    payload = (await api(person, LIST, filter=filter, orderBy=order_by)).payload
    assert payload["totalCount"] == len(payload["nodes"])
    return [node["id"] for node in payload["nodes"]]


async def test_keys_are_filtered_by_everything_at_once_and_alone(
    api: Api, make: Factory, owner: asyncpg.Connection
) -> None:
    reader = await make.person(PlatformRole.VIEWER)
    organization = await make.organization()
    team, other = await make.team(organization), await make.team()
    member = await make.person(team=team)
    soon = datetime.now(UTC) + timedelta(hours=1)
    of_member = (await make.api_key(member, team=team, alias="Straße", expires_at=soon)).id
    service = (await make.api_key(team=team, alias="100%", external_id="x", blocked=True)).id
    elsewhere = (await make.api_key(team=other)).id
    await owner.execute(
        "UPDATE api_keys SET created_at = now() - interval '1 day', expires_at = now()"
        " WHERE id = $1",
        elsewhere,
    )
    personal = [reader.key_id, member.key_id]
    for given, found in (
        ({}, {*personal, of_member, service, elsewhere}),
        ({"ids": [service, elsewhere]}, {service, elsewhere}),
        ({"externalIds": ["x", "y"]}, {service}),
        ({"aliasContains": "ASS"}, {of_member}),
        ({"aliasContains": "%"}, {service}),
        ({"userId": member.id}, {member.key_id, of_member}),
        ({"teamId": team.id}, {of_member, service}),
        ({"organizationId": organization.id}, {of_member, service}),
        ({"kind": "PERSONAL"}, set(personal)),
        ({"kind": "MEMBER"}, {of_member}),
        ({"kind": "SERVICE"}, {service, elsewhere}),
        ({"blocked": True}, {service}),
        ({"blocked": False}, {*personal, of_member, elsewhere}),
        ({"expired": True}, {elsewhere}),
        ({"expired": False}, {*personal, of_member, service}),
        ({"createdBefore": (soon - timedelta(hours=3)).isoformat()}, {elsewhere}),
        (
            {"createdSince": (soon - timedelta(hours=3)).isoformat()},
            {*personal, of_member, service},
        ),
        ({"teamId": team.id, "kind": "SERVICE", "blocked": True, "expired": False}, {service}),
        ({"teamId": other.id, "kind": "MEMBER"}, set()),
    ):
        assert set(await listed(api, reader, **given)) == found, given
    ascending = await listed(api, reader, order_by=[{"field": "CREATED_AT"}])
    assert ascending[0] == elsewhere
    down = [{"field": "CREATED_AT", "direction": "DESC"}]
    assert await listed(api, reader, order_by=down) == ascending[::-1]


async def test_who_answers_for_a_team_sees_its_keys_and_a_member_their_own(
    api: Api, make: Factory
) -> None:
    organization = await make.organization()
    team, sister = await make.team(organization), await make.team(organization)
    lead = await make.person(organization=organization, team=team, team_role=TeamRole.ADMIN)
    member = await make.person(organization=organization, team=team)
    await make.team_member(sister, member)
    theirs = (await make.api_key(member, team=team)).id
    service = (await make.api_key(team=team)).id
    elsewhere = (await make.api_key(member, team=sister)).id
    readers = [
        await make.person(organization=organization, organization_role=role)
        for role in (OrganizationRole.ADMIN, OrganizationRole.VIEWER)
    ]
    colleague = await make.person(team=team)

    async def seen(person: Person) -> tuple[list[str], list[str], list[str]]:
        found = (await api(person, EDGES, id=team.id)).payload
        (one,) = [m for m in found["members"]["nodes"] if m["user"]["id"] == member.id]
        for keys in (found["apiKeys"], one["apiKeys"]):
            assert keys["totalCount"] == len(keys["nodes"])
        return tuple(
            [key["id"] for key in keys["nodes"]]
            for keys in (found["apiKeys"], one["apiKeys"], one["user"]["apiKeys"])
        )

    everything = [theirs, service]
    assert await seen(lead) == (everything, [theirs], [theirs])
    for reader in readers:
        assert await seen(reader) == (everything, [theirs], [theirs, elsewhere])
    assert await seen(member) == ([theirs], [theirs], [member.key_id, theirs, elsewhere])
    assert await seen(colleague) == ([], [], [])
    admin = await make.admin()
    assert await seen(admin) == (everything, [theirs], [member.key_id, theirs, elsewhere])


async def test_edges_to_and_from_keys_take_as_many_statements_for_50_as_for_1(
    api: Api, make: Factory
) -> None:
    admin = await make.admin()
    teams = []
    for _ in range(50):
        team = await make.team()
        member = await make.person(team=team)
        key = await make.api_key(member, team=team)
        await make.budget("api_key", key.row, rpm_limit=1)
        teams.append(team.id)
    document = """
      query($ids: [ID!]!) {
        teams(filter: {ids: $ids}) { nodes {
          apiKeys(first: 2) {
            totalCount nodes { team { name } user { name } budget { limits { rpmLimit } } }
          }
          members(first: 1) {
            nodes {
              apiKeys(first: 9) { totalCount nodes { id } }
              user { apiKeys(first: 9) { nodes { id } } }
            }
          }
        } }
      }
    """
    one = await api(admin, document, ids=teams[:1])
    many = await api(admin, document, ids=teams)
    assert [team["apiKeys"]["totalCount"] for team in many.payload["nodes"]] == [1] * 50
    nodes = [team["members"]["nodes"][0] for team in many.payload["nodes"]]
    assert [len(node["apiKeys"]["nodes"]) for node in nodes] == [1] * 50
    assert [len(node["user"]["apiKeys"]["nodes"]) for node in nodes] == [2] * 50
    assert many.statements == one.statements


async def test_the_dashboard_with_10_keys_a_team_takes_at_most_10_statements(
    api: Api, make: Factory
) -> None:
    organization = await make.organization()
    admin = await make.person(organization=organization, organization_role=OrganizationRole.ADMIN)
    people = [await make.person(organization=organization) for _ in range(5)]
    for number in range(50):
        team = await make.team(organization)
        await make.budget("team", team, rpm_limit=number)
        for person in people:
            await make.team_member(team, person)
        for place in range(10):
            key = await make.api_key(people[place // 2] if place % 2 else None, team=team)
        await make.budget("api_key", key.row, rpm_limit=1)
    for person in (admin, await make.admin()):
        answer = await api(person, DASHBOARD)
        nodes = answer.payload["nodes"]
        assert [len(node["apiKeys"]["nodes"]) for node in nodes] == [10] * 50
        assert answer.statements <= 10


async def test_an_organization_has_the_keys_of_its_teams_that_the_reader_sees(
    api: Api, make: Factory
) -> None:
    organization, other = await make.organization(), await make.organization()
    one, two = await make.team(organization), await make.team(organization)
    reader = await make.person(organization=organization, organization_role=OrganizationRole.VIEWER)
    member = await make.person(organization=organization, team=one)
    keys = [
        await make.api_key(member, team=one),
        await make.api_key(team=two),
        await make.api_key(await make.person(team=two), team=two, blocked=True),
    ]
    await make.api_key(team=await make.team(other))
    document = """
      query($id: ID!, $filter: ApiKeyFilter) {
        organization(id: $id) { apiKeys(filter: $filter) { totalCount nodes { id } } }
      }
    """

    async def seen(person: Person, **filter: Any) -> set[str]:
        answer = await api(person, document, id=organization.id, filter=filter)
        page = answer.payload["apiKeys"]
        assert page["totalCount"] == len(page["nodes"])
        return {node["id"] for node in page["nodes"]}

    assert await seen(reader) == {key.row.id for key in keys}
    assert await seen(reader, blocked=True) == {keys[2].row.id}
    assert await seen(reader, teamId=one.id) == {keys[0].row.id}
    assert await seen(member) == {keys[0].row.id}
