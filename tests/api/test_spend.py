"""What is spent, as holders and lists show it: of the current period, before it, and ever."""

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import orjson
import pytest

from api_client import Api
from bursar.database.tables import SPENDERS
from bursar.domain.roles import OrganizationRole, TeamRole
from factories import Factory, Person
from holders import KINDS, done, make_holders

SPENT = "spend remaining softBudgetReached overBudget lifetimeSpend increase { amount until }"
USE = f"{SPENT} models {{ model limit spend remaining }}"
TYPES = ["Organization", "OrganizationMember", "Team", "TeamMember", "User", "ApiKey"]
OF_ANY = " ".join(f"... on {name} {{ lifetimeSpend budget {{ {USE} }} }}" for name in TYPES)
HISTORY = """
query($id: ID!, $first: Int, $last: Int, $after: String) { team(id: $id) { budget { spend
  history(first: $first, last: $last, after: $after) {
    totalCount edges { cursor } nodes { startsAt endsAt spend } pageInfo { hasNextPage }
  }
} } }
"""
TEAMS = """
query($filter: TeamFilter, $order: [TeamOrder!], $first: Int, $after: String) {
  teams(filter: $filter, orderBy: $order, first: $first, after: $after) {
    nodes { name lifetimeSpend } pageInfo { endCursor }
  }
}
"""
NOW = datetime.now(UTC).replace(microsecond=0)
THIS_MONTH = NOW.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
NEXT_MONTH = (THIS_MONTH + timedelta(days=32)).replace(day=1)
LAST_MONTH = (THIS_MONTH - timedelta(days=1)).replace(day=1)


def text(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


async def use_of(api: Api, person: Person, id_: str) -> Any:
    document = f"query($id: ID!) {{ node(id: $id) {{ {OF_ANY} }} }}"
    return (await api(person, document, id=id_)).payload


async def increased(
    owner: asyncpg.Connection, kind: str, id_: str, amount: int, until: datetime
) -> None:
    insert = f"INSERT INTO budget_increases ({SPENDERS[kind]}, amount, until) VALUES ($1, $2, $3)"
    await owner.execute(insert, id_, amount, until)


@pytest.mark.parametrize("kind", KINDS)
async def test_budget_shows_what_its_holder_has_spent_of_it(
    api: Api, make: Factory, owner: asyncpg.Connection, kind: str
) -> None:
    holders = await make_holders(make)
    id_, admin = holders.ids[kind], holders.admin
    plan = await make.plan(max_budget=10, soft_budget=6)
    await make.attachment(plan, kind, id_)
    await make.model_limit(plan, "gpt-5", max_budget=2)
    await make.model_limit(plan, "gpt-6", max_budget=3)
    await make.model_limit(plan, "rates", rpm_limit=3)
    nothing = await use_of(api, admin, id_)
    assert nothing == {
        "lifetimeSpend": "0",
        "budget": {
            "spend": "0",
            "remaining": "10",
            "softBudgetReached": False,
            "overBudget": False,
            "lifetimeSpend": "0",
            "increase": None,
            "models": [
                {"model": "gpt-5", "limit": "2", "spend": "0", "remaining": "2"},
                {"model": "gpt-6", "limit": "3", "spend": "0", "remaining": "3"},
            ],
        },
    }
    await make.spend_of(id_, "6.0000000001")
    await make.spend_of(id_, "2.5", model="gpt-5")
    await make.lifetime_spend_of(id_, 77)
    found = await use_of(api, admin, id_)
    assert (found["lifetimeSpend"], found["budget"]["lifetimeSpend"]) == ("77", "77")
    use = found["budget"]
    assert (use["spend"], use["remaining"]) == ("6.0000000001", "3.9999999999")
    assert (use["softBudgetReached"], use["overBudget"]) == (True, False)
    assert [each["remaining"] for each in use["models"]] == ["0", "3"]
    await owner.execute("UPDATE spends SET spend = 10 WHERE model = ''")
    use = (await use_of(api, admin, id_))["budget"]
    assert (use["remaining"], use["overBudget"]) == ("0", True)
    until = NOW + timedelta(hours=1)
    await increased(owner, kind, id_, 5, until)
    use = (await use_of(api, admin, id_))["budget"]
    assert (use["remaining"], use["overBudget"]) == ("5", False)
    assert use["increase"] == {"amount": "5", "until": text(until)}
    await owner.execute("UPDATE budget_increases SET until = now()")
    use = (await use_of(api, admin, id_))["budget"]
    assert (use["remaining"], use["overBudget"], use["increase"]) == ("0", True, None)


async def test_without_a_maximum_nothing_remains_or_is_reached(api: Api, make: Factory) -> None:
    admin, team = await make.admin(), await make.team()
    await make.budget("team", team, rpm_limit=1)
    await make.spend_of(team.id, 10**9)
    use = (await use_of(api, admin, team.id))["budget"]
    assert (use["remaining"], use["softBudgetReached"], use["overBudget"]) == (None, False, False)


async def test_maximum_of_nothing_is_reached_by_nothing(api: Api, make: Factory) -> None:
    admin, team = await make.admin(), await make.team()
    await make.budget("team", team, max_budget=0)
    use = (await use_of(api, admin, team.id))["budget"]
    assert (use["spend"], use["remaining"], use["overBudget"]) == ("0", "0", True)


async def test_default_of_a_team_is_spent_by_each_member_and_not_by_itself(
    api: Api, make: Factory
) -> None:
    admin, team = await make.admin(), await make.team()
    members = [await make.team_member(team, await make.person()) for _ in range(2)]
    default = await make.budget("team_default", team, max_budget=5)
    await make.model_limit(default, "gpt-5", max_budget=1)
    await make.spend_of(members[0].id, 3)
    await make.spend_of(team.id, 4)
    spent = f"{USE} history {{ nodes {{ spend }} }}"
    document = f"""query($id: ID!) {{ team(id: $id) {{
      memberBudget {{ {spent} }} members {{ nodes {{ budget {{ spend remaining }} }} }} }} }}"""
    found = (await api(admin, document, id=team.id)).payload
    assert found["memberBudget"] == {
        "spend": "0",
        "remaining": "5",
        "softBudgetReached": False,
        "overBudget": False,
        "lifetimeSpend": "0",
        "increase": None,
        "models": [{"model": "gpt-5", "limit": "1", "spend": "0", "remaining": "1"}],
        "history": {"nodes": []},
    }
    uses = [node["budget"] for node in found["members"]["nodes"]]
    assert uses == [{"spend": "3", "remaining": "2"}, {"spend": "0", "remaining": "5"}]


async def test_only_the_period_of_the_schedule_that_runs_is_current(
    api: Api, make: Factory, owner: asyncpg.Connection
) -> None:
    """What was called ahead of time under an earlier schedule, or will be called, is not in it."""
    admin, team = await make.admin(), await make.team()
    await make.budget("team", team, max_budget=100, duration="1mo")
    changed, second = NOW - timedelta(seconds=5), timedelta(seconds=1)
    for starts_at, duration in (("-infinity", "1d"), (changed.isoformat(), "1mo")):
        await owner.execute(
            "INSERT INTO budget_schedules (team_id, starts_at, duration, timezone)"
            f" VALUES ($1, '{starts_at}', $2, 'UTC')",
            team.id,
            duration,
        )
    of_team = {"starts_at": changed - second, "ends_at": NEXT_MONTH}
    await make.spend_of(team.id, 1, **of_team)
    await make.spend_of(team.id, 2, since=changed, starts_at=changed, ends_at=NEXT_MONTH)
    later = {"starts_at": NEXT_MONTH, "ends_at": NEXT_MONTH + timedelta(days=31)}
    await make.spend_of(team.id, 4, since=changed, **later)
    await make.spend_of(team.id, 8, since=changed, model="gpt-5", **of_team)
    found = (await api(admin, HISTORY, id=team.id)).payload["budget"]
    assert found["spend"] == "2"
    assert found["history"]["nodes"] == [
        {"startsAt": text(changed - second), "endsAt": text(changed), "spend": "1"}
    ]


async def test_history_is_of_periods_that_are_over_newest_first(api: Api, make: Factory) -> None:
    admin, team = await make.admin(), await make.team()
    await make.budget("team", team, duration="1mo")
    await make.spend_of(team.id, 9, starts_at=THIS_MONTH, ends_at=NEXT_MONTH)
    await make.spend_of(team.id, 3, starts_at=LAST_MONTH, ends_at=THIS_MONTH)
    year = datetime(2020, 1, 1, tzinfo=UTC)
    await make.spend_of(team.id, 1, ends_at=year)
    await make.spend_of(team.id, 2, starts_at=year, ends_at=year + timedelta(days=31))
    expected = [
        {"startsAt": text(LAST_MONTH), "endsAt": text(THIS_MONTH), "spend": "3"},
        {"startsAt": text(year), "endsAt": "2020-02-01T00:00:00Z", "spend": "2"},
        {"startsAt": None, "endsAt": text(year), "spend": "1"},
    ]

    async def page(**arguments: Any) -> Any:
        found = (await api(admin, HISTORY, id=team.id, **arguments)).payload["budget"]
        assert found["spend"] == "9"
        assert found["history"]["totalCount"] == 3
        return found["history"]

    assert (await page())["nodes"] == expected
    assert (await page(last=1))["nodes"] == expected[2:]
    found, after = [], None
    for more in (True, True, False):
        history = await page(first=1, after=after)
        assert history["pageInfo"]["hasNextPage"] is more
        found += history["nodes"]
        after = history["edges"][0]["cursor"]
    assert found == expected
    assert (await page(after=after))["nodes"] == []


async def test_spend_and_history_take_no_statement_for_each_holder(api: Api, make: Factory) -> None:
    admin, organization = await make.admin(), await make.organization()
    for _ in range(50):
        team = await make.team(organization)
        member = await make.team_member(team, await make.person())
        for kind, row in (("team", team), ("team_member", member)):
            budget = await make.budget(kind, row, max_budget=5)
            await make.model_limit(budget, "gpt-5", max_budget=1)
            await make.spend_of(row.id, 3, ends_at=LAST_MONTH)
            await make.spend_of(row.id, 1, starts_at=LAST_MONTH)
            await make.spend_of(row.id, 2, model="gpt-5")
    document = f"""query($first: Int) {{ teams(first: $first) {{ nodes {{ lifetimeSpend
      budget {{ {USE} history(first: 3) {{ totalCount nodes {{ spend }} }} }}
      members(first: 3) {{ nodes {{ lifetimeSpend budget {{ {USE} }} }} }} }} }} }}"""
    one, fifty = [await api(admin, document, first=first) for first in (1, 50)]
    assert one.statements == fifty.statements
    found = fifty.payload["nodes"]
    assert len(found) == 50
    for node in found:
        assert node["budget"]["history"] == {"totalCount": 1, "nodes": [{"spend": "3"}]}
        for use in (node["budget"], node["members"]["nodes"][0]["budget"]):
            assert (use["spend"], use["models"][0]["spend"]) == ("1", "2")


async def test_who_does_not_see_a_budget_does_not_see_what_its_holder_ever_spent(
    api: Api, make: Factory
) -> None:
    holders = await make_holders(make)
    organization, team = holders.organization, holders.team
    for id_ in holders.ids.values():
        await make.lifetime_spend_of(id_, 5)
    admin = await make.person(organization=organization, team=team, team_role=TeamRole.ADMIN)
    mate = await make.person(organization=organization, team=team)
    reader = await make.person(organization=organization, organization_role=OrganizationRole.VIEWER)

    async def seen(person: Person) -> set[str]:
        found = {kind: await use_of(api, person, id_) for kind, id_ in holders.ids.items()}
        return {kind for kind, node in found.items() if node and node["lifetimeSpend"] == "5"}

    every = set(KINDS)
    assert await seen(holders.admin) == every
    assert await seen(holders.person) == every - {"organization"}
    assert await seen(admin) == {"team", "team_member"}
    assert await seen(mate) == {"team"}
    assert await seen(reader) == {"organization", "organization_member", "team", "team_member"}


async def test_teams_are_sorted_by_what_they_ever_spent(api: Api, make: Factory) -> None:
    admin, organization = await make.admin(), await make.organization()
    ids = {}
    for name, spend in (("a", 2), ("b", "0.5"), ("c", 2), ("d", 0), ("e", "10")):
        ids[name] = (await make.team(organization, name=name)).id
        await make.lifetime_spend_of(ids[name], spend)
    await make.lifetime_spend_of(organization.id, 100)
    for direction, expected in (("ASC", "dbace"), ("DESC", "ecabd")):
        order = [{"field": "LIFETIME_SPEND", "direction": direction}]
        whole = (await api(admin, TEAMS, order=order)).payload["nodes"]
        assert "".join(node["name"] for node in whole) == expected
        found, after = "", None
        for _ in range(3):
            page = (await api(admin, TEAMS, order=order, first=2, after=after)).payload
            found += "".join(node["name"] for node in page["nodes"])
            after = page["pageInfo"]["endCursor"]
        assert found == expected
    by_two = [{"field": "LIFETIME_SPEND"}, {"field": "NAME", "direction": "DESC"}]
    whole = (await api(admin, TEAMS, order=by_two)).payload["nodes"]
    assert "".join(node["name"] for node in whole) == "dbcae"


async def test_team_has_a_place_among_the_spenders_from_its_creation_on(
    api: Api, make: Factory, owner: asyncpg.Connection
) -> None:
    admin = await make.admin()
    payload = await done(api, admin, "teamCreate", "team { id }", name="T")
    order = [{"field": "LIFETIME_SPEND"}]
    nodes = (await api(admin, TEAMS, order=order)).payload["nodes"]
    assert nodes == [{"name": "T", "lifetimeSpend": "0"}]
    await done(api, admin, "teamsDelete", ids=[payload["team"]["id"]])
    assert (await api(admin, TEAMS, order=order)).payload["nodes"] == []
    assert await owner.fetchval("SELECT holder_id FROM lifetime_spends") == payload["team"]["id"]


async def test_cursor_of_an_amount_that_is_none_is_no_cursor(api: Api, make: Factory) -> None:
    admin, order = await make.admin(), [{"field": "LIFETIME_SPEND"}]
    await make.team()
    page = (await api(admin, TEAMS, order=order)).payload
    mark, spend, id_ = orjson.loads(base64.urlsafe_b64decode(page["pageInfo"]["endCursor"]))
    assert spend == "0"
    for amount in ("NaN", "1e5", 0, None):
        cursor = base64.urlsafe_b64encode(orjson.dumps([mark, amount, id_])).decode()
        answer = await api(admin, TEAMS, order=order, after=cursor)
        assert answer.codes == ["BAD_USER_INPUT"]


async def test_teams_over_budget_are_those_whose_budget_says_so(
    api: Api, make: Factory, owner: asyncpg.Connection
) -> None:
    admin = await make.admin()
    plan = await make.plan(max_budget=10)
    teams = {
        name: await make.team(name=name)
        for name in ("over", "just", "below", "none", "unlimited", "raised", "ended", "nothing")
    }
    for name in ("over", "just", "below", "raised", "ended"):
        await make.attachment(plan, "team", teams[name].id)
    await make.budget("team", teams["unlimited"], rpm_limit=5)
    await make.budget("team", teams["nothing"], max_budget=0)
    await make.budget("team_default", teams["none"], max_budget=1)
    for name, spend in (("over", 11), ("just", 10), ("below", "9.99"), ("raised", 10), ("none", 9)):
        await make.spend_of(teams[name].id, spend)
    await make.spend_of(teams["unlimited"].id, 10**9)
    await make.spend_of(teams["ended"].id, 99, ends_at=NOW)
    await increased(owner, "team", teams["raised"].id, 1, NOW + timedelta(hours=1))
    document = "query($over: Boolean) { teams(filter: {overBudget: $over}) { totalCount nodes {"
    document += " name budget { overBudget } } } }"
    spent = {"over", "just", "nothing"}
    for over, expected in ((True, spent), (False, teams.keys() - spent)):
        page = (await api(admin, document, over=over)).payload
        names = {node["name"] for node in page["nodes"]}
        assert names == expected
        assert page["totalCount"] == len(names)
        assert {bool(n["budget"] and n["budget"]["overBudget"]) for n in page["nodes"]} == {over}
