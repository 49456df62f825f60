"""Access groups in lists and at edges: in which order, after which filter, and for whom."""

from typing import Any

import pytest

from api_client import Api
from bursar.domain.roles import OrganizationRole, PlatformRole, TeamRole
from factories import Factory, Person

LIST = """
query($filter: AccessGroupFilter, $orderBy: [AccessGroupOrder!], $first: Int, $after: String) {
  accessGroups(filter: $filter, orderBy: $orderBy, first: $first, after: $after) {
    totalCount nodes { id name usedBy { totalCount nodes { id } } }
    pageInfo { endCursor hasNextPage }
  }
}
"""
EDGES = """
query($ids: [ID!]!) {
  nodes(ids: $ids) {
    ... on Organization { accessGroups { totalCount nodes { name models } } }
    ... on Team { accessGroups { totalCount nodes { name models } } }
    ... on User { accessGroups { totalCount nodes { name models } } }
    ... on ApiKey { accessGroups { totalCount nodes { name models } } }
  }
}
"""
NOTHING: dict[str, Any] = {"totalCount": 0, "nodes": []}


async def test_groups_are_listed_by_name_or_age_and_filtered(api: Api, make: Factory) -> None:
    reader = await make.person(PlatformRole.VIEWER)
    groups = [await make.access_group(name) for name in ("beta", "Alpha 10%", "gamma")]

    async def names(**variables: Any) -> list[str]:
        found = (await api(reader, LIST, **variables)).payload
        assert found["totalCount"] == len(found["nodes"])
        return [node["name"] for node in found["nodes"]]

    assert await names() == ["Alpha 10%", "beta", "gamma"]
    newest = [{"field": "CREATED_AT", "direction": "DESC"}]
    assert await names(orderBy=newest) == ["gamma", "Alpha 10%", "beta"]
    by_name = [{"field": "NAME", "direction": "DESC"}]
    assert await names(orderBy=by_name) == ["gamma", "beta", "Alpha 10%"]
    assert await names(filter={"nameContains": "ALPHA"}) == ["Alpha 10%"]
    assert await names(filter={"nameContains": "%"}) == ["Alpha 10%"]
    assert await names(filter={"ids": [groups[0].id, "x"], "nameContains": "ta"}) == ["beta"]
    page = (await api(reader, LIST, first=1)).payload
    rest = (await api(reader, LIST, first=9, after=page["pageInfo"]["endCursor"])).payload
    assert [node["name"] for node in page["nodes"] + rest["nodes"]] == await names()


async def everything_named(make: Factory) -> tuple[dict[str, Any], dict[str, str], dict[str, str]]:
    """Who is around a team, the ids of what has lists, and by these the group that is in each."""
    organization = await make.organization()
    team = await make.team(organization)
    people = {
        "admin": await make.admin(),
        "viewer": await make.person(PlatformRole.VIEWER),
        "boss": await make.person(
            organization=organization, organization_role=OrganizationRole.ADMIN
        ),
        "lead": await make.person(organization=organization, team=team, team_role=TeamRole.ADMIN),
        "member": await make.person(organization=organization, team=team),
        "stranger": await make.person(),
        "service": await make.api_key(team=team),
    }
    elsewhere = await make.team(await make.organization())
    ids = {
        "organization": organization.id,
        "team": team.id,
        "user": people["member"].id,
        "api_key": people["service"].id,
        "elsewhere": elsewhere.id,
    }
    groups = {"unused": (await make.access_group("unused")).id}
    for owner, id_ in ids.items():
        group = await make.access_group(owner, models=[owner])
        await make.access_group_use(group, "team" if owner == "elsewhere" else owner, id_)
        groups[owner] = group.id
    return people, ids, groups


SEEN = {
    "admin": {"organization", "team", "user", "api_key", "elsewhere", "unused"},
    "viewer": {"organization", "team", "user", "api_key", "elsewhere", "unused"},
    "boss": {"organization", "team", "api_key"},
    "lead": {"organization", "team", "api_key"},
    "member": {"team", "user"},
    "stranger": set(),
    "service": {"team", "api_key"},
}
# Who administers a team may give it the groups of its organization, whose list they do not see.
UNLISTED = {"lead": {"organization"}}


@pytest.mark.parametrize("who", SEEN)
async def test_groups_are_seen_by_who_sees_a_list_that_names_them(
    api: Api, make: Factory, who: str
) -> None:
    people, ids, groups = await everything_named(make)
    me, seen, unlisted = people[who], SEEN[who], UNLISTED.get(who, set())
    found = (await api(me, LIST)).payload
    assert found["totalCount"] == len(seen)
    assert {node["name"] for node in found["nodes"]} == seen
    for node in found["nodes"]:
        used = [] if node["name"] in {"unused", *unlisted} else [{"id": ids[node["name"]]}]
        assert node["usedBy"] == {"totalCount": len(used), "nodes": used}
    for name, id_ in groups.items():
        shown = name in seen
        document = f"""{{
          node(id: "{id_}") {{ id }} nodes(ids: ["{id_}"]) {{ id }} accessGroup(id: "{id_}") {{ id }}
          accessGroupByName(name: "{name}") {{ id }}
          accessGroups(filter: {{ ids: ["{id_}"] }}) {{ totalCount nodes {{ id }} }}
          named: accessGroups(filter: {{ nameContains: "{name}" }}) {{ totalCount nodes {{ id }} }}
        }}"""
        one = {"id": id_} if shown else None
        some = {"totalCount": 1, "nodes": [one]} if shown else NOTHING
        assert (await api(me, document)).data == {
            **dict.fromkeys(("node", "accessGroup", "accessGroupByName"), one),
            "nodes": [one],
            **dict.fromkeys(("accessGroups", "named"), some),
        }


@pytest.mark.parametrize("who", SEEN)
async def test_the_groups_of_a_list_are_seen_with_the_list(
    api: Api, make: Factory, who: str
) -> None:
    people, ids, _ = await everything_named(make)
    listed = SEEN[who] - UNLISTED.get(who, set())
    for owner, node in zip(
        ids, (await api(people[who], EDGES, ids=list(ids.values()))).payload, strict=True
    ):
        if owner in listed:
            group = {"name": owner, "models": [owner]}
            assert node == {"accessGroups": {"totalCount": 1, "nodes": [group]}}
        else:
            assert node in (None, {"accessGroups": NOTHING})


async def test_a_reader_sees_of_a_shared_group_only_their_own_use(api: Api, make: Factory) -> None:
    group = await make.access_group("shared")
    people: list[tuple[Person, str]] = []
    for _ in range(2):
        team = await make.team(await make.organization())
        await make.access_group_use(group, "team", team.id)
        people.append((await make.person(team=team), team.id))
    for person, team_id in people:
        (node,) = (await api(person, LIST)).payload["nodes"]
        assert node["usedBy"] == {"totalCount": 1, "nodes": [{"id": team_id}]}
    admin = await make.admin()
    (node,) = (await api(admin, LIST)).payload["nodes"]
    every = [{"id": team_id} for _, team_id in people]
    assert node["usedBy"] == {"totalCount": 2, "nodes": every}


async def test_groups_and_users_of_them_are_paged(api: Api, make: Factory) -> None:
    admin, group = await make.admin(), await make.access_group("shared")
    teams = [await make.team() for _ in range(3)]
    for team in teams:
        await make.access_group_use(group, "team", team.id)
    for name in ("b", "a"):
        await make.access_group_use(await make.access_group(name), "team", teams[0].id)
    node = "node { id ... on AccessGroup { name } }"
    page = f"totalCount edges {{ cursor {node} }} pageInfo {{ hasNextPage }}"
    for id_, kind, edge, expected in (
        (group.id, "AccessGroup", "usedBy", [team.id for team in teams]),
        (teams[0].id, "Team", "accessGroups", ["a", "b", "shared"]),
    ):
        document = f"""query($id: ID!, $after: String) {{
          node(id: $id) {{ ... on {kind} {{ {edge}(first: 2, after: $after) {{ {page} }} }} }}
        }}"""
        seen: list[str] = []
        after = None
        for more in (True, False):
            found = (await api(admin, document, id=id_, after=after)).payload[edge]
            assert (found["totalCount"], found["pageInfo"]["hasNextPage"]) == (3, more)
            seen += [one["node"].get("name", one["node"]["id"]) for one in found["edges"]]
            after = found["edges"][-1]["cursor"]
        assert seen == expected
