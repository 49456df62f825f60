"""Defaults for new teams: the settings fill in what is left out, before anything is checked."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import asyncpg
import pytest

from api_client import Api
from bursar.database.pool import Database
from factories import Factory

SETTINGS = {
    "new_team_max_budget": "100.50",
    "new_team_budget_duration": "1mo",
    "new_team_tpm_limit": 1000,
    "new_team_rpm_limit": 10,
}
DEFAULTS = {"maxBudget": "100.5", "duration": "1mo", "tpmLimit": "1000", "rpmLimit": "10"}
TEAM = "team { id budget { source limits { maxBudget softBudget duration tpmLimit rpmLimit } } }"


@pytest.fixture
async def server(
    app_with: Callable[..., Any],
    database: Database,  # noqa: ARG001 (emptied after the test)
    owner: asyncpg.Connection,
) -> AsyncIterator[Api]:
    async with (
        app_with(**SETTINGS, self_service_teams=True) as app,
        Api(app, owner) as api,
    ):
        yield api


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, DEFAULTS),
        ({"budget": {}}, DEFAULTS),
        ({"budget": {"maxBudget": "7"}}, {**DEFAULTS, "maxBudget": "7"}),
        (
            {"budget": {"rpmLimit": None, "tpmLimit": "0"}},
            {**DEFAULTS, "rpmLimit": None, "tpmLimit": "0"},
        ),
        (
            {"budget": {"softBudget": "99", "duration": None}},
            {**DEFAULTS, "softBudget": "99", "duration": None},
        ),
    ],
)
async def test_what_is_left_out_of_a_new_team_is_filled_in(
    server: Api, make: Factory, given: dict[str, Any], expected: dict[str, Any]
) -> None:
    answer = await server.mutate(await make.admin(), "teamCreate", TEAM, name="T", **given)
    assert answer.refusals == []
    limits = {"softBudget": None, **expected}
    assert answer.payload["team"]["budget"] == {"source": "OWN", "limits": limits}
    document = '{ auditEntries(filter: { actions: ["team.create"] }) { nodes { after } } }'
    (entry,) = (await server(await make.admin(), document)).payload["nodes"]
    assert entry["after"]["budget"]["maxBudget"] == expected["maxBudget"]


async def test_who_says_that_there_is_no_budget_gets_none(server: Api, make: Factory) -> None:
    admin = await make.admin()
    answer = await server.mutate(admin, "teamCreate", TEAM, name="T", budget=None)
    assert answer.payload["team"]["budget"] is None


async def test_an_update_fills_in_nothing(server: Api, make: Factory) -> None:
    team = await make.team()
    given = {"id": team.id, "budget": {"maxBudget": "1"}}
    answer = await server.mutate(await make.admin(), "teamUpdate", TEAM, **given)
    assert answer.payload["team"]["budget"]["limits"] == {
        **dict.fromkeys([*DEFAULTS, "softBudget"]),
        "maxBudget": "1",
    }


async def test_what_is_filled_in_is_checked_like_what_was_asked_for(
    server: Api, make: Factory
) -> None:
    admin, organization = await make.admin(), await make.organization()
    await make.budget("organization", organization, max_budget=100)
    given = {"name": "T", "organizationId": organization.id}
    answer = await server.refused(admin, "teamCreate", **given)
    assert answer.refusals == [("CONFLICT", "input.budget.maxBudget")]
    answer = await server.refused(admin, "teamCreate", name="T", budget={"softBudget": "101"})
    assert answer.refusals == [("BAD_INPUT", "input.budget.softBudget")]
    me = await make.person()
    await make.budget("user", me.row, max_budget=100, duration="1mo")
    answer = await server.refused(me, "teamCreate", name="T")
    assert answer.refusals == [("FORBIDDEN", "input.budget.maxBudget")]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, ["gpt-5", "openai/*"]),
        ({"models": ["gemini"]}, ["gemini"]),
        ({"models": None}, []),
        ({"allowNone": True}, []),
    ],
)
async def test_models_that_are_not_said_are_filled_in(
    app_with: Callable[..., Any],
    database: Database,  # noqa: ARG001 (emptied after the test)
    owner: asyncpg.Connection,
    make: Factory,
    given: dict[str, Any],
    expected: list[str],
) -> None:
    admin = await make.admin()
    async with app_with(new_team_models="gpt-5, openai/*") as app, Api(app, owner) as api:
        answer = await api.mutate(admin, "teamCreate", "team { models }", name="T", **given)
    assert answer.refusals == []
    assert answer.payload["team"]["models"] == expected


async def test_without_settings_a_new_team_has_no_budget(api: Api, make: Factory) -> None:
    answer = await api.mutate(await make.admin(), "teamCreate", TEAM, name="T")
    assert answer.payload["team"]["budget"] is None
