"""Durations changed from all sides at the same moment: each schedule ends with what is in force."""

import asyncio
from typing import Any

import asyncpg
import pytest

from bursar.database.embedded import EmbeddedPostgres
from bursar.operations.checks.schedules import SCHEDULES
from bursar.operations.doctor import report
from factories import Factory
from live_server import LiveApi

LATER = """
SELECT count(*) FROM budget_schedules WHERE starts_at > now()
"""


def document(name: str) -> str:
    declared = f"$input: {name[0].upper()}{name[1:]}Input!"
    return f"mutation({declared}) {{ {name}(input: $input) {{ errors {{ code path }} }} }}"


@pytest.mark.parametrize("rounds", [20, pytest.param(500, marks=pytest.mark.soak)])
async def test_plans_defaults_and_own_budgets_changed_at_once_leave_schedules_that_agree(
    ask: LiveApi,
    make: Factory,
    owner: asyncpg.Connection,
    migrated: EmbeddedPostgres,
    rounds: int,
) -> None:
    admin = await make.admin()
    for _ in range(rounds):
        plan, default = await make.plan(duration="1mo"), await make.plan(duration="1mo")
        team, people = await make.team(), [await make.person() for _ in range(4)]
        inherits, owns, planned, leaves = [await make.team_member(team, p) for p in people]
        key = await make.api_key(team=team)
        for kind, id_ in (
            *(("team_member", member.id) for member in (owns, planned, leaves)),
            *(("user", people[0].id), ("team", team.id), ("api_key", key.id)),
        ):
            await make.attachment(plan, kind, id_)
        await make.attachment(default, "team_default", team.id)

        def do(name: str, **given: Any) -> Any:
            return ask(admin, document(name), input=given)

        own = {"teamId": team.id, "userId": owns.user_id}
        answers = await asyncio.gather(
            do("budgetUpdate", id=plan.id, duration="1d"),
            do("teamMemberUpdate", **own, budget={"duration": "1w"}),
            do("budgetUpdate", id=default.id, timezone="Asia/Tokyo"),
            do("budgetDetach", holderId=planned.id),
            do("teamMemberBudgetUpdate", teamId=team.id, budget={"duration": "1y"}),
            do("apiKeyUpdate", id=key.id, budget={"duration": "1h"}),
            do("budgetUpdate", id=plan.id, duration="2d"),
            do("userUpdate", id=people[0].id, budget={"duration": "1h"}),
            do("teamMemberUpdate", **own, budget=None),
            do("userDelete", id=leaves.user_id),
            do("budgetAttach", budgetId=plan.id, holderId=inherits.id),
        )
        assert [answer.refusals for answer in answers] == [[]] * len(answers)
        found = await report(migrated.owner_url, SCHEDULES)
        assert found.violations == []
        assert found.checked["schedules-in-force"] > 0
        assert await owner.fetchval(LATER) == 0
