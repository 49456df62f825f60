"""Terms: by which schedule, and for which models apart, what holders spend is counted."""

from collections.abc import Mapping, Sequence
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
from bursar.database.held import Held
from bursar.database.rows import Row
from bursar.database.statements import Statement
from bursar.database.tables import SPENDERS, budget_model_limits, budget_schedules, budgets
from bursar.domain import durations
from bursar.domain.durations import Duration
from bursar.domain.instants import FIRST, LAST
from bursar.domain.periods import FOR_EVER, Entry, Period, entry_at, period_at


class Span(NamedTuple):
    """A period as rows of spend are stored by it, `since` the entry of the schedule that it is of."""

    since: datetime
    starts_at: datetime
    ends_at: datetime


class Terms(NamedTuple):
    """The entries of a holder's schedule in the order of time, and the models limited by themselves."""

    schedule: tuple[Entry, ...]
    models: frozenset[str]


class Calendar:
    """Of holders, whose counting is locked, in which span a call is counted, as known at `now`."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self.now: datetime = rows[0].now
        self._terms = {row.holder_id: _terms_of(row) for row in rows}
        self._aligned: dict[tuple[Duration, str], Period] = {}

    def span_of(self, holder_id: str, at: datetime) -> Span:
        entry, until = entry_at(self._terms[holder_id].schedule, at)
        period = self._period(entry, at).cut(entry.starts_at, until)
        return Span(entry.starts_at or FIRST, period.start or FIRST, period.end or LAST)

    def limits(self, holder_id: str, model: str) -> bool:
        """Whether what the holder spends on the model has a maximum of its own."""
        return model in self._terms[holder_id].models

    def _period(self, entry: Entry, at: datetime) -> Period:
        """Most calls of a batch are in the same few periods."""
        if entry.duration is None:
            return FOR_EVER
        key = (entry.duration, entry.timezone)
        known = self._aligned.get(key)
        if known is None or not (known.start or FIRST) <= at < (known.end or LAST):
            known = self._aligned[key] = period_at(entry.duration, entry.timezone, at)
        return known


async def calendar_of(tx: Connection, holders: Mapping[str, Mapping[str, str | None]]) -> Calendar:
    """The calendar of holders: by kind their ids, those of members of a team with the team's."""
    values = {kind: list(holders.get(kind, ())) for kind in SPENDERS}
    teams = list(holders.get("team_member", {}).values())
    return Calendar(await tx.all(_terms(), **values, teams=teams))


def _terms_of(row: Row) -> Terms:
    """Without a schedule, what is in force now always was."""
    models = frozenset(row.models)
    if row.starts is None:
        return Terms((_entry(None, row.duration, row.timezone),), models)
    entries = zip(row.starts, row.durations, row.timezones, strict=True)
    return Terms(tuple(_entry(*entry) for entry in entries), models)


def _entry(starts_at: datetime | None, duration: str | None, timezone: str | None) -> Entry:
    parsed = None if duration is None else durations.parse(duration)
    return Entry(starts_at, parsed, timezone or "UTC")


@cache
def _terms() -> Statement:
    """One row for each holder, whether or not there is a budget."""
    return Statement(union_all(*(_of_kind(kind) for kind in SPENDERS)))


def _of_kind(kind: str) -> Select[Any]:
    ids = bindparam(kind, type_=ARRAY(Text))
    if kind == "team_member":
        teams = bindparam("teams", type_=ARRAY(Text))
        given = func.unnest(ids, teams).table_valued("id", "team_id").render_derived(name=kind)
    else:
        given = func.unnest(ids).table_valued("id").render_derived(name=kind)
    held = Held(kind, each=given.c.id)
    source, budget_id = held.beside(given, given.c.id), held.id
    if kind == "team_member":
        default = Held("team_default", each=given.c.team_id)
        source = default.beside(source, given.c.team_id)
        budget_id = func.coalesce(held.id, default.id)
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
    return select(
        func.clock_timestamp().label("now"),
        given.c.id.label("holder_id"),
        budget.c.duration,
        budget.c.timezone,
        func.array(models.scalar_subquery()).label("models"),
        schedule.c.starts,
        schedule.c.durations,
        schedule.c.timezones,
    ).select_from(source.outerjoin(budget, true()).outerjoin(schedule, true()))


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
