"""Models changed at the same moment on both sides of a rule, which holds at the end."""

import asyncio

import asyncpg
import pytest

from factories import Factory
from live_server import LiveApi

ADD = """
mutation Add($input: TeamModelsAddInput!) {
  teamModelsAdd(input: $input) { team { models } errors { code path } }
}
"""
UPDATE = """
mutation Update($input: TeamUpdateInput!) {
  teamUpdate(input: $input) { errors { code path } }
}
"""
NARROW = """
mutation Narrow($input: OrganizationUpdateInput!) {
  organizationUpdate(input: $input) { errors { code path } }
}
"""
CREATE = """
mutation Create($input: TeamCreateInput!) {
  teamCreate(input: $input) { errors { code path } }
}
"""
# Lists here have names alone, so that SQL can tell what is within them.
STRANDED = """
SELECT count(*) FROM teams JOIN organizations ON organizations.id = organization_id
WHERE NOT teams.models <@ organizations.models
"""


@pytest.mark.parametrize("rounds", [20, pytest.param(1000, marks=pytest.mark.soak)])
async def test_an_organization_narrowed_while_its_teams_are_widened_strands_none(
    ask: LiveApi, make: Factory, owner: asyncpg.Connection, rounds: int
) -> None:
    admin = await make.admin()
    won = {"narrowed": 0, "widened": 0}
    for _ in range(rounds):
        organization = await make.organization(models=["a", "b"])
        one, other = [await make.team(organization, models=["a"]) for _ in range(2)]
        answers = await asyncio.gather(
            ask(admin, ADD, input={"id": one.id, "models": ["b"]}),
            ask(admin, NARROW, input={"id": organization.id, "models": ["a"]}),
            ask(admin, UPDATE, input={"id": other.id, "models": ["a", "b"]}),
            ask(
                admin,
                CREATE,
                input={"name": "T", "organizationId": organization.id, "models": ["b"]},
            ),
        )
        narrowed = not answers.pop(1).refusals
        widened = [answer for answer in answers if not answer.refusals]
        assert narrowed is not bool(widened)
        won["narrowed" if narrowed else "widened"] += 1
        assert await owner.fetchval(STRANDED) == 0
    assert sum(won.values()) == rounds


async def test_models_added_and_removed_by_many_at_once_all_arrive(
    ask: LiveApi, make: Factory, owner: asyncpg.Connection
) -> None:
    admin = await make.admin()
    for _ in range(10):
        team = await make.team(models=["a"])
        await asyncio.gather(
            *(ask(admin, ADD, input={"id": team.id, "models": [f"m{n}"]}) for n in range(10))
        )
        models = await owner.fetchval("SELECT models FROM teams WHERE id = $1", team.id)
        assert models[0] == "a"
        assert sorted(models[1:]) == [f"m{n}" for n in range(10)]


async def test_a_group_that_goes_while_it_is_named_is_either_named_or_gone(
    ask: LiveApi, make: Factory, owner: asyncpg.Connection
) -> None:
    admin = await make.admin()
    for number in range(30):
        team, group = await make.team(models=["a"]), await make.access_group(f"g{number}")
        entry = f"group:{group.name}"

        async def deleted(id_: str = group.id) -> bool:
            try:
                await owner.execute("DELETE FROM access_groups WHERE id = $1", id_)
            except asyncpg.ForeignKeyViolationError:
                return False
            return True

        answer, gone = await asyncio.gather(
            ask(admin, ADD, input={"id": team.id, "models": [entry]}), deleted()
        )
        assert answer.refusals == ([("NOT_FOUND", "input.models.0")] if gone else [])
        models = await owner.fetchval("SELECT models FROM teams WHERE id = $1", team.id)
        assert (entry in models) is not gone
