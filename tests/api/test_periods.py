"""resetPreview, and when the period of a budget in force began and ends."""

from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import asyncpg
import pytest

from api_client import Api
from bursar.domain.durations import parse
from bursar.domain.instants import to_text
from bursar.domain.periods import period_at
from factories import Factory
from holders import KINDS, make_holders

PREVIEW = """
query($duration: Duration!, $timezone: String, $count: Int) {
  resetPreview(duration: $duration, timezone: $timezone, count: $count) { start end }
}
"""
BUDGETS = """
query($ids: [ID!]!) { nodes(ids: $ids) {
  ... on Organization { budget { periodStart resetsAt } }
  ... on OrganizationMember { budget { periodStart resetsAt } }
  ... on Team { budget { periodStart resetsAt } memberBudget { periodStart resetsAt } }
  ... on TeamMember { budget { periodStart resetsAt } }
  ... on User { budget { periodStart resetsAt } }
  ... on ApiKey { budget { periodStart resetsAt } }
} }
"""


async def aligned(owner: asyncpg.Connection, duration: str, timezone: str = "UTC") -> Any:
    """The period that runs by the database's clock, as the API writes it."""
    now = await owner.fetchval("SELECT now()")
    period = period_at(parse(duration), timezone, now)
    return {"periodStart": to_text(period.start), "resetsAt": to_text(period.end)}


async def test_preview_begins_with_the_period_that_runs_and_has_no_gaps(
    api: Api, make: Factory, owner: asyncpg.Connection
) -> None:
    person = await make.person()
    running = await aligned(owner, "2w", "America/New_York")
    given = {"duration": "2w", "timezone": "America/New_York"}
    periods = (await api(person, PREVIEW, **given, count=100)).payload
    assert periods[0] == {"start": running["periodStart"], "end": running["resetsAt"]}
    assert len(periods) == 100
    assert all(one["end"] == following["start"] for one, following in pairwise(periods))
    assert (await api(person, PREVIEW, **given, count=1)).payload == periods[:1]


@pytest.mark.parametrize("given", [{}, {"timezone": None, "count": None}, {"timezone": "UTC"}])
async def test_preview_shows_ten_periods_in_utc_if_nothing_is_said(
    api: Api, make: Factory, owner: asyncpg.Connection, given: dict[str, Any]
) -> None:
    running = await aligned(owner, "1y")
    periods = (await api(await make.person(), PREVIEW, duration="1y", **given)).payload
    assert periods[0] == {"start": running["periodStart"], "end": running["resetsAt"]}
    assert len(periods) == 10


async def test_preview_ends_where_the_calendar_does(api: Api, make: Factory) -> None:
    periods = (await api(await make.person(), PREVIEW, duration="100y", count=100)).payload
    assert periods[-1] == {"start": "9870-01-01T00:00:00Z", "end": "9970-01-01T00:00:00Z"}


@pytest.mark.parametrize(
    "given",
    [
        *({"timezone": zone} for zone in ("", "utc", "Factory", "../../etc/passwd", "\0")),
        *({"count": count} for count in (0, -1, 101)),
        {"duration": "101y"},
    ],
)
async def test_preview_refuses_what_is_no_zone_count_or_duration(
    api: Api, make: Factory, given: dict[str, Any]
) -> None:
    answer = await api(await make.person(), PREVIEW, **{"duration": "1mo", **given})
    assert answer.data is None
    assert answer.codes == ["BAD_USER_INPUT"]


async def test_many_previews_ask_for_the_time_once(api: Api, make: Factory) -> None:
    person = await make.person()
    one = await api(person, '{ a: resetPreview(duration: "1d") { end } }')
    fields = " ".join(f'a{n}: resetPreview(duration: "{n}h") {{ end }}' for n in range(1, 20))
    assert (await api(person, f"{{ {fields} }}")).statements == one.statements


@pytest.mark.parametrize(
    ("duration", "timezone"), [("1mo", "Asia/Tokyo"), ("1w", "Pacific/Chatham"), ("7m", "UTC")]
)
async def test_budget_of_each_kind_of_holder_shows_its_period(
    api: Api, make: Factory, owner: asyncpg.Connection, duration: str, timezone: str
) -> None:
    holders = await make_holders(make)
    owners = [*KINDS, "team_default"]
    ids = {**holders.ids, "team_default": holders.team.id}
    plan = await make.plan(duration=duration, timezone=timezone)
    for kind in owners:
        await make.attachment(plan, kind, ids[kind])
    before = await aligned(owner, duration, timezone)
    answer = await api(holders.admin, BUDGETS, ids=[holders.ids[kind] for kind in KINDS])
    after = await aligned(owner, duration, timezone)
    shown = [use for node in answer.payload for use in node.values()]
    assert len(shown) == 7
    assert all(use in (before, after) for use in shown)


async def test_budget_without_a_duration_has_one_period_for_ever(api: Api, make: Factory) -> None:
    team = await make.team()
    await make.budget("team", team, max_budget=1, timezone="Asia/Tokyo")
    (node,) = (await api(await make.admin(), BUDGETS, ids=[team.id])).payload
    assert node["budget"] == {"periodStart": None, "resetsAt": None}


async def test_period_runs_by_the_clock_of_the_database(
    api: Api, make: Factory, owner: asyncpg.Connection
) -> None:
    team = await make.team()
    await make.budget("team", team, duration="1s")
    before = await owner.fetchval("SELECT date_trunc('second', now())")
    (node,) = (await api(await make.admin(), BUDGETS, ids=[team.id])).payload
    after = await owner.fetchval("SELECT now()")
    began = datetime.fromisoformat(node["budget"]["periodStart"]).astimezone(UTC)
    assert before <= began <= after
