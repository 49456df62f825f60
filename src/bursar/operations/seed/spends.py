"""What seeded calls (usage.py) come to for whom they count, by period and ever."""

from collections.abc import Iterator
from datetime import datetime

import asyncpg

from bursar.domain.durations import parse
from bursar.domain.periods import periods_from

_HOLDERS = "organization_id, organization_member_id, team_id, team_member_id, api_key_id"
_SHARES = f"""
    SELECT holder_id, model, at, cost FROM usage_events, unnest(ARRAY[{_HOLDERS}]) AS holder_id
    WHERE starts_with(request_id, $1) AND at >= $2 AND holder_id IS NOT NULL
"""  # noqa: S608 (own names)

# The budget in force of each holder, none of whom has a schedule yet.
_TERMS = f"""
    CREATE TEMPORARY TABLE seeded_terms ON COMMIT DROP AS
    WITH held AS (
        SELECT coalesce({_HOLDERS}) AS holder_id, id, duration, timezone FROM budgets
        UNION ALL
        SELECT member.id, theirs.id, duration, timezone
        FROM budgets theirs JOIN team_members member ON member.team_id = default_of_team_id
        WHERE NOT EXISTS (SELECT FROM budgets own WHERE own.team_member_id = member.id)
    ), holders AS (SELECT DISTINCT holder_id FROM ({_SHARES}) AS shares)
    SELECT holder_id, id AS budget_id, duration, timezone FROM holders
    LEFT JOIN held USING (holder_id)
"""  # noqa: S608 (own names)
_DURATIONS = "SELECT DISTINCT duration, timezone FROM seeded_terms WHERE duration IS NOT NULL"
_PERIODS = """
    CREATE TEMPORARY TABLE seeded_periods (duration text, timezone text, starts timestamptz[])
    ON COMMIT DROP
"""

# The place of a call among the starts of its holder's periods; without a duration there is none.
_SPENT = f"""
    WITH placed AS (
        SELECT holder_id, {{model}} AS model, width_bucket(at, starts) AS place, sum(cost) AS spend
        FROM ({_SHARES}) AS shares JOIN seeded_terms USING (holder_id)
        LEFT JOIN seeded_periods USING (duration, timezone) {{limited}}
        GROUP BY 1, 2, 3
    )
    INSERT INTO spends (holder_id, model, since, starts_at, ends_at, spend)
    SELECT holder_id, model, '-infinity', coalesce(starts[place], '-infinity'),
        coalesce(starts[place + 1], 'infinity'), spend
    FROM placed JOIN seeded_terms USING (holder_id)
    LEFT JOIN seeded_periods USING (duration, timezone)
"""  # noqa: S608 (own names)
_WHOLE = _SPENT.format(model="''::text", limited="")
_MODELS = _SPENT.format(
    model="shares.model",
    limited="""JOIN budget_model_limits apart ON apart.budget_id = seeded_terms.budget_id
        AND apart.model = shares.model AND apart.max_budget IS NOT NULL""",
)
_LIFETIMES = """
    INSERT INTO lifetime_spends AS ever (holder_id, spend)
    SELECT holder_id, sum(spend) FROM spends JOIN seeded_terms USING (holder_id)
    WHERE model = '' GROUP BY holder_id ORDER BY holder_id
    ON CONFLICT (holder_id) DO UPDATE SET spend = ever.spend + excluded.spend
"""
# As long as they are kept where calls are recorded.
_REQUESTS = """
    INSERT INTO usage_requests (request_id, content_hash, created_at)
    SELECT request_id, sha256(request_id::bytea), recorded_at FROM usage_events
    WHERE starts_with(request_id, $1) AND at >= greatest($2, now() - interval '8 days')
"""


async def count(
    connection: asyncpg.Connection, request_ids: str, begins: datetime, ends: datetime
) -> dict[str, int]:
    """Count the calls whose request ids begin so, none of which is counted yet.

    In the transaction that runs; answers the number of rows by table.
    """
    seeded = (request_ids, begins)
    await connection.execute("SET LOCAL work_mem = '256MB'")
    await connection.execute(_TERMS, *seeded)
    await connection.execute("ANALYZE seeded_terms")
    await connection.execute(_PERIODS)
    kinds = await connection.fetch(_DURATIONS)
    await connection.copy_records_to_table(
        "seeded_periods",
        records=[(kind[0], kind[1], [*_starts(kind[0], kind[1], begins, ends)]) for kind in kinds],
    )
    counted = {
        "spends": [await connection.execute(sql, *seeded) for sql in (_WHOLE, _MODELS)],
        "lifetime_spends": [await connection.execute(_LIFETIMES)],
        "usage_requests": [await connection.execute(_REQUESTS, *seeded)],
    }
    return {
        table: sum(int(status.rpartition(" ")[2]) for status in statuses)
        for table, statuses in counted.items()
    }


def _starts(duration: str, timezone: str, begins: datetime, ends: datetime) -> Iterator[datetime]:
    """Where the periods of that time begin, and the one after them."""
    for start, _ in periods_from(parse(duration), timezone, begins):
        if start is not None:
            yield start
            if start > ends:
                return
