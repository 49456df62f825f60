"""What calls come to is told by holder and period, whatever the order in which they are read."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from bursar.domain.durations import parse
from bursar.domain.instants import FIRST, LAST
from bursar.domain.periods import Entry, Period, scheduled_period
from bursar.domain.tallies import WHOLE, Spent, Tally, Whose, exact, is_period, span_of

START = datetime(2026, 3, 27, tzinfo=UTC)  # two days before the clocks of Europe skip an hour
MEMBER = Whose("key", "user", "team", "member", "org", "orgmem")
OWN = Whose("own", "user", None, None, None, None)
MINUTES = st.integers(0, 6 * 24 * 60).map(lambda minutes: START + timedelta(minutes=minutes))
ENTRIES = st.builds(
    Entry,
    MINUTES,
    st.sampled_from([None, *map(parse, ("1h", "8h", "1d", "1mo"))]),
    st.sampled_from(["UTC", "Europe/Rome", "Pacific/Apia"]),
)
COSTS = st.integers(0, 10**28).map(lambda units: Decimal(units).scaleb(-10))
CALLS = st.tuples(
    st.sampled_from([MEMBER, OWN]), st.sampled_from(["a", "b"]), MINUTES, MINUTES, COSTS
)


@st.composite
def schedules(draw: st.DrawFn) -> tuple[Entry, ...]:
    entries = draw(st.lists(ENTRIES, max_size=4, unique_by=lambda entry: entry.starts_at))
    in_order = sorted(entries, key=lambda entry: entry.starts_at)
    if in_order and draw(st.booleans()):
        in_order[0] = in_order[0]._replace(starts_at=None)
    return tuple(in_order)


@given(schedules(), MINUTES)
def test_what_is_known_in_time_counts_in_the_period_that_is_scheduled(
    schedule: tuple[Entry, ...], at: datetime
) -> None:
    span = span_of(schedule, at, LAST)
    shown = Period(span.starts_at, min(span.ends_at, span.until))
    _, (start, end) = scheduled_period(schedule, at)
    assert shown == (start or FIRST, end or LAST)
    assert is_period(schedule, span.since, *shown)
    assert is_period(schedule, span.since, span.starts_at, span.ends_at)


@given(schedules(), MINUTES, MINUTES)
def test_an_entry_that_was_not_known_changes_nothing(
    schedule: tuple[Entry, ...], at: datetime, known_at: datetime
) -> None:
    known = tuple(each for each in schedule if each.starts_at is None or each.starts_at <= known_at)
    span, by_known = span_of(schedule, at, known_at), span_of(known, at, LAST)
    assert (span.since, span.starts_at, span.ends_at) == (
        by_known.since,
        by_known.starts_at,
        by_known.ends_at,
    )


@given(schedules(), schedules(), st.lists(CALLS, max_size=30))
def test_each_call_is_in_one_period_of_each_of_its_holders_to_the_last_digit(
    of_team: tuple[Entry, ...],
    of_user: tuple[Entry, ...],
    calls: list[tuple[Whose, str, datetime, datetime, Decimal]],
) -> None:
    known = {"team": of_team, "user": of_user}
    tally = Tally(known, {("team", "b"), ("user", "a")})
    expected: defaultdict[Spent, int] = defaultdict(int)
    for whose, model, at, recorded_at, cost in calls:
        tally.add(whose, model, at, recorded_at, cost)
        for holder in ("own", "user") if whose is OWN else MEMBER[:1] + MEMBER[2:]:
            span = span_of(known.get(holder, ()), at, recorded_at)
            for counted in {WHOLE} | ({model} if (holder, model) in tally.models else set()):
                spent = Spent(holder, counted, span.since, span.starts_at)
                expected[spent] += units(cost)
    assert {spent: units(sum_) for spent, sum_ in tally.spent().items()} == expected


def units(amount: Decimal) -> int:
    """As a whole number, which no context rounds."""
    return int(exact.scaleb(amount, 10))


def test_what_is_no_period_of_a_schedule() -> None:
    day = timedelta(days=1)
    daily = (Entry(None, parse("1d"), "UTC"), Entry(START + day / 2, None, "UTC"))
    assert is_period(daily, FIRST, START, START + day)
    assert is_period(daily, FIRST, START, START + day / 2)
    assert is_period(daily, START + day / 2, START + day / 2, LAST)
    assert not is_period(daily, FIRST, START, START + day / 3)
    assert not is_period(daily, FIRST, START + day / 2, START + day)
    assert not is_period(daily, FIRST, FIRST, LAST)
    assert not is_period(daily, START, START, START + day)
    assert not is_period(daily, START + day / 2, START + day, LAST)
