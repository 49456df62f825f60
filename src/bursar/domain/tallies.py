"""Tallies: what calls come to, for each holder that they count for and each of its periods.

It is the rule that spend is checked by: it reads nothing of what was counted before.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from decimal import Context, Decimal
from typing import NamedTuple

from bursar.domain.instants import FIRST, LAST
from bursar.domain.periods import NO_ENTRY, Entry, entry_at, period_at

WHOLE = ""
"""Instead of a model: all that is spent."""

# Beyond what numeric(28, 10) holds, so that no sum is rounded.
exact = Context(prec=60)


class Whose(NamedTuple):
    """Whom a call may count for, by id."""

    api_key_id: str
    user_id: str | None
    team_id: str | None
    team_member_id: str | None
    organization_id: str | None
    organization_member_id: str | None

    @property
    def holders(self) -> list[str]:
        """A personal key's calls count for key and user; a team's not for the user himself."""
        if self.team_id is None:
            given = [self.api_key_id, self.user_id]
        else:
            given = [self.api_key_id, *self[2:]]
        return [each for each in given if each is not None]


class Spent(NamedTuple):
    """A period of a holder, as a row of `spends` is known by; FIRST is what is open."""

    holder_id: str
    model: str
    since: datetime
    starts_at: datetime


class Span(NamedTuple):
    """Where a call counts: the period of an entry, and from when and until when that is in force."""

    since: datetime
    until: datetime
    starts_at: datetime
    ends_at: datetime

    def within(self, other: "Span") -> "Span":
        return Span(
            max(self.since, other.since),
            min(self.until, other.until),
            max(self.starts_at, other.starts_at),
            min(self.ends_at, other.ends_at),
        )


ALWAYS = Span(FIRST, LAST, FIRST, LAST)


def span_of(schedule: Sequence[Entry], at: datetime, known_at: datetime) -> Span:
    """Where a call counts by the entries that were known when it was recorded.

    Of those, which are in the order of time, the one in force at the call holds; before the first
    there is no duration. Its period is cut where it begins, and not by a later entry.
    """
    entry, until = entry_at(schedule, min(at, known_at))
    start, end = period_at(entry.duration, entry.timezone, at).cut(entry.starts_at, None)
    return Span(entry.starts_at or FIRST, until or LAST, start or FIRST, end or LAST)


def is_period(
    schedule: Sequence[Entry], since: datetime, starts_at: datetime, ends_at: datetime
) -> bool:
    """Tell whether the entry since then has this period: aligned, or ended by a later entry."""
    entries = {entry.starts_at or FIRST: entry for entry in (NO_ENTRY, *schedule)}
    entry = entries.get(since)
    if entry is None or (entry.duration is not None and starts_at == FIRST):
        return False
    start, end = period_at(entry.duration, entry.timezone, starts_at).cut(entry.starts_at, None)
    aligned = end or LAST
    return starts_at == (start or FIRST) and (
        ends_at == aligned or (starts_at < ends_at < aligned and ends_at in entries)
    )


class Tally:
    """Adds up calls, given the schedules of holders and of which holders which models count alone.

    A holder without a schedule has one period, for ever.
    """

    def __init__(
        self, schedules: Mapping[str, Sequence[Entry]], models: Collection[tuple[str, str]] = ()
    ) -> None:
        self._schedules = schedules
        self.models = models
        self._sums: dict[tuple[Whose, str], _Sum] = {}
        self._spent: dict[Spent, Decimal] = {}

    def add(
        self, whose: Whose, model: str, at: datetime, recorded_at: datetime, cost: Decimal
    ) -> None:
        """Count a call; those of one key and model that follow each other in time cost little."""
        known = min(at, recorded_at)
        sum_ = self._sums.get((whose, model))
        if sum_ is None or not sum_.takes(at, known):
            if sum_ is not None:
                self._keep(sum_)
            sum_ = self._sums[whose, model] = self._begun(whose, model, at, recorded_at)
        sum_.cost = exact.add(sum_.cost, cost)

    def spent(self) -> dict[Spent, Decimal]:
        """What each holder spent in each period, of which only those with calls are there."""
        for sum_ in self._sums.values():
            self._keep(sum_)
        self._sums.clear()
        return self._spent

    def _begun(self, whose: Whose, model: str, at: datetime, recorded_at: datetime) -> "_Sum":
        common, rows = ALWAYS, []
        for holder_id in whose.holders:
            span = span_of(self._schedules.get(holder_id, ()), at, recorded_at)
            common = common.within(span)
            rows.append(Spent(holder_id, WHOLE, span.since, span.starts_at))
            if (holder_id, model) in self.models:
                rows.append(Spent(holder_id, model, span.since, span.starts_at))
        return _Sum(common, rows)

    def _keep(self, sum_: "_Sum") -> None:
        for row in sum_.rows:
            self._spent[row] = exact.add(self._spent.get(row, Decimal(0)), sum_.cost)


class _Sum:
    """What calls cost that count in the same rows, as those within one span do."""

    def __init__(self, span: Span, rows: Sequence[Spent]) -> None:
        self._since, self._until, self._start, self._end = span
        self.rows = rows
        self.cost = Decimal(0)

    def takes(self, at: datetime, known: datetime) -> bool:
        return self._start <= at < self._end and self._since <= known < self._until
