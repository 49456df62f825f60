"""Durations and time zones: which texts are some, how long they last, and when that is over."""

from calendar import monthrange
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bursar.domain import durations
from bursar.domain.durations import Duration, Unit, is_timezone, later, length_of


@given(st.sampled_from(Unit), st.integers(1, 99_999))
def test_a_duration_within_100_years_comes_back_as_its_text(unit: Unit, count: int) -> None:
    text = f"{count}{unit}"
    if count > durations.LONGEST.get(unit, 99_999):
        with pytest.raises(ValueError, match="at most 100 years"):
            durations.parse(text)
    else:
        assert durations.parse(text) == Duration(count, unit)
        assert str(durations.parse(text)) == text


@pytest.mark.parametrize(
    ("longest", "over"),
    [("36525d", "36526d"), ("5217w", "5218w"), ("1200mo", "1201mo"), ("100y", "101y")],
)
def test_100_years_are_the_most(longest: str, over: str) -> None:
    assert str(durations.parse(longest)) == longest
    with pytest.raises(ValueError, match="at most 100 years"):
        durations.parse(over)


def test_months_are_not_minutes() -> None:
    assert durations.parse("1m").unit is Unit.MINUTE
    assert durations.parse("1mo").unit is Unit.MONTH


@pytest.mark.parametrize(
    "text",
    [
        *[
            "",
            "d",
            "1",
            "0d",
            "01d",
            "-1d",
            "+1d",
            "1.5d",
            "1 d",
            " 1d",
            "1d ",
            "1d\n",
            "1D",
            "1MO",
            "1ms",
        ],
        *["100000s", "1d1h", "\uff11d", "\u0661d", "P1D", "1month", "\0", "9" * 5_000 + "d"],
    ],
)
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be a count"):
        durations.parse(text)


@pytest.mark.parametrize("name", ["UTC", "Europe/Paris", "America/Argentina/Ushuaia", "Etc/GMT+5"])
def test_a_zone_of_iana_is_a_timezone(name: str) -> None:
    assert is_timezone(name)
    assert ZoneInfo(name).key == name


@pytest.mark.parametrize(
    "name",
    [
        *[
            "",
            "utc",
            "europe/paris",
            "Europe",
            "localtime",
            "posix/UTC",
            "right/UTC",
            "Factory",
            "+01:00",
        ],
        *["../../etc/passwd", "/etc/localtime", "Europe/Paris\n", "Europe/Paris\0", "Mars/Olympus"],
    ],
)
def test_any_other_name_is_no_timezone(name: str) -> None:
    assert not is_timezone(name)


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("90s", timedelta(seconds=90)),
        ("5m", timedelta(minutes=5)),
        ("24h", timedelta(days=1)),
        ("3d", timedelta(days=3)),
        ("2w", timedelta(days=14)),
        ("1mo", timedelta(days=30)),
        ("2y", timedelta(days=730)),
    ],
)
def test_a_duration_has_a_length_without_a_calendar(text: str, length: timedelta) -> None:
    assert length_of(text) == length


MOMENTS = st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=st.timezones())  # noqa: DTZ001 (hypothesis adds the zone)


@given(MOMENTS, st.sampled_from(Unit), st.integers(1, 100))
def test_later_is_later_by_the_length_or_by_the_calendar_of_utc(
    moment: datetime, unit: Unit, count: int
) -> None:
    end, start = later(moment, f"{count}{unit}"), moment.astimezone(UTC)
    months = {Unit.MONTH: count, Unit.YEAR: 12 * count}.get(unit)
    if months is None:
        assert end - moment == length_of(f"{count}{unit}")
        return
    assert end.utcoffset() == timedelta()
    assert 12 * end.year + end.month == 12 * start.year + start.month + months
    assert end.day == min(start.day, monthrange(end.year, end.month)[1])
    assert end.timetz() == start.timetz()


@pytest.mark.parametrize(
    ("start", "duration", "end"),
    [
        ("2026-01-31T12:00:00+00:00", "1mo", "2026-02-28T12:00:00+00:00"),
        ("2024-02-29T00:00:00+00:00", "1y", "2025-02-28T00:00:00+00:00"),
        ("2026-12-15T00:00:00+00:00", "1mo", "2027-01-15T00:00:00+00:00"),
        ("2026-02-01T00:30:00+01:00", "1mo", "2026-02-28T23:30:00+00:00"),
        ("2026-01-31T12:00:00+00:00", "30d", "2026-03-02T12:00:00+00:00"),
    ],
)
def test_a_month_that_has_no_such_day_ends_with_its_last(
    start: str, duration: str, end: str
) -> None:
    assert later(datetime.fromisoformat(start), duration) == datetime.fromisoformat(end)
