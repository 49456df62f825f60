"""The gateway settings of teams: kept as given, each field by itself, for those who administer."""

from typing import Any

import pytest

from api_client import Api
from bursar.domain.roles import OrganizationRole, PlatformRole, TeamRole
from factories import Factory, Person

SETTINGS = """
gatewaySettings {
  guardrails disableGlobalGuardrails policies prompts passThroughRoutes fileExpiry batchOutputExpiry
  objectPermission {
    mcpServers mcpAccessGroups mcpToolPermissions { server tools }
    vectorStores agents agentAccessGroups blockedTools
  }
  vectorStoreIndexes { index permissions }
  routerSettings {
    routingStrategy retries timeoutSeconds allowedFails cooldownSeconds
    fallbacks { model fallbacks }
  }
  secretManager secretManagerSettings { name value }
}
"""
NOTHING: dict[str, Any] = {
    "guardrails": [],
    "disableGlobalGuardrails": False,
    "policies": [],
    "prompts": [],
    "passThroughRoutes": [],
    "fileExpiry": None,
    "batchOutputExpiry": None,
    "objectPermission": {
        "mcpServers": [],
        "mcpAccessGroups": [],
        "mcpToolPermissions": [],
        "vectorStores": [],
        "agents": [],
        "agentAccessGroups": [],
        "blockedTools": [],
    },
    "vectorStoreIndexes": [],
    "routerSettings": {
        "routingStrategy": None,
        "retries": None,
        "timeoutSeconds": None,
        "allowedFails": None,
        "cooldownSeconds": None,
        "fallbacks": [],
    },
    "secretManager": None,
    "secretManagerSettings": [],
}
ALL: dict[str, Any] = {
    "guardrails": ["pii", "toxicity"],
    "disableGlobalGuardrails": True,
    "policies": ["eu-only"],
    "prompts": ["greeting"],
    "passThroughRoutes": ["/v1/rerank"],
    "fileExpiry": "30d",
    "batchOutputExpiry": "12h",
    "objectPermission": {
        "mcpServers": ["github"],
        "mcpAccessGroups": ["development"],
        "mcpToolPermissions": [{"server": "github", "tools": ["read_issue"]}],
        "vectorStores": ["handbook"],
        "agents": ["triage"],
        "agentAccessGroups": ["support"],
        "blockedTools": ["shell"],
    },
    "vectorStoreIndexes": [{"index": "wiki", "permissions": ["READ", "WRITE"]}],
    "routerSettings": {
        "routingStrategy": "least-busy",
        "retries": 3,
        "timeoutSeconds": 60,
        "allowedFails": 2,
        "cooldownSeconds": 0,
        "fallbacks": [{"model": "gpt-5", "fallbacks": ["claude-opus", "gemini"]}],
    },
    "secretManager": "vault",
    "secretManagerSettings": [{"name": "path", "value": "teams/search"}],
}


async def read(api: Api, person: Person, team_id: str) -> Any:
    answer = await api(person, f"query($id: ID!) {{ team(id: $id) {{ {SETTINGS} }} }}", id=team_id)
    return answer.payload["gatewaySettings"]


async def update(api: Api, person: Person, team_id: str, settings: Any) -> Any:
    answer = await api.mutate(
        person, "teamUpdate", f"team {{ {SETTINGS} }}", id=team_id, gatewaySettings=settings
    )
    assert answer.refusals == []
    return answer.payload["team"]["gatewaySettings"]


async def test_a_team_is_created_with_settings_that_read_back_as_given(
    api: Api, make: Factory
) -> None:
    admin = await make.admin()

    answer = await api.mutate(
        admin, "teamCreate", f"team {{ id {SETTINGS} }}", name="Search", gatewaySettings=ALL
    )

    assert answer.payload["team"]["gatewaySettings"] == ALL
    assert await read(api, admin, answer.payload["team"]["id"]) == ALL


async def test_a_team_of_which_nothing_was_said_has_settings_that_say_nothing(
    api: Api, make: Factory
) -> None:
    assert await read(api, await make.admin(), (await make.team()).id) == NOTHING


@pytest.mark.parametrize("field", ALL)
async def test_setting_one_field_touches_no_other(api: Api, make: Factory, field: str) -> None:
    admin, team = await make.admin(), await make.team()

    assert await update(api, admin, team.id, {field: ALL[field]}) == {**NOTHING, field: ALL[field]}

    await update(api, admin, team.id, ALL)
    cleared = False if field == "disableGlobalGuardrails" else None
    assert await update(api, admin, team.id, {field: cleared}) == {**ALL, field: NOTHING[field]}


@pytest.mark.parametrize(
    ("group", "field"),
    [
        (group, field)
        for group, inside in ALL.items()
        if isinstance(inside, dict)
        for field in inside
    ],
)
async def test_setting_one_field_of_a_group_touches_no_other(
    api: Api, make: Factory, group: str, field: str
) -> None:
    admin, team = await make.admin(), await make.team()
    await update(api, admin, team.id, ALL)

    changed = await update(api, admin, team.id, {group: {field: None}})

    assert changed == {**ALL, group: {**ALL[group], field: NOTHING[group][field]}}


async def test_null_clears_all_and_an_empty_input_nothing(api: Api, make: Factory) -> None:
    admin, team = await make.admin(), await make.team()
    await update(api, admin, team.id, ALL)

    assert await update(api, admin, team.id, {}) == ALL
    assert await update(api, admin, team.id, {"routerSettings": {}}) == ALL
    assert await update(api, admin, team.id, None) == NOTHING


@pytest.mark.parametrize(
    ("settings", "path"),
    [
        ({"guardrails": [""]}, "guardrails.0"),
        ({"guardrails": ["pii", "pii"]}, "guardrails.1"),
        ({"guardrails": [str(n) for n in range(101)]}, "guardrails"),
        ({"policies": ["x" * 257]}, "policies.0"),
        ({"disableGlobalGuardrails": None}, "disableGlobalGuardrails"),
        ({"objectPermission": {"agents": ["a\nb"]}}, "objectPermission.agents.0"),
        (
            {"objectPermission": {"mcpToolPermissions": [{"server": "a", "tools": ["t", "t"]}]}},
            "objectPermission.mcpToolPermissions.0.tools.1",
        ),
        (
            {"objectPermission": {"mcpToolPermissions": [{"server": "a", "tools": []}] * 2}},
            "objectPermission.mcpToolPermissions.1.server",
        ),
        ({"routerSettings": {"retries": -1}}, "routerSettings.retries"),
        ({"routerSettings": {"routingStrategy": ""}}, "routerSettings.routingStrategy"),
        (
            {"secretManagerSettings": [{"name": "path", "value": "x" * 2_001}]},
            "secretManagerSettings.0.value",
        ),
        (
            {"vectorStoreIndexes": [{"index": "wiki", "permissions": ["READ", "READ"]}]},
            "vectorStoreIndexes.0.permissions.1",
        ),
    ],
)
async def test_a_bad_setting_is_refused_where_it_is(
    api: Api, make: Factory, settings: Any, path: str
) -> None:
    admin, team = await make.admin(), await make.team()
    before = await api.fingerprint()

    for name, given in (("teamUpdate", {"id": team.id}), ("teamCreate", {"name": "New"})):
        answer = await api.mutate(admin, name, "team { id }", **given, gatewaySettings=settings)
        assert answer.refusals == [("BAD_INPUT", f"input.gatewaySettings.{path}")]
        assert answer.payload["team"] is None
    assert await api.fingerprint() == before


async def test_all_that_is_wrong_with_settings_is_said_at_once_each_where_it_is(
    api: Api, make: Factory
) -> None:
    settings = {
        "guardrails": ["", "a", "a"],
        "routerSettings": {"retries": -1, "fallbacks": [{"model": "", "fallbacks": ["", "b"]}]},
    }
    given = {"id": (await make.team()).id, "gatewaySettings": settings}
    answer = await api.refused(await make.admin(), "teamUpdate", **given)
    said = {".".join(each["path"][2:]): each["message"] for each in answer.payload["errors"]}
    assert said == {
        "guardrails.0": "This must be 1 to 256 characters.",
        "guardrails.2": "This is in the list already.",
        "routerSettings.retries": "This must be 0 to 1,000,000.",
        "routerSettings.fallbacks.0.model": "This must be 1 to 256 characters.",
        "routerSettings.fallbacks.0.fallbacks.0": "This must be 1 to 256 characters.",
    }


async def test_who_administers_or_reads_the_organization_sees_them_and_mere_members_do_not(
    api: Api, make: Factory
) -> None:
    organization = await make.organization()
    team = await make.team(organization)
    seeing = [
        await make.admin(),
        await make.person(role=PlatformRole.VIEWER),
        await make.person(organization=organization, organization_role=OrganizationRole.VIEWER),
    ]
    team_admin, member = await make.person(), await make.person()
    await make.team_member(team, team_admin, TeamRole.ADMIN)
    await make.team_member(team, member)
    await update(api, seeing[0], team.id, {"guardrails": ["pii"]})

    for person in (*seeing, team_admin):
        assert (await read(api, person, team.id))["guardrails"] == ["pii"]
    assert await read(api, member, team.id) is None


async def test_the_audit_says_what_of_them_was_changed(api: Api, make: Factory) -> None:
    admin, team = await make.admin(), await make.team()
    await update(api, admin, team.id, {"routerSettings": {"retries": 3}})
    await update(api, admin, team.id, {"guardrails": ["pii"]})

    answer = await api(
        admin,
        "query($id: ID!) { team(id: $id) { audit { nodes { action before after } } } }",
        id=team.id,
    )

    last = answer.payload["audit"]["nodes"][0]
    assert last == {
        "action": "team.update",
        "before": {"gatewaySettings": {"routerSettings": {"retries": 3}}},
        "after": {"gatewaySettings": {"routerSettings": {"retries": 3}, "guardrails": ["pii"]}},
    }
