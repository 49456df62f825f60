"""A change of a budget's duration or zone begins a period; nothing else does."""

from datetime import datetime, timedelta
from typing import Any

import asyncpg
import pytest

from api_client import Api
from bursar.database.embedded import EmbeddedPostgres
from bursar.database.rows import Row
from bursar.database.tables import SPENDERS
from bursar.operations.checks.schedules import SCHEDULES
from bursar.operations.doctor import report
from factories import Factory, Person
from holders import KINDS, attach, done, make_holders

HOLDER = f"COALESCE({', '.join(SPENDERS.values())})"
ENTRIES = f"""
SELECT starts_at, duration, timezone FROM budget_schedules WHERE {HOLDER} = $1 ORDER BY starts_at
"""
USE = "budget { source periodStart resetsAt }"
MONTH, DAY, NONE = ("1mo", "UTC"), ("1d", "UTC"), (None, "UTC")


async def schedule_of(owner: asyncpg.Connection, holder_id: str) -> list[tuple[str | None, str]]:
    """Duration and zone of each entry of a holder; each but one from ever begins after the last."""
    entries = await owner.fetch(ENTRIES, holder_id)
    starts = [entry["starts_at"] for entry in entries]
    assert len(set(starts)) == len(starts)
    return [(entry["duration"], entry["timezone"]) for entry in entries]


async def set_team(api: Api, admin: Person, team: Row, budget: Any) -> Any:
    payload = await done(api, admin, "teamUpdate", f"team {{ {USE} }}", id=team.id, budget=budget)
    return payload["team"]["budget"]


async def set_member(api: Api, admin: Person, member: Row, budget: Any) -> Any:
    given = {"teamId": member.team_id, "userId": member.user_id, "budget": budget}
    payload = await done(api, admin, "teamMemberUpdate", f"member {{ {USE} }}", **given)
    return payload["member"]["budget"]


async def set_default(api: Api, admin: Person, team: Row, budget: Any) -> None:
    await done(api, admin, "teamMemberBudgetUpdate", teamId=team.id, budget=budget)


async def test_new_duration_cuts_the_period_where_it_begins(
    api: Api, make: Factory, owner: asyncpg.Connection
) -> None:
    admin, team = await make.admin(), await make.team()
    await make.budget("team", team, duration="1y")
    before = await owner.fetchval("SELECT now()")
    use = await set_team(api, admin, team, {"duration": "100y"})
    began = datetime.fromisoformat(use["periodStart"])
    assert before < began <= await owner.fetchval("SELECT now()")
    assert use["resetsAt"] == "2070-01-01T00:00:00Z"
    entries = await owner.fetch(ENTRIES, team.id)
    assert [entry["starts_at"] == began for entry in entries] == [False, True]
    assert await schedule_of(owner, team.id) == [("1y", "UTC"), ("100y", "UTC")]
    assert (await set_team(api, admin, team, {"maxBudget": "1"}))["periodStart"] == use[
        "periodStart"
    ]
    use = await set_team(api, admin, team, {"timezone": "Etc/GMT+5"})
    assert datetime.fromisoformat(use["periodStart"]) > began
    assert use["resetsAt"] == "2070-01-01T05:00:00Z"


async def test_period_that_began_before_a_change_long_ago_is_aligned(
    api: Api, make: Factory, owner: asyncpg.Connection
) -> None:
    admin, team = await make.admin(), await make.team()
    await make.budget("team", team, duration="1mo")
    await set_team(api, admin, team, {"duration": "1s"})
    moved = "UPDATE budget_schedules SET starts_at = now() - interval '1 day' WHERE starts_at > $1"
    await owner.execute(moved, datetime.fromisoformat("2000-01-01T00:00:00Z"))
    use = await set_team(api, admin, team, {"maxBudget": "1"})
    began = datetime.fromisoformat(use["periodStart"])
    assert began.microsecond == 0
    assert datetime.fromisoformat(use["resetsAt"]) - began == timedelta(seconds=1)


async def test_what_is_made_with_its_budget_has_the_whole_aligned_period(
    api: Api, make: Factory, owner: asyncpg.Connection
) -> None:
    budget = {"duration": "100y"}
    payload = await done(
        api, await make.admin(), "teamCreate", f"team {{ id {USE} }}", name="T", budget=budget
    )
    assert payload["team"]["budget"]["periodStart"] == "1970-01-01T00:00:00Z"
    assert await schedule_of(owner, payload["team"]["id"]) == []


async def test_first_duration_of_something_older_begins_a_period_and_its_end_another(
    api: Api, make: Factory, owner: asyncpg.Connection
) -> None:
    admin, team = await make.admin(), await make.team()
    await set_team(api, admin, team, {"maxBudget": "1", "timezone": "Asia/Tokyo"})
    assert await schedule_of(owner, team.id) == []
    await set_team(api, admin, team, {"duration": "1mo", "timezone": "UTC"})
    assert await schedule_of(owner, team.id) == [MONTH]
    assert await set_team(api, admin, team, None) is None
    assert await schedule_of(owner, team.id) == [MONTH, NONE]
    use = await set_team(api, admin, team, {"maxBudget": "1"})
    assert use["resetsAt"] is None
    assert await schedule_of(owner, team.id) == [MONTH, NONE]


@pytest.mark.parametrize("kind", KINDS)
async def test_plan_begins_a_period_where_its_duration_or_zone_is_another(
    api: Api, make: Factory, owner: asyncpg.Connection, kind: str
) -> None:
    holders = await make_holders(make)
    admin, id_ = holders.admin, holders.ids[kind]
    same, other = await make.plan(duration="1mo"), await make.plan(duration="1d")
    await make.attachment(await make.plan(duration="1mo"), kind, id_)
    await attach(api, admin, same, id_)
    assert await schedule_of(owner, id_) == []
    await attach(api, admin, other, id_)
    assert await schedule_of(owner, id_) == [MONTH, DAY]
    await done(api, admin, "budgetUpdate", id=other.id, maxBudget="5")
    await done(api, admin, "budgetUpdate", id=other.id, timezone="Asia/Tokyo")
    assert await schedule_of(owner, id_) == [MONTH, DAY, ("1d", "Asia/Tokyo")]
    await done(api, admin, "budgetDetach", holderId=id_)
    assert await schedule_of(owner, id_) == [MONTH, DAY, ("1d", "Asia/Tokyo"), NONE]


async def test_plan_that_is_changed_begins_a_period_for_all_that_have_it_at_once(
    api: Api, make: Factory, owner: asyncpg.Connection
) -> None:
    few, many = await make.plan(duration="1mo"), await make.plan(duration="1mo")
    statements = []
    for plan, count in ((few, 1), (many, 12)):
        ids = []
        for _ in range(count):
            holders = await make_holders(make)
            ids += holders.ids.values()
            for kind in KINDS:
                await make.attachment(plan, kind, holders.ids[kind])
            inherits = await make.team_member(holders.team, await make.person())
            owning = await make.team_member(holders.team, await make.person())
            await make.budget("team_member", owning, duration="1mo")
            await make.attachment(plan, "team_default", holders.team.id)
            ids.append(inherits.id)
        answer = await api.mutate(holders.admin, "budgetUpdate", id=plan.id, duration="1d")
        assert answer.refusals == []
        statements.append(answer.statements)
        assert [await schedule_of(owner, id_) for id_ in ids] == [[MONTH, DAY]] * len(ids)
        assert await schedule_of(owner, owning.id) == []
    assert statements[0] == statements[1]


async def test_default_of_a_team_begins_periods_of_those_who_inherit_it(
    api: Api, make: Factory, owner: asyncpg.Connection
) -> None:
    admin, team = await make.admin(), await make.team()
    inherits, owns, planned = [await make.team_member(team, await make.person()) for _ in range(3)]
    await make.budget("team_member", owns, duration="1mo")
    await make.attachment(await make.plan(duration="1mo"), "team_member", planned.id)
    await set_default(api, admin, team, {"duration": "1mo"})
    await set_default(api, admin, team, {"maxBudget": "5"})
    assert await schedule_of(owner, inherits.id) == [MONTH]
    await attach(api, admin, await make.plan(duration="1d"), team.id, asMemberDefault=True)
    assert await schedule_of(owner, inherits.id) == [MONTH, DAY]
    await done(api, admin, "budgetDetach", holderId=team.id, asMemberDefault=True)
    assert await schedule_of(owner, inherits.id) == [MONTH, DAY, NONE]
    for other in (owns.id, planned.id, team.id):
        assert await schedule_of(owner, other) == []
    late = await make.team_member(team, await make.person())
    assert await schedule_of(owner, late.id) == []


async def test_own_budget_like_the_default_begins_no_period(
    api: Api, make: Factory, owner: asyncpg.Connection
) -> None:
    admin, team = await make.admin(), await make.team()
    member = await make.team_member(team, await make.person())
    await set_default(api, admin, team, {"duration": "1mo"})
    began = (await set_member(api, admin, member, {"rpmLimit": 3}))["periodStart"]
    use = await set_member(api, admin, member, None)
    assert use == {"source": "TEAM_DEFAULT", "periodStart": began, "resetsAt": use["resetsAt"]}
    await attach(api, admin, await make.plan(duration="1mo"), member.id)
    assert await schedule_of(owner, member.id) == [MONTH]
    await set_member(api, admin, member, {"duration": "1d"})
    await set_default(api, admin, team, {"duration": "1y"})
    assert await schedule_of(owner, member.id) == [MONTH, DAY]
    await set_member(api, admin, member, None)
    assert await schedule_of(owner, member.id) == [MONTH, DAY, ("1y", "UTC")]


@pytest.mark.parametrize(("text", "same"), [("7d", "1w"), ("1mo", "30d")])
async def test_the_same_duration_in_another_way_of_writing_begins_no_period(
    api: Api,
    make: Factory,
    owner: asyncpg.Connection,
    migrated: EmbeddedPostgres,
    text: str,
    same: str,
) -> None:
    admin, team = await make.admin(), await make.team()
    began = await set_team(api, admin, team, {"duration": text})
    assert await set_team(api, admin, team, {"duration": same}) == began
    assert await schedule_of(owner, team.id) == [(text, "UTC")]
    found = await report(migrated.owner_url, SCHEDULES)
    assert found.checked["schedules-in-force"] == 1
    assert found.violations == []


async def test_schedule_goes_with_its_holder(
    api: Api, make: Factory, owner: asyncpg.Connection
) -> None:
    admin, team = await make.admin(), await make.team()
    member = await make.team_member(team, await make.person())
    await set_team(api, admin, team, {"duration": "1mo"})
    await set_default(api, admin, team, {"duration": "1mo"})
    assert await schedule_of(owner, member.id) == await schedule_of(owner, team.id) == [MONTH]
    await done(api, admin, "teamsDelete", ids=[team.id])
    assert await owner.fetchval("SELECT count(*) FROM budget_schedules") == 0
