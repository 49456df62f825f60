"""Months are made ahead and dropped by the settings with nothing of the spend lost; and the purge."""

import asyncio
import itertools
import threading
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import uuid4

import asyncpg
import pytest
import structlog
from past_usage import Call, places, record
from typer.testing import CliRunner

from bursar.cli import app
from bursar.database import partitions
from bursar.database.embedded import EmbeddedPostgres
from bursar.database.grants import grant
from bursar.database.migrations import make_partitions, upgrade
from bursar.database.partitions import month_of, name_of
from bursar.domain.ids import Prefix, new_id
from bursar.domain.tallies import Whose
from bursar.operations import retention, upkeep
from bursar.operations.database import CommandDatabase
from bursar.operations.doctor import report
from bursar.operations.purge import purge
from bursar.operations.retention import EVENTS, drop_old
from bursar.operations.seed.load import seed
from bursar.operations.upkeep import Done, daily, keep_up
from bursar.settings import Settings

NOW = datetime.now(UTC)
THIS_MONTH = month_of(NOW.date())
SPENT = """
    SELECT holder_id, '', NULL, NULL, spend FROM lifetime_spends UNION ALL
    SELECT holder_id, model, since, starts_at, spend FROM spends ORDER BY 1, 2, 3, 4
"""
EXISTING = "SELECT relname FROM pg_class JOIN pg_inherits ON inhrelid = oid WHERE relkind = 'r'"


@pytest.fixture
async def database(
    postgres: EmbeddedPostgres, application_role: str
) -> AsyncIterator[CommandDatabase]:
    """A migrated schema of its own, as the commands know it."""
    schema = f"upkeep_{uuid4().hex}"
    connection = await asyncpg.connect(postgres.owner_url)
    await connection.execute(
        f"CREATE SCHEMA {schema}; GRANT USAGE ON SCHEMA {schema} TO {application_role}"
    )
    place = f"&search_path={schema}"
    found = CommandDatabase(
        postgres.owner_url + place,
        postgres.application_url + place,
        (),
        embedded=False,
        statement_cache=512,
    )
    await upgrade(found.owner_url)
    await grant(found.owner_url, application_role)
    yield found
    await connection.execute("SET client_min_messages = warning")
    await connection.execute(f"DROP SCHEMA {schema} CASCADE")
    await connection.close()


@pytest.fixture
async def owner(database: CommandDatabase) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database.owner_url)
    yield connection
    await connection.close()


@pytest.fixture
async def used(database: CommandDatabase, owner: asyncpg.Connection) -> asyncpg.Connection:
    """As the owner, where a seeded population has made calls for half a year, also by a deleted key.

    What the teams spend on the model counts by itself too.
    """
    await seed(
        database.owner_url, organizations=2, teams=4, users=9, members_per_team=3, keys_per_team=2
    )
    await owner.execute(
        "INSERT INTO lifetime_spends SELECT id, 0 FROM teams ON CONFLICT DO NOTHING"
    )
    found = await places(owner)
    user_id = next(place.user_id for place in found if place.user_id)
    gone = Whose(new_id(Prefix.API_KEY), user_id, None, None, None, None)
    calls = [
        Call(place, NOW - timedelta(hours=13 * number), Decimal(number).scaleb(-10) + number % 7)
        for number in range(1, 340)
        for place in (found[number % len(found)], gone)
    ]
    limited = [(place.team_id or "", "gpt-5") for place in found]
    await record(database.owner_url, calls, limited)
    return owner


async def test_what_old_events_came_to_stays_when_they_are_dropped(
    database: CommandDatabase, used: asyncpg.Connection
) -> None:
    before, months = await used.fetch(SPENT), await used.fetch(EXISTING)
    assert (await report(database.owner_url)).violations == []
    events = await used.fetchval("SELECT count(*) FROM usage_events")

    settings = Settings(keep_events_months=3, keep_activity_months=4)
    done = await keep_up(database, settings)

    assert await used.fetch(SPENT) == before
    assert (await report(database.owner_url)).violations == []
    oldest = {"usage_events": month_of(THIS_MONTH, -3), "usage_days": month_of(THIS_MONTH, -4)}
    left = {row[0] for row in await used.fetch(EXISTING)}
    assert {row[0] for row in months} - left == set(done.dropped)
    for table, month in oldest.items():
        assert min(name for name in left if name.startswith(table)) == name_of(table, month)
    kept = await used.fetchrow("SELECT min(at) AS first, count(*) AS number FROM usage_events")
    assert kept["first"].date() >= oldest["usage_events"]
    assert 0 < kept["number"] < events

    # Month by month, closings are added to; and nothing is left to do.
    assert (await keep_up(database, Settings(keep_events_months=1))).dropped
    assert await keep_up(database, settings) == Done([], [], dict.fromkeys(done.purged, 0))
    assert await used.fetch(SPENT) == before
    assert (await report(database.owner_url)).violations == []
    await used.execute("UPDATE usage_closings SET spend = spend + 1e-10")
    assert {found.check for found in (await report(database.owner_url)).violations} == {
        "lifetime-spends",
        "period-spends",
    }


@pytest.mark.usefixtures("used")
async def test_a_month_that_others_hold_is_tried_again_and_then_left_as_it_was(
    database: CommandDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "_PAUSE_SECONDS", 0.05)
    monkeypatch.setattr(retention, "LOCK_TIMEOUT", "50ms")
    reader = await asyncpg.connect(database.application_url)
    try:
        async with reader.transaction():
            await reader.execute("SELECT FROM usage_events LIMIT 1")
            dropping = asyncio.ensure_future(drop_old(database.owner_url, EVENTS, 5))
            await asyncio.sleep(0.4)
            assert not dropping.done()
            assert await drop_old(database.owner_url, EVENTS, 5) == []  # another does it
        assert len(await dropping) > 0

        monkeypatch.setattr(retention, "_ATTEMPTS", 2)
        async with reader.transaction(isolation="repeatable_read", readonly=True):
            await reader.execute("SELECT FROM usage_events LIMIT 1")
            with pytest.raises(asyncpg.LockNotAvailableError):
                await drop_old(database.owner_url, EVENTS, 1)
    finally:
        await reader.close()
    assert (await report(database.owner_url)).violations == []


async def test_months_are_made_while_calls_are_recorded_and_read_and_by_one_server_alone(
    database: CommandDatabase, owner: asyncpg.Connection
) -> None:
    missing = [name_of(table, month_of(THIS_MONTH, 12)) for table in partitions.PARTITIONED]
    await owner.execute(f"DROP TABLE {', '.join(missing)}")
    recording = await asyncpg.connect(database.application_url)
    try:
        async with recording.transaction():
            await recording.execute("INSERT INTO usage_events SELECT * FROM usage_events")
            await recording.execute("INSERT INTO usage_days SELECT * FROM usage_days")
            made = await asyncio.gather(*(make_partitions(database.owner_url) for _ in range(4)))
    finally:
        await recording.close()
    assert sorted(itertools.chain.from_iterable(made)) == sorted(missing)


async def test_a_month_that_was_detached_is_attached_again(
    database: CommandDatabase, owner: asyncpg.Connection
) -> None:
    names = [name_of(table, THIS_MONTH) for table in partitions.PARTITIONED]
    for table, name in zip(partitions.PARTITIONED, names, strict=True):
        assert await partitions.are_there(owner)
        await owner.execute(f"ALTER TABLE {table} DETACH PARTITION {name}")
        assert not await partitions.are_there(owner)
        assert (await keep_up(database, Settings())).made == [name]
    assert await partitions.are_there(owner)


@pytest.mark.parametrize(
    "statement",
    ["SELECT * FROM {}", "INSERT INTO {} DEFAULT VALUES", "DELETE FROM {}", "DROP TABLE {}"],
)
async def test_the_application_reaches_a_month_through_its_table_only(
    database: CommandDatabase, statement: str
) -> None:
    application = await asyncpg.connect(database.application_url)
    try:
        for table in partitions.PARTITIONED:
            assert await application.fetch(f"SELECT * FROM {table}") == []
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await application.execute(statement.format(name_of(table, THIS_MONTH)))
    finally:
        await application.close()


async def test_what_nothing_late_is_compared_with_is_purged_in_batches(
    database: CommandDatabase, owner: asyncpg.Connection
) -> None:
    for days, number in ((7, 1), (9, 5)):
        await owner.execute(
            f"""
            INSERT INTO usage_requests SELECT '{days}' || n, sha256('x'), now() - interval '{days} d'
            FROM generate_series(1, {number}) AS n;
            INSERT INTO former_places (api_key_id, until)
            SELECT '{days}' || n, now() - interval '{days} d' FROM generate_series(1, {number}) AS n;
            INSERT INTO former_secrets
            SELECT sha256(convert_to('{days}' || n, 'UTF8')), 'k', now() - interval '{days} d'
            FROM generate_series(1, {number}) AS n
            """
        )
    tables = ("usage_requests", "former_places", "former_secrets")
    assert await purge(database, batch=2) == dict.fromkeys(tables, 5)
    assert [await owner.fetchval(f"SELECT count(*) FROM {table}") for table in tables] == [1, 1, 1]


async def test_a_role_that_owns_nothing_purges_only(database: CommandDatabase) -> None:
    as_application = CommandDatabase(
        database.application_url, database.application_url, (), embedded=False, statement_cache=512
    )
    done = await keep_up(as_application, Settings(keep_events_months=1))
    assert (done.made, done.dropped) == (None, [])


def test_a_command_does_it_once(database: CommandDatabase) -> None:
    settings = Settings(
        DATABASE_URL=database.application_url,
        owner_database_url=database.owner_url,
        pepper="p" * 32,
    )
    assert upkeep.run(settings).made == []


@pytest.mark.parametrize(
    ("done", "said"),
    [
        (Done(["usage_days_2027_01"], ["usage_events_2026_01"], {"usage_requests": 7}), "is made"),
        (Done(None, [], {"usage_requests": 7}), "BURSAR_OWNER_DATABASE_URL"),
    ],
)
def test_the_command_tells_what_it_did(
    monkeypatch: pytest.MonkeyPatch, done: Done, said: str
) -> None:
    monkeypatch.setattr(upkeep, "run", lambda _settings: done)
    told = CliRunner().invoke(app, ["upkeep"])
    assert told.exit_code == 0
    assert said in told.stdout
    assert "7 usage_requests purged\n" in told.stdout


REFUSED = ConnectionError(111, "refused")
NOTHING_DONE = Done([], [], {"usage_requests": 0})


async def test_a_server_does_it_daily_and_after_a_failure_soon_again(
    monkeypatch: pytest.MonkeyPatch, database: CommandDatabase
) -> None:
    outcomes = [REFUSED, ValueError("a fault"), *[REFUSED] * 6, NOTHING_DONE, REFUSED]
    outcomes.append(Done(["usage_days_2027_01"], [], {}))
    coming, pauses, finished = iter(outcomes), list[float](), threading.Event()

    async def next_one(_database: CommandDatabase, _settings: Settings) -> Done:
        outcome = next(coming)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == len(outcomes):
            finished.set()
            await asyncio.Event().wait()  # until it is stopped

    monkeypatch.setattr(upkeep, "keep_up", next_one)
    monkeypatch.setattr(upkeep, "sleep", sleep)
    with structlog.testing.capture_logs() as lines, daily(database, Settings()) as start:
        start()
        assert await asyncio.to_thread(finished.wait, 60)
    minutes = [1, 2, 4, 8, 16, 32, 60, 60]
    day = 24 * 60
    assert [pause / 60 for pause in pauses] == [*minutes, day, 1, day]
    told = [(line["log_level"], line["event"], line.get("reason")) for line in lines]
    refused = ("error", "the upkeep failed", "the database does not answer: refused")
    assert told == [
        refused,
        ("error", "the upkeep failed", None),
        *[refused] * 7,
        ("info", "kept up", None),
    ]
    again = [line["seconds_until_again"] for line in lines[:-1]]
    assert again == [60 * pause for pause in [*minutes, 1]]


def test_a_stop_ends_it_at_once_whatever_it_does(
    monkeypatch: pytest.MonkeyPatch, postgres: EmbeddedPostgres
) -> None:
    asleep = threading.Event()

    async def sleep(_database: object, _settings: object) -> Done:
        connection = await asyncpg.connect(postgres.owner_url)
        asleep.set()
        try:
            await connection.execute("SELECT pg_sleep(60)")
        finally:
            await connection.close()
        raise AssertionError

    monkeypatch.setattr(upkeep, "keep_up", sleep)
    with daily(None, Settings()) as start:  # type: ignore[arg-type]  # what sleeps needs none
        start()
        assert asleep.wait(5)
        time.sleep(0.1)
        stopped = time.monotonic()
    assert time.monotonic() - stopped < 2
    assert "upkeep" not in {thread.name for thread in threading.enumerate()}


def test_a_server_that_was_stopped_before_it_served_kept_nothing_up() -> None:
    with daily(None, Settings()):  # type: ignore[arg-type]  # it is not started
        pass
