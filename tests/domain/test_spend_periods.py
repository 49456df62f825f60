"""Every call counts in exactly one period of its holder's schedule, and that is the enumerated one.

What assigns calls to periods where usage is recorded, and where the doctor counts it again, is compared
over ten years in forty zones, and with schedules that change duration and zone, with periods that are
enumerated (test_period_boundaries).
"""

from bisect import bisect_right
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import cache
from itertools import pairwise
from types import SimpleNamespace

import pytest
from domain.test_period_boundaries import LONG, ODD, SHORT, SPAN, ZONES, Clock, boundaries

from bursar.domain import periods
from bursar.domain.durations import parse
from bursar.domain.instants import FIRST, LAST
from bursar.domain.tallies import span_of
from bursar.operations.seed.chance import Chance
from bursar.services.usage_terms import Span, Terms

TICK = timedelta.resolution
MARGIN = timedelta(days=1200)
NEAR = timedelta(hours=60)  # more than the longest of the short durations


class Entry(SimpleNamespace):
    """What a schedule says from `since` on, or from ever (None)."""

    since: datetime | None
    duration: str | None
    zone: str


@cache
def clock_of(zone: str) -> Clock:
    return Clock(zone, SPAN[0] - MARGIN, SPAN[1] + MARGIN, timedelta(days=1))


@cache
def starts_of(zone: str, duration: str, since: datetime, until: datetime) -> list[datetime]:
    """Where periods begin between two instants, and one before and after."""
    clock = clock_of(zone)
    first, last = clock.nearly(since) - clock.swing, clock.nearly(until) + clock.swing
    return sorted({clock.starts(shown) for shown in boundaries(duration, first, last)})


def enumerated(entry: Entry, at: datetime) -> tuple[datetime, datetime]:
    if entry.duration is None:
        return FIRST, LAST
    # The short ones are enumerated around the call alone.
    hour = at.replace(minute=0, second=0, microsecond=0)
    span = SPAN if entry.duration in LONG else (hour - NEAR, hour + NEAR)
    starts = starts_of(entry.zone, entry.duration, *span)
    place = bisect_right(starts, at)
    return starts[place - 1], starts[place]


def a_schedule(chance: Chance, zone: str, durations: list[str]) -> list[Entry]:
    """Up to six entries in the span; of some the first counts from ever, others begin with none."""
    length = SPAN[1] - SPAN[0]
    changes: list[datetime | None] = sorted(
        SPAN[0] + timedelta(seconds=int(chance.random() * length.total_seconds()))
        for _ in range(chance.randint(1, 5))
    )
    if chance.percent(70):
        changes.insert(0, None)
    zones = [zone, zone, zone, chance.choice(ODD)]
    kinds = [*durations, None]
    return [
        Entry(since=at, duration=chance.choice(kinds), zone=chance.choice(zones)) for at in changes
    ]


def calls_of(chance: Chance, schedule: list[Entry], most: int) -> Iterator[datetime]:
    """Instants at the edges of entries and of periods, just before and just after; and any others."""
    edges = [entry.since for entry in schedule if entry.since is not None]
    for entry, following in pairwise([*schedule, None]):
        since = max(entry.since or SPAN[0], SPAN[0])
        until = following.since if following else SPAN[1]
        length = (until - since).total_seconds()
        some = [since + timedelta(seconds=chance.random() * length) for _ in range(most)]
        if entry.duration is not None:
            edges += [edge for at in some for edge in enumerated(entry, at)]
        yield from some
    for edge in edges:
        yield from (edge - TICK, edge, edge + TICK)


def check_zone(zone: str, seed: int, *, schedules: int, most: int, durations: list[str]) -> int:
    """See to some schedules; how many calls were assigned."""
    chance, count = Chance.of(seed, zone), 0
    for _ in range(schedules):
        schedule = a_schedule(chance, zone, durations)
        calls = [at for at in calls_of(chance, schedule, most) if SPAN[0] <= at < SPAN[1]]
        count += len(calls)
        check(schedule, calls)
    return count


def check(schedule: list[Entry], calls: list[datetime]) -> None:
    entries = [
        periods.Entry(entry.since, entry.duration and parse(entry.duration), entry.zone)
        for entry in schedule
    ]
    terms = Terms(entries, ())
    none = Entry(since=None, duration=None, zone="UTC")
    known = schedule if schedule[0].since is None else [none, *schedule]
    changes = [entry.since or FIRST for entry in known]
    spent: dict[Span, int] = {}
    for cost, at in enumerate(calls, 1):
        span = terms.span_at(at)
        place = bisect_right(changes, at)
        start, end = enumerated(known[place - 1], at)
        until = changes[place] if place < len(changes) else LAST
        assert span == (changes[place - 1], max(start, changes[place - 1]), min(end, until))
        assert span.starts_at <= at < span.ends_at
        recounted = span_of(entries, at, SPAN[1])
        assert (recounted.since, recounted.starts_at) == (span.since, span.starts_at)
        spent[span] = spent.get(span, 0) + cost
    # Periods have no instant in common, so that each call is in one and in no other.
    assert len({(span.since, span.starts_at) for span in spent}) == len(spent)
    tiles = sorted((span.starts_at, span.ends_at) for span in spent)
    assert all(one[1] <= other[0] for one, other in pairwise(tiles))
    assert sum(spent.values()) == len(calls) * (len(calls) + 1) // 2


@pytest.mark.parametrize("zone", ODD)
def test_every_call_counts_in_the_one_period_that_is_enumerated(zone: str) -> None:
    some = LONG[ODD.index(zone) % 3 :: 3]
    assert check_zone(zone, 0, schedules=2, most=20, durations=some) > 100
    a_few = SHORT[3 + ODD.index(zone) % 4 :: 4]
    assert check_zone(zone, 1, schedules=1, most=2, durations=a_few) > 10


@pytest.mark.soak
@pytest.mark.parametrize("zone", ZONES)
def test_every_call_in_every_zone_counts_in_the_one_period(zone: str) -> None:
    assert check_zone(zone, 2, schedules=20, most=100, durations=LONG) > 10_000
    assert check_zone(zone, 3, schedules=10, most=10, durations=SHORT[3:]) > 500
