"""Requests of a moment share statements: each gets its own answer, of what was acknowledged before."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import product
from typing import Any

import pytest

from api_client import Api
from bursar.database.pool import Database
from bursar.database.rows import Row
from bursar.domain.errors import Overloaded
from bursar.domain.roles import KeyScope
from bursar.loaders.rows import RowsByKey
from factories import Factory, Key, Person

TEAM = "query($id: ID!) { team(id: $id) { id name } }"
ANYTHING = "query($id: ID!) { node(id: $id) { id } viewer { key { id } } }"
Sent = Callable[[], int]


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Sent:
    """How many statements were sent since it was asked last."""
    statements, ask = [], Database.all

    async def counted(self: Database, statement: Any, **values: Any) -> Any:
        statements.append(statement)
        return await ask(self, statement, **values)

    monkeypatch.setattr(Database, "all", counted)

    def count() -> int:
        number = len(statements)
        statements.clear()
        return number

    return count


async def teams_of(make: Factory, count: int) -> list[Row]:
    return [await make.team(name=f"Team {number}") for number in range(count)]


async def test_who_sees_everything_shares_statements_with_all_who_do(
    api: Api, make: Factory, sent: Sent
) -> None:
    admins = [await make.admin() for _ in range(3)]
    teams = await teams_of(make, 10)
    asked = list(product(admins, teams))
    sent()
    answers = await asyncio.gather(*(api(admin, TEAM, id=team.id) for admin, team in asked))
    assert [answer.data["team"] for answer in answers] == [
        {"id": team.id, "name": team.name} for _, team in asked
    ]
    assert sent() <= 12


async def test_all_keys_of_a_user_share_and_strangers_do_not(
    api: Api, make: Factory, sent: Sent
) -> None:
    team = await make.team()
    members = [await make.person(), await make.person()]
    for member in members:
        await make.team_member(team, member)
    again = await make.api_key(members[0], scopes=[KeyScope.MANAGE])
    counted = []
    for pair in ([members[0], again], members):
        await asyncio.gather(*(api(person, TEAM, id=team.id) for person in pair))
        sent()
        answers = await asyncio.gather(*(api(person, TEAM, id=team.id) for person in pair))
        assert all(answer.data["team"]["id"] == team.id for answer in answers)
        counted.append(sent())
    assert counted == [2, 3]  # a sign-in for both, and a read for each who sees something else


async def test_each_sees_what_is_theirs_though_all_ask_at_once(api: Api, make: Factory) -> None:
    ours, theirs = await teams_of(make, 2)
    admin, member, other, stranger = [
        await make.admin(),
        *[await make.person() for _ in range(3)],
    ]
    await make.team_member(ours, member)
    await make.team_member(theirs, other)
    service = await make.api_key(team=ours)
    seen: dict[str, set[str]] = {
        admin.secret: {ours.id, theirs.id},
        member.secret: {ours.id},
        other.secret: {theirs.id},
        stranger.secret: set(),
        service.secret: {ours.id},
    }
    people: list[Person | Key] = [admin, member, other, stranger, service]
    asked = [*product(people, (ours.id, theirs.id))] * 3
    for document, field in ((TEAM, "team"), (ANYTHING, "node")):
        answers = await asyncio.gather(
            *(api(person, document, id=team_id) for person, team_id in asked)
        )
        for (person, team_id), answer in zip(asked, answers, strict=True):
            found = answer.data[field]
            assert (found and found["id"]) == (team_id if team_id in seen[person.secret] else None)


async def test_each_is_signed_in_as_themselves_though_all_come_at_once(
    api: Api, make: Factory
) -> None:
    people = [await make.person() for _ in range(10)]
    blocked = await make.person(blocked=True)
    asked = [blocked, *people, blocked]
    document = "{ viewer { user { id } } }"
    answers = await asyncio.gather(*(api(person, document) for person in asked))
    assert [answer.status for answer in answers] == [401, *[200] * 10, 401]
    assert [answer.data["viewer"]["user"]["id"] for answer in answers[1:-1]] == [
        person.id for person in people
    ]


async def test_a_failed_statement_fails_all_who_asked_and_nobody_after(
    api: Api, make: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin, teams = await make.admin(), await teams_of(make, 4)

    async def fail(*_: object) -> None:
        raise Overloaded

    with monkeypatch.context() as patch:
        patch.setattr(RowsByKey, "__call__", fail)
        answers = await asyncio.gather(*(api(admin, TEAM, id=team.id) for team in teams))
        assert [answer.codes for answer in answers] == [["OVERLOADED"]] * 4
    answers = await asyncio.gather(*(api(admin, TEAM, id=team.id) for team in teams))
    assert [answer.codes for answer in answers] == [[]] * 4


async def test_who_gives_up_takes_nobody_along(
    api: Api, make: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin, team = await make.admin(), await make.team()
    held, leave, look_up = asyncio.Event(), asyncio.Event(), RowsByKey.__call__

    async def slowly(self: RowsByKey, *given: Any) -> Any:
        held.set()
        await leave.wait()
        return await look_up(self, *given)

    monkeypatch.setattr(RowsByKey, "__call__", slowly)
    gone, stays = (asyncio.create_task(api(admin, TEAM, id=team.id)) for _ in range(2))
    await held.wait()
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    leave.set()
    assert (await stays).data["team"]["id"] == team.id


async def test_what_was_acknowledged_is_read_though_others_ask_all_the_while(
    api: Api, make: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    look_up = RowsByKey.__call__

    async def late(self: RowsByKey, *given: Any) -> Any:
        found = await look_up(self, *given)
        await asyncio.sleep(0.01)  # what was found is old when it is told
        return found

    admin, team = await make.admin(), await make.team()
    monkeypatch.setattr(RowsByKey, "__call__", late)
    async with _asking(api, admin, team):
        for number in range(20):
            name = f"Name {number}"
            changed = await api.mutate(admin, "teamUpdate", id=team.id, name=name)
            assert changed.refusals == []
            assert (await api(admin, TEAM, id=team.id)).data["team"]["name"] == name


@asynccontextmanager
async def _asking(api: Api, person: Person, team: Row) -> AsyncIterator[None]:
    """Several who read the team again and again."""

    async def ask() -> None:
        while True:
            await api(person, TEAM, id=team.id)

    tasks = [asyncio.create_task(ask()) for _ in range(4)]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
