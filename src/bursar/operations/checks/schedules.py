"""What is checked of schedules: they end with what is in force."""

from bursar.database.tables import SPENDERS
from bursar.domain.durations import NAMED
from bursar.operations.checks.check import Check

_OWNERS = ", ".join(f"holder.{column}" for column in SPENDERS.values())
_ID = f"COALESCE({_OWNERS})"
_ALIKE = " ".join(f"WHEN '{text}' THEN '{named}'" for text, named in NAMED.items())


def _named(duration: str) -> str:
    """Two durations with the same periods are one."""
    return f"CASE {duration} {_ALIKE} ELSE {duration} END"


SCHEDULES = (
    Check(
        "schedules-in-force",
        "The last entry of a schedule has the duration and zone of the budget in force.",
        "budget_schedules",
        f"""
        WITH held AS (
            SELECT {_ID} AS id, default_of_team_id AS team_id, duration, timezone
            FROM budgets holder WHERE name IS NULL
            UNION ALL
            SELECT {_ID}, default_of_team_id, duration, timezone
            FROM budget_attachments holder
            JOIN (SELECT id, duration, timezone FROM budgets) plan ON plan.id = plan_id
        ), latest AS (
            SELECT DISTINCT ON ({_ID}) {_ID} AS id, team_member_id, duration, timezone
            FROM budget_schedules holder ORDER BY {_ID}, starts_at DESC
        )
        SELECT latest.id, format('its schedule ends with %s in %s, but its budget has %s in %s',
            latest.duration, latest.timezone, held.duration, held.timezone) AS problem
        FROM latest LEFT JOIN team_members member ON member.id = team_member_id
        LEFT JOIN held ON held.id = latest.id OR held.team_id = member.team_id
            AND NOT EXISTS (SELECT FROM held own WHERE own.id = latest.id)
        WHERE {_named("latest.duration")} IS DISTINCT FROM {_named("held.duration")}
            OR (held.duration IS NOT NULL AND latest.timezone <> held.timezone)
        """,
    ),
)
