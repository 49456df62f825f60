"""node and nodes: everything that has an id is found by it, and nothing else is."""

from typing import Any

from api_client import Api
from bursar.domain.ids import DEFAULT_ORGANIZATION, Prefix, id_from, new_id
from factories import Factory

NODE = "query($id: ID!) { node(id: $id) { __typename id } }"
NODES = "query($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }"


MALFORMED = [
    "",
    "x",
    "team_",
    "team",
    "0",
    "group_" + "0" * 26,
    "usage_" + "0" * 26,
    "zzz_" + "0" * 26,
    "org_" + "0" * 25,
    "org_" + "0" * 27,
    "org_8" + "0" * 25,
    "ORG_" + "0" * 26,
    "org_" + "O" * 26,
    "org_" + "\u0660" * 26,
    " " + DEFAULT_ORGANIZATION,
    DEFAULT_ORGANIZATION + "\n",
    "org_\0" + "0" * 25,
    "'; DROP TABLE teams; --",
    "x" * 100_000,
]


async def one_of_each(api: Api, make: Factory, admin: Any) -> dict[str, str]:
    organization = await make.organization()
    team = await make.team(organization)
    person = await make.person()
    await api.mutate(admin, "teamBlock", id=team.id)
    entries = await api(admin, "{ auditEntries { nodes { id } } }")
    return {
        "Organization": organization.id,
        "Team": team.id,
        "User": person.id,
        "TeamMember": (await make.team_member(team, person)).id,
        "OrganizationMember": (await make.organization_member(organization, person)).id,
        "Budget": (await make.budget("team", team, max_budget=1)).id,
        "ApiKey": person.key_id,
        "AccessGroup": (await make.access_group()).id,
        "UsageEvent": (await make.usage_event((await make.api_key(team=team)).row)).id,
        "AuditEntry": entries.payload["nodes"][0]["id"],
    }


async def test_everything_is_found_by_its_id_and_by_nobody_who_may_not_see_it(
    api: Api, make: Factory
) -> None:
    admin, stranger = await make.admin(), await make.person()
    things = await one_of_each(api, make, admin)
    document = '{ __type(name: "Node") { possibleTypes { name } } }'
    kinds = (await api(admin, document)).payload["possibleTypes"]
    assert {kind["name"] for kind in kinds} == set(things)
    expected = [{"__typename": kind, "id": id_} for kind, id_ in things.items()]
    for node in expected:
        assert (await api(admin, NODE, id=node["id"])).payload == node
        assert (await api(stranger, NODE, id=node["id"])).payload is None
    ids = list(things.values())
    assert (await api(admin, NODES, ids=ids)).payload == expected
    assert (await api(stranger, NODES, ids=ids)).payload == [None] * len(ids)


async def test_nodes_keep_order_and_repeats_and_are_null_for_what_is_not_there(
    api: Api, make: Factory
) -> None:
    team, admin = await make.team(), await make.admin()
    ids = [team.id, new_id(Prefix.TEAM), admin.id, "x", team.id]
    answer = await api(admin, NODES, ids=ids)
    found = [node and node["id"] for node in answer.payload]
    assert found == [team.id, None, admin.id, None, team.id]
    assert (await api(admin, NODES, ids=[])).payload == []


async def test_malformed_id_is_null_in_every_query(api: Api, make: Factory) -> None:
    document = """
      query($id: ID!) {
        node(id: $id) { id } nodes(ids: [$id]) { id } organization(id: $id) { id }
        team(id: $id) { id } user(id: $id) { id } apiKey(id: $id) { id } budget(id: $id) { id }
        accessGroup(id: $id) { id }
      }
    """
    admin = await make.admin()
    for malformed in MALFORMED:
        answer = await api(admin, document, id=malformed)
        assert answer.errors == [], malformed
        assert answer.data == {**dict.fromkeys(answer.data), "nodes": [None]}


async def test_id_of_another_kind_is_null(api: Api, make: Factory) -> None:
    admin = await make.admin()
    things = await one_of_each(api, make, admin)
    for name, own in (
        ("organization", "Organization"),
        ("team", "Team"),
        ("user", "User"),
        ("apiKey", "ApiKey"),
        ("budget", "Budget"),
        ("accessGroup", "AccessGroup"),
    ):
        for kind, id_ in things.items():
            answer = await api(admin, f"query($id: ID!) {{ {name}(id: $id) {{ id }} }}", id=id_)
            assert answer.payload == ({"id": id_} if kind == own else None)


async def test_a_thousand_nodes_are_answered_and_one_more_is_refused(
    api: Api, make: Factory
) -> None:
    admin = await make.admin()
    ids = [id_from(Prefix.TEAM, number) for number in range(1001)]
    answer = await api(admin, NODES, ids=ids[:1000])
    assert answer.payload == [None] * 1000
    literal = str(ids).replace("'", '"')
    for answer, code in (
        (await api(admin, f"{{ nodes(ids: {literal}) {{ id }} }}"), "LIMIT_EXCEEDED"),
        (await api(admin, NODES, ids=ids), "LIMIT_EXCEEDED"),
    ):
        assert (answer.codes, answer.data) == ([code], None)


async def test_nodes_of_a_kind_share_a_statement(api: Api, make: Factory) -> None:
    admin = await make.admin()
    ids = [(await make.team()).id for _ in range(50)]
    one = await api(admin, NODES, ids=ids[:1])
    assert (await api(admin, NODES, ids=ids)).statements == one.statements
