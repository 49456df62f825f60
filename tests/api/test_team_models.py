"""teamModelsAdd and teamModelsRemove: order, duplicates, open lists, and the last one."""

from typing import Any

import asyncpg
import pytest

from api_client import Api
from bursar.database.rows import Row
from bursar.domain.roles import TeamRole
from factories import Factory, Person

TEAM = "team { models allowNone version }"
NAMED = "SELECT count(*) FROM access_group_uses WHERE group_id = $1 AND team_id = $2"


async def call(api: Api, person: Person, name: str, team: Row, **given: Any) -> Any:
    answer = await api.mutate(person, name, TEAM, id=team.id, **given)
    assert answer.refusals == []
    return answer.payload["team"]


@pytest.mark.parametrize(
    ("stored", "added", "models"),
    [
        ({"models": ["b"]}, ["c", "a"], ["b", "c", "a"]),
        ({"models": ["b", "a"]}, ["c", "b"], ["b", "a", "c"]),
        ({"models": ["b"]}, ["*"], ["b", "*"]),
        ({}, ["a"], ["*", "a"]),
        ({"models": ["*"]}, ["a"], ["*", "a"]),
        ({"models": ["a", "*"]}, ["b"], ["a", "*", "b"]),
        ({"allow_none": True}, ["a"], ["a"]),
        ({"allow_none": True}, ["*"], ["*"]),
    ],
)
async def test_added_models_come_last_and_what_was_open_stays_open(
    api: Api, make: Factory, stored: dict[str, Any], added: list[str], models: list[str]
) -> None:
    admin, team = await make.admin(), await make.team(**stored)
    after = await call(api, admin, "teamModelsAdd", team, models=added)
    assert after == {"models": models, "allowNone": False, "version": 2}


@pytest.mark.parametrize(
    ("stored", "removed", "models"),
    [
        ({"models": ["c", "b", "a"]}, ["b", "unknown"], ["c", "a"]),
        ({"models": ["*", "a"]}, ["*"], ["a"]),
        ({"models": ["*", "a"]}, ["a"], ["*"]),
        ({"models": ["a*", "ab"]}, ["a*"], ["ab"]),
    ],
)
async def test_removed_models_are_gone_and_the_others_keep_their_order(
    api: Api, make: Factory, stored: dict[str, Any], removed: list[str], models: list[str]
) -> None:
    admin, team = await make.admin(), await make.team(**stored)
    after = await call(api, admin, "teamModelsRemove", team, models=removed)
    assert after == {"models": models, "allowNone": False, "version": 2}


@pytest.mark.parametrize("models", [["a", "b"], ["*"]])
async def test_the_last_model_goes_only_to_allow_nothing(
    api: Api, make: Factory, models: list[str]
) -> None:
    admin, team = await make.admin(), await make.team(models=models)
    for given in ({}, {"allowNone": False}):
        answer = await api.refused(admin, "teamModelsRemove", id=team.id, models=models, **given)
        assert answer.refusals == [("CONFLICT", "input.models")]
    after = await call(api, admin, "teamModelsRemove", team, models=models, allowNone=True)
    assert after == {"models": [], "allowNone": True, "version": 2}


@pytest.mark.parametrize(
    ("name", "stored", "models"),
    [
        ("teamModelsAdd", {"models": ["a", "b"]}, ["b"]),
        ("teamModelsAdd", {"models": ["a"]}, []),
        ("teamModelsAdd", {}, ["*"]),
        ("teamModelsAdd", {}, []),
        ("teamModelsAdd", {"allow_none": True}, []),
        ("teamModelsRemove", {"models": ["a"]}, ["b"]),
        ("teamModelsRemove", {"models": ["a"]}, []),
        ("teamModelsRemove", {}, ["a"]),
        ("teamModelsRemove", {"allow_none": True}, ["a"]),
        ("teamModelsRemove", {"models": ["a"]}, ["group:gone"]),
    ],
)
async def test_what_changes_nothing_leaves_no_trace(
    api: Api, make: Factory, name: str, stored: dict[str, Any], models: list[str]
) -> None:
    admin, team = await make.admin(), await make.team(**stored)
    before = await api.fingerprint()
    assert (await call(api, admin, name, team, models=models))["version"] == 1
    assert await api.fingerprint() == before


async def test_team_admin_adds_what_the_organization_allows(api: Api, make: Factory) -> None:
    organization = await make.organization(models=["gpt-*"])
    team = await make.team(organization, models=["gpt-4"])
    lead = await make.person(organization=organization, team=team, team_role=TeamRole.ADMIN)
    answer = await api.refused(
        lead, "teamModelsAdd", id=team.id, models=["gpt-4", "claude", "gpt-5", "o1"]
    )
    assert answer.refusals == [("CONFLICT", "input.models.1"), ("CONFLICT", "input.models.3")]
    after = await call(api, lead, "teamModelsAdd", team, models=["gpt-4", "gpt-5"])
    assert after["models"] == ["gpt-4", "gpt-5"]


async def test_a_star_that_goes_must_leave_what_the_organization_allows(
    api: Api, make: Factory
) -> None:
    admin, organization = await make.admin(), await make.organization(models=["gpt-*"])
    team = await make.team(organization, models=["*", "claude", "gpt-5"])
    answer = await api.refused(admin, "teamModelsRemove", id=team.id, models=["*"])
    assert answer.refusals == [("CONFLICT", "input.models")]
    after = await call(api, admin, "teamModelsRemove", team, models=["*", "claude"])
    assert after["models"] == ["gpt-5"]


@pytest.mark.parametrize("name", ["teamModelsAdd", "teamModelsRemove"])
async def test_bad_entries_and_stale_versions_are_refused(
    api: Api, make: Factory, name: str
) -> None:
    admin, team = await make.admin(), await make.team(models=["a"])
    answer = await api.refused(admin, name, id=team.id, models=["b", "", "b"])
    assert answer.refusals == [("BAD_INPUT", "input.models.1"), ("BAD_INPUT", "input.models.2")]
    answer = await api.refused(admin, name, id=team.id, models=["b"], expectedVersion=2)
    assert answer.refusals == [("VERSION_CONFLICT", "input.expectedVersion")]


async def test_no_more_are_added_than_a_list_may_have(api: Api, make: Factory) -> None:
    admin, team = await make.admin(), await make.team(models=[f"m{n}" for n in range(499)])
    answer = await api.refused(admin, "teamModelsAdd", id=team.id, models=["a", "b"])
    assert answer.refusals == [("BAD_INPUT", "input.models")]
    assert len((await call(api, admin, "teamModelsAdd", team, models=["a", "m1"]))["models"]) == 500


async def test_groups_are_added_and_removed_by_the_keys_of_their_names(
    api: Api, make: Factory, owner: asyncpg.Connection
) -> None:
    admin, team = await make.admin(), await make.team(models=["a"])
    group = await make.access_group("École", models=["b"])
    answer = await api.refused(admin, "teamModelsAdd", id=team.id, models=["c", "group:no"])
    assert answer.refusals == [("NOT_FOUND", "input.models.1")]
    for name in ("group:ÉCOLE", "group:école"):
        after = await call(api, admin, "teamModelsAdd", team, models=[name])
        assert after == {"models": ["a", "group:École"], "allowNone": False, "version": 2}
        assert await owner.fetchval(NAMED, group.id, team.id) == 1
    after = await call(api, admin, "teamModelsRemove", team, models=["group:ÉCOLE"])
    assert after["models"] == ["a"]
    assert await owner.fetchval(NAMED, group.id, team.id) == 0


async def test_entry_of_the_audit_has_the_models_before_and_after(api: Api, make: Factory) -> None:
    admin, team = await make.admin(), await make.team(models=["a"])
    await call(api, admin, "teamModelsAdd", team, models=["b"])
    await call(api, admin, "teamModelsRemove", team, models=["a", "b"], allowNone=True)
    document = "{ auditEntries { nodes { action objectId before after } } }"
    one = {"action": "team.update", "objectId": team.id}
    assert (await api(admin, document)).payload["nodes"] == [
        {
            **one,
            "before": {"models": ["a", "b"], "allowNone": False},
            "after": {"models": [], "allowNone": True},
        },
        {**one, "before": {"models": ["a"]}, "after": {"models": ["a", "b"]}},
    ]


async def test_statements_do_not_depend_on_the_number_of_models(api: Api, make: Factory) -> None:
    admin, organization = await make.admin(), await make.organization(models=["m*"])
    for count in (1, 50):
        for number in range(count):
            await make.access_group(f"g{count}-{number}")
    sent = []
    for count in (1, 50):
        team = await make.team(organization, models=["m"])
        models = [f"group:g{count}-{number}" for number in range(count)]
        answer = await api.mutate(admin, "teamModelsAdd", id=team.id, models=models)
        assert answer.refusals == []
        sent.append(answer.statements)
    assert sent[0] == sent[1]
