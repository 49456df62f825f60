"""What is seen in part: which fields, whose budgets, and that no list tells what a field hides."""

from typing import Any

import pytest

from access.deeds import DEEDS, mutation
from access.world import ACTORS, World, build_world
from api_client import Api
from bursar.domain.roles import OrganizationRole, PlatformRole, TeamRole
from factories import Factory, Person

ORGANIZATION = """
query Organization($id: ID!) {
  organization(id: $id) {
    id name createdAt
    externalId metadata version updatedAt budget { source }
    audit { totalCount } members { nodes { user { id } } } teams { nodes { id } }
  }
}
"""
USER = """
query User($id: ID!) {
  user(id: $id) {
    id name email createdAt
    externalId role blocked metadata version updatedAt budget { source }
    apiKeys { totalCount } organizations { totalCount } teams { nodes { team { id } } }
  }
}
"""
MEMBERS = """
query Members($id: ID!) {
  team(id: $id) { members { nodes { role user { id } budget { source limits { rpmLimit } } } } }
}
"""
TOLD_TO_ALL = {
    "organization": {"id", "name", "createdAt"},
    "user": {"id", "name", "email", "createdAt"},
}
MERE = ["organization member", "team admin", "team member"]
COLLEAGUES = [
    "organization admin",
    "organization viewer",
    "team admin",
    "team member",
    "user viewer who is admin below",
]


async def enter(make: Factory, who: str) -> tuple[World, Person]:
    world = await build_world(make)
    return world, await ACTORS[who](make, world)


def told(thing: dict[str, Any]) -> set[str]:
    return {name for name, value in thing.items() if value not in (None, {"totalCount": 0})}


@pytest.mark.parametrize("who", MERE)
async def test_a_mere_member_sees_name_and_age_of_the_organization_and_themself_in_it(
    api: Api, make: Factory, who: str
) -> None:
    world, me = await enter(make, who)
    seen = (await api(me, ORGANIZATION, id=world.organization.id)).payload
    assert seen.pop("members") == {"nodes": [{"user": {"id": me.id}}]}
    teams = [{"id": world.team.id}] if who.startswith("team") else []
    assert seen.pop("teams") == {"nodes": teams}
    assert seen.pop("audit") == {"totalCount": int(who == "team admin")}  # those of the team
    assert told(seen) == TOLD_TO_ALL["organization"]


@pytest.mark.parametrize("who", ["organization admin", "organization viewer", "platform viewer"])
async def test_who_reads_an_organization_sees_all_of_it(api: Api, make: Factory, who: str) -> None:
    world, me = await enter(make, who)
    seen = (await api(me, ORGANIZATION, id=world.organization.id)).payload
    assert told(seen) == seen.keys()


@pytest.mark.parametrize("who", COLLEAGUES)
async def test_a_colleague_is_seen_by_name_and_email_and_in_shared_teams(
    api: Api, make: Factory, who: str
) -> None:
    world, me = await enter(make, who)
    unshared = await make.team(world.other_organization)
    await make.team_member(unshared, world.mate)
    await make.organization_member(world.other_organization, world.mate)
    seen = (await api(me, USER, id=world.mate.id)).payload
    assert seen.pop("teams") == {"nodes": [{"team": {"id": world.team.id}}]}
    assert seen.pop("apiKeys") == {"totalCount": 0 if who == "team member" else 2}  # in the team
    reads_organization = not who.startswith("team")
    assert seen.pop("organizations") == {"totalCount": int(reads_organization)}
    assert told(seen) == TOLD_TO_ALL["user"]


async def test_everybody_sees_all_of_themself(api: Api, make: Factory) -> None:
    world, _ = await enter(make, "stranger")
    seen = (await api(world.mate, USER, id=world.mate.id)).payload
    assert told(seen) == seen.keys()


async def budgets_seen(api: Api, person: Person, world: World) -> dict[str, str | None]:
    nodes = (await api(person, MEMBERS, id=world.team.id)).payload["members"]["nodes"]
    return {node["user"]["id"]: (node["budget"] or {}).get("source") for node in nodes}


async def test_a_team_member_sees_roles_of_others_and_only_the_own_budget(
    api: Api, make: Factory
) -> None:
    world, me = await enter(make, "team member")
    assert await budgets_seen(api, me, world) == {
        world.lead.id: None,
        world.mate.id: None,
        me.id: "TEAM_DEFAULT",
    }
    assert await budgets_seen(api, world.mate, world) == {
        world.lead.id: None,
        world.mate.id: "OWN",
        me.id: None,
    }


@pytest.mark.parametrize("who", ["organization admin", "organization viewer", "team admin"])
async def test_who_answers_for_a_team_sees_the_budgets_of_its_members(
    api: Api, make: Factory, who: str
) -> None:
    world, me = await enter(make, who)
    seen = await budgets_seen(api, me, world)
    assert (seen[world.mate.id], seen[world.lead.id]) == ("OWN", "TEAM_DEFAULT")


HIDING = [
    ("organizations", 'externalIds: ["acme"]'),
    ("users", 'externalIds: ["mate"]'),
    ("users", "blocked: true"),
]


@pytest.mark.parametrize(("field", "condition"), HIDING)
async def test_a_filter_does_not_tell_what_the_field_hides(
    api: Api, make: Factory, field: str, condition: str
) -> None:
    world = await build_world(make, blocked=True)
    me = await ACTORS["team member"](make, world)
    reader = await ACTORS["platform viewer"](make, world)
    document = f"{{ {field}(filter: {{ {condition} }}) {{ totalCount nodes {{ id }} }} }}"
    assert (await api(me, document)).payload == {"totalCount": 0, "nodes": []}
    thing = world.organization if field == "organizations" else world.mate
    assert (await api(reader, document)).payload == {"totalCount": 1, "nodes": [{"id": thing.id}]}


async def test_a_filter_finds_what_its_reader_sees_whole(api: Api, make: Factory) -> None:
    world, me = await enter(make, "organization viewer")
    document = '{ organizations(filter: { externalIds: ["acme", "rival"] }) { nodes { id } } }'
    assert (await api(me, document)).payload == {"nodes": [{"id": world.organization.id}]}


ABOVE = {"platform admin", "organization admin"}
WITHIN = {*ABOVE, "team admin"}
MAY = {
    "TEAM_UPDATE": WITHIN,
    "TEAM_LIMIT": ABOVE,
    "TEAM_GATEWAY_SETTINGS": ABOVE,
    "TEAM_MOVE": ABOVE,
    "TEAM_MODELS_UPDATE": WITHIN,
    "TEAM_BLOCK": ABOVE,
    "TEAM_DELETE": ABOVE,
    "TEAM_MEMBERS_ADD": WITHIN,
    "TEAM_MEMBERS_ADD_ALL": ABOVE,
    "TEAM_MEMBER_UPDATE": WITHIN,
    "TEAM_MEMBERS_REMOVE": WITHIN,
    "TEAM_MEMBER_BUDGET_UPDATE": WITHIN,
    "TEAM_MEMBER_PERMISSIONS_UPDATE": WITHIN,
}


@pytest.mark.parametrize("who", ["platform admin", "platform viewer", *COLLEAGUES])
async def test_a_team_says_what_its_viewer_may_do(api: Api, make: Factory, who: str) -> None:
    world, me = await enter(make, who)
    document = f'{{ team(id: "{world.team.id}") {{ viewerPermissions }} }}'
    may = (await api(me, document)).payload["viewerPermissions"]
    assert sorted(may) == sorted(action for action, actors in MAY.items() if who in actors)


@pytest.mark.parametrize("role", [PlatformRole.VIEWER, PlatformRole.USER_VIEWER])
async def test_who_only_reads_changes_nothing_though_admin_of_everything_below(
    api: Api, make: Factory, role: PlatformRole
) -> None:
    world = await build_world(make)
    me = await make.person(
        role,
        organization=world.organization,
        organization_role=OrganizationRole.ADMIN,
        team=world.team,
        team_role=TeamRole.ADMIN,
    )
    before = await api.fingerprint()
    # Only who sees all sees plans, and groups that no list names.
    of_all = {"budgetUpdate", "budgetDelete", "budgetAttach", "accessGroupDelete"}
    unseen = of_all if role is PlatformRole.USER_VIEWER else set()
    for row, deed in DEEDS.items():
        answer = await api(me, mutation(row), input=deed.input(world, me))
        expected = "NOT_FOUND" if row in unseen else "FORBIDDEN"
        assert {code for code, _ in answer.refusals} == {expected}, row
    assert await api.fingerprint() == before
