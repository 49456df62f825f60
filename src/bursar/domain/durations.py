"""Durations: how long a budget's period or a key's life is, in units of a clock in a time zone."""

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cache, lru_cache
from importlib import resources


class Unit(StrEnum):
    SECOND = "s"
    MINUTE = "m"
    HOUR = "h"
    DAY = "d"
    WEEK = "w"
    MONTH = "mo"
    YEAR = "y"


# The most that fits into 100 years, of 36,525 days; five digits keep the smaller units below.
LONGEST = {Unit.DAY: 36_525, Unit.WEEK: 5_217, Unit.MONTH: 1_200, Unit.YEAR: 100}

LENGTHS = {
    Unit.SECOND: timedelta(seconds=1),
    Unit.MINUTE: timedelta(minutes=1),
    Unit.HOUR: timedelta(hours=1),
    Unit.DAY: timedelta(days=1),
    Unit.WEEK: timedelta(weeks=1),
    Unit.MONTH: timedelta(days=30),
    Unit.YEAR: timedelta(days=365),
}

_MONTHS = {Unit.MONTH: 1, Unit.YEAR: 12}

_PATTERN = re.compile(r"([1-9][0-9]{0,4})(s|m|h|d|w|mo|y)")


@dataclass(frozen=True, slots=True)
class Duration:
    """A whole number of one unit, kept as it was given: 7d and 1w are different texts."""

    count: int
    unit: Unit

    def __str__(self) -> str:
        return f"{self.count}{self.unit}"


# What has a calendar's name begins where the calendar begins it.
NAMED = {
    Duration(7, Unit.DAY): Duration(1, Unit.WEEK),
    Duration(30, Unit.DAY): Duration(1, Unit.MONTH),
}


@lru_cache(maxsize=1024)
def parse(text: str) -> Duration:
    """Read a duration such as 30s, 5m, 24h, 7d, 1w, 1mo or 1y.

    Raises ValueError, with the rest of a sentence, for another form or more than 100 years.
    """
    found = _PATTERN.fullmatch(text)
    if not found:
        raise ValueError("must be a count from 1 to 99999 and a unit (s, m, h, d, w, mo, y): 30d")
    duration = Duration(int(found[1]), Unit(found[2]))
    longest = LONGEST.get(duration.unit)
    if longest and duration.count > longest:
        raise ValueError(f"must be at most 100 years ({longest}{duration.unit})")
    return duration


def period_of(text: str | None) -> Duration | None:
    """The duration of a budget, one for all texts that mean the same periods: 7d is 1w, 30d is 1mo."""
    if text is None:
        return None
    duration = parse(text)
    return NAMED.get(duration, duration)


def length_of(text: str) -> timedelta:
    """How long a duration is by itself, without a calendar: a month is 30 days, a year 365."""
    duration = parse(text)
    return duration.count * LENGTHS[duration.unit]


def later(moment: datetime, text: str) -> datetime:
    """The moment a duration after this one, months and years by the calendar of UTC.

    Where that month has no such day it is the month's last: 31 January and 1mo is 28 or 29 February.
    """
    duration = parse(text)
    if duration.unit not in _MONTHS:
        return moment + length_of(text)
    start = moment.astimezone(UTC)
    years, month = divmod(start.month - 1 + duration.count * _MONTHS[duration.unit], 12)
    year = start.year + years
    day = min(start.day, monthrange(year, month + 1)[1])
    return start.replace(year=year, month=month + 1, day=day)


def is_timezone(name: str) -> bool:
    """Tell whether the bundled IANA database has a zone of exactly this name."""
    return name in _timezones()


@cache
def _timezones() -> frozenset[str]:
    # The machine's own database differs from one machine to the next, so it is not asked.
    zones = resources.files("tzdata").joinpath("zones").read_text("ascii").split()
    # Not a place: IANA's mark of a computer whose zone was never set.
    return frozenset(zones) - {"Factory"}
