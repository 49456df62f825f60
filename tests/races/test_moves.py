"""Teams that move while somebody changes them, their members or either organization."""

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable

import asyncpg
import pytest

from api_client import Answer
from bursar.database.embedded import EmbeddedPostgres
from bursar.database.rows import Row
from bursar.domain.ids import DEFAULT_ORGANIZATION
from bursar.domain.roles import OrganizationRole
from factories import Factory
from live_server import LiveApi

ADD = """
mutation Add($input: TeamMembersAddInput!) {
  teamMembersAdd(input: $input) { errors { code path } }
}
"""
ATTACH = """
mutation Attach($input: BudgetAttachInput!) { budgetAttach(input: $input) { errors { code path } } }
"""
DELETE_ORGANIZATION = """
mutation Delete($input: OrganizationDeleteInput!) {
  organizationDelete(input: $input) { errors { code path } }
}
"""
JOIN = """
mutation Join($input: TeamJoinInput!) { teamJoin(input: $input) { errors { code path } } }
"""
LEAVE = """
mutation Leave($input: OrganizationMembersRemoveInput!) {
  organizationMembersRemove(input: $input) { errors { code path } }
}
"""
LIMIT_ORGANIZATION = """
mutation Limit($input: OrganizationUpdateInput!) {
  organizationUpdate(input: $input) { errors { code path } }
}
"""
LIMIT_PLAN = """
mutation Limit($input: BudgetUpdateInput!) { budgetUpdate(input: $input) { errors { code path } } }
"""
LIMIT_TEAM = """
mutation Limit($input: TeamUpdateInput!) { teamUpdate(input: $input) { errors { code path } } }
"""
MOVE = """
mutation Move($input: TeamMoveInput!) { teamMove(input: $input) { errors { code path } } }
"""
WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted"
OUTSIDERS = f"""
SELECT count(*) FROM team_members
JOIN teams ON teams.id = team_members.team_id AND organization_id <> '{DEFAULT_ORGANIZATION}'
WHERE NOT EXISTS (
  SELECT FROM organization_members AS theirs
  WHERE theirs.organization_id = teams.organization_id AND theirs.user_id = team_members.user_id
)
"""
ABOVE = """
WITH held AS (
  SELECT organization_id, team_id, max_budget FROM budgets WHERE name IS NULL
  UNION ALL
  SELECT attached.organization_id, attached.team_id, max_budget
  FROM budget_attachments AS attached JOIN budgets ON budgets.id = plan_id
)
SELECT count(*) FROM teams
JOIN held AS own ON own.team_id = teams.id
JOIN held AS whole ON whole.organization_id = teams.organization_id
WHERE own.max_budget > whole.max_budget
"""
rounds = pytest.mark.parametrize("rounds", [20, pytest.param(1000, marks=pytest.mark.soak)])


def to(team: Row, organization_id: str, *, adding: bool = False) -> dict[str, object]:
    return {"id": team.id, "organizationId": organization_id, "addToOrganization": adding}


@rounds
@pytest.mark.parametrize("built_in", [False, True], ids=["organization", "built-in"])
async def test_who_gets_into_a_team_while_it_moves_belongs_to_where_it_is(
    ask: LiveApi, make: Factory, owner: asyncpg.Connection, rounds: int, built_in: bool
) -> None:
    admin, one, other = await make.admin(), await make.organization(), await make.organization()
    outcomes: Counter[tuple[str, str]] = Counter()
    start = DEFAULT_ORGANIZATION if built_in else one.id
    for _ in range(rounds):
        people = [await make.person(organization=one) for _ in range(4)]
        team = await make.team(None if built_in else one, joinable=True)
        await make.person(organization=one, team=team)
        adding = [
            ask(admin, ADD, input={"teamId": team.id, "members": [{"userId": person.id}]})
            for person in people[:2]
        ]
        joining = [ask(person, JOIN, input={"teamId": team.id}) for person in people[2:]]
        moving = ask(admin, MOVE, input=to(team, other.id, adding=True))
        outcomes += await _amid(moving, [adding[0], joining[0], adding[1], joining[1]])
        assert await owner.fetchval(OUTSIDERS) == 0
        place = "SELECT organization_id FROM teams WHERE id = $1"
        assert await owner.fetchval(place, team.id) == other.id
        assert start != other.id
    # After the move one who is outside is a conflict to add, and sees no team to join.
    assert outcomes.keys() <= {
        ("", ""),
        ("CONFLICT", "input.members.0.userId"),
        ("NOT_FOUND", "input.teamId"),
    }
    assert outcomes["", ""]


@rounds
async def test_limits_lowered_and_raised_while_a_team_moves_are_within_each_other(
    ask: LiveApi, make: Factory, owner: asyncpg.Connection, rounds: int
) -> None:
    admin, plain = await make.admin(), await make.organization()
    for number in range(rounds):
        organization = await make.organization()
        await make.budget("organization", organization, max_budget=100)
        team = await make.team(plain)
        plan = await make.plan(max_budget=90)
        if number % 2:
            await make.attachment(plan, "team", team.id)
            raised = ask(admin, LIMIT_PLAN, input={"id": plan.id, "maxBudget": "110"})
        else:
            await make.budget("team", team, max_budget=90)
            given = {"id": team.id, "budget": {"maxBudget": "110"}}
            raised = ask(admin, LIMIT_TEAM, input=given)
        given = {"id": organization.id, "budget": {"maxBudget": "80"}}
        lowered = ask(admin, LIMIT_ORGANIZATION, input=given)
        moving = ask(admin, MOVE, input=to(team, organization.id))
        answers = await asyncio.gather(*([raised, moving, lowered][:: (-1) ** (number // 2)]))
        assert {code for answer in answers for code, _ in answer.refusals} == {"CONFLICT"}
        assert sum(not answer.refusals for answer in answers) in {1, 2}
        assert await owner.fetchval(ABOVE) == 0


@rounds
async def test_a_plan_given_to_a_team_that_moves_is_within_where_it_is(
    ask: LiveApi, make: Factory, owner: asyncpg.Connection, rounds: int
) -> None:
    admin, organization = await make.admin(), await make.organization()
    await make.budget("organization", organization, max_budget=100)
    plan = await make.plan(max_budget=101)
    for _ in range(rounds):
        team = await make.team()
        attaching = ask(admin, ATTACH, input={"budgetId": plan.id, "holderId": team.id})
        moving = ask(admin, MOVE, input=to(team, organization.id))
        answers = await asyncio.gather(attaching, moving)
        won, ((code, _),) = sorted(answer.refusals for answer in answers)
        assert (won, code) == ([], "CONFLICT")
        assert await owner.fetchval(ABOVE) == 0


@rounds
@pytest.mark.parametrize("going", ["left", "target"])
async def test_a_team_that_moves_while_an_organization_is_deleted_is_somewhere_or_archived(
    ask: LiveApi, make: Factory, owner: asyncpg.Connection, rounds: int, going: str
) -> None:
    admin = await make.admin()
    for number in range(rounds):
        one, other = await make.organization(), await make.organization()
        gone, stays = (one, other) if going == "left" else (other, one)
        team = await make.team(one)
        deleting = ask(admin, DELETE_ORGANIZATION, input={"id": gone.id, "cascade": True})
        moving = ask(admin, MOVE, input=to(team, other.id))
        both = [moving, deleting]
        answers = await asyncio.gather(*(both if number % 2 else reversed(both)))
        moved, deleted = answers if number % 2 else reversed(answers)
        assert deleted.refusals == []
        place = await owner.fetchval("SELECT organization_id FROM teams WHERE id = $1", team.id)
        archived = "SELECT organization_id FROM deleted_teams WHERE id = $1"
        kept = await owner.fetchval(archived, team.id)
        # From the one that goes it gets away only by the move, to it only by the move.
        if bool(moved.refusals) is (going == "left"):
            assert (place, kept) == (None, gone.id)
        else:
            assert (place, kept) == (stays.id, None)


@rounds
async def test_who_leaves_the_organization_that_their_team_moves_to_is_not_in_it(
    ask: LiveApi, make: Factory, owner: asyncpg.Connection, rounds: int
) -> None:
    admin, one, other = await make.admin(), await make.organization(), await make.organization()
    for number in range(rounds):
        team = await make.team(one)
        person = await make.person(organization=one, team=team)
        await make.organization_member(other, person)
        given = {"organizationId": other.id, "members": [{"userId": person.id}]}
        leaving = ask(person if number % 2 else admin, LEAVE, input=given)
        moving = ask(admin, MOVE, input=to(team, other.id))
        left, moved = await asyncio.gather(leaving, moving)
        assert left.refusals == []
        assert moved.refusals in ([], [("CONFLICT", "input.organizationId")])
        assert await owner.fetchval(OUTSIDERS) == 0


@pytest.mark.parametrize("start", ["built-in", "organization"])
@pytest.mark.parametrize(
    ("who", "document", "given", "refusal"),
    [
        (
            "admin",
            LIMIT_TEAM,
            {"id": "$team", "budget": {"maxBudget": "11"}},
            ("CONFLICT", "input.budget.maxBudget"),
        ),
        (
            "admin",
            ADD,
            {"teamId": "$team", "members": [{"userId": "$person"}]},
            ("CONFLICT", "input.members.0.userId"),
        ),
        (
            "admin",
            ATTACH,
            {"budgetId": "$plan", "holderId": "$team"},
            ("CONFLICT", "input.budgetId.maxBudget"),
        ),
        ("person", JOIN, {"teamId": "$team"}, ("NOT_FOUND", "input.teamId")),
        (
            "lead",
            MOVE,
            {"id": "$team", "organizationId": DEFAULT_ORGANIZATION},
            ("NOT_FOUND", "input.id"),
        ),
    ],
    ids=["limit", "add", "plan", "join", "move"],
)
async def test_who_waits_for_a_team_that_moves_meanwhile_goes_by_where_it_is_then(
    ask: LiveApi,
    make: Factory,
    owner: asyncpg.Connection,
    who: str,
    document: str,
    given: dict[str, object],
    refusal: tuple[str, str],
    start: str,
) -> None:
    one, other = await make.organization(), await make.organization()
    await make.budget("organization", other, max_budget=10)
    team = await make.team(one if start == "organization" else None, joinable=True)
    people = {
        "admin": await make.admin(),
        "person": await make.person(organization=one),
        "lead": await make.person(organization=one, organization_role=OrganizationRole.ADMIN),
    }
    built_in = type("Organization", (), {"id": DEFAULT_ORGANIZATION})
    await make.organization_member(built_in, people["lead"], OrganizationRole.ADMIN)
    ids = {"team": team.id, "person": people["person"].id}
    ids["plan"] = (await make.plan(max_budget=11)).id
    async with owner.transaction():
        await owner.execute("UPDATE teams SET organization_id = $1", other.id)
        asked = asyncio.create_task(ask(people[who], document, input=_filled(given, **ids)))
        await _until_somebody_waits(owner)
    assert (await asked).refusals == [refusal]


@pytest.mark.parametrize(
    ("document", "given", "refusal"),
    [
        (
            LIMIT_TEAM,
            {"id": "$team", "budget": {"maxBudget": "11"}},
            ("CONFLICT", "input.budget.maxBudget"),
        ),
        (
            ATTACH,
            {"budgetId": "$plan", "holderId": "$team"},
            ("CONFLICT", "input.budgetId.maxBudget"),
        ),
        (
            ADD,
            {"teamId": "$team", "members": [{"userId": "$person"}]},
            ("CONFLICT", "input.members.0.userId"),
        ),
        (JOIN, {"teamId": "$team"}, ("NOT_FOUND", "input.teamId")),
    ],
    ids=["limit", "plan", "add", "join"],
)
async def test_who_waited_for_a_team_that_moved_waits_for_the_organization_that_it_came_to(
    ask: LiveApi,
    make: Factory,
    owner: asyncpg.Connection,
    migrated: EmbeddedPostgres,
    document: str,
    given: dict[str, object],
    refusal: tuple[str, str],
) -> None:
    one, other = await make.organization(), await make.organization()
    await make.budget("organization", other, max_budget=20)
    team, person = await make.team(one, joinable=True), await make.person(organization=one)
    await make.organization_member(other, person)
    plan = await make.plan(max_budget=11)
    asker = person if document is JOIN else await make.admin()
    asked_for = _filled(given, team=team.id, person=person.id, plan=plan.id)
    lowering = await asyncpg.connect(migrated.owner_url)
    try:
        async with lowering.transaction():
            held = "SELECT FROM organizations WHERE id = $1 FOR NO KEY UPDATE"
            await lowering.execute(held, other.id)
            await lowering.execute("UPDATE budgets SET max_budget = 10 WHERE name IS NULL")
            members = "DELETE FROM organization_members WHERE organization_id = $1"
            await lowering.execute(members, other.id)
            async with owner.transaction():
                await owner.execute("SELECT FROM teams FOR UPDATE")
                asked = asyncio.create_task(ask(asker, document, input=asked_for))
                await _until_somebody_waits(owner)
                await owner.execute("UPDATE teams SET organization_id = $1", other.id)
            await asyncio.sleep(0.1)
            await _until_somebody_waits(owner)
    finally:
        await lowering.close()
    assert (await asked).refusals == [refusal]


async def test_teams_that_cross_each_other_arrive(
    ask: LiveApi, make: Factory, owner: asyncpg.Connection
) -> None:
    places = [await make.organization() for _ in range(3)]
    me = await make.person()
    for place in places:
        await make.organization_member(place, me, OrganizationRole.ADMIN)
    teams = [await make.team(place) for place in places for _ in range(3)]
    for turn in range(1, 8):
        moves = [
            ask(me, MOVE, input=to(team, places[(number // 3 + turn * step) % 3].id))
            for number, team in enumerate(teams)
            for step in (1, 2)
        ]
        answers = await asyncio.gather(*moves)
        assert [answer.refusals for answer in answers] == [[]] * len(moves)
    assert await owner.fetchval("SELECT count(*) FROM teams") == len(teams)
    sides = await owner.fetch(
        "SELECT after->>'organizationId' IS NULL AS left, count(*) FROM audit_entries GROUP BY 1"
    )
    assert len({side["count"] for side in sides}) == 1


async def _amid(
    moving: Awaitable[Answer], others: list[Awaitable[Answer]]
) -> Counter[tuple[str, str]]:
    """How the others end, those that are done under two empty texts; the move succeeds."""
    middle = len(others) // 2
    answers = await asyncio.gather(*others[:middle], moving, *others[middle:])
    assert answers.pop(middle).refusals == []
    return Counter(end for answer in answers for end in (answer.refusals or [("", "")]))


def _filled(given: dict[str, object], **ids: str) -> object:
    """An input with ids in the place of their names."""
    text = json.dumps(given)
    for name, id_ in ids.items():
        text = text.replace(f"${name}", id_)
    return json.loads(text)


async def _until_somebody_waits(owner: asyncpg.Connection) -> None:
    async with asyncio.timeout(2):
        while await owner.fetchval(WAITING) == 0:  # noqa: ASYNC110 (PostgreSQL tells by being asked)
            await asyncio.sleep(0.01)
