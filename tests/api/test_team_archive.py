"""deletedTeams and teamDeletePreview; and what deleting an organization leaves behind."""

from typing import Any

import asyncpg

from api_client import Api
from bursar.domain.ids import Prefix, new_id
from bursar.domain.roles import OrganizationRole, PlatformRole, TeamRole
from factories import Factory, Person

DELETED = """
query Deleted($filter: DeletedTeamFilter) {
  deletedTeams(filter: $filter) {
    totalCount
    nodes {
      id externalId name organizationId state deletedAt deletedByUserId deletedByKeyId
    }
  }
}
"""
PREVIEW = """
query Preview($ids: [ID!]!) {
  teamDeletePreview(ids: $ids) { members apiKeys teams { team { id } members apiKeys } }
}
"""
ENTRIES = """
query($filter: AuditFilter) { auditEntries(filter: $filter) { nodes { action objectId before } } }
"""


async def deleted(api: Api, person: Person, **filter: Any) -> list[Any]:
    payload = (await api(person, DELETED, filter=filter)).payload
    assert payload["totalCount"] == len(payload["nodes"])
    return payload["nodes"]


async def test_a_deleted_team_is_archived_as_it_was(
    api: Api, make: Factory, owner: asyncpg.Connection
) -> None:
    organization = await make.organization()
    admin = await make.person(organization=organization, organization_role=OrganizationRole.ADMIN)
    attributes = {"external_id": "t", "description": "D", "tags": ["a"], "metadata": {"b": [1]}}
    team = await make.team(organization, name="Straße", **attributes)
    await make.budget("team", team, max_budget=5)
    plan = await make.plan(rpm_limit=7)
    await make.attachment(plan, "team_default", team.id)
    lead = await make.person(organization=organization, team=team, team_role=TeamRole.ADMIN)
    member = await make.person(organization=organization, team=team)
    whole = """
      query($id: ID!) { team(id: $id) {
        id externalId name description blocked joinable tags metadata version createdAt updatedAt
        models allowNone memberPermissions memberKeyDuration rpmLimitType tpmLimitType
      } }
    """
    settings = {"gatewaySettings": {"guardrails": ["pii"]}}
    aliases = {"modelAliases": [{"alias": "fast", "model": "gpt-5"}]}
    assert (await api.mutate(admin, "teamUpdate", id=team.id, **settings, **aliases)).refusals == []
    before = (await api(admin, whole, id=team.id)).payload
    assert (await api.mutate(admin, "teamsDelete", ids=[team.id])).refusals == []
    (gone,) = await deleted(api, admin)
    state = gone.pop("state")
    assert gone.pop("deletedAt")
    assert gone == {
        "id": team.id,
        "externalId": "t",
        "name": "Straße",
        "organizationId": organization.id,
        "deletedByUserId": admin.id,
        "deletedByKeyId": admin.key_id,
    }
    assert {name: state[name] for name in before} == before
    assert state["budget"]["maxBudget"] == "5"
    assert (state["memberBudget"]["planId"], state["memberBudget"]["rpmLimit"]) == (plan.id, 7)
    assert state["members"] == [
        {"userId": lead.id, "role": "ADMIN"},
        {"userId": member.id, "role": "MEMBER"},
    ]
    assert state["gatewaySettings"] == {"guardrails": ["pii"]}
    assert state["modelAliases"] == {"fast": "gpt-5"}
    others = {"organizationId", "selfServiceUserId", "budget", "memberBudget", "members"}
    assert state.keys() == {*before, *others, "modelAliases", "gatewaySettings"}
    actions = {"objectId": team.id, "actions": ["team.delete"]}
    (entry,) = (await api(admin, ENTRIES, filter=actions)).payload["nodes"]
    hidden = {name: state.pop(name) for name in ("version", "updatedAt")}
    assert (entry["before"], hidden["version"]) == (state, 2)
    assert await owner.fetchval("SELECT count(*) FROM teams") == 0


async def test_the_external_id_of_a_deleted_team_may_be_used_again(api: Api, make: Factory) -> None:
    admin = await make.admin()
    for _ in range(3):
        answer = await api.mutate(admin, "teamCreate", "team { id }", name="T", externalId="t")
        assert answer.refusals == []
        ids = [answer.payload["team"]["id"]]
        assert (await api.mutate(admin, "teamsDelete", ids=ids)).refusals == []
    assert len(await deleted(api, admin, externalIds=["t"])) == 3


async def test_archive_is_read_by_the_platform_and_by_admins_of_the_organization(
    api: Api, make: Factory
) -> None:
    admin = await make.admin()
    organization, other = await make.organization(), await make.organization()
    team, elsewhere = await make.team(organization), await make.team(other)
    lead = await make.person(organization=organization, team=team, team_role=TeamRole.ADMIN)
    ids = [team.id, elsewhere.id]
    assert (await api.mutate(admin, "teamsDelete", ids=ids)).refusals == []
    for person, seen in (
        (admin, set(ids)),
        (await make.person(PlatformRole.VIEWER), set(ids)),
        (
            await make.person(organization=organization, organization_role=OrganizationRole.ADMIN),
            {team.id},
        ),
        (
            await make.person(organization=organization, organization_role=OrganizationRole.VIEWER),
            set(),
        ),
        (lead, set()),
        (await make.api_key(lead), set()),
    ):
        assert {gone["id"] for gone in await deleted(api, person)} == seen


async def test_archive_is_newest_first_and_filtered_by_everything_at_once_and_alone(
    api: Api, make: Factory
) -> None:
    admin, organization, other = [
        await make.admin(),
        await make.organization(),
        await make.organization(),
    ]
    one = await make.deleted_team(organization, name="Straße", external_id="x")
    two = await make.deleted_team(other, name="100%")
    for given, found in (
        ({}, [two, one]),
        ({"ids": [one.id]}, [one]),
        ({"externalIds": ["x", "y"]}, [one]),
        ({"nameContains": "ASS"}, [one]),
        ({"nameContains": "%"}, [two]),
        ({"organizationId": other.id}, [two]),
        ({"ids": [one.id, two.id], "nameContains": "s", "organizationId": organization.id}, [one]),
        ({"ids": [two.id], "organizationId": organization.id}, []),
    ):
        assert [gone["id"] for gone in await deleted(api, admin, **given)] == [r.id for r in found]
    first = "{ deletedTeams(first: 1) { nodes { id } pageInfo { endCursor } } }"
    page = (await api(admin, first)).payload
    rest = f'{{ deletedTeams(after: "{page["pageInfo"]["endCursor"]}") {{ nodes {{ id }} }} }}'
    assert [page["nodes"], (await api(admin, rest)).payload["nodes"]] == [
        [{"id": two.id}],
        [{"id": one.id}],
    ]


async def test_an_organization_goes_with_its_teams_and_members_each_of_them_recorded(
    api: Api, make: Factory, owner: asyncpg.Connection
) -> None:
    admin, organization = await make.admin(), await make.organization()
    teams = [await make.team(organization, external_id=name) for name in ("a", "b")]
    person = await make.person(team=teams[0])
    belonging = await make.organization_member(organization, person, OrganizationRole.ADMIN)
    await make.budget("organization_member", belonging, max_budget=3)
    given = {"id": organization.id, "cascade": True}
    assert (await api.mutate(admin, "organizationDelete", **given)).refusals == []
    archived = await deleted(api, admin)
    assert {gone["externalId"] for gone in archived} == {"a", "b"}
    assert {gone["organizationId"] for gone in archived} == {organization.id}
    assert [g["state"]["members"] for g in archived if g["id"] == teams[0].id] == [
        [{"userId": person.id, "role": "MEMBER"}]
    ]
    entries = (await api(admin, ENTRIES)).payload["nodes"]
    assert [entry["action"] for entry in entries] == [
        "organization.delete",
        "organization_member.remove",
        "team.delete",
        "team.delete",
    ]
    assert entries[1]["objectId"] == belonging.id
    assert (entries[1]["before"]["role"], entries[1]["before"]["userId"]) == ("ADMIN", person.id)
    assert entries[1]["before"]["budget"]["maxBudget"] == "3"
    for table in ("organization_members", "teams", "budgets"):
        assert await owner.fetchval(f"SELECT count(*) FROM {table}") == 0


async def test_deleting_takes_as_many_statements_for_fifty_members_as_for_one(
    api: Api, make: Factory
) -> None:
    admin = await make.admin()
    counts: dict[str, set[int]] = {"teamsDelete": set(), "organizationDelete": set()}
    for size in (1, 50):
        organization = await make.organization()
        teams = [await make.team(organization) for _ in range(size)]
        for team in teams:
            person = await make.person(organization=organization, team=team)
            await make.api_key(person, team=team)
        alone = [await make.team() for _ in range(size)]
        for name, given in (
            ("organizationDelete", {"id": organization.id, "cascade": True}),
            ("teamsDelete", {"ids": [team.id for team in alone]}),
        ):
            answer = await api.mutate(admin, name, **given)
            assert answer.refusals == []
            counts[name].add(answer.statements)
    assert [len(numbers) for numbers in counts.values()] == [1, 1]


async def preview(api: Api, person: Person, *ids: str) -> Any:
    return (await api(person, PREVIEW, ids=ids)).payload


async def test_a_preview_counts_what_would_go_and_changes_nothing(api: Api, make: Factory) -> None:
    admin, team, other = await make.admin(), await make.team(), await make.team()
    member = await make.person(team=team)
    await make.person(team=team)
    await make.person(team=other)
    for _ in range(2):
        await make.api_key(member, team=team)
    await make.api_key(member)
    await make.api_key(team=other)
    before = await api.fingerprint()
    ids = [other.id, team.id, other.id, new_id(Prefix.TEAM), "\0", "nonsense"]
    assert await preview(api, admin, *ids) == {
        "members": 3,
        "apiKeys": 3,
        "teams": [
            {"team": {"id": other.id}, "members": 1, "apiKeys": 1},
            {"team": {"id": team.id}, "members": 2, "apiKeys": 2},
        ],
    }
    assert await preview(api, admin) == {"members": 0, "apiKeys": 0, "teams": []}
    assert await api.fingerprint() == before


async def test_a_preview_tells_nobody_more_than_they_see(api: Api, make: Factory) -> None:
    organization = await make.organization()
    team, other = await make.team(organization), await make.team()
    member = await make.person(organization=organization, team=team)
    lead = await make.person(organization=organization, team=team, team_role=TeamRole.ADMIN)
    reader = await make.person(organization=organization, organization_role=OrganizationRole.VIEWER)
    key = await make.api_key(member, team=team)
    for person, keys in ((member, None), (lead, 1), (reader, 1), (key, None)):
        one = {"team": {"id": team.id}, "members": 2, "apiKeys": keys}
        expected = {"members": 2, "apiKeys": keys, "teams": [one]}
        assert await preview(api, person, other.id, team.id) == expected
    nothing = {"members": 0, "apiKeys": 0, "teams": []}
    assert await preview(api, await make.person(), other.id, team.id) == nothing


async def test_a_preview_takes_as_many_statements_for_a_hundred_teams_as_for_one(
    api: Api, make: Factory
) -> None:
    admin = await make.admin()
    ids = [(await make.team()).id for _ in range(100)]
    one, many = await api(admin, PREVIEW, ids=ids[:1]), await api(admin, PREVIEW, ids=ids)
    assert one.statements == many.statements
    assert len(many.payload["teams"]) == 100
    answer = await api(admin, PREVIEW, ids=[*ids, "x"])
    assert answer.codes == ["BAD_USER_INPUT"]
