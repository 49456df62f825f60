"""Spend counted, reset and let grow, and periods begun, all at once: every amount stays exact."""

import asyncio
import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import asyncpg
import pytest

from bursar.domain.durations import parse
from bursar.domain.instants import FIRST
from bursar.domain.periods import Entry, entry_at, period_at
from bursar.domain.roles import KeyScope
from factories import Factory, Key, Person
from live_server import LiveApi

ERRORS = "errors { code path ... on LimitExceeded { limit } }"
EVENTS = "SELECT at, recorded_at, cost FROM usage_events WHERE team_id = $1"
SCHEDULE = """
SELECT nullif(starts_at, '-infinity') AS starts_at, duration, timezone FROM budget_schedules
WHERE team_id = $1 ORDER BY budget_schedules.starts_at
"""
SPENDS = """
SELECT nullif(since, '-infinity') AS since, nullif(starts_at, '-infinity') AS starts_at, spend
FROM spends WHERE holder_id = $1
"""
ADDED_UP = """
SELECT (SELECT sum(cost) FROM usage_events WHERE team_id = $1) AS called,
    (SELECT spend FROM lifetime_spends WHERE holder_id = $1) AS ever,
    (SELECT sum(spend) FROM spends WHERE holder_id = $1) AS spent,
    (SELECT coalesce(sum(amount), 0) FROM spend_adjustments WHERE holder_id = $1) AS adjusted,
    (SELECT count(*) FROM spend_adjustments WHERE holder_id = $1) AS resets
"""
CHAIN = """
SELECT before, after FROM audit_entries WHERE object_id = $1 AND action = 'budget.increase' ORDER BY id
"""
rounds_of_30 = pytest.mark.parametrize("rounds", [30, pytest.param(1000, marks=pytest.mark.soak)])


def document(name: str) -> str:
    declared = f"$input: {name[0].upper()}{name[1:]}Input!"
    return f"mutation({declared}) {{ {name}(input: $input) {{ {ERRORS} }} }}"


class Gateway:
    """Records calls of a key of a team, each under an id of its own."""

    def __init__(self, ask: LiveApi, secret: Key, key: Key) -> None:
        self._ask, self._secret, self._key = ask, secret, key
        self._count = 0

    async def record(self, *ats: datetime, cost: str = "0.0000000001") -> None:
        events = []
        for at in ats:
            self._count += 1
            called = {"requestId": str(self._count), "keyId": self._key.id, "at": at.isoformat()}
            events.append({**called, "model": "gpt-5", "cost": cost})
        answer = await self._ask(self._secret, document("usageRecord"), input={"events": events})
        assert answer.refusals == []


@pytest.fixture
async def admin(make: Factory) -> Person:
    return await make.admin()


async def gateway_of(ask: LiveApi, make: Factory, team: Any) -> Gateway:
    secret = await make.api_key(team=await make.team(), scopes=[KeyScope.GATEWAY])
    return Gateway(ask, secret, await make.api_key(team=team))


@rounds_of_30
async def test_every_call_is_in_the_period_that_was_known_when_it_was_recorded(
    ask: LiveApi, make: Factory, owner: asyncpg.Connection, admin: Person, rounds: int
) -> None:
    team, stream = await make.team(), random.Random(1)  # noqa: S311 (no secret depends on it)
    await make.budget("team", team, duration="1mo")
    gateway = await gateway_of(ask, make, team)

    def some_times() -> list[datetime]:
        """Around now, where the schedule changes, more often than far from it."""
        now = datetime.now(UTC)
        spread = [0.02, 0.02, 1, 200]
        return [now + timedelta(seconds=stream.uniform(-each, each)) for each in spread]

    for _ in range(rounds):
        change = document("teamUpdate")
        durations = stream.sample(["1s", "3s", "1m", "1mo", None], 2)
        answers = await asyncio.gather(
            *(
                ask(admin, change, input={"id": team.id, "budget": {"duration": duration}})
                for duration in durations
            ),
            *(gateway.record(*some_times()) for _ in range(4)),
        )
        assert [answer.refusals for answer in answers[:2]] == [[], []]
    schedule = [
        Entry(row["starts_at"], row["duration"] and parse(row["duration"]), row["timezone"])
        for row in await owner.fetch(SCHEDULE, team.id)
    ]
    assert len(schedule) > rounds
    expected: Counter[tuple[datetime | None, datetime | None]] = Counter()
    for at, recorded_at, cost in await owner.fetch(EVENTS, team.id):
        known = [entry for entry in schedule if (entry.starts_at or FIRST) <= recorded_at]
        entry, _ = entry_at(known, at)
        period = period_at(entry.duration, entry.timezone, at).cut(entry.starts_at, None)
        expected[entry.starts_at, period.start] += cost
    assert len(expected) > rounds
    found = {(row[0], row[1]): row[2] for row in await owner.fetch(SPENDS, team.id)}
    assert found == expected


@rounds_of_30
async def test_reset_while_calls_are_recorded_loses_and_invents_nothing(
    ask: LiveApi, make: Factory, owner: asyncpg.Connection, admin: Person, rounds: int
) -> None:
    team = await make.team()
    await make.budget("team", team, max_budget=1)
    gateway = await gateway_of(ask, make, team)
    reset = {"holderId": team.id}
    for _ in range(rounds):
        now = datetime.now(UTC)
        answers = await asyncio.gather(
            *(gateway.record(now, now, cost="0.3") for _ in range(3)),
            *(ask(admin, document("spendReset"), input=reset) for _ in range(2)),
            *(gateway.record(now, cost="0.1") for _ in range(3)),
        )
        assert [answer.refusals for answer in answers if answer] == [[], []]
        sums = await owner.fetchrow(ADDED_UP, team.id)
        assert sums["called"] == sums["ever"] == sums["spent"] - sums["adjusted"]
    assert sums["called"] == rounds * Decimal("2.1")
    assert sums["resets"] >= rounds / 2


@rounds_of_30
async def test_of_increases_at_once_the_last_holds_alone(
    ask: LiveApi, make: Factory, owner: asyncpg.Connection, admin: Person, rounds: int
) -> None:
    until = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    for _ in range(rounds):
        team = await make.team()
        await make.budget("team", team, max_budget=10)
        answers = await asyncio.gather(
            *(
                ask(
                    admin,
                    document("budgetIncrease"),
                    input={"holderId": team.id, "amount": amount, "until": until},
                )
                for amount in ("1", "2", "3")
            )
        )
        assert [answer.refusals for answer in answers] == [[], [], []]
        states = [tuple(row) for row in await owner.fetch(CHAIN, team.id)]
        befores, afters = zip(*states, strict=True)
        assert len(set(afters)) == 3
        assert set(befores[1:]) < set(afters)
        (last,) = set(afters) - set(befores)
        (amount,) = [
            row[0]
            for row in await owner.fetch(
                "SELECT amount FROM budget_increases WHERE team_id = $1", team.id
            )
        ]
        assert f'"amount": "{amount.normalize():f}"' in last


@rounds_of_30
async def test_increase_is_within_what_limits_it_while_that_is_lowered(
    ask: LiveApi, make: Factory, owner: asyncpg.Connection, admin: Person, rounds: int
) -> None:
    """Whichever is first: what is lowered binds, and does not wait for what is temporary."""
    outcomes: Counter[str] = Counter()
    for number in range(rounds):
        organization = await make.organization()
        team = await make.team(organization)
        await make.budget("organization", organization, max_budget=20)
        await make.budget("team", team, max_budget=10)
        until = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
        more = {"holderId": team.id, "amount": "5", "until": until}
        less = {"id": organization.id, "budget": {"maxBudget": "12"}}
        increase = ask(admin, document("budgetIncrease"), input=more)
        lower = ask(admin, document("organizationUpdate"), input=less)
        match number:
            case 0:
                increased, lowered = await increase, await lower
            case 1:
                lowered, increased = await lower, await increase
            case _:
                increased, lowered = await asyncio.gather(increase, lower)
        assert lowered.refusals == []
        held = await owner.fetchval(
            "SELECT amount FROM budget_increases WHERE team_id = $1", team.id
        )
        if increased.refusals:
            (error,) = increased.payload["errors"]
            assert error == {"code": "CONFLICT", "path": ["input", "amount"], "limit": "12"}
            assert held is None
        else:
            assert held == 5
            first = "SELECT object_id FROM audit_entries ORDER BY id DESC LIMIT 2"
            assert [row[0] for row in await owner.fetch(first)] == [organization.id, team.id]
        outcomes["refused" if increased.refusals else "done"] += 1
    assert set(outcomes) == {"refused", "done"}
