"""Periods are those that an independent enumeration of what clocks show gives, in every zone."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from importlib import resources
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from bursar.domain.durations import Unit, parse
from bursar.domain.periods import period_at, periods_from

ZONES = resources.files("tzdata").joinpath("zones").read_text("ascii").split()
# Those whose clocks do what is rare: days skipped, half hours, changes at midnight and after it.
_ODD = """
Africa/Cairo Africa/Casablanca Africa/Monrovia America/Asuncion America/Caracas America/Chicago
America/Godthab America/Havana America/Los_Angeles America/Mexico_City America/New_York
America/Santiago America/Sao_Paulo America/Scoresbysund America/St_Johns America/Toronto
Antarctica/Casey Antarctica/Troll Asia/Amman Asia/Baku Asia/Beirut Asia/Calcutta Asia/Damascus
Asia/Gaza Asia/Kathmandu Asia/Pyongyang Asia/Tehran Asia/Tokyo Atlantic/Azores Australia/Adelaide
Australia/Lord_Howe Australia/Sydney Etc/GMT+12 Etc/GMT-14 Europe/Berlin Europe/Dublin Europe/London
Europe/Moscow Pacific/Apia Pacific/Auckland Pacific/Chatham Pacific/Easter Pacific/Fakaofo
Pacific/Kiritimati Pacific/Norfolk UTC
"""
ODD = _ODD.split()
LONG = ["1d", "2d", "3d", "7d", "10d", "30d", "45d", "1w", "2w", "5w", "1mo", "2mo", "3mo", "5mo"]
LONG += ["12mo", "1y", "2y", "3y", "36h", "100h", "5000m", "99999s"]
SHORT = ["1s", "7s", "15s", "60s", "100s", "3600s", "5000s", "1m", "7m", "15m", "30m", "45m", "60m"]
SHORT += ["90m", "1000m", "1h", "2h", "3h", "5h", "6h", "7h", "8h", "12h", "23h", "24h", "25h"]
OFTEN = {"1s", "7s", "15s"}
SPAN = (datetime(2006, 1, 1, tzinfo=UTC), datetime(2016, 1, 1, tzinfo=UTC))


class Clock:
    """What a zone's clock shows in a span of time, as pieces that each have one offset."""

    def __init__(self, zone: str, since: datetime, until: datetime, step: timedelta) -> None:
        with resources.files("tzdata").joinpath("zoneinfo", *zone.split("/")).open("rb") as file:
            self.info = ZoneInfo.from_file(file)
        self.since, self.offsets = [since], [self.offset_at(since)]
        seconds = range(int(step.total_seconds()) + 1)
        at = since
        while at < until:
            if self.offset_at(at + step) != self.offsets[-1]:
                change = bisect_left(seconds, True, key=partial(self.is_changed, at))
                self.since.append(at + timedelta(seconds=change))
                self.offsets.append(self.offset_at(self.since[-1]))
            at += step
        self.ends = [*self.since[1:], until]
        self.swing = max(self.offsets) - min(self.offsets) + timedelta(hours=1)

    def offset_at(self, instant: datetime) -> timedelta:
        return instant.astimezone(self.info).utcoffset() or timedelta()

    def is_changed(self, at: datetime, seconds: int) -> bool:
        return self.offset_at(at + timedelta(seconds=seconds)) != self.offsets[-1]

    def nearly(self, instant: datetime) -> datetime:
        """What it shows about then, but for its swing."""
        offset = self.offsets[bisect_right(self.since, instant) - 1]
        return instant.replace(tzinfo=None) + offset

    def starts(self, shown: datetime) -> datetime:
        """When the clock first shows this; if it never does, the first instant after."""
        reference = shown.replace(tzinfo=UTC)
        low = max(bisect_right(self.since, reference - timedelta(days=2)) - 1, 0)
        high = bisect_right(self.since, reference + timedelta(days=2))
        near = list(
            zip(self.since[low:high], self.ends[low:high], self.offsets[low:high], strict=True)
        )
        exact = [reference - offset for s, end, offset in near if s <= reference - offset < end]
        if exact:
            return min(exact)
        (skipped,) = [
            change
            for (_, change, before), (_, _, after) in pairwise(near)
            if change + before <= reference < change + after
        ]
        return skipped


def boundaries(duration: str, since: datetime, until: datetime) -> list[datetime]:
    """What a clock shows where periods begin, with one before the first and one after the last."""
    every = list(all_boundaries(duration, since.date(), until.date()))
    return every[bisect_right(every, since) - 1 : bisect_right(every, until) + 1]


def all_boundaries(duration: str, first: date, last: date) -> Iterator[datetime]:
    count, unit = parse(duration).count, parse(duration).unit
    if duration in {"7d", "30d"}:
        count, unit = 1, {"7d": Unit.WEEK, "30d": Unit.MONTH}[duration]
    if unit in {Unit.MONTH, Unit.YEAR}:
        step = count * (12 if unit is Unit.YEAR else 1)
        months = range(0, 12 * (last.year + 101 - 1970), step)
        days = [date(1970 + n // 12, n % 12 + 1, 1) for n in months]
        before = max(i for i, day in enumerate(days) if day <= first)
        after = next(i for i, day in enumerate(days) if day > last)
        yield from (datetime.combine(day, time()) for day in days[before : after + 1])
        return
    seconds = count * {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}[unit]
    day = timedelta(days=1)
    if 86_400 % seconds == 0:  # from each midnight
        at, limit = datetime.combine(first, time()), datetime.combine(last + day, time())
    else:
        anchor = date(1970, 1, 5 if unit is Unit.WEEK else 1)
        passed = (first - anchor).days * 86_400 // seconds
        at = datetime.combine(anchor, time()) + timedelta(seconds=passed * seconds)
        limit = datetime.combine(last, time()) + timedelta(seconds=seconds) + day
    while at <= limit:
        yield at
        at += timedelta(seconds=seconds)


def check(clock: Clock, zone: str, duration: str, since: datetime, until: datetime) -> int:
    """See that the periods between two instants are the enumerated ones; how many they are."""
    first, last = clock.nearly(since) - clock.swing, clock.nearly(until) + clock.swing
    starts = sorted({clock.starts(shown) for shown in boundaries(duration, first, last)})
    parsed = parse(duration)
    expected = [p for p in pairwise(starts) if p[1] > since and p[0] < until]
    assert expected
    found = periods_from(parsed, zone, since)
    for start, end in expected:
        assert next(found) == (start, end), (zone, duration)
        assert period_at(parsed, zone, end - timedelta.resolution) == (start, end)
    return len(expected)


def check_zone(zone: str, step: timedelta, every: int, around: timedelta) -> int:
    """See to the long durations in the whole span, to the short ones where the clock changes.

    Of durations and changes to every so many'th, each zone beginning elsewhere.
    """
    since, until = SPAN
    margin = timedelta(days=1200)
    clock = Clock(zone, since - margin, until + margin, step)
    turn = ZONES.index(zone)
    count = 0
    for duration in LONG[turn % every :: every]:
        count += check(clock, zone, duration, since, until)
    changes = [change for change in clock.since[1:] if since < change < until]
    for moment in [*changes[turn % every :: every], since + (until - since) / 3]:
        for duration in SHORT[turn % every :: every]:
            wide = timedelta(seconds=200) if duration in OFTEN else around
            count += check(clock, zone, duration, moment - wide, moment + wide)
        turn += 1
    return count


@pytest.mark.parametrize("zone", ODD)
def test_periods_are_those_that_are_enumerated(zone: str) -> None:
    assert check_zone(zone, timedelta(days=1), every=7, around=timedelta(hours=3)) > 20


@pytest.mark.soak
@pytest.mark.parametrize("zone", ZONES)
def test_periods_of_every_zone_are_those_that_are_enumerated(zone: str) -> None:
    assert check_zone(zone, timedelta(minutes=15), every=1, around=timedelta(hours=26)) > 10_000
