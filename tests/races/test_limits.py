"""Limits and versions changed at the same moment: what holds between them holds at the end."""

import asyncio

import asyncpg
import pytest

from factories import Factory
from live_server import LiveApi

LIMIT_TEAM = """
mutation Limit($input: TeamUpdateInput!) {
  teamUpdate(input: $input) { team { name version } errors { code path } }
}
"""
LIMIT_ORGANIZATION = """
mutation Limit($input: OrganizationUpdateInput!) {
  organizationUpdate(input: $input) { errors { code path } }
}
"""
ABOVE = """
SELECT count(*) FROM teams
JOIN budgets AS own ON own.team_id = teams.id
JOIN budgets AS whole ON whole.organization_id = teams.organization_id
WHERE own.max_budget > whole.max_budget
"""


@pytest.mark.parametrize("rounds", [20, pytest.param(1000, marks=pytest.mark.soak)])
async def test_an_organization_lowering_its_budget_while_teams_raise_theirs_stays_above_them(
    ask: LiveApi, make: Factory, owner: asyncpg.Connection, rounds: int
) -> None:
    admin = await make.admin()
    for _ in range(rounds):
        organization = await make.organization()
        await make.budget("organization", organization, max_budget=100)
        teams = [await make.team(organization) for _ in range(4)]
        raises = [
            ask(admin, LIMIT_TEAM, input={"id": team.id, "budget": {"maxBudget": "90"}})
            for team in teams
        ]
        lowers = ask(
            admin,
            LIMIT_ORGANIZATION,
            input={"id": organization.id, "budget": {"maxBudget": "60"}},
        )
        answers = await asyncio.gather(*raises[:2], lowers, *raises[2:])
        for answer in answers:
            assert answer.refusals in ([], [("CONFLICT", "input.budget.maxBudget")])
        lowered = answers.pop(2)
        raised = [answer for answer in answers if not answer.refusals]
        assert bool(raised) is bool(lowered.refusals)
        assert await owner.fetchval(ABOVE) == 0


async def test_of_10_updates_of_the_same_version_one_wins(
    ask: LiveApi, make: Factory, owner: asyncpg.Connection
) -> None:
    admin = await make.admin()
    for _ in range(10):
        team = await make.team()
        names = [f"Name {number}" for number in range(10)]
        answers = await asyncio.gather(
            *(
                ask(admin, LIMIT_TEAM, input={"id": team.id, "name": name, "expectedVersion": 1})
                for name in names
            )
        )
        won = [answer.payload["team"] for answer in answers if not answer.refusals]
        lost = [answer.refusals for answer in answers if answer.refusals]
        assert lost == [[("VERSION_CONFLICT", "input.expectedVersion")]] * 9
        stored = await owner.fetchrow("SELECT name, version FROM teams WHERE id = $1", team.id)
        assert won == [dict(stored)]
        assert stored["version"] == 2
