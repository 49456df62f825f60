"""Idempotency keys when something goes wrong: a wait, a deadlock, a failure, a lost connection."""

import asyncio
from typing import Any

import asyncpg
import pytest

from api_client import Api
from bursar.database.connections import Connection
from bursar.domain.errors import Unavailable
from bursar.services import audit, idempotency
from factories import Factory

GIVEN = {"name": "A", "idempotencyKey": "1"}
CREATE = """
mutation Create($input: TeamCreateInput!) {
  teamCreate(input: $input) { team { id } errors { code path } }
}
"""
WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted"
CLAIM = "INSERT INTO idempotency_records VALUES ($1, '1', sha256(''), '{}')"


@pytest.mark.parametrize("ending", ["ROLLBACK", "COMMIT"])
async def test_who_asks_meanwhile_waits_for_the_outcome_of_the_first(
    api: Api, make: Factory, owner: asyncpg.Connection, ending: str
) -> None:
    admin = await make.admin()
    await owner.execute("BEGIN")
    await owner.execute(CLAIM, admin.id)
    asked = asyncio.create_task(api(admin, CREATE, input=GIVEN))
    # PostgreSQL tells nobody that a lock is waited for.
    while not await owner.fetchval(WAITING):  # noqa: ASYNC110 (as said above)
        await asyncio.sleep(0.01)
    await owner.execute(ending)
    mismatch = [("IDEMPOTENCY_MISMATCH", "input.idempotencyKey")]
    assert (await asked).refusals == (mismatch if ending == "COMMIT" else [])


async def test_who_waits_too_long_is_told_that_nothing_was_changed(
    api: Api, make: Factory, owner: asyncpg.Connection
) -> None:
    admin = await make.admin()
    async with owner.transaction():
        await owner.execute(CLAIM, admin.id)
        answer = await api(admin, CREATE, input=GIVEN)
    assert answer.codes == ["OVERLOADED"]


async def test_the_victim_of_a_deadlock_is_done_again_with_its_key(
    api: Api, make: Factory, monkeypatch: pytest.MonkeyPatch, owner: asyncpg.Connection
) -> None:
    admin = await make.admin()
    record, tries = audit.record, []

    def victim(*arguments: Any) -> None:
        record(*arguments)
        tries.append(arguments)
        if len(tries) < 3:
            raise asyncpg.DeadlockDetectedError

    monkeypatch.setattr(audit, "record", victim)
    answers = [await api(admin, CREATE, input=GIVEN) for _ in range(2)]
    assert answers[0].payload == answers[1].payload
    assert len(tries) == 3
    assert await owner.fetchval("SELECT count(*) FROM teams") == 1


async def test_a_failure_after_the_effect_leaves_neither_effect_nor_key(
    api: Api, make: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin = await make.admin()
    before = await api.fingerprint()

    async def fail(*_: object) -> None:
        raise RuntimeError

    with monkeypatch.context() as failing:
        failing.setattr(idempotency, "keep", fail)
        assert (await api(admin, CREATE, input=GIVEN)).codes == ["INTERNAL_SERVER_ERROR"]
    assert await api.fingerprint() == before
    assert (await api(admin, CREATE, input=GIVEN)).refusals == []


@pytest.mark.parametrize("committed", [True, False])
async def test_after_an_unknown_outcome_the_same_call_is_safe(
    api: Api,
    make: Factory,
    monkeypatch: pytest.MonkeyPatch,
    owner: asyncpg.Connection,
    committed: bool,
) -> None:
    admin = await make.admin()
    command = Connection.command

    async def breaks(self: Connection, sql: str) -> None:
        if sql != "COMMIT":
            await command(self, sql)
            return
        await command(self, "COMMIT" if committed else "ROLLBACK")
        raise Unavailable

    with monkeypatch.context() as breaking:
        breaking.setattr(Connection, "command", breaks)
        assert (await api(admin, CREATE, input=GIVEN)).codes == ["OUTCOME_UNKNOWN"]
    assert (await api(admin, CREATE, input=GIVEN)).refusals == []
    assert await owner.fetchval("SELECT count(*) FROM teams") == 1
