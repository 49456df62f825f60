from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bursar.domain import durations
from bursar.domain.durations import Duration, Unit, is_timezone, length_of


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
