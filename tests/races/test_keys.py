"""Keys made, named and changed while what they belong to goes: no key is left without its holder."""

import asyncio
from collections import Counter

import asyncpg
import pytest

from factories import Factory
from live_server import LiveApi

ROUNDS = 20
CREATE = """
mutation Create($input: ApiKeyCreateInput!) {
  apiKeyCreate(input: $input) { apiKey { id } errors { code path } }
}
"""
UPDATE = """
mutation Update($input: ApiKeyUpdateInput!) { apiKeyUpdate(input: $input) { errors { code path } } }
"""
ROTATE = """
mutation Rotate($input: ApiKeyRotateInput!) {
  apiKeyRotate(input: $input) { secret errors { code path } }
}
"""
ENDS = {
    "teamMembersRemove": lambda team, user: {"teamId": team, "members": [{"userId": user}]},
    "teamsDelete": lambda team, _: {"ids": [team]},
    "userDelete": lambda _, user: {"id": user},
}
REFUSALS = {
    "teamMembersRemove": ("CONFLICT", "input.userId"),
    "teamsDelete": ("NOT_FOUND", "input.teamId"),
    "userDelete": ("NOT_FOUND", "input.userId"),
}
COUNT = "SELECT count(*) FROM api_keys WHERE team_id IS NOT NULL"


@pytest.mark.parametrize("end", ENDS)
async def test_keys_of_a_member_made_while_the_member_goes_are_archived_or_refused(
    ask: LiveApi, make: Factory, owner: asyncpg.Connection, end: str
) -> None:
    admin = await make.admin()
    document = f"""
      mutation End($input: {end[0].upper()}{end[1:]}Input!) {{
        {end}(input: $input) {{ errors {{ code path }} }}
      }}
    """
    outcomes: Counter[tuple[object, ...]] = Counter()
    for _ in range(ROUNDS):
        team = await make.team()
        member = await make.person(team=team)
        given = {"teamId": team.id, "userId": member.id, "budget": {"rpmLimit": "1"}}
        creating = [ask(admin, CREATE, input=given) for _ in range(12)]
        ending = ask(admin, document, input=ENDS[end](team.id, member.id))
        answers = await asyncio.gather(*creating[:6], ending, *creating[6:])
        assert answers.pop(6).refusals == []
        outcomes.update(tuple(answer.refusals) for answer in answers)
        assert await owner.fetchval(COUNT) == 0
    assert set(outcomes) <= {(), (REFUSALS[end],)}
    archived = "SELECT count(*) FROM deleted_api_keys WHERE team_id IS NOT NULL"
    assert await owner.fetchval(archived) == outcomes[()]
    assert await owner.fetchval("SELECT count(*) FROM budgets") == 0
    made = (
        "SELECT count(*) FROM audit_entries WHERE action = 'api_key.create' AND team_id IS NOT NULL"
    )
    assert await owner.fetchval(made) == outcomes[()]


async def test_keys_of_services_made_while_the_team_is_deleted_are_archived_or_refused(
    ask: LiveApi, make: Factory, owner: asyncpg.Connection
) -> None:
    admin = await make.admin()
    delete = """
      mutation End($input: TeamsDeleteInput!) { teamsDelete(input: $input) { errors { code path } } }
    """
    outcomes: Counter[tuple[object, ...]] = Counter()
    for _ in range(ROUNDS):
        team = await make.team()
        given = {"teamId": team.id, "budget": {"rpmLimit": "1"}}
        creating = [ask(admin, CREATE, input=given) for _ in range(12)]
        deleting = ask(admin, delete, input={"ids": [team.id]})
        answers = await asyncio.gather(*creating[:6], deleting, *creating[6:])
        assert answers.pop(6).refusals == []
        outcomes.update(tuple(answer.refusals) for answer in answers)
    assert set(outcomes) <= {(), (("NOT_FOUND", "input.teamId"),)}
    for table in ("teams", "budgets"):
        assert await owner.fetchval(f"SELECT count(*) FROM {table}") == 0
    assert await owner.fetchval(COUNT) == 0
    assert await owner.fetchval("SELECT count(*) FROM deleted_api_keys") == outcomes[()]


async def test_an_alias_asked_for_20_times_is_given_once(
    ask: LiveApi, make: Factory, owner: asyncpg.Connection
) -> None:
    admin, team = await make.admin(), await make.team()
    member = await make.person(team=team)
    for holder in ({"teamId": team.id}, {"userId": member.id}):
        spellings = ["CI", "ci", "Ci", "cI"] * 5
        answers = await asyncio.gather(
            *(ask(admin, CREATE, input={**holder, "alias": alias}) for alias in spellings)
        )
        outcomes = Counter(tuple(answer.refusals) for answer in answers)
        assert outcomes == {(): 1, (("CONFLICT", "input.alias"),): 19}
    assert await owner.fetchval("SELECT count(*) FROM api_keys WHERE alias_key = 'ci'") == 2


async def test_a_key_is_never_above_its_team_whatever_is_changed_at_once(
    ask: LiveApi, make: Factory, owner: asyncpg.Connection
) -> None:
    admin = await make.admin()
    limit_team = """
      mutation Limit($input: TeamUpdateInput!) { teamUpdate(input: $input) { errors { code path } } }
    """
    for _ in range(ROUNDS):
        team = await make.team()
        await make.budget("team", team, rpm_limit=10)
        keys = [await make.api_key(team=team) for _ in range(4)]
        answers = await asyncio.gather(
            *(
                ask(admin, UPDATE, input={"id": key.id, "budget": {"rpmLimit": "20"}})
                for key in keys
            ),
            ask(admin, limit_team, input={"id": team.id, "budget": {"rpmLimit": "20"}}),
        )
        assert answers.pop().refusals == []
        for answer in answers:
            assert answer.refusals in ([], [("CONFLICT", "input.budget.rpmLimit")])
        raised = len([answer for answer in answers if not answer.refusals])
        held = "SELECT count(*) FROM budgets WHERE api_key_id = ANY($1) AND rpm_limit = 20"
        assert await owner.fetchval(held, [key.id for key in keys]) == raised


async def test_of_10_rotations_at_once_one_secret_is_good_at_the_end(
    ask: LiveApi, make: Factory, owner: asyncpg.Connection
) -> None:
    admin, team = await make.admin(), await make.team()
    key = await make.api_key(team=team)
    answers = await asyncio.gather(*(ask(admin, ROTATE, input={"id": key.id}) for _ in range(10)))
    secrets = {answer.payload["secret"] for answer in answers}
    assert len(secrets) == 10
    stored = await owner.fetchrow("SELECT last_four, version FROM api_keys WHERE id = $1", key.id)
    assert stored["version"] == 11
    assert stored["last_four"] in {secret[-4:] for secret in secrets}
