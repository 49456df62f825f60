"""Plans changed, attached and deleted at the same moment: what limits promise holds at the end."""

import asyncio
from typing import Any

import asyncpg
import pytest

from bursar.database.embedded import EmbeddedPostgres
from factories import Factory
from live_server import LiveApi

ROUNDS = 20
HELD = """
WITH held AS (
  SELECT organization_id, team_id, default_of_team_id, max_budget FROM budgets WHERE name IS NULL
  UNION ALL
  SELECT a.organization_id, a.team_id, a.default_of_team_id, b.max_budget
  FROM budget_attachments a JOIN budgets b ON b.id = a.plan_id
)
"""
ABOVE = f"""
{HELD} SELECT count(*) FROM teams
JOIN held AS own ON own.team_id = teams.id
JOIN held AS whole ON whole.organization_id = teams.organization_id
WHERE own.max_budget > whole.max_budget
"""
TWICE = f"""
{HELD} SELECT count(*) FROM (
  SELECT FROM held WHERE team_id IS NOT NULL GROUP BY team_id HAVING count(*) > 1
) AS twice
"""
AT_MAX = ("CONFLICT", "input.maxBudget")


def document(name: str) -> str:
    declared = f"$input: {name[0].upper()}{name[1:]}Input!"
    return f"mutation({declared}) {{ {name}(input: $input) {{ errors {{ code path }} }} }}"


@pytest.mark.parametrize("rounds", [ROUNDS, pytest.param(500, marks=pytest.mark.soak)])
async def test_a_plan_raised_while_its_teams_organization_is_lowered_stays_within_it(
    ask: LiveApi, make: Factory, owner: asyncpg.Connection, rounds: int
) -> None:
    admin = await make.admin()
    for _ in range(rounds):
        organization = await make.organization()
        await make.budget("organization", organization, max_budget=100)
        plan, other = await make.plan(max_budget=50), await make.plan(max_budget=50)
        for each in (plan, plan, other):
            await make.attachment(each, "team", (await make.team(organization)).id)
        late = await make.team(organization)

        def do(name: str, **given: Any) -> Any:
            return ask(admin, document(name), input=given)

        answers = await asyncio.gather(
            do("budgetUpdate", id=plan.id, maxBudget="90"),
            do("budgetAttach", budgetId=plan.id, holderId=late.id),
            do("organizationUpdate", id=organization.id, budget={"maxBudget": "60"}),
            do("budgetUpdate", id=other.id, maxBudget="80"),
        )
        raised, attached, lowered, also_raised = [answer.refusals for answer in answers]
        assert raised in ([], [AT_MAX])
        assert also_raised in ([], [AT_MAX])
        assert attached in ([], [("CONFLICT", "input.budgetId.maxBudget")])
        assert lowered in ([], [("CONFLICT", "input.budget.maxBudget")])
        assert not (lowered == [] and [] in (raised, also_raised))
        assert await owner.fetchval(ABOVE) == 0


async def test_plans_lowered_for_organizations_and_raised_for_teams_never_cross(
    ask: LiveApi, make: Factory, owner: asyncpg.Connection
) -> None:
    admin = await make.admin()
    for _ in range(ROUNDS):
        whole, part = await make.plan(max_budget=100), await make.plan(max_budget=50)
        teams = []
        for _ in range(4):
            organization = await make.organization()
            await make.attachment(whole, "organization", organization.id)
            teams.append(await make.team(organization))
        await make.attachment(part, "team", teams[0].id)
        raised, lowered, *others = await asyncio.gather(
            ask(admin, document("budgetUpdate"), input={"id": part.id, "maxBudget": "90"}),
            ask(admin, document("budgetUpdate"), input={"id": whole.id, "maxBudget": "60"}),
            *(
                ask(admin, document("budgetAttach"), input={"budgetId": part.id, "holderId": t.id})
                for t in teams[1:]
            ),
        )
        assert [raised.refusals, lowered.refusals].count([]) == 1
        assert all(o.refusals in ([], [("CONFLICT", "input.budgetId.maxBudget")]) for o in others)
        assert await owner.fetchval(ABOVE) == 0


async def test_a_plan_deleted_while_it_is_attached_is_in_use_or_gone(
    ask: LiveApi, make: Factory, owner: asyncpg.Connection
) -> None:
    admin = await make.admin()
    team = await make.team()
    for _ in range(ROUNDS):
        plan = await make.plan()
        people = [await make.person() for _ in range(4)]
        attaching = [
            ask(admin, document("budgetAttach"), input={"budgetId": plan.id, "holderId": id_})
            for id_ in (team.id, *(person.id for person in people))
        ]
        deleting = ask(admin, document("budgetDelete"), input={"id": plan.id})
        answers = await asyncio.gather(*attaching[:2], deleting, *attaching[2:])
        deleted = answers.pop(2).refusals
        attached = [answer.refusals for answer in answers]
        there = await owner.fetchval("SELECT count(*) FROM budgets WHERE id = $1", plan.id)
        if deleted:
            assert deleted == [("CONFLICT", "input.id")]
            assert (there, attached) == (1, [[]] * 5)
        else:
            assert (there, attached) == (0, [[("NOT_FOUND", "input.budgetId")]] * 5)


async def test_plans_and_own_limits_given_to_a_team_at_once_leave_it_with_one_budget(
    ask: LiveApi, make: Factory, owner: asyncpg.Connection
) -> None:
    admin = await make.admin()
    plans = [await make.plan(max_budget=number) for number in range(6)]
    for _ in range(ROUNDS):
        team = await make.team()
        answers = await asyncio.gather(
            *(
                ask(admin, document("budgetAttach"), input={"budgetId": p.id, "holderId": team.id})
                for p in plans
            ),
            *(
                ask(
                    admin,
                    document("teamUpdate"),
                    input={"id": team.id, "budget": {"rpmLimit": str(number)}},
                )
                for number in range(6)
            ),
        )
        assert [answer.refusals for answer in answers] == [[]] * 12
        assert await owner.fetchval(TWICE) == 0
        assert (await owner.fetchrow("SELECT version FROM teams WHERE id = $1", team.id))[0] == 13


async def test_holders_deleted_while_they_get_a_plan_leave_no_trace_of_it(
    ask: LiveApi, make: Factory, owner: asyncpg.Connection
) -> None:
    admin, plan = await make.admin(), await make.plan(max_budget=1)
    for _ in range(ROUNDS):
        team, person = await make.team(), await make.person()
        member = await make.team_member(team, person)
        ids = [person.id, person.key_id, member.id, team.id]
        attaching = [
            ask(admin, document("budgetAttach"), input={"budgetId": plan.id, "holderId": id_})
            for id_ in ids
        ]
        raising = ask(admin, document("budgetUpdate"), input={"id": plan.id, "maxBudget": "2"})
        deleting = [
            ask(admin, document("userDelete"), input={"id": person.id}),
            ask(admin, document("teamsDelete"), input={"ids": [team.id]}),
        ]
        *attached, raised, left, gone = await asyncio.gather(*attaching, raising, *deleting)
        assert [raised.refusals, left.refusals, gone.refusals] == [[], [], []]
        said = [answer.refusals for answer in attached]
        assert all(refusals in ([], [("NOT_FOUND", "input.holderId")]) for refusals in said)
        assert await owner.fetchval("SELECT count(*) FROM budget_attachments") == 0


async def test_a_plan_waits_for_the_organization_of_a_team_that_got_it_meanwhile(
    ask: LiveApi, make: Factory, owner: asyncpg.Connection, migrated: EmbeddedPostgres
) -> None:
    admin, plan = await make.admin(), await make.plan(max_budget=50)
    first, second = await make.organization(), await make.organization()
    await make.attachment(plan, "team", (await make.team(first)).id)
    late = await make.team(second)
    lock = "SELECT FROM organizations WHERE id = $1 FOR UPDATE"
    other = await asyncpg.connect(migrated.owner_url)
    try:
        async with other.transaction():
            async with owner.transaction():
                await owner.execute(lock, first.id)
                changes = {"id": plan.id, "maxBudget": "90"}
                raising = asyncio.create_task(ask(admin, document("budgetUpdate"), input=changes))
                await asyncio.sleep(0.3)
                await make.attachment(plan, "team", late.id)
                await other.execute(lock, second.id)
            await asyncio.sleep(0.5)
            assert not raising.done()
        assert (await raising).refusals == []
    finally:
        await other.close()
