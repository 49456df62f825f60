"""What something has spent in the period that runs, as it is found in SQL."""

from typing import Any

from sqlalchemy import ColumnElement, Select, case, func, literal_column, select

from bursar.database.tables import SPENDERS, budget_schedules, spends
from bursar.domain.tallies import WHOLE


def spent_now(
    owner: str, holder: ColumnElement[str], model: ColumnElement[str] | str = WHOLE
) -> ColumnElement[Any]:
    """The spend of a holder, of a kind in SPENDERS, in the current period: of the whole or a model."""
    now = func.now()
    spent = case((spends.c.ends_at > now, spends.c.spend))
    current = last_begun(owner, holder, model, now).with_only_columns(spent)
    return func.coalesce(current.scalar_subquery(), literal_column("0"))


def last_begun(
    owner: str, holder: ColumnElement[str], model: ColumnElement[str] | str, now: ColumnElement[Any]
) -> Select[Any]:
    """The last row of `spends` that has begun, which is the current period's if it has not ended.

    The period is of the latest entry of the schedule that has begun: so no more than one row is
    looked at, however many there were.
    """
    entries = budget_schedules.c
    began = (
        select(func.max(entries.starts_at))
        .where(entries[SPENDERS[owner]] == holder, entries.starts_at <= now)
        .correlate_except(budget_schedules)
    )
    since = func.coalesce(began.scalar_subquery(), literal_column("'-infinity'::timestamptz"))
    return (
        select(spends)
        .where(
            spends.c.holder_id == holder,
            spends.c.model == model,
            spends.c.since == since,
            spends.c.starts_at <= now,
        )
        .order_by(spends.c.starts_at.desc())
        .limit(literal_column("1"))
        .correlate_except(spends)
    )
