"""Members whom several requests add at the same moment: by one statement, each request for itself."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import asyncpg
import pytest
from sqlalchemy import text

from api_client import Answer, Api
from bursar.access.actor import Actor
from bursar.database.borrowing import Borrowing, borrowing
from bursar.database.connections import LOCK_SECONDS
from bursar.database.pool import Database
from bursar.database.rows import Row
from bursar.database.statements import Statement
from bursar.domain.chains import Verification
from bursar.domain.errors import OutcomeUnknown
from bursar.domain.roles import PlatformRole, TeamRole
from bursar.operations.audit_chains import findings, heads_of
from bursar.services import members_at_once
from bursar.services.members_at_once import Call, MembersTogether, call_of
from bursar.services.memberships import NewMember
from bursar.services.people import Person
from factories import Factory
from factories import Person as Someone

ENTRIES = """
SELECT request_id, array_agg(object_id ORDER BY position) AS ids, min(actor_user_id) AS actor,
    min(organization_id) AS organization
FROM audit_entries WHERE action = 'team_member.add' GROUP BY 1
"""

END_WAITING = Statement(text("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE NOT granted"))


def call(actor: Actor, team: Row, *people: Someone) -> Call:
    new_members = [NewMember(Person(each.id, None), TeamRole.MEMBER) for each in people]
    made = call_of(actor, team.id, new_members)
    assert made is not None
    return made


async def admins(make: Factory, count: int) -> list[Actor]:
    made = [(await make.person(PlatformRole.ADMIN)).actor for _ in range(count)]
    return [replace(each, request_id=f"request-{n}") for n, each in enumerate(made)]


async def added(database: Database, calls: Sequence[Call]) -> list[list[str] | None]:
    """Whom each of the calls added, all asked for in one turn of the loop; None for nobody."""
    together = MembersTogether(database)
    answers = await asyncio.gather(*map(together.add, calls))
    return [rows and [row.user_id for row in rows] for rows in answers]


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


async def test_who_names_the_same_person_is_left_to_find_out_alone(
    database: Database, make: Factory, owner: asyncpg.Connection
) -> None:
    team, person, other = await make.team(), await make.person(), await make.person()
    first, second = await admins(make, 2)
    calls = [call(first, team, person), call(second, team, person), call(first, team, other)]
    assert await added(database, calls) == [None] * 3
    assert await owner.fetchval("SELECT count(*) FROM team_members") == 0


async def test_where_a_team_is_held_others_soon_go_on_alone(
    database: Database, make: Factory, owner: asyncpg.Connection
) -> None:
    (admin,) = await admins(make, 1)
    teams, person = [await make.team() for _ in range(2)], await make.person()
    async with owner.transaction():
        await owner.execute("UPDATE teams SET blocked = true WHERE id = $1", teams[0].id)
        async with asyncio.timeout(LOCK_SECONDS):
            calls = [call(admin, team, person) for team in teams]
            assert await added(database, calls) == [None, None]


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
    database: Database, make: Factory, owner: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(members_at_once, "_PATIENCE_TOGETHER", "2s")
    (admin,) = await admins(make, 1)
    teams, person = [await make.team() for _ in range(2)], await make.person()
    together = MembersTogether(database)
    borrowing.set(request := Borrowing())
    async with owner.transaction():
        await owner.execute("UPDATE teams SET blocked = true WHERE id = $1", teams[1].id)
        asking = asyncio.gather(
            *(together.add(call(admin, team, person)) for team in teams), return_exceptions=True
        )
        for _ in range(100):
            await asyncio.sleep(0.01)
            if await database.one(END_WAITING):
                break
        assert [type(each) for each in await asking] == [OutcomeUnknown] * 2
    assert request.may_have_changed


async def test_large_calls_share_no_statement(database: Database, make: Factory) -> None:
    (admin,) = await admins(make, 1)
    team, people = await make.team(), [await make.person() for _ in range(11)]
    assert await added(database, [call(admin, team, *people), call(admin, team, *people[:10])]) == [
        None,
        [person.id for person in people[:10]],
    ]
