"""Access groups in lists of models: who may name which, what they stand for, and what holds."""

import asyncpg
import pytest

from api_client import Api
from bursar.domain.roles import OrganizationRole, PlatformRole, TeamRole
from factories import Factory

EFFECTIVE = """
query($ids: [ID!]!) {
  nodes(ids: $ids) { ... on Team { effectiveModels } ... on ApiKey { effectiveModels } }
}
"""


async def test_who_does_not_see_a_group_is_told_that_there_is_none(api: Api, make: Factory) -> None:
    """A group in the list of an organization is for its admins, and its teams' admins, to give."""
    organization, elsewhere = await make.organization(), await make.organization()
    team, other = await make.team(organization), await make.team(organization)
    groups = {
        "the organization's": ("organization", organization.id),
        "the team's": ("team", (await make.team(organization, name="kept")).id),
        "the service's": ("api_key", (await make.api_key(team=other)).id),
        "elsewhere": ("organization", elsewhere.id),
        "unused": None,
    }
    for name, use in groups.items():
        group = await make.access_group(name)
        if use:
            await make.access_group_use(group, *use)
    boss = await make.person(organization=organization, organization_role=OrganizationRole.ADMIN)
    lead = await make.person(organization=organization, team=team, team_role=TeamRole.ADMIN)
    for person, names in (
        (boss, {"the organization's", "the team's", "the service's"}),
        (lead, {"the organization's"}),
        (await make.admin(), set(groups)),
    ):
        for name in groups:
            given = {"id": team.id, "models": ["a", f"group:{name}"]}
            if name in names:
                answer = await api.mutate(person, "teamUpdate", "team { models }", **given)
                assert answer.payload["team"] == {"models": given["models"]}, name
                await api.mutate(person, "teamUpdate", id=team.id, models=None)
            else:
                hidden = await api.refused(person, "teamUpdate", "team { id }", **given)
                given["models"] = ["a", "group:gone"]
                absent = await api.refused(person, "teamUpdate", "team { id }", **given)
                assert hidden.refusals == [("NOT_FOUND", "input.models.1")]
                assert hidden.data == absent.data


async def test_member_of_a_team_sees_its_groups_and_not_those_of_the_organization(
    api: Api, make: Factory
) -> None:
    """Seen by what they may name in the list of a key of their own."""
    organization = await make.organization()
    team = await make.team(organization)
    member = await make.person(organization=organization, team=team)
    for name, use in (("whole", ("organization", organization.id)), ("own", ("team", team.id))):
        await make.access_group_use(await make.access_group(name), *use)
    assert (await api.mutate(member, "apiKeyCreate", models=["group:own"])).refusals == []
    answer = await api.refused(member, "apiKeyCreate", models=["group:whole"])
    assert answer.refusals == [("NOT_FOUND", "input.models.0")]


async def test_users_name_groups_of_their_own_list_and_keys(api: Api, make: Factory) -> None:
    user, stranger = await make.person(models=["group:mine"]), await make.person()
    mine, of_key = await make.access_group("mine"), await make.access_group("of the key")
    key = await make.api_key(user)
    await make.access_group_use(mine, "user", user.id)
    await make.access_group_use(of_key, "api_key", key.id)
    for person, allowed in ((user, True), (stranger, False)):
        for name in ("mine", "of the key"):
            answer = await api.mutate(person, "apiKeyCreate", models=[f"group:{name}"])
            assert (answer.refusals == []) is allowed


async def test_a_group_is_within_what_has_it_or_all_that_it_stands_for(
    api: Api, make: Factory
) -> None:
    admin = await make.admin()
    small = await make.access_group("small", models=["gpt-mini", "gpt-nano"])
    await make.access_group("mixed", models=["gpt-mini", "claude"])
    await make.access_group("empty")
    models = ["group:small", "gpt-5"]
    organization = await make.organization(models=models)
    await make.access_group_use(small, "organization", organization.id)
    team = await make.team(organization)
    for entry, fits in (
        ("group:small", True),
        ("gpt-nano", True),
        ("gpt-mini*", False),
        ("group:mixed", False),
        ("group:empty", True),
    ):
        answer = await api.mutate(admin, "teamUpdate", "team { id }", id=team.id, models=[entry])
        assert answer.refusals == ([] if fits else [("CONFLICT", "input.models.0")]), entry


async def test_a_used_group_cannot_go(make: Factory, owner: asyncpg.Connection) -> None:
    team, group = await make.team(models=["group:g"]), await make.access_group("g")
    await make.access_group_use(group, "team", team.id)
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await owner.execute("DELETE FROM access_groups")


async def test_a_deleted_thing_no_longer_keeps_its_groups(
    api: Api, make: Factory, owner: asyncpg.Connection
) -> None:
    admin, group = await make.admin(), await make.access_group("g")
    organization, user = await make.organization(), await make.person()
    team = await make.team(organization)
    key = await make.api_key(team=team)
    for kind, id_ in (
        ("organization", organization.id),
        ("team", team.id),
        ("user", user.id),
        ("apiKey", key.id),
    ):
        answer = await api.mutate(admin, f"{kind}Update", id=id_, models=["group:g"])
        assert answer.refusals == []
    assert await owner.fetchval("SELECT count(*) FROM access_group_uses") == 4
    for name, given in (
        ("apiKeysDelete", {"ids": [key.id]}),
        ("teamsDelete", {"ids": [team.id]}),
        ("userDelete", {"id": user.id}),
        ("organizationDelete", {"id": organization.id}),
    ):
        assert (await api.mutate(admin, name, **given)).refusals == []
    assert await owner.fetchval("SELECT count(*) FROM access_group_uses") == 0
    await owner.execute("DELETE FROM access_groups WHERE id = $1", group.id)


async def test_effective_models_are_what_passes_every_level(api: Api, make: Factory) -> None:
    reader = await make.person(PlatformRole.VIEWER)
    group = await make.access_group("g", models=["gpt-mini", "claude-*"])
    bound = await make.organization(models=["group:g", "gpt-5"])
    await make.access_group_use(group, "organization", bound.id)
    open_team, own_team = await make.team(bound), await make.team(bound, models=["gpt-5"])
    none = await make.team(bound, allow_none=True)
    free = await make.team(await make.organization())
    named = await make.team(await make.organization(), models=["group:g"])
    await make.access_group_use(group, "team", named.id)
    user = await make.person(models=["o1", "o3"])
    for team in (open_team, free):
        await make.team_member(team, user)
    grouped = await make.api_key(team=free, models=["group:g", "o1"])
    await make.access_group_use(group, "api_key", grouped.id)
    expected = {
        open_team.id: ["gpt-mini", "claude-*", "gpt-5"],
        own_team.id: ["gpt-5"],
        none.id: [],
        free.id: ["*"],
        named.id: ["gpt-mini", "claude-*"],
        user.key_id: ["o1", "o3"],
        (await make.api_key(user, models=["o3", "gpt-5"])).id: ["o3"],
        (await make.api_key(user, allow_none=True)).id: [],
        (await make.api_key(user, team=free)).id: ["*"],
        (await make.api_key(user, team=open_team, models=["claude-4", "o1"])).id: ["claude-4"],
        (await make.api_key(team=none, models=["gpt-5"])).id: [],
        grouped.id: ["gpt-mini", "claude-*", "o1"],
    }
    answer = await api(reader, EFFECTIVE, ids=list(expected))
    found = [node["effectiveModels"] for node in answer.payload]
    assert dict(zip(expected, found, strict=True)) == expected


async def test_a_member_and_a_key_itself_see_what_holds(api: Api, make: Factory) -> None:
    organization = await make.organization(models=["gpt-5"])
    team = await make.team(organization)
    member = await make.person(organization=organization, team=team)
    service = await make.api_key(team=team)
    ids = [team.id, service.id]
    holds = {"effectiveModels": ["gpt-5"]}
    assert (await api(member, EFFECTIVE, ids=ids)).payload == [holds, None]
    assert (await api(service, EFFECTIVE, ids=ids)).payload == [holds, holds]
