"""A database that refuses: what cannot be changed is said so, and what can be read is read."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from time import monotonic

import asyncpg
import pytest
from faults.failures import losing_answers
from starlette.applications import Starlette

from api_client import Answer, Api
from bursar.database.embedded import EmbeddedPostgres
from factories import Factory, Person

READ = "query ($id: ID!) { node(id: $id) { ... on Team { name } } }"
RENAME = """
mutation ($input: TeamUpdateInput!) { teamUpdate(input: $input) { team { name } errors { code } } }
"""
JOIN = """
mutation ($input: TeamMembersAddInput!) {
  teamMembersAdd(input: $input) { members { id } errors { code } }
}
"""
RAISING = """
CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = '53100'; END $$;
CREATE TRIGGER full_disk BEFORE INSERT ON {table} EXECUTE FUNCTION full_disk()
"""


class Asked:
    """Somebody who may read and rename a team."""

    def __init__(self, api: Api, admin: Person, team: str) -> None:
        self.api, self._admin, self._team = api, admin, team

    async def read(self) -> Answer:
        return await self.api(self._admin, READ, id=self._team)

    async def rename(self) -> Answer:
        given = {"id": self._team, "name": "New", "idempotencyKey": "1"}
        return await self.api(self._admin, RENAME, input=given)

    async def join(self, user_id: str) -> Answer:
        """A change that one statement makes, without a transaction around it."""
        given = {"teamId": self._team, "members": [{"userId": user_id}]}
        return await self.api(self._admin, JOIN, input=given)

    async def is_well(self) -> None:
        """All is done and read, and once."""
        assert (await self.rename()).payload == {"team": {"name": "New"}, "errors": []}
        assert (await self.read()).payload == {"name": "New"}

    async def is_refused(self, code: str, *, joins: bool = True, reads: bool = True) -> None:
        before = await self.api.fingerprint()
        answers = [await self.rename(), *([await self.join(self._admin.id)] if joins else [])]
        for answer in answers:
            assert (answer.codes, answer.data) == ([code], None)
        assert await self.api.fingerprint() == before
        if reads:
            assert (await self.read()).payload == {"name": "Old"}


@pytest.fixture
async def asked(
    app_with: Callable[..., AbstractAsyncContextManager[Starlette]],
    owner: asyncpg.Connection,
    make: Factory,
) -> AsyncIterator[Asked]:
    admin, team = await make.admin(), await make.team(name="Old")
    async with app_with(pool_size=3) as app, Api(app, owner) as api:
        yield Asked(api, admin, team.id)


@asynccontextmanager
async def altered(owner: asyncpg.Connection, alter: str, back: str) -> AsyncIterator[None]:
    await owner.execute(alter)
    try:
        yield
    finally:
        await owner.execute(back)


async def test_a_database_that_is_read_only_since_a_failover_is_read(
    asked: Asked, owner: asyncpg.Connection
) -> None:
    name = await owner.fetchval("SELECT current_database()")
    setting = f"ALTER DATABASE {name} {{}} default_transaction_read_only"
    async with altered(owner, setting.format("SET") + " = on", setting.format("RESET")):
        await asked.is_refused("UNAVAILABLE")
    await asked.rename()  # on a connection of that time, which is then left
    await asked.is_well()


@pytest.mark.parametrize("table", ["teams", "audit_entries", "idempotency_records"])
async def test_a_full_disk_refuses_what_is_written_wherever_that_is(
    asked: Asked, owner: asyncpg.Connection, table: str
) -> None:
    raising = RAISING.format(table=table).replace("INSERT", "INSERT OR UPDATE")
    async with altered(owner, raising, "DROP FUNCTION full_disk CASCADE"):
        await asked.is_refused("UNAVAILABLE", joins=table == "audit_entries")
    await asked.is_well()


async def test_without_a_right_to_write_the_audit_nothing_is_changed(
    asked: Asked, owner: asyncpg.Connection, application_role: str
) -> None:
    right = f"INSERT ON audit_entries {{}} {application_role}"
    async with altered(owner, f"REVOKE {right.format('FROM')}", f"GRANT {right.format('TO')}"):
        await asked.is_refused("UNAVAILABLE")
    await asked.is_well()


async def test_a_lock_that_somebody_holds_is_waited_for_two_seconds_by_each(
    asked: Asked, migrated: EmbeddedPostgres
) -> None:
    holder = await asyncpg.connect(migrated.owner_url)
    try:
        async with holder.transaction():
            await holder.execute("SELECT FROM teams FOR UPDATE")
            started = monotonic()
            await asked.is_refused("OVERLOADED")
            assert 3 < monotonic() - started < 9
    finally:
        await holder.close()
    await asked.is_well()


async def test_without_connections_to_be_had_all_is_refused_at_once_and_afterwards_nothing(
    asked: Asked, owner: asyncpg.Connection
) -> None:
    """As with `max_connections` reached, which has the same code."""
    limit = f"ALTER DATABASE {await owner.fetchval('SELECT current_database()')} CONNECTION LIMIT"
    async with altered(owner, f"{limit} 0", f"{limit} -1"):
        started = monotonic()
        await asked.is_refused("OVERLOADED", reads=False)
        answers = await asyncio.gather(*(asked.read() for _ in range(20)))
        assert {(answer.status, *answer.codes) for answer in answers} == {(503, "OVERLOADED")}
        assert monotonic() - started < 5
    await asked.is_well()


async def test_one_statement_whose_answer_is_lost_is_of_unknown_outcome(
    asked: Asked, make: Factory
) -> None:
    person = await make.person()
    with losing_answers("INSERT INTO team_members"):
        answer = await asked.join(person.id)
    assert (answer.codes, answer.data) == (["OUTCOME_UNKNOWN"], None)
    again = await asked.join(person.id)
    assert [error["code"] for error in again.payload["errors"]] == ["CONFLICT"]
