"""Keys that move while others move, while their user goes, and while limits and names change."""

import asyncio

import asyncpg
import pytest

from factories import Factory
from live_server import LiveApi

ROUNDS = 20
WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted"
MOVE = """
mutation Move($input: ApiKeyMoveInput!) { apiKeyMove(input: $input) { errors { code path } } }
"""
CREATE = """
mutation Create($input: ApiKeyCreateInput!) { apiKeyCreate(input: $input) { errors { code path } } }
"""
UPDATE = """
mutation Update($input: ApiKeyUpdateInput!) { apiKeyUpdate(input: $input) { errors { code path } } }
"""
ENDS = {
    "teamMembersRemove": lambda team, user: {"teamId": team, "members": [{"userId": user}]},
    "teamsDelete": lambda team, _: {"ids": [team]},
    "userDelete": lambda _, user: {"id": user},
}


async def test_keys_that_cross_and_one_that_two_want_wait_for_each_other(
    ask: LiveApi, make: Factory, owner: asyncpg.Connection
) -> None:
    admin = await make.admin()
    for _ in range(ROUNDS):
        first, second, third = [await make.team() for _ in range(3)]
        ours, theirs = await make.api_key(team=first), await make.api_key(team=second)
        answers = await asyncio.gather(
            ask(admin, MOVE, input={"id": ours.id, "teamId": second.id}),
            ask(admin, MOVE, input={"id": theirs.id, "teamId": first.id}),
            ask(admin, MOVE, input={"id": ours.id, "teamId": third.id}),
        )
        assert [answer.refusals for answer in answers] == [[], [], []]
        moves = (
            "SELECT count(*) FROM audit_entries WHERE action = 'api_key.move' AND object_id = $1"
        )
        assert await owner.fetchval(moves, ours.id) == 4
        at = "SELECT team_id FROM api_keys WHERE id = $1"
        assert await owner.fetchval(at, ours.id) in {second.id, third.id}
        assert await owner.fetchval(at, theirs.id) == first.id


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("leaving", [True, False], ids=["the old", "the new"])
async def test_a_key_is_never_left_without_its_member(
    ask: LiveApi, make: Factory, owner: asyncpg.Connection, end: str, leaving: bool
) -> None:
    admin = await make.admin()
    document = f"""
      mutation End($input: {end[0].upper()}{end[1:]}Input!) {{
        {end}(input: $input) {{ errors {{ code path }} }}
      }}
    """
    for _ in range(ROUNDS // 2):
        here, there = await make.team(), await make.team()
        member = await make.person(team=here)
        await make.team_member(there, member)
        keys = [await make.api_key(member, team=here) for _ in range(4)]
        given = ENDS[end]((here if leaving else there).id, member.id)
        moving = [ask(admin, MOVE, input={"id": key.id, "teamId": there.id}) for key in keys]
        answers = await asyncio.gather(*moving[:2], ask(admin, document, input=given), *moving[2:])
        assert answers.pop(2).refusals == []
        for answer in answers:
            assert {code for code, _ in answer.refusals} <= {"NOT_FOUND", "CONFLICT"}
        live = "SELECT count(*) FROM api_keys WHERE id = ANY($1)"
        archived = "SELECT count(*) FROM deleted_api_keys WHERE id = ANY($1)"
        ids = [key.id for key in keys]
        assert await owner.fetchval(live, ids) + await owner.fetchval(archived, ids) == 4
        gone = "SELECT count(*) FROM api_keys WHERE team_id = $1"
        assert await owner.fetchval(gone, (here if leaving else there).id) == 0


@pytest.mark.parametrize("document", [MOVE, UPDATE], ids=["move", "update"])
async def test_what_waits_for_a_key_that_moves_looks_at_it_where_it_went(
    ask: LiveApi, make: Factory, owner: asyncpg.Connection, document: str
) -> None:
    admin = await make.admin()
    here, there, third = [await make.team() for _ in range(3)]
    await make.budget("team", there, rpm_limit=10)
    key = await make.api_key(team=here)
    given = {"teamId": third.id} if document == MOVE else {"budget": {"rpmLimit": "11"}}
    async with owner.transaction():
        await owner.execute("SELECT FROM api_keys WHERE id = $1 FOR UPDATE", key.id)
        asked = asyncio.create_task(ask(admin, document, input={"id": key.id, **given}))
        async with asyncio.timeout(2):
            while await owner.fetchval(WAITING) == 0:  # noqa: ASYNC110 (PostgreSQL tells by being asked)
                await asyncio.sleep(0.01)
        await owner.execute("UPDATE api_keys SET team_id = $2 WHERE id = $1", key.id, there.id)
    refusals = (await asked).refusals
    assert refusals == ([] if document == MOVE else [("CONFLICT", "input.budget.rpmLimit")])
    if document == MOVE:
        entries = "SELECT team_id FROM audit_entries WHERE action = 'api_key.move' ORDER BY id"
        assert [row[0] for row in await owner.fetch(entries)] == [there.id, third.id]


async def test_a_moved_key_is_within_its_new_team_and_has_its_alias_alone(
    ask: LiveApi, make: Factory, owner: asyncpg.Connection
) -> None:
    admin = await make.admin()
    for _ in range(ROUNDS):
        here, there = await make.team(), await make.team()
        await make.budget("team", there, rpm_limit=10)
        key = await make.api_key(team=here, alias="CI")
        answers = await asyncio.gather(
            ask(admin, MOVE, input={"id": key.id, "teamId": there.id}),
            ask(admin, UPDATE, input={"id": key.id, "budget": {"rpmLimit": "20"}}),
            ask(admin, CREATE, input={"teamId": there.id, "alias": "ci"}),
        )
        for answer in answers:
            assert {code for code, _ in answer.refusals} <= {"CONFLICT"}
        above = """
          SELECT count(*) FROM budgets JOIN api_keys ON api_keys.id = budgets.api_key_id
          WHERE api_keys.team_id = $1 AND budgets.rpm_limit > 10
        """
        assert await owner.fetchval(above, there.id) == 0
        named = "SELECT count(*) FROM api_keys WHERE team_id = $1 AND alias_key = 'ci'"
        assert await owner.fetchval(named, there.id) == 1
