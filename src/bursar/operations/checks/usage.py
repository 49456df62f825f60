"""Checks of usage: each event is counted once, belongs somewhere, and is in the sums of its day."""

from collections.abc import Iterator, Mapping
from typing import Any

from bursar.database.partitions import PARTITIONED
from bursar.database.tables.usage import TOKENS
from bursar.domain.ids import Prefix
from bursar.domain.usage import dimensions_of
from bursar.operations.checks.check import Check

# The months of which both events and sums are kept.
_KEPT_FROM = """
    SELECT max(first) FROM (
        SELECT min(to_date(right(relname, 7), 'YYYY_MM')) AS first
        FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
        WHERE inhparent IN ('usage_events'::regclass, 'usage_days'::regclass) GROUP BY inhparent
    ) AS kept
"""
_DIMENSIONS = (
    *("api_key_id", "user_id", "team_id", "organization_id"),
    *("model", "provider", "endpoint", "tags"),
)
_SUMS = {
    "spend": "cost",
    "requests": "1",
    "successes": "success::int",
    **{name: name for name in TOKENS},
}
_SORTED = """
    CASE WHEN cardinality(tags) < 2 THEN tags
        ELSE ARRAY(SELECT tag FROM unnest(tags) AS tag ORDER BY tag COLLATE "C") END
"""


def _days() -> str:
    """Events less what is said of their days, which leaves nothing."""
    of_events = ", ".join(f"{_SORTED} AS tags" if name == "tags" else name for name in _DIMENSIONS)
    differences = ", ".join(f"sum({name}) AS {name}" for name in _SUMS)
    told = " || ".join(
        f"CASE WHEN {name} <> 0 THEN ' {name} ' || -{name} ELSE '' END" for name in _SUMS
    )
    return f"""
        WITH both_sides AS (
            SELECT (at AT TIME ZONE 'UTC')::date AS day, {of_events},
                {", ".join(f"{value} AS {name}" for name, value in _SUMS.items())}
            FROM usage_events WHERE at >= (({_KEPT_FROM})::timestamp AT TIME ZONE 'UTC')
            UNION ALL
            SELECT day, {", ".join(_DIMENSIONS)}, {", ".join(f"-{name}" for name in _SUMS)}
            FROM usage_days WHERE day >= ({_KEPT_FROM})
        ), differences AS (
            SELECT day, {", ".join(_DIMENSIONS)}, {differences} FROM both_sides
            GROUP BY day, {", ".join(_DIMENSIONS)}
        )
        SELECT day || ' ' || api_key_id AS id,
            'differs from the events of model ' || model || ' by' || {told} AS problem
        FROM differences WHERE {" OR ".join(f"{name} <> 0" for name in _SUMS)}
    """


def _dimensions(row: Mapping[str, Any]) -> Iterator[str]:
    if row["dimensions"] != dimensions_of(*(row[name] for name in _DIMENSIONS)):
        yield f"its dimensions are not those of model {row['model']} and what else it is of"


# The time in an id: its first ten characters, five bits each, are 48 bits of milliseconds.
_TIME = " || ".join(
    f"substr('0123456789abcdefghjkmnpqrstvwxyz', (ms >> {bits} & 31)::int + 1, 1)"
    for bits in range(45, -1, -5)
)
_MONTHS = " UNION ALL ".join(
    f"SELECT '{table}' AS parent, to_char(month, '_YYYY_MM') AS suffix FROM months"
    for table in PARTITIONED
)

USAGE = (
    Check(
        "months-made-ahead",
        "What comes late and what comes next month has a partition to go to.",
        "pg_inherits",
        f"""
        WITH months AS (
            SELECT generate_series(
                date_trunc('month', now() AT TIME ZONE 'UTC' - interval '72 hours'),
                now() AT TIME ZONE 'UTC' + interval '1 month', interval '1 month') AS month
        ), expected AS ({_MONTHS})
        SELECT parent || suffix AS id,
            'is no partition of ' || parent || ': run `bursar upkeep`' AS problem
        FROM expected WHERE NOT EXISTS (
            SELECT FROM pg_inherits WHERE inhparent = parent::regclass
                AND inhrelid = to_regclass(parent || suffix)
        )
        """,
    ),
    Check(
        "events-belong",
        "An event is of a team and its organization, by a member or a service, or is a user's own.",
        "usage_events",
        """
        SELECT id, 'names neither a user''s own key nor a team''s' AS problem FROM usage_events
        WHERE CASE WHEN team_id IS NULL
            THEN user_id IS NULL OR organization_id IS NOT NULL
                OR team_member_id IS NOT NULL OR organization_member_id IS NOT NULL
            ELSE organization_id IS NULL OR (user_id IS NULL) <> (team_member_id IS NULL)
                OR (user_id IS NULL AND organization_member_id IS NOT NULL)
        END
        """,
    ),
    Check(
        "events-found-by-id",
        "The id of an event says when the call was, so that it is looked for in its month.",
        "usage_events",
        f"""
        SELECT id, format('does not say that the call was at %s', at) AS problem
        FROM (
            SELECT id, at, floor(extract(epoch FROM at) * 1000)::bigint AS ms FROM usage_events
        ) AS events WHERE substr(id, {len(Prefix.USAGE_EVENT) + 2}, 10) <> {_TIME}
        """,
    ),
    Check(
        "events-once",
        "No two events have the same request id.",
        "usage_events",
        """
        SELECT unnest(array_agg(id)) AS id, 'has the request id of another event' AS problem
        FROM usage_events GROUP BY request_id HAVING count(*) > 1
        """,
    ),
    Check(
        "events-remembered",
        "The request ids of the last week are known, so that none is recorded again.",
        "usage_events",
        """
        SELECT event.id, format('its request id %s is not remembered', request_id) AS problem
        FROM usage_events event WHERE recorded_at > now() - interval '7 days'
            AND NOT EXISTS (SELECT FROM usage_requests WHERE request_id = event.request_id)
        """,
    ),
    Check(
        "days-of-events",
        "What is said of a day is what its events add up to.",
        "usage_days",
        _days(),
    ),
    Check(
        "days-dimensions",
        "What a day's sums are known by is made of what they are of.",
        "usage_days",
        f"""
        SELECT day || ' ' || api_key_id AS id, dimensions, {", ".join(_DIMENSIONS)} FROM usage_days
        """,
        _dimensions,
    ),
)
