"""Edges: as many SQL statements for fifty parents as for one, whatever the edge."""

from graphql import (
    GraphQLObjectType,
    GraphQLSchema,
    build_client_schema,
    get_introspection_query,
    get_named_type,
    is_object_type,
)

from access.breadth import NEEDED
from api_client import Api
from factories import Factory, Person

DASHBOARD = """
query {
  teams(first: 50) {
    totalCount
    nodes {
      id name
      budget { source limits { maxBudget } }
      organization { id name }
      members(first: 20) {
        totalCount
        nodes { role user { id name email } budget { source limits { maxBudget rpmLimit } } }
      }
    }
  }
}
"""


async def schema_of(api: Api, person: Person) -> GraphQLSchema:
    return build_client_schema((await api(person, get_introspection_query())).data)


def edges_of(kind: GraphQLObjectType) -> dict[str, str]:
    """Each field that leads to other rows, with a selection that has all of them looked up."""
    edges = {}
    for name, field in kind.fields.items():
        target = get_named_type(field.type)
        if is_object_type(target):
            selection = "{ __typename }"
            if target.name.endswith("Connection"):
                selection = "{ totalCount edges { cursor node { id } } pageInfo { hasNextPage } }"
            if target.name == "Activity":
                selection = (
                    "{ totals { spend } days { nodes { date } } byModel { nodes { model } } }"
                )
            edges[name] = f"{name}{NEEDED.get(name, '')} {selection}"
        elif name in {"viewerPermissions", "permissions", "effectiveModels", "lifetimeSpend"}:
            edges[name] = name
    return edges


async def fifty_of_each(api: Api, make: Factory, admin: Person) -> dict[str, list[str]]:
    things: dict[str, list[str]] = {}
    for _ in range(50):
        organization = await make.organization()
        team = await make.team(organization, model_aliases={"fast": "gpt-5"})
        person = await make.person()
        member = await make.team_member(team, person)
        for owner, row in (
            ("organization", organization),
            ("team", team),
            ("team_default", team),
            ("team_member", member),
            ("user", person.row),
        ):
            await make.budget(owner, row, max_budget=1)
        joined = await make.organization_member(organization, person)
        plan = await make.plan()
        await make.model_limit(plan, "gpt-5", rpm_limit=1)
        key = await make.api_key(person, team=team)
        for owner, owner_id in (("organization_member", joined.id), ("api_key", key.row.id)):
            await make.attachment(plan, owner, owner_id)
        group = await make.access_group()
        for owner, owner_id in (
            ("organization", organization.id),
            ("team", team.id),
            ("user", person.id),
            ("api_key", key.row.id),
        ):
            await make.access_group_use(group, owner, owner_id)
        await api.mutate(admin, "teamBlock", id=team.id)
        for kind, id_ in (
            ("Organization", organization.id),
            ("Team", team.id),
            ("User", person.id),
            ("TeamMember", member.id),
            ("OrganizationMember", joined.id),
            ("Budget", plan.id),
            ("ApiKey", key.row.id),
            ("AccessGroup", group.id),
        ):
            things.setdefault(kind, []).append(id_)
        await make.usage_event(key.row)
    entries = await api(admin, "{ auditEntries { nodes { id } } }")
    things["AuditEntry"] = [node["id"] for node in entries.payload["nodes"]]
    calls = await api(admin, "{ usageEvents { nodes { id } } }")
    things["UsageEvent"] = [node["id"] for node in calls.payload["nodes"]]
    return things


async def test_every_edge_takes_as_many_statements_for_fifty_parents_as_for_one(
    api: Api, make: Factory
) -> None:
    admin = await make.admin()
    things = await fifty_of_each(api, make, admin)
    schema = await schema_of(api, admin)
    kinds = {kind.name: kind for kind in schema.get_possible_types(schema.type_map["Node"])}
    assert set(kinds) == set(things)
    for name, kind in kinds.items():
        for edge, selection in edges_of(kind).items():
            document = (
                f"query($ids: [ID!]!) {{ nodes(ids: $ids) {{ ... on {name} {{ {selection} }} }} }}"
            )
            one = await api(admin, document, ids=things[name][:1])
            fifty = await api(admin, document, ids=things[name])
            assert fifty.statements == one.statements, (name, edge)
            assert len(fifty.payload) == 50
            assert all(node[edge] for node in fifty.payload), (name, edge)


async def test_related_reader_takes_as_many_statements_as_an_admin(api: Api, make: Factory) -> None:
    organization = await make.organization()
    team, reader = await make.team(organization), await make.person()
    for _ in range(50):
        await make.team_member(await make.team(organization), reader)
        await make.person(team=team)
    await make.team_member(team, reader)
    one = await api(reader, DASHBOARD.replace("first: 50", "first: 1"))
    many = await api(reader, DASHBOARD)
    assert len(many.payload["nodes"]) == 50
    assert (
        many.statements == one.statements == (await api(await make.admin(), DASHBOARD)).statements
    )


async def test_dashboard_of_fifty_teams_takes_at_most_nine_statements(
    api: Api, make: Factory
) -> None:
    admin = await make.admin()
    people = [await make.person() for _ in range(20)]
    organizations = [await make.organization() for _ in range(5)]
    plan = await make.plan(max_budget=1)
    for number in range(50):
        team = await make.team(organizations[number % 5])
        if number % 2:
            await make.budget("team", team, max_budget=number)
            await make.budget("team_default", team, rpm_limit=number)
        else:
            await make.attachment(plan, "team", team.id)
            await make.attachment(plan, "team_default", team.id)
        *_, planned, owning = [await make.team_member(team, person) for person in people]
        await make.attachment(plan, "team_member", planned.id)
        await make.budget("team_member", owning, max_budget=1)
    answer = await api(admin, DASHBOARD)
    assert answer.statements <= 9
    teams = answer.payload
    assert (teams["totalCount"], len(teams["nodes"])) == (50, 50)
    held = [team["budget"]["source"] for team in teams["nodes"]]
    assert (held.count("OWN"), held.count("PLAN")) == (25, 25)
    for team in teams["nodes"]:
        members = team["members"]["nodes"]
        assert (team["members"]["totalCount"], len(members)) == (20, 20)
        assert [m["user"]["id"] for m in members] == [person.id for person in people]
        sources = [m["budget"]["source"] for m in members]
        assert sources == ["TEAM_DEFAULT"] * 18 + ["PLAN", "OWN"]
    assert len({team["organization"]["id"] for team in teams["nodes"]}) == 5
