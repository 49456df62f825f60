"""Calls made with seeded keys, as they would have been recorded, day by day until now.

Teams of the built-in organization make none: all that counts these calls is of the same seed, so
that nothing which was there before is counted anew.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Any, NamedTuple

from bursar.database.tables.usage import TOKENS
from bursar.domain.ids import DEFAULT_ORGANIZATION, Prefix
from bursar.domain.usage import dimensions_of
from bursar.operations.seed.chance import Chance
from bursar.operations.seed.population import Population, thing

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_A_DAY = timedelta(days=1)
_RECORDED_AFTER = timedelta(seconds=1)
# What is asked for, of whom, and what a prompt's and an answer's token cost in 10^-10 USD.
_MODELS = (
    ("gpt-5", "openai", 12_500, 100_000),
    ("gpt-5-mini", "openai", 2_500, 20_000),
    ("claude-opus-4", "anthropic", 150_000, 750_000),
    ("gemini-3-pro", "google", 20_000, 120_000),
    ("mistral-large", None, 20_000, 60_000),
    ("llama-4-maverick", "bedrock", 2_400, 9_700),
)
_ENDPOINTS = ("/v1/chat/completions", "/v1/chat/completions", "/v1/responses", "/v1/messages", None)
_TAGS = ((), (), ("batch",), ("production",), ("evaluation", "nightly"))

WHOSE = (
    *("api_key_id", "user_id", "team_id", "team_member_id", "organization_id"),
    "organization_member_id",
)
_WHAT = ("model", "provider", "endpoint", "tags")
EVENT = (
    *("id", "at", "recorded_at", "request_id", *WHOSE, *_WHAT, *TOKENS),
    *("cost", "success"),
)
DAY = (
    *("day", "dimensions", "api_key_id", "user_id", "team_id", "organization_id", *_WHAT, *TOKENS),
    *("spend", "requests", "successes"),
)


class Habit(NamedTuple):
    """Calls of one key that differ in nothing but numbers; the columns as those of events."""

    since: int
    whose: tuple[str | None, ...]
    what: tuple[Any, ...]
    dimensions: bytes
    prices: tuple[int, int]


class Day(NamedTuple):
    """What is stored of a day: the rows of its events, and those of its sums."""

    events: list[tuple[Any, ...]]
    sums: list[tuple[Any, ...]]


class SeededUsage:
    """So many calls a day in the days until now, by any of the keys that are there at the time."""

    def __init__(
        self, population: Population, now: datetime, days: int, events_per_day: int
    ) -> None:
        self._population = population
        self.begins, self.ends = now - days * _A_DAY, now - _RECORDED_AFTER
        self._events_per_day = events_per_day
        self.total = days * events_per_day
        self.request_ids = f"seed-{population.seed}-"

    @cached_property
    def _habits(self) -> list[Habit]:
        """One or two of each key, in the order in which the keys were made."""
        stream = self._population.stream("habits")
        members = self._memberships()
        habits: dict[bytes, Habit] = {}
        for key in self._population.api_keys():
            team, organization = key.team.thing.id, key.team.organization.thing.id
            if organization == DEFAULT_ORGANIZATION:
                continue
            user = None if key.user is None else self._population.users[key.user].id
            member, colleague = members.get((team, key.user)), members.get((organization, key.user))
            whose = (key.thing.id, user, team, member, organization, colleague)
            for _ in range(stream.choice((1, 1, 2))):
                habit = _habit(stream, key.thing.made, whose)
                habits[habit.dimensions] = habit
        return sorted(habits.values(), key=lambda habit: habit.since)

    def _memberships(self) -> dict[tuple[str, int | None], str]:
        """The ids of members by user and what they are members of, a team or an organization."""
        return {
            **{(m.team.thing.id, m.user): m.thing.id for m in self._population.members()},
            **{
                (m.organization.thing.id, m.user): m.thing.id
                for m in self._population.organization_members()
            },
        }

    def days(self) -> Iterator[Day]:
        """Day by day in UTC; of the first and the last only the part that is in the time."""
        stream = self._population.stream("usage")
        since = [habit.since for habit in self._habits]
        begins, number = self.begins, 0
        while begins < self.ends:
            midnight = datetime.combine(begins.date() + _A_DAY, datetime.min.time(), UTC)
            ends = min(midnight, self.ends)
            share = self._events_per_day * (ends - begins) / _A_DAY
            known = self._habits[: bisect_left(since, (begins - _EPOCH) // _MILLISECOND)]
            if known:
                yield self._day(stream, begins, ends, round(share), known, number)
            begins, number = ends, number + round(share)

    def _day(
        self,
        stream: Chance,
        begins: datetime,
        ends: datetime,
        count: int,
        habits: Sequence[Habit],
        number: int,
    ) -> Day:
        first = (begins - _EPOCH) // _MILLISECOND + 1
        length = (ends - begins) // _MILLISECOND - 1
        moments = sorted(first + int(stream.random() * length) for _ in range(count))
        sums: dict[int, list[int]] = {}
        events = []
        for place, ms in enumerate(moments, number):
            chosen = int(stream.random() * len(habits))
            habit = habits[chosen]
            prompt, completion = int(stream.random() * 4_000) + 20, int(stream.random() * 800)
            cached = prompt // 2 if stream.percent(30) else 0
            success = stream.percent(97)
            cost = prompt * habit.prices[0] + completion * habit.prices[1] if success else 0
            tokens = (prompt, completion, cached, 0) if success else (prompt, 0, 0, 0)
            at = _EPOCH + ms * _MILLISECOND
            events.append(
                (
                    *(thing(stream, Prefix.USAGE_EVENT, ms).id, at, at + _RECORDED_AFTER),
                    *(f"{self.request_ids}{place}", *habit.whose, *habit.what, *tokens),
                    *(_amount(cost), success),
                )
            )
            added = (*tokens, cost, 1, success)
            known = sums.get(chosen)
            sums[chosen] = [a + b for a, b in zip(known, added, strict=True)] if known else [*added]
        return Day(events, [_sum(begins, habits[chosen], of) for chosen, of in sums.items()])


def _habit(stream: Chance, since: int, whose: tuple[str | None, ...]) -> Habit:
    model, provider, *prices = stream.choice(_MODELS)
    what = (model, provider, stream.choice(_ENDPOINTS), stream.choice(_TAGS))
    key, user, team, _, organization, _ = whose
    dimensions = dimensions_of(key, user, team, organization, *what)
    return Habit(since, whose, what, dimensions, (prices[0], prices[1]))


def _sum(begins: datetime, habit: Habit, of: Sequence[int]) -> tuple[Any, ...]:
    key, user, team, _, organization, _ = habit.whose
    *tokens, cost, requests, successes = of
    return (
        *(begins.date(), habit.dimensions, key, user, team, organization, *habit.what, *tokens),
        *(_amount(cost), requests, int(successes)),
    )


def _amount(units: int) -> Decimal:
    return Decimal(units).scaleb(-10)
