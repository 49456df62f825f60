"""Members whom several requests add at the same moment: by one statement, each request for itself."""

import asyncio
from collections.abc import Sequence
from typing import Any

import asyncpg
import pytest
from sqlalchemy import text

from api_client import Answer, Api
from bursar.access.actor import Actor
from bursar.database.borrowing import Borrowing, borrowing
from bursar.database.connections import LOCK_SECONDS, Connection
from bursar.database.pool import Database
from bursar.database.rows import Row
from bursar.database.statements import Statement
from bursar.database.together import AT_A_TIME
from bursar.domain.chains import Verification
from bursar.domain.errors import OutcomeUnknown
from bursar.domain.roles import PlatformRole, TeamRole
from bursar.operations.audit_chains import findings, heads_of
from bursar.services import members_at_once
from bursar.services.members_at_once import MOST_TOGETHER, Call, MembersTogether, call_of
from bursar.services.memberships import NewMember
from bursar.services.people import Person
from factories import Factory
from factories import Person as Someone

ENTRIES = """
SELECT request_id, array_agg(object_id ORDER BY position) AS ids, min(actor_user_id) AS actor,
    min(organization_id) AS organization
FROM audit_entries WHERE action = 'team_member.add' GROUP BY 1
"""

JOIN = "INSERT INTO team_members (id, team_id, user_id, role) VALUES ($1, $1, $2, 'MEMBER')"
END_WAITING = Statement(text("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE NOT granted"))


def call(actor: Actor, team: Row, *people: Someone) -> Call:
    new_members = [NewMember(Person(each.id, None), TeamRole.MEMBER) for each in people]
    made = call_of(actor, team.id, new_members)
    assert made is not None
    return made


async def admins(make: Factory, count: int) -> list[Actor]:
    made = [(await make.person(PlatformRole.ADMIN)).actor for _ in range(count)]
    return [each._replace(request_id=f"request-{n}") for n, each in enumerate(made)]


async def added(database: Database, calls: Sequence[Call]) -> list[list[str] | None]:
    """Whom each of the calls added, all asked for in one turn of the loop; None for nobody."""
    together = MembersTogether(database)
    answers = await asyncio.gather(*map(together.add, calls))
    return [joined and [row.user_id for row in joined.members] for joined in answers]


async def test_each_call_is_done_whole_or_not_at_all_and_leaves_its_own_entries(
    database: Database, make: Factory, owner: asyncpg.Connection
) -> None:
    first, second = [await make.organization() for _ in range(2)]
    teams = [await make.team(each) for each in (first, second, second, None)]
    people = [await make.person(organization=second) for _ in range(3)]
    strangers = [await make.person() for _ in range(2)]
    calls = [
        call(admin, team, *members)
        for admin, (team, members) in zip(
            await admins(make, 5),
            [
                (teams[1], people[:2]),
                (teams[2], [people[0], strangers[0]]),
                (teams[0], people[:1]),
                (teams[2], people[2:]),
                (teams[3], strangers),
            ],
            strict=True,
        )
    ]
    done = [calls[0], calls[3], calls[4]]
    assert await added(database, calls) == [
        [*each.user_ids] if each in done else None for each in calls
    ]
    assert await owner.fetchval("SELECT count(DISTINCT xmin::text) FROM team_members") == 1
    entries = {row["request_id"]: row for row in await owner.fetch(ENTRIES)}
    assert {name: (row["actor"], row["ids"]) for name, row in entries.items()} == {
        each.actor.request_id: (each.actor.user_id, [*each.ids]) for each in done
    }
    async with owner.transaction():
        chains = Verification(await heads_of(owner))
        assert [finding async for finding in findings(owner, chains)] == []
    again = [call(each.actor, teams[1], *people[:1]) for each in calls]
    assert await added(database, again) == [None] * 5


async def test_of_calls_that_name_the_same_person_the_first_is_done(
    database: Database, make: Factory, owner: asyncpg.Connection
) -> None:
    teams, person = [await make.team() for _ in range(2)], await make.person()
    other = await make.person()
    first, second = await admins(make, 2)
    calls = [
        call(first, teams[0], person),
        call(second, teams[0], other, person),
        call(second, teams[0], other),
        call(second, teams[1], person),
    ]
    assert await added(database, calls) == [[person.id], None, [other.id], [person.id]]
    assert await owner.fetchval("SELECT count(DISTINCT xmin::text) FROM team_members") == 1


HELD = {
    "a team": "SELECT FROM teams WHERE id = $1 AND $2 <> '' FOR NO KEY UPDATE",
    "an organization": "SELECT FROM organizations WHERE id ="
    " (SELECT organization_id FROM teams WHERE id = $1) AND $2 <> '' FOR NO KEY UPDATE",
    "a user": "SELECT FROM users WHERE id = $2 AND $1 <> '' FOR UPDATE",
    "who leaves": "SELECT FROM organization_members WHERE user_id = $2 AND $1 <> '' FOR UPDATE",
}


@pytest.mark.parametrize("what", HELD)
async def test_what_others_hold_is_waited_for_by_nobody(
    database: Database, make: Factory, owner: asyncpg.Connection, what: str
) -> None:
    (admin,) = await admins(make, 1)
    pairs = []
    for _ in range(2):
        organization = await make.organization()
        person = await make.person(organization=organization)
        pairs.append((await make.team(organization), person))
    (team, person), (_, other) = pairs
    calls = [call(admin, *pair) for pair in pairs]
    async with owner.transaction(), asyncio.timeout(LOCK_SECONDS / 2):
        assert len(await owner.fetch(HELD[what], team.id, person.id)) == 1
        assert await added(database, calls) == [None, [other.id]]


async def test_a_refusal_is_found_by_one_statement_and_the_long_way(
    api: Api, make: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[Statement] = []
    all_ = Connection.all

    async def told(self: Connection, statement: Statement, **values: Any) -> list[Row]:
        ran.append(statement)
        return await all_(self, statement, **values)

    monkeypatch.setattr(Connection, "all", told)
    admin, team, person = await make.admin(), await make.team(), await make.person()
    await make.team_member(team, person)
    answer = await api.refused(
        admin, "teamMembersAdd", teamId=team.id, members=[{"userId": person.id}]
    )
    assert answer.refusals == [("CONFLICT", "input.members.0.userId")]
    assert ran.count(members_at_once._add()) == 1  # noqa: SLF001 (the statement itself)


async def test_behind_a_pooler_nothing_is_shared(database: Database, make: Factory) -> None:
    (admin,) = await admins(make, 1)
    pooled = Database(database._dsn, size=1, statement_cache=0)  # noqa: SLF001 (the same server)
    async with pooled.connection():  # so none could be borrowed
        async with asyncio.timeout(1):
            assert await added(pooled, [call(admin, await make.team(), await make.person())]) == [
                None
            ]
    await pooled.close()


@pytest.mark.parametrize("connections", [AT_A_TIME + 1, 1])
async def test_who_gives_up_before_the_statement_begins_changes_nothing(
    database: Database, make: Factory, owner: asyncpg.Connection, connections: int
) -> None:
    (admin,) = await admins(make, 1)
    teams = [await make.team() for _ in range(AT_A_TIME + 1)]
    person, before, after = [await make.person() for _ in range(3)]
    narrow = Database(database._dsn, size=connections)  # noqa: SLF001 (the same server)
    together, begun = MembersTogether(narrow), min(connections, AT_A_TIME)
    assert await together.add(call(admin, teams[-1], before))  # which begins the chain
    requests, asking = [], []
    joining = owner.transaction()
    await joining.start()
    try:  # to join all teams but the last, which their statements wait to know of
        names = [(team.id, person.id) for team in teams[:-1]]
        await owner.executemany(JOIN, names)
        for n, team in enumerate(teams):
            requests.append(request := Borrowing())
            borrowing.set(request)
            asking.append(asyncio.create_task(together.add(call(admin, team, person))))
            for _ in range(1000 if n < begun else 1):
                await asyncio.sleep(0.01)
                if request.may_have_changed:
                    break
        changed = [request.may_have_changed for request in requests]
        assert changed == [n < begun for n in range(len(teams))]
        for each in asking[begun:]:
            each.cancel()
        await asyncio.wait(asking[begun:])
    finally:
        await joining.rollback()
    assert all(await asyncio.gather(*asking[:begun]))
    assert await together.add(call(admin, teams[-1], after))  # after all that came before
    await narrow.close()
    found = await owner.fetch("SELECT team_id FROM team_members WHERE user_id = $1", person.id)
    assert {row["team_id"] for row in found} == {team.id for team in teams[:begun]}


async def test_a_call_that_did_nothing_may_have_changed_nothing(
    database: Database, make: Factory
) -> None:
    (admin,) = await admins(make, 1)
    team, people = await make.team(), [await make.person() for _ in range(MOST_TOGETHER + 1)]
    await make.team_member(team, people[0])
    borrowing.set(request := Borrowing())
    for named in (people[:1], people):
        assert await added(database, [call(admin, team, *named)]) == [None]
        assert not request.may_have_changed
    assert await added(database, [call(admin, team, people[1])]) == [[people[1].id]]
    assert await added(database, [call(admin, team, *named)]) == [None]
    assert request.may_have_changed


async def test_where_a_team_is_held_who_is_added_to_another_is_added(
    api: Api, make: Factory, owner: asyncpg.Connection
) -> None:
    admin, held, other = await make.admin(), await make.team(), await make.team()
    people = [await make.person() for _ in range(2)]

    def adding(team: Row, person: Someone) -> "asyncio.Task[Answer]":
        names = [{"userId": person.id}]
        return asyncio.create_task(
            api.mutate(admin, "teamMembersAdd", teamId=team.id, members=names)
        )

    async with owner.transaction():
        await owner.execute("UPDATE teams SET blocked = true WHERE id = $1", held.id)
        waiting = adding(held, people[0])
        async with asyncio.timeout(LOCK_SECONDS):
            assert (await adding(other, people[1])).refusals == []
        assert not waiting.done()
    assert (await waiting).refusals == []


async def test_a_connection_that_dies_leaves_the_outcome_of_all_unknown(
    database: Database, make: Factory, owner: asyncpg.Connection
) -> None:
    (admin,) = await admins(make, 1)
    teams, person = [await make.team() for _ in range(2)], await make.person()
    together = MembersTogether(database)
    borrowing.set(request := Borrowing())
    async with owner.transaction():
        await owner.execute(JOIN, teams[1].id, person.id)
        asking = asyncio.gather(
            *(together.add(call(admin, team, person)) for team in teams), return_exceptions=True
        )
        for _ in range(100):
            await asyncio.sleep(0.01)
            if await database.one(END_WAITING):
                break
        assert [type(each) for each in await asking] == [OutcomeUnknown] * 2
        await owner.execute("DELETE FROM team_members")
    assert request.may_have_changed


async def test_large_calls_share_no_statement(
    database: Database, make: Factory, owner: asyncpg.Connection
) -> None:
    (admin,) = await admins(make, 1)
    teams = [await make.team() for _ in range(2)]
    people = [await make.person() for _ in range(MOST_TOGETHER + 1)]
    # It begins the chain, as of two who would one goes the long way.
    assert await added(database, [call(admin, teams[1], people[0])]) == [[people[0].id]]
    calls = [call(admin, teams[0], *people), call(admin, teams[1], *people[1:])]
    assert await added(database, calls) == [[*each.user_ids] for each in calls]
    assert await owner.fetchval("SELECT count(DISTINCT xmin::text) FROM team_members") == 3
