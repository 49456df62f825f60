"""Checks of spend: it is what the events that are kept, closings and adjustments come to."""

from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import datetime
from decimal import Decimal

import asyncpg

from bursar.access.holders import KINDS
from bursar.domain.instants import FIRST
from bursar.domain.periods import Entry
from bursar.domain.tallies import WHOLE, Spent, exact, is_period
from bursar.operations.checks.check import Check
from bursar.operations.tallying import Schedules, schedules, spent_of, tally, zoned

_GONE = f"""
    SELECT holder_id FROM (SELECT holder_id FROM spends UNION SELECT holder_id FROM usage_closings
        UNION SELECT holder_id FROM lifetime_spends) AS holders
    EXCEPT ({" UNION ALL ".join(f"SELECT id FROM {kind.table.name}" for kind in KINDS.values())})
"""
_BESIDE_EVENTS = """
    SELECT holder_id, model, since, starts_at, sum(amount) FROM (
        SELECT holder_id, model, since, starts_at, spend AS amount FROM usage_closings
        UNION ALL
        SELECT holder_id, model, since, starts_at, amount FROM spend_adjustments
    ) AS beside GROUP BY holder_id, model, since, starts_at
"""
_ROWS = "SELECT holder_id, model, since, starts_at, ends_at, spend FROM spends"
_ROWS_AT_ONCE = 5000


async def _periods(connection: asyncpg.Connection) -> AsyncIterator[tuple[str, str]]:
    """Of what is deleted the schedule is gone, and so which periods it had."""
    known = await schedules(connection)
    gone = {row[0] for row in await connection.fetch(_GONE)}
    came_to = await _came_to(connection, known)
    async for *row, ends_at, spend in connection.cursor(_ROWS, prefetch=_ROWS_AT_ONCE):
        spent = spent_of(*row)
        if spent.holder_id not in gone:
            schedule, amount = known.get(spent.holder_id, ()), came_to.pop(spent, Decimal(0))
            for problem in _problems(schedule, spent, zoned(ends_at), spend, amount):
                yield spent.holder_id, problem
    for spent, amount in came_to.items():
        if amount and spent.model == WHOLE and spent.holder_id not in gone:
            yield spent.holder_id, f"{_named(spent)} is missing, its events come to {amount}"


async def _came_to(connection: asyncpg.Connection, known: Schedules) -> dict[Spent, Decimal]:
    came_to = (await tally(connection, "usage_events", known)).spent()
    for *row, amount in await connection.fetch(_BESIDE_EVENTS):
        spent = spent_of(*row)
        came_to[spent] = exact.add(came_to.get(spent, Decimal(0)), amount)
    return came_to


def _problems(
    schedule: Sequence[Entry], spent: Spent, ends_at: datetime, spend: Decimal, amount: Decimal
) -> Iterator[str]:
    """A model may have been limited, and so counted, from some time in the period on."""
    if not is_period(schedule, spent.since, spent.starts_at, ends_at):
        yield f"{_named(spent)} to {ends_at} is no period of its schedule"
    if spend > amount or (spend < amount and spent.model == WHOLE):
        yield f"{_named(spent)} is {spend}, its events come to {amount}"


def _named(spent: Spent) -> str:
    of = f" of model {spent.model}" if spent.model else ""
    return f"its spend{of} from {_shown(spent.starts_at)}"


def _shown(at: datetime) -> str:
    return "ever" if at == FIRST else str(at)


SPENDS = (
    Check(
        "lifetime-spends",
        "What something ever spent is what its events come to, those that are not kept included.",
        "lifetime_spends",
        """
        WITH places AS (
            SELECT api_key_id, user_id, team_id, team_member_id, organization_id,
                organization_member_id, sum(cost) AS cost
            FROM usage_events GROUP BY 1, 2, 3, 4, 5, 6
        ), shares AS (
            SELECT holder_id, cost FROM places CROSS JOIN LATERAL (VALUES
                (api_key_id), (team_id), (team_member_id), (organization_id),
                (organization_member_id), (CASE WHEN team_id IS NULL THEN user_id END)
            ) AS holders (holder_id) WHERE holder_id IS NOT NULL
            UNION ALL
            SELECT holder_id, spend FROM usage_closings WHERE model = ''
            UNION ALL
            SELECT holder_id, -spend FROM lifetime_spends
        )
        SELECT holder_id AS id,
            format('what it ever spent is %s less than its events come to', sum(cost)) AS problem
        FROM shares GROUP BY holder_id HAVING sum(cost) <> 0
        """,
    ),
    Check(
        "teams-have-spends",
        "Every team has a row of what it ever spent, by which teams are sorted.",
        "teams",
        """
        SELECT id, 'has no row of what it ever spent' AS problem FROM teams
        WHERE NOT EXISTS (SELECT FROM lifetime_spends WHERE holder_id = teams.id)
        """,
    ),
    Check(
        "deleted-spends",
        "The periods of what was deleted come to what it ever spent, with adjustments.",
        "spends",
        f"""
        SELECT holder_id AS id,
            format('its periods are %s more than what it ever spent', sum(amount)) AS problem
        FROM (
            SELECT holder_id, spend AS amount FROM spends WHERE model = ''
            UNION ALL
            SELECT holder_id, -amount FROM spend_adjustments WHERE model = ''
            UNION ALL
            SELECT holder_id, -spend FROM lifetime_spends
        ) AS sides JOIN ({_GONE}) AS gone USING (holder_id)
        GROUP BY holder_id HAVING sum(amount) <> 0
        """,
    ),
    Check(
        "period-spends",
        "What is spent in a period is what its events and closings and adjustments come to.",
        "spends",
        survey=_periods,
    ),
)
