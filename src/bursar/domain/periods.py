"""Periods: the spans of time that a duration cuts the clock of a time zone into.

A boundary is a time that the zone's clock shows. One that the clock skips counts as the first instant
after it, and one that comes twice as the first of the two, so that periods tile all time.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import cache, lru_cache
from importlib import resources
from typing import NamedTuple
from zoneinfo import ZoneInfo

from bursar.domain.durations import LENGTHS, NAMED, Duration, Unit

_SECOND = timedelta(seconds=1)
_EPOCH = datetime.combine(date(1970, 1, 1), time())
_FIRST_MONDAY = datetime.combine(date(1970, 1, 5), time())
_EPOCH_IN_UTC = _EPOCH.replace(tzinfo=UTC)


class Period(NamedTuple):
    """Half-open: the start is in it and the end is not.

    None is a side that is open, or outside the years 1 to 9999, which have no datetime.
    """

    start: datetime | None
    end: datetime | None

    def cut(self, since: datetime | None, until: datetime | None) -> "Period":
        """What of it lies within these two, of which each may be open."""
        starts = [at for at in (self.start, since) if at is not None]
        ends = [at for at in (self.end, until) if at is not None]
        return Period(max(starts, default=None), min(ends, default=None))


FOR_EVER = Period(None, None)


class Entry(NamedTuple):
    """What a schedule says from an instant on, or from ever (None)."""

    starts_at: datetime | None
    duration: Duration | None
    timezone: str


NO_ENTRY = Entry(None, None, "UTC")
"""What counts before the first entry of a schedule."""


def period_at(duration: Duration | None, timezone: str, instant: datetime) -> Period:
    """The one period, aligned to the clock of an IANA zone, that contains the instant.

    Boundaries are whole counts of the unit from 1970-01-01 on that clock, of weeks from its first
    Monday: so counts that divide an hour or a day begin at midnight, and months on the 1st. 7d is 1w
    and 30d is 1mo. No duration is one period for ever.
    """
    if duration is None:
        return FOR_EVER
    shown = _furthest_shown(instant, _zone(timezone))
    return _period(duration, timezone, _grid(duration).number(shown))


def periods_from(duration: Duration | None, timezone: str, instant: datetime) -> Iterator[Period]:
    """The period that contains the instant, and each after it, until one has no end."""
    period = period_at(duration, timezone, instant)
    yield period
    while period.end is not None:
        period = period_at(duration, timezone, period.end)
        yield period


def scheduled_period(schedule: Iterable[Entry], instant: datetime) -> tuple[Entry, Period]:
    """The entry in force at an instant, and the period that contains it: aligned, cut at the edges.

    Entries are in the order of time; of two at one instant the last holds. Before the first there is
    no duration.
    """
    entry, until = entry_at(schedule, instant)
    period = period_at(entry.duration, entry.timezone, instant)
    return entry, period.cut(entry.starts_at, until)


def entry_at(schedule: Iterable[Entry], instant: datetime) -> tuple[Entry, datetime | None]:
    """The entry in force at an instant, as of a scheduled period, and when the next one begins."""
    in_force = NO_ENTRY
    for entry in schedule:
        if entry.starts_at is not None and entry.starts_at > instant:
            return in_force, entry.starts_at
        in_force = entry
    return in_force, None


class _Lengths(NamedTuple):
    """Boundaries at equal distances on the clock."""

    anchor: datetime
    length: timedelta

    def number(self, shown: datetime) -> int:
        return (shown - self.anchor) // self.length

    def starts(self, number: int) -> datetime:
        return self.anchor + number * self.length


class _Months(NamedTuple):
    """Boundaries on the first of every so many months."""

    months: int

    def number(self, shown: datetime) -> int:
        return (12 * (shown.year - _EPOCH.year) + shown.month - 1) // self.months

    def starts(self, number: int) -> datetime:
        years, months = divmod(number * self.months, 12)
        return _EPOCH.replace(year=_EPOCH.year + years, month=1 + months)


@lru_cache(maxsize=1024)
def _grid(duration: Duration) -> _Lengths | _Months:
    duration = NAMED.get(duration, duration)
    match duration.unit:
        case Unit.YEAR:
            return _Months(12 * duration.count)
        case Unit.MONTH:
            return _Months(duration.count)
        case Unit.WEEK:
            return _Lengths(_FIRST_MONDAY, duration.count * LENGTHS[Unit.WEEK])
        case unit:
            return _Lengths(_EPOCH, duration.count * LENGTHS[unit])


@lru_cache(maxsize=4096)
def _period(duration: Duration, timezone: str, number: int) -> Period:
    grid, zone = _grid(duration), _zone(timezone)
    return Period(_boundary(grid, number, zone), _boundary(grid, number + 1, zone))


@cache
def _zone(name: str) -> ZoneInfo:
    # Not ZoneInfo(name), which asks the machine's own database first (see durations.py).
    with resources.files("tzdata.zoneinfo").joinpath(*name.split("/")).open("rb") as file:
        return ZoneInfo.from_file(file, key=name)


def _furthest_shown(instant: datetime, zone: ZoneInfo) -> datetime:
    """What the clock shows, or the furthest that it ever showed while it was set back since."""
    local = instant.astimezone(zone)
    if not local.fold:
        return local.replace(tzinfo=None)
    before = _offset(local.replace(fold=0))
    set_back = _transition(zone, instant - (before - _offset(local)), instant)
    return set_back.replace(tzinfo=None) + before - timedelta.resolution


def _boundary(grid: _Lengths | _Months, number: int, zone: ZoneInfo) -> datetime | None:
    try:
        shown = grid.starts(number).replace(tzinfo=zone)
        before = _offset(shown)
        instant = shown.replace(tzinfo=UTC) - before
        after = _offset(instant.astimezone(zone))
    except (OverflowError, ValueError):
        return None
    if after > before:  # the clock skips it
        return _transition(zone, instant - (after - before), instant)
    return instant


def _transition(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """The instant between the two from which on the zone's offset is the one after it."""
    low, high = ((instant - _EPOCH_IN_UTC) // _SECOND for instant in (before, after))
    last = _offset(after.astimezone(zone))
    while high - low > 1:
        middle = (low + high) // 2
        if _offset((_EPOCH_IN_UTC + middle * _SECOND).astimezone(zone)) == last:
            high = middle
        else:
            low = middle
    return _EPOCH_IN_UTC + high * _SECOND


def _offset(local: datetime) -> timedelta:
    return local.utcoffset() or timedelta()
