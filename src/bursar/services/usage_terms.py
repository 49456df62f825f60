"""Terms: the schedule by which a holder's spend is counted, and the models that count by themselves."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    FromClause,
    Select,
    Text,
    bindparam,
    func,
    select,
    text,
    true,
    union_all,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by

from bursar.database.connections import Connection
from bursar.database.held import id_of_held
from bursar.database.statements import Statement
from bursar.database.tables import SPENDERS, budget_model_limits, budget_schedules, budgets
from bursar.domain.durations import parse
from bursar.domain.instants import FIRST, LAST
from bursar.domain.periods import NO_ENTRY, Entry, scheduled_period


class Span(NamedTuple):
    """A period as rows of spend are stored by it, `since` the entry of the schedule that it is of."""

    since: datetime
    starts_at: datetime
    ends_at: datetime


NEVER = Span(LAST, LAST, FIRST)


class Terms:
    """A holder's schedule, and the models that are limited by themselves; most holders share theirs."""

    __slots__ = ("_latest", "_schedule", "models")

    def __init__(self, schedule: Sequence[Entry], models: Iterable[str]) -> None:
        self.models = frozenset(models)
        self._schedule = schedule
        self._latest = NEVER

    def span_at(self, at: datetime) -> Span:
        """The span that a call of this time is counted in; mostly the one of the call before."""
        if not self._latest.starts_at <= at < self._latest.ends_at:
            entry, period = scheduled_period(self._schedule, at)
            self._latest = Span(entry.starts_at or FIRST, period.start or FIRST, period.end or LAST)
        return self._latest


async def terms_of(
    tx: Connection, holders: Mapping[str, Mapping[str, str | None]], now: datetime
) -> defaultdict[str, Terms]:
    """The terms of holders, whose counting is locked: by kind their ids, of a team's members its id.

    Without a schedule the budget in force counts as if it had always been; entries of one that begin
    after `now` are left out.
    """
    values = {kind: list(holders.get(kind, ())) for kind in SPENDERS}
    teams = list(holders.get("team_member", {}).values())
    nothing = Terms([NO_ENTRY], ())
    terms = defaultdict(lambda: nothing)
    shared: dict[tuple[Any, ...], Terms] = {}
    for holder_id, *columns in await tx.all(_terms(), **values, teams=teams):
        said: tuple[Any, ...] = tuple(
            tuple(one) if isinstance(one, list) else one for one in columns
        )
        if said not in shared:
            duration, timezone, models, starts, durations, timezones = said
            schedule = (
                [_entry(None, duration, timezone)]
                if starts is None
                else [
                    _entry(*entry)
                    for entry in zip(starts, durations, timezones, strict=True)
                    if (entry[0] or FIRST) <= now
                ]
            )
            shared[said] = Terms(schedule, models)
        terms[holder_id] = shared[said]
    return terms


def _entry(starts_at: datetime | None, duration: str | None, timezone: str | None) -> Entry:
    return Entry(starts_at, None if duration is None else parse(duration), timezone or "UTC")


@cache
def _terms() -> Statement:
    """A row for each holder that has, or had, a budget."""
    return Statement(union_all(*(_of_kind(kind) for kind in SPENDERS)))


def _of_kind(kind: str) -> Select[Any]:
    ids = bindparam(kind, type_=ARRAY(Text))
    if kind == "team_member":
        teams = bindparam("teams", type_=ARRAY(Text))
        given = func.unnest(ids, teams).table_valued("id", "team_id").render_derived(name=kind)
    else:
        given = func.unnest(ids).table_valued("id").render_derived(name=kind)
    budget_id = id_of_held(kind, given.c.id)
    if kind == "team_member":
        budget_id = func.coalesce(budget_id, id_of_held("team_default", given.c.team_id))
    budget = (
        select(budgets.c.id, budgets.c.duration, budgets.c.timezone)
        .where(budgets.c.id == budget_id)
        .limit(1)
        .lateral(f"budget_of_{kind}")
    )
    schedule = _schedule(kind, given.c.id)
    models = select(budget_model_limits.c.model).where(
        budget_model_limits.c.budget_id == budget.c.id,
        budget_model_limits.c.max_budget.is_not(None),
    )
    return (
        select(
            given.c.id.label("holder_id"),
            budget.c.duration,
            budget.c.timezone,
            func.array(models.scalar_subquery()).label("models"),
            schedule.c.starts,
            schedule.c.durations,
            schedule.c.timezones,
        )
        .select_from(given.outerjoin(budget, true()).outerjoin(schedule, true()))
        .where(budget.c.id.is_not(None) | schedule.c.starts.is_not(None))
    )


def _schedule(kind: str, holder: ColumnElement[str]) -> FromClause:
    entries = budget_schedules.c

    def listed(column: ColumnElement[Any]) -> ColumnElement[Any]:
        return func.array_agg(aggregate_order_by(column, entries.starts_at))

    return (
        select(
            listed(func.nullif(entries.starts_at, text("'-infinity'::timestamptz"))).label(
                "starts"
            ),
            listed(entries.duration).label("durations"),
            listed(entries.timezone).label("timezones"),
        )
        .where(entries[SPENDERS[kind]] == holder)
        .lateral(f"schedule_of_{kind}")
    )
