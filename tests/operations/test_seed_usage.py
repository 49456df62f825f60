"""Seeded calls are such as are recorded, and all that counts them counts each of them once."""

from collections import Counter
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import uuid4

import asyncpg
import pytest

from bursar.database.embedded import EmbeddedPostgres
from bursar.database.migrations import upgrade
from bursar.domain.durations import parse
from bursar.domain.ids import DEFAULT_ORGANIZATION, moment_of
from bursar.domain.periods import period_at
from bursar.domain.usage import dimensions_of
from bursar.operations.seed.load import seed

DAYS, EVENTS_PER_DAY = 75, 40
SMALL = {"organizations": 4, "teams": 20, "users": 60, "members_per_team": 4, "keys_per_team": 4}
HOLDERS = (
    *("organization_id", "organization_member_id", "team_id", "team_member_id"),
    "api_key_id",
)
# The budget in force of each holder, a member's own or the team's default.
TERMS = """
SELECT coalesce(organization_id, organization_member_id, team_id, team_member_id, api_key_id) AS id,
    budgets.id AS budget_id, duration, timezone FROM budgets WHERE default_of_team_id IS NULL
UNION ALL
SELECT member.id, budgets.id, duration, timezone FROM team_members member JOIN budgets
ON default_of_team_id = member.team_id
WHERE member.id NOT IN (SELECT team_member_id FROM budgets WHERE team_member_id IS NOT NULL)
"""


@pytest.fixture(scope="module")
async def seeded(postgres: EmbeddedPostgres) -> AsyncIterator[asyncpg.Connection]:
    """A schema with usage of days, some of which are of months that had no partition."""
    name = f"seed_{uuid4().hex}"
    owner = await asyncpg.connect(postgres.owner_url)
    await owner.execute(f"CREATE SCHEMA {name}")
    dsn = f"{postgres.owner_url}&search_path={name}"
    await upgrade(dsn)
    heard: dict[str, tuple[int, int]] = {}
    answered = await seed(
        dsn,
        **SMALL,
        days=DAYS,
        events_per_day=EVENTS_PER_DAY,
        report=lambda table, done, total: heard.update({table: (done, total)}),
    )
    connection = await asyncpg.connect(dsn)
    for table in ("usage_events", "usage_days", "spends", "usage_requests"):
        assert answered[table] == await connection.fetchval(f"SELECT count(*) FROM {table}")
    assert heard["usage_events"] == (answered["usage_events"], answered["usage_events"])
    yield connection
    await connection.close()
    await owner.execute(f"SET client_min_messages = warning; DROP SCHEMA {name} CASCADE")
    await owner.close()


async def test_there_are_as_many_calls_as_were_asked_for_until_now(
    seeded: asyncpg.Connection,
) -> None:
    events = await seeded.fetch("SELECT * FROM usage_events ORDER BY at")
    now = await seeded.fetchval("SELECT now()")
    assert abs(len(events) - DAYS * EVENTS_PER_DAY) <= 1
    assert events[0]["at"] < now - timedelta(days=DAYS - 1)
    assert now - timedelta(days=1) < events[-1]["at"] < events[-1]["recorded_at"] <= now
    assert len({event["request_id"] for event in events}) == len(events)
    for event in events:
        told = moment_of(event["id"])
        assert told is not None
        assert timedelta() <= event["at"] - told < timedelta(milliseconds=1)


async def test_calls_are_of_keys_that_were_there_in_the_places_they_have(
    seeded: asyncpg.Connection,
) -> None:
    wrong = await seeded.fetch(
        """
        SELECT event.id FROM usage_events event
        LEFT JOIN api_keys key ON key.id = event.api_key_id
        LEFT JOIN teams ON teams.id = key.team_id
        LEFT JOIN team_members member ON member.user_id = key.user_id AND member.team_id = teams.id
        LEFT JOIN organization_members colleague ON colleague.user_id = key.user_id
            AND colleague.organization_id = teams.organization_id
        WHERE (event.user_id, event.team_id, event.organization_id, event.team_member_id,
            event.organization_member_id) IS DISTINCT FROM (key.user_id, key.team_id,
            teams.organization_id, member.id, colleague.id) OR key.created_at > event.at
            OR teams.organization_id = $1
        """,
        DEFAULT_ORGANIZATION,
    )
    assert wrong == []


async def test_every_period_has_what_its_calls_cost(seeded: asyncpg.Connection) -> None:
    terms = {row["id"]: row for row in await seeded.fetch(TERMS)}
    limited: dict[str, set[str]] = {}
    for row in await seeded.fetch("SELECT * FROM budget_model_limits WHERE max_budget IS NOT NULL"):
        limited.setdefault(row["budget_id"], set()).add(row["model"])
    expected: Counter[tuple[str, ...]] = Counter()
    ever: Counter[str] = Counter()
    for event in await seeded.fetch("SELECT * FROM usage_events"):
        for holder in (event[column] for column in HOLDERS if event[column]):
            of = terms.get(holder)
            duration = of and of["duration"] and parse(of["duration"])
            start, end = period_at(duration or None, of["timezone"] if of else "UTC", event["at"])
            # As asyncpg reads what is open.
            span = (start or datetime.min, end or datetime.max)  # noqa: DTZ901 (it has no zone)
            ever[holder] += event["cost"]
            expected[holder, "", *span] += event["cost"]  # type: ignore[index]  # a key of any kind
            if of and event["model"] in limited.get(of["budget_id"], ()):
                expected[holder, event["model"], *span] += event["cost"]  # type: ignore[index]  # as above
    stored = await seeded.fetch("SELECT * FROM spends")
    assert {row["since"] for row in stored} == {datetime.min}  # noqa: DTZ901 (as above)
    assert {
        (row["holder_id"], row["model"], row["starts_at"], row["ends_at"]): row["spend"]
        for row in stored
    } == expected
    assert {row["model"] for row in stored} > {""}
    lifetimes = await seeded.fetch("SELECT * FROM lifetime_spends WHERE spend > 0")
    assert {row["holder_id"]: row["spend"] for row in lifetimes} == {
        holder: spend for holder, spend in ever.items() if spend
    }


async def test_every_day_has_the_sums_of_its_calls(seeded: asyncpg.Connection) -> None:
    expected: dict[tuple[object, ...], list[Decimal]] = {}
    for event in await seeded.fetch("SELECT * FROM usage_events"):
        what = (
            *(event[name] for name in ("api_key_id", "user_id", "team_id", "organization_id")),
            *(event[name] for name in ("model", "provider", "endpoint", "tags")),
        )
        sums = expected.setdefault((event["at"].date(), dimensions_of(*what)), [Decimal(0)] * 7)
        added = (
            *(event["prompt_tokens"], event["completion_tokens"], event["cache_read_tokens"]),
            *(event["cache_creation_tokens"], event["cost"], 1, int(event["success"])),
        )
        sums[:] = [a + b for a, b in zip(sums, added, strict=True)]
    stored = await seeded.fetch("SELECT * FROM usage_days")
    assert {
        (row["day"], row["dimensions"]): [
            *(row["prompt_tokens"], row["completion_tokens"], row["cache_read_tokens"]),
            *(row["cache_creation_tokens"], row["spend"], row["requests"], row["successes"]),
        ]
        for row in stored
    } == expected
    assert len(stored) < len(await seeded.fetch("SELECT id FROM usage_events"))


async def test_request_ids_are_kept_of_the_last_days_alone(seeded: asyncpg.Connection) -> None:
    missing = await seeded.fetch(
        "SELECT request_id FROM usage_events WHERE recorded_at > now() - interval '7 days'"
        " EXCEPT SELECT request_id FROM usage_requests"
    )
    assert missing == []
    kept = await seeded.fetchval("SELECT count(*) FROM usage_requests")
    assert EVENTS_PER_DAY * 7 < kept < EVENTS_PER_DAY * 9
