"""Authority taken away from somebody whose request waits for a lock: it no longer counts."""

import asyncio

import asyncpg
import pytest

from bursar.domain.roles import OrganizationRole, TeamRole
from factories import Factory
from live_server import LiveApi

WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted"
ADD = """
mutation Write($input: TeamMembersAddInput!) { teamMembersAdd(input: $input) { errors { code path } } }
"""
REMOVE = """
mutation Write($input: TeamMembersRemoveInput!) {
  teamMembersRemove(input: $input) { errors { code path } }
}
"""
RENAME = """
mutation Write($input: TeamUpdateInput!) { teamUpdate(input: $input) { errors { code path } } }
"""
CREATE = """
mutation Write($input: TeamCreateInput!) { teamCreate(input: $input) { errors { code path } } }
"""
CREATE_KEY = """
mutation Write($input: ApiKeyCreateInput!) { apiKeyCreate(input: $input) { errors { code path } } }
"""
NAME_KEY = """
mutation Write($input: ApiKeyUpdateInput!) { apiKeyUpdate(input: $input) { errors { code path } } }
"""
PERMIT = """
mutation Write($input: TeamMemberPermissionsUpdateInput!) {
  teamMemberPermissionsUpdate(input: $input) { errors { code path } }
}
"""


@pytest.mark.parametrize(
    ("taken", "code"),
    [
        ("UPDATE team_members SET role = 'MEMBER' WHERE user_id = $1", "FORBIDDEN"),
        ("DELETE FROM team_members WHERE user_id = $1", "NOT_FOUND"),
    ],
    ids=["demoted", "removed"],
)
@pytest.mark.parametrize("document", [ADD, REMOVE, RENAME], ids=["add", "remove", "rename"])
async def test_a_team_admin_who_loses_the_team_while_waiting_for_it_is_refused(
    ask: LiveApi, make: Factory, owner: asyncpg.Connection, document: str, taken: str, code: str
) -> None:
    team = await make.team()
    admin = await make.person(team=team, team_role=TeamRole.ADMIN)
    member, stranger = await make.person(team=team), await make.person()
    given, path = {
        ADD: ({"teamId": team.id, "members": [{"userId": stranger.id}]}, "teamId"),
        REMOVE: ({"teamId": team.id, "members": [{"userId": member.id}]}, "teamId"),
        RENAME: ({"id": team.id, "name": "Mine"}, "name" if code == "FORBIDDEN" else "id"),
    }[document]
    async with owner.transaction():
        await owner.execute("SELECT FROM teams WHERE id = $1 FOR UPDATE", team.id)
        asked = asyncio.create_task(ask(admin, document, input=given))
        await _until_somebody_waits(owner)
        await owner.execute(taken, admin.id)
    assert (await asked).refusals == [(code, f"input.{path}")]


async def test_an_organization_admin_demoted_while_waiting_for_it_creates_no_team(
    ask: LiveApi, make: Factory, owner: asyncpg.Connection
) -> None:
    organization = await make.organization()
    admin = await make.person(organization=organization, organization_role=OrganizationRole.ADMIN)
    async with owner.transaction():
        await owner.execute("SELECT FROM organizations WHERE id = $1 FOR UPDATE", organization.id)
        given = {"name": "Mine", "organizationId": organization.id}
        asked = asyncio.create_task(ask(admin, CREATE, input=given))
        await _until_somebody_waits(owner)
        await owner.execute("UPDATE organization_members SET role = 'MEMBER'")
    assert (await asked).refusals == [("FORBIDDEN", "input.organizationId")]
    assert await owner.fetchval("SELECT count(*) FROM teams") == 0


async def test_a_member_whose_permission_is_taken_while_waiting_for_the_team_creates_no_key(
    ask: LiveApi, make: Factory, owner: asyncpg.Connection
) -> None:
    team = await make.team(member_permissions=["KEY_CREATE"])
    member = await make.person(team=team)
    async with owner.transaction():
        await owner.execute("SELECT FROM teams WHERE id = $1 FOR NO KEY UPDATE", team.id)
        given = {"teamId": team.id, "userId": member.id}
        asked = asyncio.create_task(ask(member, CREATE_KEY, input=given))
        await _until_somebody_waits(owner)
        await owner.execute("UPDATE teams SET member_permissions = '{KEY_READ}'")
    assert (await asked).refusals == [("FORBIDDEN", "input.teamId")]


@pytest.mark.parametrize("permissions", ["{KEY_READ}", "{KEY_UPDATE}"], ids=["change", "see"])
async def test_a_member_whose_permission_is_taken_while_waiting_for_a_key_leaves_it(
    ask: LiveApi, make: Factory, owner: asyncpg.Connection, permissions: str
) -> None:
    team = await make.team(member_permissions=["KEY_READ", "KEY_UPDATE"])
    member = await make.person(team=team)
    key = await make.api_key(member, team=team)
    async with owner.transaction():
        await owner.execute("SELECT FROM api_keys WHERE id = $1 FOR UPDATE", key.id)
        asked = asyncio.create_task(ask(member, NAME_KEY, input={"id": key.id, "alias": "Mine"}))
        await _until_somebody_waits(owner)
        await owner.execute("UPDATE teams SET member_permissions = $1::text::text[]", permissions)
    hidden = permissions == "{KEY_UPDATE}"
    refusal = ("NOT_FOUND", "input.id") if hidden else ("FORBIDDEN", "input.alias")
    assert (await asked).refusals == [refusal]


async def test_no_key_is_made_after_it_was_acknowledged_that_members_make_none(
    ask: LiveApi, make: Factory, owner: asyncpg.Connection
) -> None:
    made = "SELECT count(*) FROM api_keys WHERE team_id = $1"
    early = 0
    for wait in [True, False] * 5:
        team = await make.team(member_permissions=["KEY_CREATE"])
        admin = await make.person(team=team, team_role=TeamRole.ADMIN)
        member = await make.person(team=team)
        given = {"teamId": team.id, "userId": member.id}
        creating = [asyncio.create_task(ask(member, CREATE_KEY, input=given)) for _ in range(12)]
        if wait:
            await asyncio.wait(creating, return_when=asyncio.FIRST_COMPLETED)
        taking = ask(admin, PERMIT, input={"teamId": team.id, "permissions": []})
        assert (await taking).refusals == []
        acknowledged = await owner.fetchval(made, team.id)
        answers = await asyncio.gather(*creating)
        assert await owner.fetchval(made, team.id) == acknowledged
        assert len([answer for answer in answers if not answer.refusals]) == acknowledged
        refused = {tuple(answer.refusals) for answer in answers if answer.refusals}
        assert refused <= {(("FORBIDDEN", "input.teamId"),)}
        early += acknowledged
    assert early  # some came first, or nothing was raced for


async def _until_somebody_waits(owner: asyncpg.Connection) -> None:
    async with asyncio.timeout(2):
        while await owner.fetchval(WAITING) == 0:  # noqa: ASYNC110 (PostgreSQL tells by being asked)
            await asyncio.sleep(0.01)
