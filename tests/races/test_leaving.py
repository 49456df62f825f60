"""People who leave an organization while they get into its teams: none stays in a team without it."""

import asyncio
from collections import Counter
from collections.abc import Awaitable

import asyncpg
import pytest

from api_client import Answer
from bursar.domain.roles import OrganizationRole, TeamRole
from factories import Factory
from live_server import LiveApi

WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted"
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
DELETE_USER = """
mutation Delete($input: UserDeleteInput!) { userDelete(input: $input) { errors { code path } } }
"""
JOIN = """
mutation Join($input: TeamJoinInput!) { teamJoin(input: $input) { errors { code path } } }
"""
LEAVE = """
mutation Leave($input: OrganizationMembersRemoveInput!) {
  organizationMembersRemove(input: $input) { errors { code path } }
}
"""
OUTSIDERS = """
SELECT count(*) FROM team_members
JOIN teams ON teams.id = team_members.team_id
WHERE NOT EXISTS (
  SELECT FROM organization_members AS theirs
  WHERE theirs.organization_id = teams.organization_id AND theirs.user_id = team_members.user_id
)
"""
ENTRIES = "SELECT count(*) FROM audit_entries WHERE action = $1 AND before->>'userId' = $2"
rounds = pytest.mark.parametrize("rounds", [20, pytest.param(1000, marks=pytest.mark.soak)])


@rounds
async def test_who_leaves_an_organization_while_being_added_to_its_teams_is_in_none(
    ask: LiveApi, make: Factory, owner: asyncpg.Connection, rounds: int
) -> None:
    organization = await make.organization()
    admin = await make.person(organization=organization, organization_role=OrganizationRole.ADMIN)
    teams = [await make.team(organization) for _ in range(4)]
    outcomes: Counter[str] = Counter()
    for number in range(rounds):
        person = await make.person(organization=organization)
        members = [{"userId": person.id}]
        adding = [ask(admin, ADD, input={"teamId": team.id, "members": members}) for team in teams]
        created = {"name": "New", "organizationId": organization.id, "members": members}
        adding.append(ask(admin, CREATE_TEAM, input=created))
        leaver = person if number % 2 else admin
        given = {"organizationId": organization.id, "members": members}
        answers = await _amid(number, ask(leaver, LEAVE, input=given), adding)
        outcomes += Counter(code for answer in answers for code, _ in answer.refusals)
        outcomes["added"] += sum(not answer.refusals for answer in answers)
        assert await owner.fetchval(OUTSIDERS) == 0
    assert outcomes.keys() == {"added", "NOT_FOUND"}  # some were before, and some after
    others = "SELECT count(*) FROM team_members WHERE user_id <> $1"
    assert await owner.fetchval(others, admin.id) == 0
    removed = "SELECT count(*) FROM audit_entries WHERE action = 'team_member.remove'"
    assert await owner.fetchval(removed) == outcomes["added"]


@rounds
async def test_who_leaves_an_organization_while_joining_its_teams_is_in_none(
    ask: LiveApi, make: Factory, owner: asyncpg.Connection, rounds: int
) -> None:
    organization = await make.organization()
    teams = [await make.team(organization, joinable=True) for _ in range(6)]
    outcomes: Counter[str] = Counter()
    for number in range(rounds):
        person = await make.person(organization=organization)
        joining = [ask(person, JOIN, input={"teamId": team.id}) for team in teams]
        given = {"organizationId": organization.id, "members": [{"userId": person.id}]}
        answers = await _amid(number, ask(person, LEAVE, input=given), joining)
        outcomes += Counter(code for answer in answers for code, _ in answer.refusals)
        outcomes["joined"] += sum(not answer.refusals for answer in answers)
        assert await owner.fetchval("SELECT count(*) FROM team_members") == 0
    assert outcomes.keys() == {"joined", "NOT_FOUND"}


async def test_who_is_deleted_while_leaving_and_joining_leaves_nothing_and_is_recorded_once(
    ask: LiveApi, make: Factory, owner: asyncpg.Connection
) -> None:
    admin = await make.admin()
    organization = await make.organization()
    opened = [await make.team(organization, joinable=True) for _ in range(4)]
    for _ in range(50):
        person = await make.person(organization=organization)
        for _ in range(2):
            await make.team_member(await make.team(organization), person)
        given = {"organizationId": organization.id, "members": [{"userId": person.id}]}
        others = [ask(admin, LEAVE, input=given)]
        others += [ask(person, JOIN, input={"teamId": team.id}) for team in opened]
        deleting = ask(admin, DELETE_USER, input={"id": person.id})
        answers = await asyncio.gather(*others[:3], deleting, *others[3:])
        assert answers[3].refusals == []
        # Whose key is gone already is nobody.
        ends = {code for a in answers for code in (a.codes or [code for code, _ in a.refusals])}
        assert ends <= {"NOT_FOUND", "UNAUTHENTICATED"}
        for table in ("team_members", "organization_members"):
            assert await owner.fetchval(f"SELECT count(*) FROM {table}") == 0
        assert await owner.fetchval(ENTRIES, "organization_member.remove", person.id) == 1
    counted = "SELECT count(*) FROM audit_entries WHERE action = $1"
    joined = await owner.fetchval(counted, "team_member.add")
    assert await owner.fetchval(counted, "team_member.remove") == joined + 100


@pytest.mark.parametrize(
    "taken",
    [
        "UPDATE teams SET joinable = false",
        "UPDATE teams SET blocked = true",
    ],
    ids=["closed", "blocked"],
)
async def test_who_waits_for_a_team_that_is_closed_meanwhile_does_not_join_it(
    ask: LiveApi, make: Factory, owner: asyncpg.Connection, taken: str
) -> None:
    team, person = await make.team(joinable=True), await make.person()
    async with owner.transaction():
        await owner.execute(taken)
        asked = asyncio.create_task(ask(person, JOIN, input={"teamId": team.id}))
        await _until_somebody_waits(owner)
    assert (await asked).refusals == [("NOT_FOUND", "input.teamId")]


async def test_who_waits_for_a_team_and_is_removed_from_the_organization_does_not_join(
    ask: LiveApi, make: Factory, owner: asyncpg.Connection
) -> None:
    organization = await make.organization()
    team = await make.team(organization, joinable=True)
    person = await make.person(organization=organization)
    async with owner.transaction():
        await owner.execute("SELECT FROM organizations WHERE id = $1 FOR UPDATE", organization.id)
        asked = asyncio.create_task(ask(person, JOIN, input={"teamId": team.id}))
        await _until_somebody_waits(owner)
        await owner.execute("DELETE FROM organization_members")
    assert (await asked).refusals == [("NOT_FOUND", "input.teamId")]


async def test_one_who_joins_20_times_at_once_is_in_once(
    ask: LiveApi, make: Factory, owner: asyncpg.Connection
) -> None:
    team, person = await make.team(joinable=True), await make.person()
    answers = await asyncio.gather(
        *(ask(person, JOIN, input={"teamId": team.id}) for _ in range(20))
    )
    outcomes = Counter(tuple(answer.refusals) for answer in answers)
    assert outcomes == {(): 1, (("CONFLICT", "input.teamId"),): 19}
    assert await owner.fetchval("SELECT count(*) FROM team_members") == 1


@pytest.mark.parametrize("known", [True, False], ids=["users", "e-mails"])
async def test_the_same_people_added_in_any_order_at_once_are_in_once_without_a_deadlock(
    ask: LiveApi, make: Factory, owner: asyncpg.Connection, known: bool
) -> None:
    admin = await make.admin()
    for number in range(20):
        organization = await make.organization()
        emails = [f"{number}.{place}@example.com" for place in range(20)]
        if known:
            for email in emails:
                await make.person(email=email)
        orders = [emails, emails[::-1], emails[10:] + emails[:10], sorted(emails)]
        answers = await asyncio.gather(
            *(
                ask(
                    admin,
                    ADD_TO_ORGANIZATION,
                    input={
                        "organizationId": organization.id,
                        "members": [{"email": email} for email in order],
                    },
                )
                for order in orders
            )
        )
        won, *lost = sorted((answer.refusals for answer in answers), key=len)
        assert won == []
        assert {code for refusals in lost for code, _ in refusals} == {"CONFLICT"}
        assert [len(refusals) for refusals in lost] == [20] * 3
    assert await owner.fetchval("SELECT count(*) FROM organization_members") == 400


async def test_the_same_people_added_to_one_team_in_any_order_at_once_are_in_once(
    ask: LiveApi, make: Factory, owner: asyncpg.Connection
) -> None:
    admin, organization = await make.admin(), await make.organization()
    people = [await make.person() for _ in range(20)]
    for _ in range(20):
        team = await make.team(organization)
        orders = [people, people[::-1], people[10:] + people[:10], people[5:] + people[:5]]
        answers = await asyncio.gather(
            *(
                ask(
                    admin,
                    ADD,
                    input={
                        "teamId": team.id,
                        "members": [{"userId": person.id} for person in order],
                        "addToOrganization": True,
                    },
                )
                for order in orders
            )
        )
        assert sorted(len(answer.refusals) for answer in answers) == [0, 20, 20, 20]
    assert await owner.fetchval("SELECT count(*) FROM team_members") == 400
    assert await owner.fetchval("SELECT count(*) FROM organization_members") == 20


async def test_a_lead_who_leaves_the_organization_while_the_other_lead_leaves_the_team_leaves_one(
    ask: LiveApi, make: Factory, owner: asyncpg.Connection
) -> None:
    organization = await make.organization()
    leave_team = """
    mutation Leave($input: TeamLeaveInput!) { teamLeave(input: $input) { errors { code path } } }
    """
    losing = set()
    for _ in range(50):
        team = await make.team(organization)
        one, other = [
            await make.person(organization=organization, team=team, team_role=TeamRole.ADMIN)
            for _ in range(2)
        ]
        given = {"organizationId": organization.id, "members": [{"userId": one.id}]}
        answers = await asyncio.gather(
            ask(one, LEAVE, input=given), ask(other, leave_team, input={"teamId": team.id})
        )
        won, lost = sorted((answer.refusals for answer in answers), key=len)
        assert won == []
        losing.update(lost)
        left = "SELECT count(*) FROM team_members WHERE team_id = $1 AND role = 'ADMIN'"
        assert await owner.fetchval(left, team.id) == 1
    assert {code for code, _ in losing} == {"CONFLICT"}


async def _amid(
    number: int, leaving: Awaitable[Answer], others: list[Awaitable[Answer]]
) -> list[Answer]:
    """How the others end; the leaving is sent in their midst, and succeeds.

    What comes after it waits for another moment in each of five rounds: from none at all to one in
    which the leaving is over, so that all that may happen between them does.
    """
    middle = len(others) // 2
    before = [asyncio.ensure_future(each) for each in (*others[:middle], leaving)]
    await asyncio.sleep(number % 5 * 0.01)
    answers = await asyncio.gather(*before, *others[middle:])
    assert answers.pop(middle).refusals == []
    return answers


async def _until_somebody_waits(owner: asyncpg.Connection) -> None:
    async with asyncio.timeout(2):
        while await owner.fetchval(WAITING) == 0:  # noqa: ASYNC110 (PostgreSQL tells by being asked)
            await asyncio.sleep(0.01)
