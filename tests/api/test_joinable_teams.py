"""joinableTeams, teamJoin, teamLeave, and the mark that opens a team."""

from dataclasses import replace
from typing import Any

import pytest

from api_client import Api
from bursar.domain.ids import Prefix, new_id
from bursar.domain.roles import OrganizationRole, PlatformRole, TeamRole
from factories import Factory, Person

LIST = """
query($filter: JoinableTeamFilter, $first: Int, $after: String) {
  joinableTeams(filter: $filter, first: $first, after: $after) {
    totalCount nodes { id name description } pageInfo { hasNextPage endCursor }
  }
}
"""
MEMBER = "id role version user { id } team { id } budget { source }"


async def open_to(api: Api, person: Person, **variables: Any) -> list[str]:
    payload = (await api(person, LIST, **variables)).payload
    assert payload["totalCount"] == len(payload["nodes"])
    return [node["id"] for node in payload["nodes"]]


async def test_user_joins_a_team_of_the_organization_and_leaves_it(api: Api, make: Factory) -> None:
    organization = await make.organization()
    team = await make.team(organization, name="Open", description="Come in", joinable=True)
    await make.budget("team_default", team, rpm_limit=1)
    person = await make.person(organization=organization)
    shown = (await api(person, LIST)).payload["nodes"]
    assert shown == [{"id": team.id, "name": "Open", "description": "Come in"}]
    document = (
        "query($id: ID!) { team(id: $id) { id } node(id: $id) { id } nodes(ids: [$id]) { id } }"
    )
    answer = await api(person, document, id=team.id)
    assert answer.data == {"team": None, "node": None, "nodes": [None]}
    answer = await api.mutate(person, "teamJoin", f"member {{ {MEMBER} }}", teamId=team.id)
    assert answer.refusals == []
    member = answer.payload["member"]
    assert member == {
        "id": member["id"],
        "role": "MEMBER",
        "version": 1,
        "user": {"id": person.id},
        "team": {"id": team.id},
        "budget": {"source": "TEAM_DEFAULT"},
    }
    assert await open_to(api, person) == []
    assert (await api(person, document, id=team.id)).data["team"] == {"id": team.id}
    answer = await api.mutate(person, "teamLeave", "removedId", teamId=team.id)
    assert answer.payload == {"removedId": member["id"], "errors": []}
    assert await open_to(api, person) == [team.id]
    document = "{ auditEntries { nodes { action actorUserId teamId organizationId objectId } } }"
    entries = (await api(await make.admin(), document)).payload["nodes"]
    assert [entry.pop("action") for entry in entries] == ["team_member.remove", "team_member.add"]
    assert (
        entries
        == [
            {
                "actorUserId": person.id,
                "teamId": team.id,
                "organizationId": organization.id,
                "objectId": member["id"],
            }
        ]
        * 2
    )


async def test_anybody_joins_an_open_team_of_the_built_in_organization(
    api: Api, make: Factory
) -> None:
    team, person = await make.team(joinable=True), await make.person()
    assert await open_to(api, person) == [team.id]
    assert (await api.mutate(person, "teamJoin", teamId=team.id)).refusals == []


async def test_a_team_that_is_not_open_to_one_is_as_if_it_were_not_there(
    api: Api, make: Factory
) -> None:
    organization = await make.organization()
    person = await make.person(organization=organization)
    closed = [
        await make.team(organization),
        await make.team(organization, joinable=True, blocked=True),
        await make.team(await make.organization(), joinable=True),
    ]
    assert await open_to(api, person) == []
    absent = await api.refused(person, "teamJoin", teamId=new_id(Prefix.TEAM))
    assert absent.refusals == [("NOT_FOUND", "input.teamId")]
    for team_id in (*(team.id for team in closed), "team_x", "\0"):
        for name in ("teamJoin", "teamLeave"):
            answer = await api.refused(person, name, teamId=team_id)
            assert answer.payload["errors"] == absent.payload["errors"]


async def test_who_sees_a_closed_team_is_forbidden_to_join_it(api: Api, make: Factory) -> None:
    organization = await make.organization()
    team = await make.team(organization)
    admin = await make.person(organization=organization, organization_role=OrganizationRole.ADMIN)
    for person in (admin, await make.admin()):
        answer = await api.refused(person, "teamJoin", teamId=team.id)
        assert answer.refusals == [("FORBIDDEN", "input.teamId")]
    assert (await api.mutate(admin, "teamUpdate", id=team.id, joinable=True)).refusals == []
    assert (await api.mutate(admin, "teamJoin", teamId=team.id)).refusals == []


async def test_who_is_a_member_already_conflicts_whether_the_team_is_open_or_not(
    api: Api, make: Factory
) -> None:
    for team in (await make.team(joinable=True), await make.team()):
        for role in TeamRole:
            member = await make.person(team=team, team_role=role)
            answer = await api.refused(member, "teamJoin", teamId=team.id)
            assert answer.refusals == [("CONFLICT", "input.teamId")]


@pytest.mark.parametrize("role", [PlatformRole.VIEWER, PlatformRole.USER_VIEWER])
async def test_who_only_reads_sees_what_is_open_but_neither_joins_nor_leaves(
    api: Api, make: Factory, role: PlatformRole
) -> None:
    team, joined = await make.team(joinable=True), await make.team(joinable=True)
    reader = await make.person(role, team=joined)
    assert await open_to(api, reader) == [team.id]
    for name, there in (("teamJoin", team), ("teamJoin", joined), ("teamLeave", joined)):
        answer = await api.refused(reader, name, teamId=there.id)
        assert answer.refusals == [("FORBIDDEN", "input.teamId")]


async def test_a_key_that_does_not_manage_joins_nothing(api: Api, make: Factory) -> None:
    team, person = await make.team(joinable=True), await make.person()
    answer = await api.mutate(person, "apiKeyCreate", "secret", scopes=["INFER"])
    presented = replace(person, secret=answer.payload["secret"])
    assert await open_to(api, presented) == []
    answer = await api.refused(presented, "teamJoin", teamId=team.id)
    assert answer.refusals == [("NOT_FOUND", "input.teamId")]


async def test_last_admin_does_not_leave_and_who_is_no_member_cannot(
    api: Api, make: Factory
) -> None:
    organization = await make.organization()
    team = await make.team(organization)
    first, second = [
        await make.person(organization=organization, team=team, team_role=TeamRole.ADMIN)
        for _ in range(2)
    ]
    assert (await api.mutate(first, "teamLeave", teamId=team.id)).refusals == []
    answer = await api.refused(second, "teamLeave", teamId=team.id)
    assert answer.refusals == [("CONFLICT", "input.teamId")]
    admin = await make.person(organization=organization, organization_role=OrganizationRole.ADMIN)
    for outside in (admin, await make.admin()):
        answer = await api.refused(outside, "teamLeave", teamId=team.id)
        assert answer.refusals == [("NOT_FOUND", "input.teamId")]


async def test_team_is_opened_at_its_creation_or_later_by_who_may_change_it(
    api: Api, make: Factory
) -> None:
    admin, member = await make.person(), await make.person()
    answer = await api.mutate(
        await make.admin(),
        "teamCreate",
        "team { id joinable }",
        name="Open",
        joinable=True,
        members=[{"userId": admin.id, "role": "ADMIN"}, {"userId": member.id}],
    )
    team = answer.payload["team"]
    assert team["joinable"] is True
    for joinable in (False, True, False):
        answer = await api.mutate(
            admin, "teamUpdate", "team { joinable }", id=team["id"], joinable=joinable
        )
        assert answer.payload == {"team": {"joinable": joinable}, "errors": []}
    answer = await api.refused(member, "teamUpdate", id=team["id"], joinable=True)
    assert answer.refusals == [("FORBIDDEN", "input.joinable")]
    answer = await api.refused(admin, "teamUpdate", id=team["id"], joinable=None)
    assert answer.refusals == [("BAD_INPUT", "input.joinable")]
    answer = await api.refused(await make.admin(), "teamCreate", name="None", joinable=None)
    assert answer.refusals == [("BAD_INPUT", "input.joinable")]


async def test_open_teams_are_listed_by_name_in_pages_and_by_part_of_the_name(
    api: Api, make: Factory
) -> None:
    person = await make.person()
    names = ["Érable", "beech", "Ash", "elm_%", "Cedar"]
    ids = {name: (await make.team(name=name, joinable=True)).id for name in names}
    joined = await make.team(name="Ashes", joinable=True)
    await make.team_member(joined, person)
    by_name = [ids[name] for name in ("Ash", "beech", "Cedar", "elm_%", "Érable")]
    assert await open_to(api, person) == by_name
    seen: list[str] = []
    after = None
    for _ in range(3):
        page = (await api(person, LIST, first=2, after=after)).payload
        assert page["totalCount"] == 5
        seen += [node["id"] for node in page["nodes"]]
        after = page["pageInfo"]["endCursor"]
    assert seen == by_name
    assert page["pageInfo"]["hasNextPage"] is False
    assert await open_to(api, person, filter={"nameContains": "É"}) == [ids["Érable"]]
    assert await open_to(api, person, filter={"nameContains": "ASH"}) == [ids["Ash"]]
    assert await open_to(api, person, filter={"nameContains": "_%"}) == [ids["elm_%"]]


async def test_teams_are_filtered_by_whether_they_are_open(api: Api, make: Factory) -> None:
    opened, closed = await make.team(joinable=True), await make.team()
    document = "query($filter: TeamFilter) { teams(filter: $filter) { nodes { id joinable } } }"
    for joinable, team in ((True, opened), (False, closed)):
        answer = await api(await make.admin(), document, filter={"joinable": joinable})
        assert answer.payload["nodes"] == [{"id": team.id, "joinable": joinable}]
