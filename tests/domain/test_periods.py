"""Periods tile time, begin and end where the calendar says, and are cut where a schedule changes."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from importlib import resources
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bursar.domain.durations import LONGEST, Duration, Unit, parse
from bursar.domain.periods import FOR_EVER, Entry, Period, period_at, periods_from, scheduled_period

ZONES = resources.files("tzdata").joinpath("zones").read_text("ascii").split()
INSTANTS = st.datetimes(
    datetime(1850, 1, 1),  # noqa: DTZ001 (hypothesis takes naive bounds)
    datetime(2200, 1, 1),  # noqa: DTZ001 (as above)
    timezones=st.just(UTC),
)
DURATIONS = st.sampled_from(Unit).flatmap(
    lambda unit: st.one_of(st.integers(1, 31), st.integers(1, LONGEST.get(unit, 99_999))).map(
        lambda count: Duration(count, unit)
    )
)


@given(DURATIONS, st.sampled_from(ZONES), INSTANTS)
def test_periods_tile_time(duration: Duration, zone: str, instant: datetime) -> None:
    start, end = period = period_at(duration, zone, instant)
    assert start is not None
    assert end is not None
    assert start <= instant < end
    assert period_at(duration, zone, start) == period
    assert period_at(duration, zone, end - timedelta.resolution) == period
    assert period_at(duration, zone, end).start == end
    assert period_at(duration, zone, start - timedelta.resolution).end == start
    assert [p.start for p in islice(periods_from(duration, zone, instant), 2)] == [start, end]


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


@pytest.mark.parametrize(
    ("duration", "zone", "instant", "start", "end"),
    [
        ("15m", "Asia/Kathmandu", "2026-11-22T10:07Z", "2026-11-22T10:00Z", "2026-11-22T10:15Z"),
        ("8h", "UTC", "2026-11-22T23:59:59Z", "2026-11-22T16:00Z", "2026-11-23T00:00Z"),
        ("1d", "Asia/Tokyo", "2026-11-22T15:00Z", "2026-11-22T15:00Z", "2026-11-23T15:00Z"),
        ("1w", "UTC", "2026-11-22T12:00Z", "2026-11-16T00:00Z", "2026-11-23T00:00Z"),
        ("7d", "UTC", "2026-11-22T12:00Z", "2026-11-16T00:00Z", "2026-11-23T00:00Z"),
        ("14d", "UTC", "1970-01-02T00:00Z", "1970-01-01T00:00Z", "1970-01-15T00:00Z"),
        ("2w", "UTC", "1970-01-02T00:00Z", "1969-12-22T00:00Z", "1970-01-05T00:00Z"),
        ("30d", "UTC", "2026-02-03T00:00Z", "2026-02-01T00:00Z", "2026-03-01T00:00Z"),
        ("1mo", "UTC", "2024-02-29T23:59Z", "2024-02-01T00:00Z", "2024-03-01T00:00Z"),
        ("3mo", "UTC", "2026-11-22T00:00Z", "2026-10-01T00:00Z", "2027-01-01T00:00Z"),
        ("1y", "UTC", "2026-11-22T00:00Z", "2026-01-01T00:00Z", "2027-01-01T00:00Z"),
        ("5h", "UTC", "1970-01-01T23:00Z", "1970-01-01T20:00Z", "1970-01-02T01:00Z"),
        # A day that the clock skips has no period, one of 23 or 25 hours has one.
        ("1d", "Pacific/Apia", "2011-12-30T09:59Z", "2011-12-29T10:00Z", "2011-12-30T10:00Z"),
        ("1d", "Pacific/Apia", "2011-12-30T10:00Z", "2011-12-30T10:00Z", "2011-12-31T10:00Z"),
        ("1d", "Europe/Berlin", "2026-03-29T12:00Z", "2026-03-28T23:00Z", "2026-03-29T22:00Z"),
        ("1d", "Europe/Berlin", "2026-10-25T12:00Z", "2026-10-24T22:00Z", "2026-10-25T23:00Z"),
        # 02:00 to 03:00 is skipped, and comes twice.
        ("1h", "Europe/Berlin", "2026-03-29T01:00Z", "2026-03-29T01:00Z", "2026-03-29T02:00Z"),
        ("1h", "Europe/Berlin", "2026-10-25T01:30Z", "2026-10-25T00:00Z", "2026-10-25T02:00Z"),
        ("1m", "Europe/Berlin", "2026-10-25T01:30Z", "2026-10-25T00:59Z", "2026-10-25T02:00Z"),
        # 02:00 to 02:30 is skipped.
        (
            "1h",
            "Australia/Lord_Howe",
            "2026-10-03T15:40Z",
            "2026-10-03T15:30Z",
            "2026-10-03T16:00Z",
        ),
        # At 00:01 back to 23:01 of the day before: the day has begun, and begins once.
        ("1d", "America/St_Johns", "2010-11-07T02:45Z", "2010-11-07T02:30Z", "2010-11-08T03:30Z"),
        ("1d", "America/St_Johns", "2010-11-07T02:29Z", "2010-11-06T02:30Z", "2010-11-07T02:30Z"),
    ],
)
def test_a_period_has_these_ends(
    duration: str, zone: str, instant: str, start: str, end: str
) -> None:
    assert period_at(parse(duration), zone, at(instant)) == (at(start), at(end))


def test_no_duration_is_one_period_for_ever() -> None:
    assert period_at(None, "Europe/Rome", at("2026-11-22T10:00Z")) == FOR_EVER
    assert list(periods_from(None, "Europe/Rome", at("2026-11-22T10:00Z"))) == [FOR_EVER]


def test_a_side_outside_the_calendar_is_open() -> None:
    *_, last = periods_from(parse("100y"), "UTC", at("2026-11-22T10:00Z"))
    assert last == (at("9970-01-01T00:00Z"), None)
    assert period_at(parse("99999h"), "UTC", at("9999-12-01T00:00Z")).end is None
    assert period_at(parse("60y"), "UTC", at("0002-01-01T00:00Z")).start is None


def period_in(schedule: Sequence[Entry], instant: datetime) -> Period:
    return scheduled_period(schedule, instant)[1]


SCHEDULES = st.lists(
    st.tuples(INSTANTS, st.none() | DURATIONS, st.sampled_from(ZONES)), max_size=6
).map(lambda drawn: sorted((Entry(*entry) for entry in drawn), key=lambda e: str(e.starts_at)))


@given(SCHEDULES, st.booleans(), INSTANTS, st.data())
def test_periods_of_a_schedule_tile_time_and_never_cross_its_edges(
    schedule: list[Entry], from_ever: bool, instant: datetime, data: st.DataObject
) -> None:
    if schedule and from_ever:
        schedule[0] = schedule[0]._replace(starts_at=None)
    edges = {entry.starts_at for entry in schedule} - {None}
    if edges:
        near = data.draw(st.sampled_from(sorted(edges)))
        instant = data.draw(st.sampled_from([instant, near, near - timedelta.resolution]))
    period = period_in(schedule, instant)
    after = [edge for edge in edges if edge > instant]
    before = [edge for edge in edges if edge <= instant]
    assert period.start is None or max(before, default=period.start) <= period.start <= instant
    assert period.end is None or instant < period.end <= min(after, default=period.end)
    if period.start is None:
        assert not before
    else:
        assert period_in(schedule, period.start) == period
        assert period_in(schedule, period.start - timedelta.resolution).end == period.start
    if period.end is None:
        assert not after
    else:
        assert period_in(schedule, period.end).start == period.end


def test_a_schedule_cuts_the_aligned_period_where_it_changes() -> None:
    month, day = parse("1mo"), parse("1d")
    changed, again = at("2026-11-22T10:00Z"), at("2026-11-22T12:00Z")
    schedule = [Entry(None, month, "UTC"), Entry(changed, day, "UTC"), Entry(again, month, "UTC")]
    assert period_in(schedule, at("2026-11-03T00:00Z")) == (at("2026-11-01T00:00Z"), changed)
    assert period_in(schedule, changed) == (changed, again)
    assert period_in(schedule, again) == (again, at("2026-12-01T00:00Z"))
    assert period_in(schedule[1:], at("2026-11-03T00:00Z")) == Period(None, changed)
    together = [Entry(None, month, "UTC"), Entry(changed, day, "UTC"), Entry(changed, None, "UTC")]
    assert period_in(together, again) == Period(changed, None)
