"""Guarantees asked for at the same moment: together they stay within what is above them."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import asyncpg
import pytest

from api_client import Answer
from bursar.database.rows import Row
from bursar.operations.checks.limits import LIMITS
from factories import Factory
from live_server import LiveApi

ROUNDS = pytest.mark.parametrize("rounds", [20, pytest.param(1000, marks=pytest.mark.soak)])
GUARANTEED = {"rpmLimitType": "GUARANTEED"}
SIXTY = {"budget": {"rpmLimit": 60}}

Ask = Callable[..., Awaitable[Answer]]


@pytest.fixture
async def do(ask: LiveApi, make: Factory) -> Ask:
    """Call a mutation as an admin."""
    admin = await make.admin()

    async def call(name: str, /, **given: Any) -> Answer:
        declared = f"$input: {name[0].upper()}{name[1:]}Input!"
        document = f"mutation({declared}) {{ {name}(input: $input) {{ errors {{ code path }} }} }}"
        return await ask(admin, document, input=given)

    return call


async def one_wins(owner: asyncpg.Connection, *calls: Awaitable[Answer]) -> None:
    answers = await asyncio.gather(*calls)
    lost = [answer.refusals for answer in answers if answer.refusals]
    assert len(lost) == len(answers) - 1
    assert {code for refusals in lost for code, _ in refusals} <= {"CONFLICT"}
    for check in LIMITS:
        assert await owner.fetch(check.sql) == []


async def ways_to_60(
    make: Factory, owner: str, children: Sequence[Row], number: int
) -> tuple[str, list[dict[str, Any]]]:
    """How both children may ask for 60, another way for each number: a mutation and its inputs.

    To be guaranteed what they have or with it, to have more of what is guaranteed, by themselves,
    by a plan that they get, or by one that they have.
    """
    update = {"team": "teamUpdate", "api_key": "apiKeyUpdate"}[owner]
    ids = [{"id": child.id} for child in children]
    if number % 5 < 2:
        for child in children:
            await make.budget(owner, child, rpm_limit=60)
        return update, [{**id_, **GUARANTEED, **(SIXTY if number % 5 else {})} for id_ in ids]
    if number % 5 == 2:
        return update, [{**id_, **SIXTY} for id_ in ids]
    plans = [await make.plan(rpm_limit=60 if number % 5 == 3 else 40) for _ in children]
    if number % 5 == 3:
        return "budgetAttach", [
            {"budgetId": plan.id, "holderId": child.id}
            for plan, child in zip(plans, children, strict=True)
        ]
    for plan, child in zip(plans, children, strict=True):
        await make.attachment(plan, owner, child.id)
    return "budgetUpdate", [{"id": plan.id, "rpmLimit": 60} for plan in plans]


@ROUNDS
async def test_of_two_teams_that_are_guaranteed_60_of_100_at_once_one_is(
    do: Ask, make: Factory, owner: asyncpg.Connection, rounds: int
) -> None:
    for number in range(rounds):
        organization = await make.organization()
        await make.budget("organization", organization, rpm_limit=100)
        kind = "BEST_EFFORT" if number % 5 < 2 else "GUARANTEED"
        teams = [await make.team(organization, rpm_limit_type=kind) for _ in range(2)]
        name, inputs = await ways_to_60(make, "team", teams, number)
        await one_wins(owner, *(do(name, **given) for given in inputs))


@ROUNDS
async def test_of_two_keys_that_are_guaranteed_60_of_100_at_once_one_is(
    do: Ask, make: Factory, owner: asyncpg.Connection, rounds: int
) -> None:
    for number in range(rounds):
        team = await make.team()
        await make.budget("team", team, rpm_limit=100)
        kind = "BEST_EFFORT" if number % 5 < 2 else "GUARANTEED"
        keys = [(await make.api_key(team=team, rpm_limit_type=kind)).row for _ in range(2)]
        name, inputs = await ways_to_60(make, "api_key", keys, number)
        await one_wins(owner, *(do(name, **given) for given in inputs))


async def test_of_two_that_are_created_with_a_guarantee_of_60_of_100_at_once_one_is(
    do: Ask, make: Factory, owner: asyncpg.Connection
) -> None:
    for _ in range(25):
        organization = await make.organization()
        await make.budget("organization", organization, rpm_limit=100)
        team = await make.team()
        await make.budget("team", team, rpm_limit=100)
        for name, given in (
            ("teamCreate", {"name": "New", "organizationId": organization.id}),
            ("apiKeyCreate", {"teamId": team.id}),
        ):
            await one_wins(owner, *(do(name, **given, **GUARANTEED, **SIXTY) for _ in range(2)))


@ROUNDS
async def test_a_parent_lowered_while_another_child_is_guaranteed_is_one_or_the_other(
    do: Ask, make: Factory, owner: asyncpg.Connection, rounds: int
) -> None:
    """The parent by its own budget, or by its plan; of an organization a team, of a team a key."""
    for number in range(rounds):
        organization = await make.organization()
        team = await make.team(organization)
        if number % 2:
            level, parent, held, child = "organization", organization, "team", team
            before = await make.team(organization, rpm_limit_type="GUARANTEED")
        else:
            level, parent, held = "team", team, "api_key"
            child = (await make.api_key(team=team)).row
            before = (await make.api_key(team=team, rpm_limit_type="GUARANTEED")).row
        for each in (child, before):
            await make.budget(held, each, rpm_limit=45)
        if number % 4 < 2:
            await make.budget(level, parent, rpm_limit=100)
            lowers = do(f"{level}Update", id=parent.id, budget={"rpmLimit": 60})
        else:
            plan = await make.plan(rpm_limit=100)
            await make.attachment(plan, level, parent.id)
            lowers = do("budgetUpdate", id=plan.id, rpmLimit=60)
        name = "teamUpdate" if held == "team" else "apiKeyUpdate"
        await one_wins(owner, lowers, do(name, id=child.id, **GUARANTEED))
