"""Things that are deleted while others put something into them: nothing is left behind."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Iterable

import asyncpg

from api_client import Answer
from bursar.domain.roles import TeamRole
from factories import Factory
from live_server import LiveApi

ROUNDS = 20
ADD = """
mutation Add($input: TeamMembersAddInput!) {
  teamMembersAdd(input: $input) { errors { code path } }
}
"""
ADD_TO_ORGANIZATION = """
mutation Add($input: OrganizationMembersAddInput!) {
  organizationMembersAdd(input: $input) { errors { code path } }
}
"""
CREATE_TEAM = """
mutation Create($input: TeamCreateInput!) { teamCreate(input: $input) { errors { code path } } }
"""
DELETE_TEAMS = """
mutation Delete($input: TeamsDeleteInput!) { teamsDelete(input: $input) { errors { code path } } }
"""
DELETE_ORGANIZATION = """
mutation Delete($input: OrganizationDeleteInput!) {
  organizationDelete(input: $input) { errors { code path } }
}
"""
DELETE_USER = """
mutation Delete($input: UserDeleteInput!) { userDelete(input: $input) { errors { code path } } }
"""
COUNT_ACTIONS = "SELECT action, count(*) FROM audit_entries GROUP BY action"


async def test_a_team_deleted_while_members_are_added_leaves_none(
    ask: LiveApi, make: Factory, owner: asyncpg.Connection
) -> None:
    admin = await make.admin()
    people = [await make.person() for _ in range(16)]
    outcomes: Counter[tuple[object, ...]] = Counter()
    for _ in range(ROUNDS):
        team = await make.team()
        adding = (
            ask(
                admin,
                ADD,
                input={
                    "teamId": team.id,
                    "members": [{"userId": person.id, "budget": {"rpmLimit": "5"}}],
                },
            )
            for person in people
        )
        outcomes += await _while_deleted(ask(admin, DELETE_TEAMS, input={"ids": [team.id]}), adding)
    assert set(outcomes) <= {(), (("NOT_FOUND", "input.teamId"),)}
    for table in ("teams", "team_members", "budgets"):
        assert await owner.fetchval(f"SELECT count(*) FROM {table}") == 0
    written = Counter(dict(await owner.fetch(COUNT_ACTIONS)))
    assert (written["team.delete"], written["team_member.add"]) == (ROUNDS, outcomes[()])


async def test_an_organization_deleted_while_teams_are_created_leaves_none(
    ask: LiveApi, make: Factory, owner: asyncpg.Connection
) -> None:
    admin = await make.admin()
    outcomes: Counter[tuple[object, ...]] = Counter()
    for _ in range(ROUNDS):
        organization = await make.organization()
        given = {
            "name": "Late",
            "organizationId": organization.id,
            "members": [{"email": "late@example.com"}],
            "addToOrganization": True,
        }
        creating = (ask(admin, CREATE_TEAM, input=given) for _ in range(16))
        deleting = ask(admin, DELETE_ORGANIZATION, input={"id": organization.id, "cascade": True})
        outcomes += await _while_deleted(deleting, creating)
    assert set(outcomes) <= {(), (("NOT_FOUND", "input.organizationId"),)}
    for table in ("teams", "team_members", "organization_members"):
        assert await owner.fetchval(f"SELECT count(*) FROM {table}") == 0
    written = Counter(dict(await owner.fetch(COUNT_ACTIONS)))
    assert written["team.create"] == written["team.delete"] == outcomes[()]


async def test_an_organization_deleted_while_people_are_added_to_it_and_its_teams_leaves_none(
    ask: LiveApi, make: Factory, owner: asyncpg.Connection
) -> None:
    admin = await make.admin()
    people = [await make.person() for _ in range(8)]
    outcomes: Counter[tuple[object, ...]] = Counter()
    for _ in range(ROUNDS):
        organization = await make.organization()
        teams = [await make.team(organization) for _ in range(2)]
        adding = []
        for number, person in enumerate(people):
            members = [{"userId": person.id}]
            to_team = {"teamId": teams[number % 2].id, "addToOrganization": True}
            adding.append(ask(admin, ADD, input={**to_team, "members": members}))
            to_organization = {"organizationId": organization.id, "members": members}
            adding.append(ask(admin, ADD_TO_ORGANIZATION, input=to_organization))
        deleting = ask(admin, DELETE_ORGANIZATION, input={"id": organization.id, "cascade": True})
        outcomes += await _while_deleted(deleting, adding)
    assert {code for refusals in outcomes for code, _ in refusals} <= {"NOT_FOUND", "CONFLICT"}
    for table in ("teams", "team_members", "organization_members"):
        assert await owner.fetchval(f"SELECT count(*) FROM {table}") == 0


async def test_a_user_deleted_while_being_added_leaves_no_membership_and_each_end_is_recorded(
    ask: LiveApi, make: Factory, owner: asyncpg.Connection
) -> None:
    admin = await make.admin()
    organization = await make.organization()
    teams = [await make.team(organization) for _ in range(16)]
    for team in teams:
        await make.person(organization=organization, team=team, team_role=TeamRole.ADMIN)
    outcomes: Counter[tuple[object, ...]] = Counter()
    for _ in range(ROUNDS):
        person = await make.person()
        adding = (
            ask(
                admin,
                ADD,
                input={
                    "teamId": team.id,
                    "members": [{"userId": person.id, "role": "ADMIN" if number % 2 else "MEMBER"}],
                    "addToOrganization": True,
                },
            )
            for number, team in enumerate(teams)
        )
        deleting = ask(admin, DELETE_USER, input={"id": person.id})
        outcomes += await _while_deleted(deleting, adding)
    assert set(outcomes) <= {(), (("NOT_FOUND", "input.members.0.userId"),)}
    for table in ("team_members", "organization_members"):
        assert await owner.fetchval(f"SELECT count(*) FROM {table}") == len(teams)
    written = Counter(dict(await owner.fetch(COUNT_ACTIONS)))
    assert written["team_member.add"] == written["team_member.remove"] == outcomes[()]
    assert written["organization_member.add"] == written["organization_member.remove"]


async def test_a_user_deleted_while_added_to_teams_that_were_theirs_by_self_service_leaves_no_mark(
    ask: LiveApi, make: Factory, owner: asyncpg.Connection
) -> None:
    admin = await make.admin()
    outcomes: Counter[tuple[object, ...]] = Counter()
    for _ in range(ROUNDS):
        person = await make.person()
        teams = [await make.team(self_service_user_id=person.id) for _ in range(8)]
        members = [{"userId": person.id}]
        adding = (ask(admin, ADD, input={"teamId": t.id, "members": members}) for t in teams)
        deleting = ask(admin, DELETE_USER, input={"id": person.id})
        outcomes += await _while_deleted(deleting, adding)
    assert set(outcomes) <= {(), (("NOT_FOUND", "input.members.0.userId"),)}
    assert await owner.fetchval("SELECT count(self_service_user_id) FROM teams") == 0
    assert await owner.fetchval("SELECT count(*) FROM team_members") == 0


async def _while_deleted(
    deleting: Awaitable[Answer], others: Iterable[Awaitable[Answer]]
) -> Counter[tuple[object, ...]]:
    """How the others end; the deletion is sent in their midst, and succeeds."""
    others = list(others)
    middle = len(others) // 2
    answers = await asyncio.gather(*others[:middle], deleting, *others[middle:])
    assert answers.pop(middle).refusals == []
    return Counter(tuple(answer.refusals) for answer in answers)
