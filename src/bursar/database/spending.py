"""What something has spent in the period that runs, as it is found in SQL."""

from typing import Any

from sqlalchemy import ColumnElement, case, func, literal_column, select

from bursar.database.tables import SPENDERS, budget_schedules, spends

WHOLE = ""
"""In place of a model: all that is spent."""


def spent_now(
    owner: str, holder: ColumnElement[str], model: ColumnElement[str] | str = WHOLE
) -> ColumnElement[Any]:
    """The spend of a holder, of a kind in SPENDERS, in the current period: of the whole or a model.

    The period is of the latest entry of the schedule that has begun. In it the last row that has begun
    is the current one, if it has not ended: no more than one row is looked at, however many there were.
    """
    entries = budget_schedules.c
    began = (
        select(func.max(entries.starts_at))
        .where(entries[SPENDERS[owner]] == holder, entries.starts_at <= func.now())
        .correlate_except(budget_schedules)
    )
    since = func.coalesce(began.scalar_subquery(), literal_column("'-infinity'::timestamptz"))
    current = (
        select(case((spends.c.ends_at > func.now(), spends.c.spend)))
        .where(
            spends.c.holder_id == holder,
            spends.c.model == model,
            spends.c.since == since,
            spends.c.starts_at <= func.now(),
        )
        .order_by(spends.c.starts_at.desc())
        .limit(literal_column("1"))
        .correlate_except(spends)
    )
    return func.coalesce(current.scalar_subquery(), literal_column("0"))
