"""Access groups: created, changed and deleted, with what becomes of the lists that name them."""

import asyncio
from typing import Any

import asyncpg
import pytest

from api_client import Api
from bursar.database.rows import Row
from bursar.domain.ids import Prefix, new_id
from factories import Factory, Person
from holders import done, latest

GROUP = "accessGroup { id name description models version }"
USES = "SELECT count(*) FROM access_group_uses"
LISTS = """
query Lists($ids: [ID!]!) {
  nodes(ids: $ids) {
    ... on Organization { whole: version names: models }
    ... on Team { version models }
    ... on User { whole: version names: models }
    ... on ApiKey { version models }
  }
}
"""


async def name_everywhere(
    api: Api, make: Factory, admin: Person, models: list[str]
) -> dict[str, Row]:
    """One of each kind that has a list, all of which now have this one."""
    organization, user = await make.organization(), await make.person()
    team = await make.team(organization)
    key = await make.api_key(team=team)
    things = {"organization": organization, "team": team, "user": user.row, "apiKey": key.row}
    for kind, row in things.items():
        await done(api, admin, f"{kind}Update", id=row.id, models=models)
    return things


async def test_admin_creates_a_group_and_finds_it(api: Api, make: Factory) -> None:
    admin = await make.admin()
    given = {"name": "Cheap ones", "description": "Small\nmodels", "models": ["gpt-mini", "o*"]}
    made = (await done(api, admin, "accessGroupCreate", GROUP, **given))["accessGroup"]
    assert made == {**given, "id": made["id"], "version": 1}
    for asked in (
        f'node(id: "{made["id"]}")',
        f'accessGroup(id: "{made["id"]}")',
        'accessGroupByName(name: "CHEAP ones")',
    ):
        assert (await api(admin, f"{{ {asked} {{ id }} }}")).payload == {"id": made["id"]}
    entry = await latest(api, admin, made["id"])
    assert (entry["action"], entry["before"]) == ("access_group.create", None)
    assert entry["after"].pop("createdAt").endswith("Z")
    assert entry["after"] == {**given, "id": made["id"]}
    made = await done(api, admin, "accessGroupCreate", GROUP, name="None", models=[])
    assert (made["accessGroup"]["models"], made["accessGroup"]["description"]) == ([], None)


@pytest.mark.parametrize("name", ["accessGroupCreate", "accessGroupUpdate"])
async def test_name_of_a_group_is_unique_without_regard_to_case(
    api: Api, make: Factory, name: str
) -> None:
    await make.access_group("Cheap")
    given: dict[str, Any] = {"models": []}
    if name == "accessGroupUpdate":
        given = {"id": (await make.access_group("dear")).id}
    answer = await api.refused(await make.admin(), name, **given, name="CHEAP")
    assert answer.refusals == [("CONFLICT", "input.name")]


@pytest.mark.parametrize("name", ["accessGroupCreate", "accessGroupUpdate"])
async def test_all_that_is_wrong_with_a_group_is_said_at_once(
    api: Api, make: Factory, name: str
) -> None:
    admin, stale = await make.admin(), {}
    if name == "accessGroupUpdate":
        stale = {"id": (await make.access_group()).id, "expectedVersion": 9}
    bad = ["ok", "group:other", "", "ok", "a b", "x" * 257, "group:", "group:Ok", "*"]
    answer = await api.refused(admin, name, **stale, name="x" * 129, description="\x1b", models=bad)
    assert answer.refusals == [
        ("BAD_INPUT", "input.name"),
        ("BAD_INPUT", "input.description"),
        *(("BAD_INPUT", f"input.models.{place}") for place in (1, 2, 3, 4, 5, 6, 7)),
    ]
    message = answer.payload["errors"][2]["message"]
    assert message == "This must be a model or pattern, no access group."
    many = [f"m{number}" for number in range(501)]
    answer = await api.refused(admin, name, **stale, name="", models=many)
    assert answer.refusals == [("BAD_INPUT", "input.name"), ("BAD_INPUT", "input.models")]
    good = {key: value for key, value in stale.items() if key == "id"}
    await done(api, admin, name, **good, name="x" * 128, models=many[:500])


async def test_null_is_refused_for_what_a_group_cannot_be_without(api: Api, make: Factory) -> None:
    admin, group = await make.admin(), await make.access_group()
    answer = await api.refused(admin, "accessGroupUpdate", id=group.id, name=None, models=None)
    assert answer.refusals == [("BAD_INPUT", "input.name"), ("BAD_INPUT", "input.models")]


async def test_update_keeps_clears_and_sets_and_records_only_what_changed(
    api: Api, make: Factory
) -> None:
    admin, group = await make.admin(), await make.access_group("g", models=["a"])
    expected = {"id": group.id, "name": "g", "description": None, "models": ["a"], "version": 1}
    for changes, before in (
        ({"description": "For tests"}, {"description": None}),
        ({"models": ["b", "c*"]}, {"models": ["a"]}),
        ({"description": None, "name": "h"}, {"description": "For tests", "name": "g"}),
    ):
        version = expected["version"]
        given = {"id": group.id, "expectedVersion": version, **changes}
        payload = await done(api, admin, "accessGroupUpdate", GROUP, **given)
        expected = {**expected, **changes, "version": version + 1}
        assert payload["accessGroup"] == expected
        assert await latest(api, admin, group.id) == {
            "action": "access_group.update",
            "organizationId": None,
            "teamId": None,
            "before": before,
            "after": changes,
        }
    answer = await api.refused(admin, "accessGroupUpdate", id=group.id, expectedVersion=1, name="g")
    assert answer.refusals == [("VERSION_CONFLICT", "input.expectedVersion")]


async def test_renamed_group_keeps_its_place_in_every_list(
    api: Api, make: Factory, owner: asyncpg.Connection
) -> None:
    admin = await make.admin()
    group = await make.access_group("Old one", models=["gpt-mini"])
    await make.access_group("Old one too")
    models = ["b", "group:Old one", "group:Old one too", "a"]
    things = await name_everywhere(api, make, admin, models)
    aside = await make.team(models=["group:Old one too"])
    ids = [row.id for row in things.values()]
    payload = await done(api, admin, "accessGroupUpdate", GROUP, id=group.id, name="New")
    assert payload["accessGroup"]["version"] == 2
    renamed = ["b", "group:New", "group:Old one too", "a"]
    for node in (await api(admin, LISTS, ids=ids)).payload:
        assert (node.get("models", node.get("names"))) == renamed
        assert node.get("version", node.get("whole")) == 3
    assert (await api(admin, LISTS, ids=[aside.id])).payload[0]["version"] == 1
    assert await owner.fetchval(USES) == 8
    organization, team = things["organization"].id, things["team"].id
    places = {
        "organization": (organization, None),
        "team": (organization, team),
        "user": (None, None),
        "apiKey": (organization, team),
    }
    actions = {"apiKey": "api_key.update"}
    for kind, row in things.items():
        organization_id, team_id = places[kind]
        assert await latest(api, admin, row.id) == {
            "action": actions.get(kind, f"{kind}.update"),
            "organizationId": organization_id,
            "teamId": team_id,
            "before": {"models": models},
            "after": {"models": renamed},
        }
    await done(api, admin, "teamUpdate", id=team, models=["group:NEW"])
    answer = await api.refused(admin, "teamUpdate", id=team, models=["group:Old one"])
    assert answer.refusals == [("NOT_FOUND", "input.models.0")]


async def test_who_read_the_old_name_is_told_that_the_list_was_changed(
    api: Api, make: Factory
) -> None:
    admin, group, team = await make.admin(), await make.access_group("g"), await make.team()
    await done(api, admin, "teamUpdate", id=team.id, models=["group:g"])
    for name, version in (("G", 3), ("h", 4), ("h", 4)):
        await done(api, admin, "accessGroupUpdate", id=group.id, name=name)
        (node,) = (await api(admin, LISTS, ids=[team.id])).payload
        assert node == {"version": version, "models": [f"group:{name}"]}
    given = {"id": team.id, "models": ["group:g", "a"], "expectedVersion": 2}
    answer = await api.refused(admin, "teamUpdate", **given)
    assert answer.refusals == [("VERSION_CONFLICT", "input.expectedVersion")]


@pytest.mark.parametrize("changes", [{"name": "new"}, {"models": ["a"]}])
async def test_change_takes_as_many_statements_for_fifty_lists_as_for_one(
    api: Api, make: Factory, changes: dict[str, Any]
) -> None:
    admin = await make.admin()
    statements = set()
    for name, copies in (("one", 1), ("fifty", 50)):
        group = await make.access_group(name, models=["a", "b"])
        for _ in range(copies):
            await name_everywhere(api, make, admin, [f"group:{name}"])
        answer = await api.mutate(admin, "accessGroupUpdate", id=group.id, **changes)
        assert answer.refusals == []
        statements.add(answer.statements)
        await api.mutate(admin, "accessGroupUpdate", id=group.id, name=f"done {name}")
    assert len(statements) == 1


async def test_group_that_lists_name_is_not_deleted(
    api: Api, make: Factory, owner: asyncpg.Connection
) -> None:
    admin, group = await make.admin(), await make.access_group("g")
    things = await name_everywhere(api, make, admin, ["group:g"])
    answer = await api.refused(admin, "accessGroupDelete", id=group.id)
    assert answer.refusals == [("CONFLICT", "input.id")]
    message = answer.payload["errors"][0]["message"]
    assert message == "This access group is in use by things, 4 in all; take it from them first."
    for kind, row in things.items():
        await done(api, admin, f"{kind}Update", id=row.id, models=None)
    payload = await done(api, admin, "accessGroupDelete", "deletedId", id=group.id)
    assert payload["deletedId"] == group.id
    assert await owner.fetchval("SELECT count(*) FROM access_groups") == 0
    entry = await latest(api, admin, group.id)
    assert (entry["action"], entry["after"]) == ("access_group.delete", None)
    assert (entry["before"]["name"], entry["before"]["models"]) == ("g", [])
    answer = await api.refused(admin, "accessGroupDelete", id=group.id)
    assert answer.refusals == [("NOT_FOUND", "input.id")]


@pytest.mark.parametrize("name", ["accessGroupUpdate", "accessGroupDelete"])
async def test_group_that_goes_while_it_is_waited_for_is_not_found(
    api: Api, make: Factory, owner: asyncpg.Connection, name: str
) -> None:
    admin, group = await make.admin(), await make.access_group()
    async with owner.transaction():
        await owner.execute("DELETE FROM access_groups WHERE id = $1", group.id)
        waiting = asyncio.create_task(api.mutate(admin, name, id=group.id))
        await asyncio.sleep(0.3)
        assert not waiting.done()
    assert (await waiting).refusals == [("NOT_FOUND", "input.id")]


async def test_group_named_while_it_is_waited_for_is_found_anew(
    api: Api, make: Factory, owner: asyncpg.Connection
) -> None:
    admin, group = await make.admin(), await make.access_group("g")
    team = await make.team(models=["group:g"])
    async with owner.transaction():
        await owner.execute("SELECT FROM access_groups FOR UPDATE")
        renaming = asyncio.create_task(
            api.mutate(admin, "accessGroupUpdate", id=group.id, name="h")
        )
        await asyncio.sleep(0.3)
        use = "INSERT INTO access_group_uses (group_id, team_id) VALUES ($1, $2)"
        await owner.execute(use, group.id, team.id)
    assert (await renaming).refusals == []
    assert (await api(admin, LISTS, ids=[team.id])).payload == [
        {"version": 2, "models": ["group:h"]}
    ]


async def test_id_of_no_group_is_not_found(api: Api, make: Factory) -> None:
    admin, team = await make.admin(), await make.team()
    for id_ in (new_id(Prefix.ACCESS_GROUP), team.id, "group_", "\0"):
        for name in ("accessGroupUpdate", "accessGroupDelete"):
            answer = await api.refused(admin, name, id=id_)
            assert answer.refusals == [("NOT_FOUND", "input.id")]


async def test_group_does_not_leave_teams_with_more_than_their_organization(
    api: Api, make: Factory
) -> None:
    """By either side: what an organization has shrinks, or what a team has grows."""
    admin = await make.admin()
    above = await make.access_group("above", models=["gpt-*", "claude-1"])
    below = await make.access_group("below", models=["gpt-1"])
    bound = await make.organization()
    await done(api, admin, "organizationUpdate", id=bound.id, models=["group:above", "o1"])
    lists = {"plain": ["claude-1"], "named": ["group:below"], "same": ["group:above"], "o": ["o1"]}
    teams = {name: await make.team(bound, name=name) for name in lists}
    for name, models in lists.items():
        await done(api, admin, "teamUpdate", id=teams[name].id, models=models)
    await make.team(bound)
    await make.team(bound, allow_none=True)
    free = await make.team(await make.organization())
    await done(api, admin, "teamUpdate", id=free.id, models=["group:below"])
    cases: list[tuple[Row, list[str], list[str]]] = [
        (above, ["gpt-*"], ["plain"]),
        (above, ["claude-1"], ["named"]),
        (above, [], ["plain", "named"]),
        (below, ["gpt-1", "llama"], ["named"]),
        (below, ["*"], ["named"]),
    ]
    for group, models, stranded in cases:
        answer = await api.refused(admin, "accessGroupUpdate", id=group.id, models=models, name="x")
        (error,) = answer.payload["errors"]
        assert (error["code"], error["path"]) == ("CONFLICT", ["input", "models"])
        assert error["__typename"] == "TeamsExceedLimits"
        assert [team["id"] for team in error["teams"]] == [teams[name].id for name in stranded]
    for group, models in (
        (below, ["gpt-1", "gpt-2*", "o1"]),
        (below, []),
        (above, ["claude-*"]),
        (above, ["*"]),
        (below, ["llama"]),
    ):
        await done(api, admin, "accessGroupUpdate", id=group.id, models=models)


async def test_keys_are_bound_by_a_group_that_shrinks_above_them(api: Api, make: Factory) -> None:
    admin, team = await make.admin(), await make.team()
    group = await make.access_group("g", models=["a", "b"])
    await done(api, admin, "teamUpdate", id=team.id, models=["group:g"])
    key = await make.api_key(team=team, models=["a", "b"])
    await done(api, admin, "accessGroupUpdate", id=group.id, models=["b", "c"])
    document = f'{{ apiKey(id: "{key.id}") {{ models effectiveModels }} }}'
    assert (await api(admin, document)).payload == {"models": ["a", "b"], "effectiveModels": ["b"]}
