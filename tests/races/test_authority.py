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


async def _until_somebody_waits(owner: asyncpg.Connection) -> None:
    async with asyncio.timeout(2):
        while await owner.fetchval(WAITING) == 0:  # noqa: ASYNC110 (PostgreSQL tells by being asked)
            await asyncio.sleep(0.01)
