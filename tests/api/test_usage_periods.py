"""In which period a call is counted: by the schedule of each holder, at the time of the call."""

from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from api_client import Api
from bursar.domain.roles import KeyScope
from factories import Factory, Key
from reports import event, record

MIDNIGHT = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
DAY = timedelta(days=1)
EVER = datetime.min  # noqa: DTZ901 (asyncpg's way to say -infinity)
NEVER = datetime.max  # noqa: DTZ901 (and infinity)


@pytest.fixture
async def gateway(make: Factory) -> Key:
    return await make.api_key(team=await make.team(), scopes=[KeyScope.GATEWAY])


async def spans(owner: asyncpg.Connection, holder_id: str) -> list[tuple[Any, ...]]:
    """Model, since when, start, end and spend of each period of a holder."""
    rows = await owner.fetch(
        "SELECT model, since, starts_at, ends_at, spend::float FROM spends WHERE holder_id = $1"
        " ORDER BY since, starts_at, model",
        holder_id,
    )
    return [tuple(row) for row in rows]


def days_ago(days: int) -> datetime:
    return MIDNIGHT - days * DAY


async def test_a_call_is_counted_in_the_period_of_its_time(
    api: Api, make: Factory, owner: asyncpg.Connection, gateway: Key
) -> None:
    team = await make.team()
    await make.budget("team", team, duration="1d")
    key = await make.api_key(team=team)
    moments = [days_ago(1), days_ago(0) - timedelta(microseconds=1), days_ago(0), days_ago(2)]
    calls = [event(str(n), keyId=key.id, at=at) for n, at in enumerate(moments)]
    await record(api, gateway, *calls)
    assert await spans(owner, team.id) == [
        ("", EVER, days_ago(2), days_ago(1), 0.5),
        ("", EVER, days_ago(1), days_ago(0), 1.0),
        ("", EVER, days_ago(0), days_ago(-1), 0.5),
    ]
    assert await spans(owner, key.id) == [("", EVER, EVER, NEVER, 2.0)]


async def test_a_member_is_counted_by_their_own_budget_a_plan_or_the_default_of_the_team(
    api: Api, make: Factory, owner: asyncpg.Connection, gateway: Key
) -> None:
    team = await make.team()
    await make.budget("team_default", team, duration="1d")
    members = []
    for _ in range(3):
        person = await make.person()
        members.append(await make.team_member(team, person))
        key = await make.api_key(person, team=team)
        members[-1] = (members[-1], event(key.id, keyId=key.id))
    await make.budget("team_member", members[1][0])
    plan = await make.plan(duration="1d", timezone="Asia/Tokyo")
    await make.attachment(plan, "team_member", members[2][0].id)
    await record(api, gateway, *(call for _, call in members))
    ((_, _, default, _, _),) = await spans(owner, members[0][0].id)
    ((_, _, own, _, _),) = await spans(owner, members[1][0].id)
    ((_, _, planned, _, _),) = await spans(owner, members[2][0].id)
    assert default.hour == 0
    assert own == EVER
    assert planned.hour == 15


async def test_a_change_of_the_duration_cuts_what_is_counted_before_from_what_is_after(
    api: Api, make: Factory, owner: asyncpg.Connection, gateway: Key
) -> None:
    admin, team = await make.admin(), await make.team()
    await make.budget("team", team, duration="1w")
    key = await make.api_key(team=team)
    first = event("1", keyId=key.id)
    await api.mutate(admin, "teamUpdate", id=team.id, budget={"duration": "1mo"})
    changed = await owner.fetchval("SELECT max(starts_at) FROM budget_schedules")
    second = event("2", keyId=key.id, at=changed)
    just_before = event("3", keyId=key.id, at=changed - timedelta(microseconds=1))
    await record(api, gateway, first, second, just_before)
    old, new = await spans(owner, team.id)
    assert (old[1], old[3], old[4]) == (EVER, changed, 1.0)
    assert old[2].isoweekday() == 1
    assert (new[1], new[2], new[4]) == (changed, changed, 0.5)
    assert new[3].day == 1


async def test_before_a_first_duration_there_was_one_period(
    api: Api, make: Factory, owner: asyncpg.Connection, gateway: Key
) -> None:
    admin, team = await make.admin(), await make.team()
    key = await make.api_key(team=team)
    call = event("1", keyId=key.id)
    await api.mutate(admin, "teamUpdate", id=team.id, budget={"duration": "1d"})
    changed = await owner.fetchval("SELECT starts_at FROM budget_schedules")
    await record(api, gateway, call)
    assert await spans(owner, team.id) == [("", EVER, EVER, changed, 0.5)]


async def test_a_model_is_counted_apart_where_it_has_a_maximum_of_its_own(
    api: Api, make: Factory, owner: asyncpg.Connection, gateway: Key
) -> None:
    team = await make.team()
    budget = await make.budget("team", team)
    await make.model_limit(budget, "gpt-4", max_budget=5)
    await make.model_limit(budget, "gpt-5", rpm_limit=5)
    key = await make.api_key(team=team)
    models = ["gpt-4", "gpt-5", "gpt-4"]
    await record(
        api, gateway, *(event(str(n), keyId=key.id, model=m) for n, m in enumerate(models))
    )
    assert await spans(owner, team.id) == [
        ("", EVER, EVER, NEVER, 1.5),
        ("gpt-4", EVER, EVER, NEVER, 1.0),
    ]
    assert await spans(owner, key.id) == [("", EVER, EVER, NEVER, 1.5)]


async def test_an_event_tells_when_it_was_recorded_and_its_id_when_it_was_made(
    api: Api, owner: asyncpg.Connection, gateway: Key
) -> None:
    calls = [event(str(n), keyId=gateway.id, at=days_ago(n)) for n in range(3)]
    before = datetime.now(UTC)
    await record(api, gateway, *calls)
    rows = await owner.fetch("SELECT * FROM usage_events ORDER BY id")
    assert [row["at"] for row in rows] == [days_ago(2), days_ago(1), days_ago(0)]
    (recorded_at,) = {row["recorded_at"] for row in rows}
    assert before - timedelta(seconds=5) < recorded_at < datetime.now(UTC) + timedelta(seconds=5)
