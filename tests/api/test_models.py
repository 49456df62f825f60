"""Models of organizations, teams, users and keys: set, read back, and kept within what is above."""

from typing import Any

import asyncpg
import pytest

from api_client import Api
from bursar.database.rows import Row
from bursar.domain.ids import DEFAULT_ORGANIZATION
from bursar.domain.roles import OrganizationRole, TeamRole
from factories import Factory, Person

LISTS = "models allowNone"
USES = """
SELECT access_groups.name FROM access_group_uses
JOIN access_groups ON access_groups.id = group_id
WHERE coalesce(organization_id, team_id, user_id, api_key_id) = $1
ORDER BY access_groups.name
"""
KINDS = ["organization", "team", "user", "apiKey"]


async def new_thing(make: Factory, kind: str) -> str:
    match kind:
        case "organization":
            return (await make.organization()).id
        case "team":
            return (await make.team()).id
        case "user":
            return (await make.person()).id
        case _:
            return (await make.api_key(await make.person())).id


async def updated(api: Api, person: Person, kind: str, **given: Any) -> dict[str, Any]:
    selection = f"{kind} {{ {LISTS} }}"
    answer = await api.mutate(person, f"{kind}Update", selection, **given)
    assert answer.refusals == []
    found: dict[str, Any] = answer.payload[kind]
    return found


async def uses(owner: asyncpg.Connection, id_: str) -> list[str]:
    return [row["name"] for row in await owner.fetch(USES, id_)]


@pytest.mark.parametrize("kind", KINDS)
async def test_list_is_set_kept_cleared_and_closed(api: Api, make: Factory, kind: str) -> None:
    admin, id_ = await make.admin(), await new_thing(make, kind)
    listed = {"models": ["openai/*", "claude"], "allowNone": False}
    opened, closed = {"models": [], "allowNone": False}, {"models": [], "allowNone": True}
    for given, expected in (
        ({}, opened),
        ({"models": listed["models"]}, listed),
        ({"metadata": {"a": 1}}, listed),
        ({"allowNone": False}, listed),
        ({"models": None}, opened),
        ({"models": listed["models"], "allowNone": False}, listed),
        ({"allowNone": True}, closed),
        ({"metadata": {}}, closed),
        ({"allowNone": False}, opened),
        ({"models": [], "allowNone": True}, closed),
        ({"models": []}, opened),
        ({"models": None, "allowNone": True}, closed),
        ({"models": listed["models"]}, listed),
    ):
        assert await updated(api, admin, kind, id=id_, **given) == expected, given
        document = f"query($id: ID!) {{ {kind}(id: $id) {{ {LISTS} }} }}"
        assert (await api(admin, document, id=id_)).payload == expected


@pytest.mark.parametrize("kind", KINDS)
async def test_thing_is_created_with_models_and_their_groups(
    api: Api, make: Factory, owner: asyncpg.Connection, kind: str
) -> None:
    admin = await make.admin()
    await make.access_group("Cheap ones", models=["gpt-mini"])
    needed = {} if kind == "apiKey" else {"name": "New"}
    given = {**needed, "models": ["gpt-5", "group:CHEAP ONES"]}
    answer = await api.mutate(admin, f"{kind}Create", f"{kind} {{ id {LISTS} }}", **given)
    assert answer.refusals == []
    thing = answer.payload[kind]
    named = ["gpt-5", "group:Cheap ones"]
    assert thing == {"id": thing["id"], "models": named, "allowNone": False}
    assert await uses(owner, thing["id"]) == ["Cheap ones"]
    await updated(api, admin, kind, id=thing["id"], metadata={})
    assert await uses(owner, thing["id"]) == ["Cheap ones"]
    await updated(api, admin, kind, id=thing["id"], models=["gpt-5"])
    assert await uses(owner, thing["id"]) == []
    answer = await api.mutate(
        admin, f"{kind}Create", f"{kind} {{ {LISTS} }}", **needed, allowNone=True
    )
    assert answer.payload[kind] == {"models": [], "allowNone": True}


@pytest.mark.parametrize("kind", KINDS)
async def test_entries_are_judged_each_at_its_place(api: Api, make: Factory, kind: str) -> None:
    admin, id_ = await make.admin(), await new_thing(make, kind)
    bad = ["ok", "", "a b", "x" * 257, "group:", "group:\0", "ok", "group:Ok", "group:OK", "\u202e"]
    answer = await api.refused(admin, f"{kind}Update", id=id_, models=bad, allowNone=True)
    places = [1, 2, 3, 4, 5, 6, 8, 9]
    assert answer.refusals == [
        *(("BAD_INPUT", f"input.models.{place}") for place in places),
        ("BAD_INPUT", "input.allowNone"),
    ]
    answer = await api.refused(
        admin, f"{kind}Update", id=id_, models=[f"m{n}" for n in range(501)], allowNone=None
    )
    assert answer.refusals == [("BAD_INPUT", "input.models"), ("BAD_INPUT", "input.allowNone")]


async def test_aliases_are_set_whole_and_told_by_their_names(api: Api, make: Factory) -> None:
    admin = await make.admin()
    selection = "team { id modelAliases { alias model } }"
    aliases = [{"alias": "zippy", "model": "gpt-5"}, {"alias": "a", "model": "openai/gpt-4"}]
    answer = await api.mutate(admin, "teamCreate", selection, name="T", modelAliases=aliases)
    team = answer.payload["team"]
    assert team["modelAliases"] == aliases[::-1]
    for given, expected in (
        ({"name": "U"}, aliases[::-1]),
        ({"modelAliases": aliases[:1]}, aliases[:1]),
        ({"modelAliases": None}, []),
    ):
        answer = await api.mutate(admin, "teamUpdate", selection, id=team["id"], **given)
        assert answer.payload["team"]["modelAliases"] == expected


async def test_aliases_are_judged_each_at_its_place(api: Api, make: Factory) -> None:
    admin, team = await make.admin(), await make.team()
    aliases = [
        {"alias": "a", "model": "b"},
        {"alias": "a", "model": "gpt-*"},
        {"alias": "*", "model": "group:x"},
        {"alias": "", "model": "x y"},
    ]
    answer = await api.refused(admin, "teamUpdate", id=team.id, modelAliases=aliases)
    assert answer.refusals == [
        ("BAD_INPUT", "input.modelAliases.1.model"),
        ("BAD_INPUT", "input.modelAliases.1.alias"),
        ("BAD_INPUT", "input.modelAliases.2.alias"),
        ("BAD_INPUT", "input.modelAliases.2.model"),
        ("BAD_INPUT", "input.modelAliases.3.alias"),
        ("BAD_INPUT", "input.modelAliases.3.model"),
    ]
    many = [{"alias": f"a{n}", "model": "b"} for n in range(101)]
    answer = await api.refused(admin, "teamUpdate", id=team.id, modelAliases=many)
    assert answer.refusals == [("BAD_INPUT", "input.modelAliases")]


async def test_team_is_within_its_organization_when_created_and_updated(
    api: Api, make: Factory
) -> None:
    admin, organization = await make.admin(), await make.organization(models=["openai/*", "claude"])
    models = ["openai/gpt-5", "gpt-5", "claude", "*/gpt-5", "openai/gpt-*"]
    expected = {
        "__typename": "ModelNotAllowed",
        "code": "CONFLICT",
        "message": "The organization does not allow gpt-5.",
        "level": "organization",
        "model": "gpt-5",
    }
    for name, given in (
        ("teamCreate", {"name": "T", "organizationId": organization.id}),
        ("teamUpdate", {"id": (await make.team(organization)).id}),
    ):
        answer = await api.refused(admin, name, models=models, budget={"maxBudget": "1"}, **given)
        assert answer.payload["errors"][0] == {**expected, "path": ["input", "models", "1"]}
        assert answer.refusals[1:] == [("CONFLICT", "input.models.3")]
        for good in (["openai/gpt-5", "claude", "openai/gpt-*"], None, ["*"], ["*", "gpt-5"]):
            assert (await api.mutate(admin, name, models=good, **given)).refusals == []
        assert (await api.mutate(admin, name, allowNone=True, **given)).refusals == []


async def test_limits_and_models_above_the_organization_are_said_at_once(
    api: Api, make: Factory
) -> None:
    admin, organization = await make.admin(), await make.organization(models=["claude"])
    await make.budget("organization", organization, max_budget=5)
    team = await make.team(organization)
    given = {"models": ["gpt-5"], "budget": {"maxBudget": "6"}}
    expected = [("CONFLICT", "input.models.0"), ("CONFLICT", "input.budget.maxBudget")]
    assert (await api.refused(admin, "teamUpdate", id=team.id, **given)).refusals == expected
    given = {**given, "name": "T", "organizationId": organization.id}
    assert (await api.refused(admin, "teamCreate", **given)).refusals == expected
    await make.budget("team", team, max_budget=5)
    answer = await api.refused(
        admin, "organizationUpdate", id=organization.id, allowNone=True, budget={"maxBudget": "4"}
    )
    assert answer.refusals == [("CONFLICT", "input.budget.maxBudget")]


async def test_organization_is_not_narrowed_below_its_teams(api: Api, make: Factory) -> None:
    admin, organization = await make.admin(), await make.organization(models=["*"])
    group = await make.access_group("g", models=["claude-1", "claude-2"])
    gpt = await make.team(organization, models=["gpt-5", "claude-1"])
    named = await make.team(organization, models=["group:g"])
    await make.access_group_use(group, "team", named.id)
    for models in ([], ["*"]):
        await make.team(organization, models=models)
    await make.team(organization, allow_none=True)
    await make.team(models=["elsewhere"])
    stranded: list[tuple[dict[str, Any], list[Row]]] = [
        ({"models": ["gpt-*"]}, [gpt, named]),
        ({"allowNone": True}, [gpt, named]),
        ({"models": ["gpt-5", "claude-1"]}, [named]),
        ({"models": ["group:g"]}, [gpt]),
    ]
    for given, teams in stranded:
        answer = await api.refused(admin, "organizationUpdate", id=organization.id, **given)
        (error,) = answer.payload["errors"]
        assert error["path"] == ["input", "models"]
        assert error["__typename"] == "TeamsExceedLimits"
        assert [team["id"] for team in error["teams"]] == [team.id for team in teams]
    for models in (["gpt-5", "claude-*"], ["group:G", "gpt-*"], None):
        await updated(api, admin, "organization", id=organization.id, models=models)


async def test_statements_do_not_depend_on_the_number_of_teams_and_100_are_told(
    api: Api, make: Factory
) -> None:
    admin = await make.admin()
    sent = []
    for count in (1, 101):
        organization = await make.organization()
        for _ in range(count):
            await make.team(organization, models=["gpt-5"])
        kept = await api.mutate(admin, "organizationUpdate", id=organization.id, models=["gpt-*"])
        assert kept.refusals == []
        answer = await api.refused(admin, "organizationUpdate", id=organization.id, models=["o1"])
        (error,) = answer.payload["errors"]
        assert len(error["teams"]) == min(count, 100)
        sent.append((kept.statements, answer.statements))
    assert sent[0] == sent[1]


@pytest.mark.parametrize("kind", ["member", "service"])
async def test_key_is_within_its_team_or_where_that_is_open_its_organization(
    api: Api, make: Factory, kind: str
) -> None:
    organization = await make.organization(models=["gpt-*"])
    member = await make.person(models=["nothing-of-this-counts"], organization=organization)
    admin = await make.person(organization=organization)
    for models, level, inside, outside in (
        (["gpt-5"], "team", "gpt-5", "gpt-4"),
        ([], "organization", "gpt-4", "claude"),
        (["*"], "organization", "gpt-4*", "*-gpt-4"),
    ):
        team = await make.team(organization, models=models)
        await make.team_member(team, member)
        await make.team_member(team, admin, TeamRole.ADMIN)
        given = {"teamId": team.id} | ({"userId": member.id} if kind == "member" else {})
        key = await make.api_key(member if kind == "member" else None, team=team)
        for name, input_ in (("apiKeyCreate", given), ("apiKeyUpdate", {"id": key.id})):
            answer = await api.refused(admin, name, **input_, models=[inside, outside])
            (error,) = answer.payload["errors"]
            assert error["path"] == ["input", "models", "1"]
            assert (error["level"], error["model"]) == (level, outside)
            for good in ([inside], None, ["*"]):
                assert (await api.mutate(admin, name, **input_, models=good)).refusals == []


async def test_personal_key_is_within_its_users_models(api: Api, make: Factory) -> None:
    user = await make.person(models=["gpt-*"])
    key = await make.api_key(user)
    for name, given in (("apiKeyCreate", {}), ("apiKeyUpdate", {"id": key.id})):
        answer = await api.refused(user, name, **given, models=["claude"])
        assert answer.refusals == [("CONFLICT", "input.models.0")]
        assert answer.payload["errors"][0]["level"] == "user"
        assert (await api.mutate(user, name, **given, models=["gpt-5"])).refusals == []


async def test_team_and_user_are_narrowed_below_their_keys_which_are_bound(
    api: Api, make: Factory
) -> None:
    admin, user, team = await make.admin(), await make.person(), await make.team()
    await make.team_member(team, user)
    for holder, key in (
        (("team", team.id), await make.api_key(user, team=team, models=["gpt-5", "claude"])),
        (("user", user.id), await make.api_key(user, models=["gpt-5", "claude"])),
    ):
        kind, id_ = holder
        await updated(api, admin, kind, id=id_, models=["claude", "o1"])
        document = "query($id: ID!) { apiKey(id: $id) { models effectiveModels } }"
        assert (await api(admin, document, id=key.id)).payload == {
            "models": ["gpt-5", "claude"],
            "effectiveModels": ["claude"],
        }


async def test_models_of_organization_and_user_are_shown_to_who_sees_them_whole(
    api: Api, make: Factory
) -> None:
    organization = await make.organization(models=["gpt-5"])
    team = await make.team(organization)
    member = await make.person(organization=organization, team=team, models=["claude"])
    reader = await make.person(organization=organization, organization_role=OrganizationRole.VIEWER)
    document = f"""
      query($organization: ID!, $user: ID!) {{
        nodes(ids: [$organization, $user]) {{
          ... on Organization {{ {LISTS} }} ... on User {{ {LISTS} }}
        }}
      }}
    """
    ids = {"organization": organization.id, "user": member.id}
    hidden = {"models": None, "allowNone": None}
    shown = [{"models": [model], "allowNone": False} for model in ("gpt-5", "claude")]
    assert (await api(reader, document, **ids)).payload == [shown[0], hidden]
    assert (await api(member, document, **ids)).payload == [hidden, shown[1]]


async def test_built_in_organization_binds_its_teams_too(api: Api, make: Factory) -> None:
    admin, team = await make.admin(), await make.team()
    await updated(api, admin, "organization", id=DEFAULT_ORGANIZATION, models=["gpt-*"])
    answer = await api.refused(admin, "teamUpdate", id=team.id, models=["claude"])
    assert answer.refusals == [("CONFLICT", "input.models.0")]


async def test_stale_version_is_said_before_what_is_wrong_with_models(
    api: Api, make: Factory
) -> None:
    admin, team = await make.admin(), await make.team(await make.organization(allow_none=True))
    given = {"id": team.id, "models": ["group:none", "gpt-5"], "expectedVersion": 2}
    answer = await api.refused(admin, "teamUpdate", **given)
    assert answer.refusals == [("VERSION_CONFLICT", "input.expectedVersion")]
    answer = await api.refused(admin, "teamUpdate", **{**given, "expectedVersion": 1})
    assert answer.refusals == [("NOT_FOUND", "input.models.0")]
