"""Activity: the sums of what was called, exact whatever the page, and never more than one may see."""

from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from api_client import Answer, Api
from bursar.database.rows import Row
from bursar.domain.roles import KeyScope, MemberPermission, OrganizationRole, PlatformRole, TeamRole
from bursar.operations.seed.chance import Chance
from factories import Factory, Key, Person

TOTALS = """
totals {
  spend promptTokens completionTokens cacheReadTokens cacheCreationTokens totalTokens
  requests successes failures
}
"""
BREAKDOWNS = {
    "byModel": "model",
    "byProvider": "provider",
    "byEndpoint": "endpoint",
    "byApiKey": "apiKeyId",
    "byTeam": "teamId",
    "byUser": "userId",
}
GROUPS = {
    name: f"{name}(first: 6) {{ totalCount nodes {{ {group} {TOTALS} }} }}"
    for name, group in BREAKDOWNS.items()
}
SLICE = f"{TOTALS} {' '.join(GROUPS.values())}"
ACTIVITY = f"""
query($range: ActivityRange!, $filter: ActivityFilter) {{
  activity(range: $range, filter: $filter) {{
    {SLICE} days(first: 10) {{ totalCount nodes {{ date {SLICE} }} }}
  }}
}}
"""
TODAY = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
ENDS = {
    "from": str((TODAY - timedelta(days=9)).date()),
    "to": str(TODAY.date()),
}
NOTHING = {
    "spend": "0",
    "promptTokens": "0",
    "completionTokens": "0",
    "cacheReadTokens": "0",
    "cacheCreationTokens": "0",
    "totalTokens": "0",
    "requests": "0",
    "successes": "0",
    "failures": "0",
}


def sums_of(events: Iterable[Row]) -> dict[str, str]:
    """What events come to, counted here."""
    sums = dict.fromkeys(NOTHING, Decimal(0))
    for event in events:
        counted = {
            "spend": event.cost,
            "promptTokens": event.prompt_tokens,
            "completionTokens": event.completion_tokens,
            "cacheReadTokens": event.cache_read_tokens,
            "cacheCreationTokens": event.cache_creation_tokens,
            "totalTokens": event.prompt_tokens + event.completion_tokens,
            "requests": 1,
            "successes": int(event.success),
            "failures": int(not event.success),
        }
        sums = {name: sums[name] + counted[name] for name in sums}
    return {name: format(value.normalize(), "f") for name, value in sums.items()}


def check_slice(slice_: dict[str, Any], events: list[Row]) -> None:
    """See that a slice says of its events what is counted here, in all and in each breakdown."""
    assert slice_["totals"] == sums_of(events)
    columns = {"apiKeyId": "api_key_id", "teamId": "team_id", "userId": "user_id"}
    for name in BREAKDOWNS.keys() & slice_.keys():
        group = BREAKDOWNS[name]
        column = columns.get(group, group)
        groups: dict[str | None, list[Row]] = {}
        for event in events:
            groups.setdefault(event[column], []).append(event)
        expected = {value: sums_of(of) for value, of in groups.items()}
        nodes = slice_[name]["nodes"]
        assert {node[group]: node["totals"] for node in nodes} == expected
        assert slice_[name]["totalCount"] == len(nodes) == len(expected)
        spent = [Decimal(node["totals"]["spend"]) for node in nodes]
        assert spent == sorted(spent, reverse=True)


async def calls(make: Factory, chance: Chance, keys: list[Row], count: int) -> list[Row]:
    """Calls with some of these keys on some of the last ten days."""
    return [
        await make.usage_event(
            chance.choice(keys),
            TODAY - timedelta(days=chance.randrange(10)),
            model=chance.choice(["gpt-5", "claude", "gemini"]),
            provider=chance.choice([None, "openai", "azure"]),
            endpoint=chance.choice([None, "/chat/completions", "/embeddings"]),
            tags=sorted(chance.sample(["red", "green", "blue"], chance.randrange(3))),
            cost=Decimal(chance.randrange(10**12)).scaleb(-10),
            success=chance.random() < 0.8,
            prompt_tokens=chance.randrange(10**9),
            completion_tokens=chance.randrange(10**6),
            cache_read_tokens=chance.randrange(10**3),
            cache_creation_tokens=chance.randrange(10),
        )
        for _ in range(count)
    ]


async def keys_of_all_kinds(make: Factory) -> list[Row]:
    """Keys of two organizations: of a member, of a service, and of nobody's team."""
    keys = []
    for _ in range(2):
        organization = await make.organization()
        team = await make.team(organization)
        person = await make.person(organization=organization, team=team)
        for holder, of in ((person, team), (None, team), (person, None)):
            keys.append((await make.api_key(holder, team=of)).row)
    return keys


@pytest.mark.parametrize("seed", range(3))
async def test_totals_days_and_breakdowns_are_what_the_calls_come_to(
    api: Api, make: Factory, seed: int
) -> None:
    chance, keys = Chance(seed), await keys_of_all_kinds(make)
    events = await calls(make, chance, keys, 40)
    activity = (await api(await make.admin(), ACTIVITY, range=ENDS)).payload
    check_slice(activity, events)
    assert [day["date"] for day in activity["days"]["nodes"]] == [
        str((TODAY - timedelta(days=ago)).date()) for ago in range(9, -1, -1)
    ]
    for day in activity["days"]["nodes"]:
        on_it = [event for event in events if str(event.at.date()) == day["date"]]
        assert not on_it or day["totals"] != NOTHING
        check_slice(day, on_it)


FILTERS: dict[str, Callable[[Row, list[str]], bool]] = {
    "teamIds": lambda event, given: event.team_id in given,
    "excludedTeamIds": lambda event, given: event.team_id not in given,
    "organizationIds": lambda event, given: event.organization_id in given,
    "userIds": lambda event, given: event.user_id in given,
    "apiKeyIds": lambda event, given: event.api_key_id in given,
    "models": lambda event, given: event.model in given,
    "providers": lambda event, given: event.provider in given,
    "tags": lambda event, given: bool(set(event.tags) & set(given)),
}


async def test_each_filter_narrows_to_the_calls_that_fit(api: Api, make: Factory) -> None:
    keys = await keys_of_all_kinds(make)
    events = await calls(make, Chance(7), keys, 30)
    admin = await make.admin()
    one = next(e for e in events if e.team_id and e.user_id and e.provider and e.tags)
    given = {
        "teamIds": [one.team_id],
        "excludedTeamIds": [one.team_id],
        "organizationIds": [one.organization_id],
        "userIds": [one.user_id, "user_none"],
        "apiKeyIds": [one.api_key_id],
        "models": [one.model],
        "providers": [one.provider],
        "tags": [*one.tags, "none"],
    }
    assert given.keys() == FILTERS.keys()
    for name, values in given.items():
        fits = [event for event in events if FILTERS[name](event, values)]
        assert 0 < len(fits) < len(events)
        answer = await api(admin, ACTIVITY, range=ENDS, filter={name: values})
        check_slice(answer.payload, fits)
    every = {name: given[name] for name in given if name != "excludedTeamIds"}
    fits = [e for e in events if all(FILTERS[name](e, every[name]) for name in every)]
    answer = await api(admin, ACTIVITY, range=ENDS, filter=every)
    check_slice(answer.payload, fits)
    none = await api(admin, ACTIVITY, range=ENDS, filter={"teamIds": [], "models": None})
    check_slice(none.payload, [])


PAGE = """
query($range: ActivityRange!, $first: Int, $last: Int, $after: String, $before: String) {
  activity(range: $range) {
    totals { spend }
    byEndpoint(first: $first, last: $last, after: $after, before: $before) {
      pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
      totalCount
      nodes { endpoint totals { spend } }
    }
  }
}
"""


async def test_a_breakdown_is_turned_over_in_both_directions_and_totals_stay(
    api: Api, make: Factory
) -> None:
    admin = await make.admin()
    key = (await make.api_key(await make.person())).row
    costs = {"/a": 3, "/b": 5, None: 3, "/c": 3, "/d": 1}
    for endpoint, cost in costs.items():
        await make.usage_event(key, endpoint=endpoint, cost=Decimal(cost))
    order = ["/b", None, "/a", "/c", "/d"]
    for size, start, page, beyond, more, far in (
        *(("first", "after", "endCursor", 1, "hasNextPage", "hasPreviousPage") for _ in "1"),
        *(("last", "before", "startCursor", -1, "hasPreviousPage", "hasNextPage") for _ in "1"),
    ):
        seen: list[Any] = []
        cursor = None
        while True:
            asked = {size: 2, start: cursor}
            activity = (await api(admin, PAGE, range=ENDS, **asked)).payload
            assert activity["totals"] == {"spend": "15"}
            listed = activity["byEndpoint"]
            assert listed["totalCount"] == 5
            found = [node["endpoint"] for node in listed["nodes"]]
            seen = seen + found if beyond > 0 else found + seen
            assert listed["pageInfo"][far] is (cursor is not None)
            cursor = listed["pageInfo"][page]
            if not listed["pageInfo"][more]:
                break
        assert seen == order


async def test_a_cursor_of_another_range_or_of_no_breakdown_is_refused(
    api: Api, make: Factory
) -> None:
    admin = await make.admin()
    await make.usage_event((await make.api_key(await make.person())).row)
    page = (await api(admin, PAGE, range=ENDS, first=1)).payload["byEndpoint"]["pageInfo"]
    cursor = page["endCursor"]
    other = {**ENDS, "from": ENDS["to"]}
    for range_, after in ((other, cursor), (ENDS, "nonsense"), (ENDS, "WyJhIl0=")):
        answer = await api(admin, PAGE, range=range_, first=1, after=after)
        assert answer.codes == ["BAD_USER_INPUT"]


@pytest.mark.parametrize(
    ("first", "last"),
    [("2026-03-02", "2026-03-01"), ("2025-01-01", "2026-01-02"), ("2026-02-30", "2026-03-01")],
)
async def test_a_range_is_of_1_to_366_days_that_exist(
    api: Api, make: Factory, first: str, last: str
) -> None:
    answer = await api(await make.admin(), ACTIVITY, range={"from": first, "to": last})
    assert answer.codes == ["BAD_USER_INPUT"]


async def test_the_longest_range_and_the_shortest_are_answered(api: Api, make: Factory) -> None:
    document = """
    query($range: ActivityRange!) {
      activity(range: $range) { days(first: 366) { totalCount nodes { date } } }
    }
    """
    for first, last, count in (("2023-12-31", "2024-12-30", 366), ("2024-02-29", "2024-02-29", 1)):
        answer = await api(await make.admin(), document, range={"from": first, "to": last})
        days = [date.fromisoformat(day["date"]) for day in answer.payload["days"]["nodes"]]
        assert days == [days[0] + timedelta(days=number) for number in range(count)]
        assert (str(days[0]), str(days[-1])) == (first, last)
        assert answer.payload["days"]["totalCount"] == count


DAYS = """
query($range: ActivityRange!, $first: Int, $last: Int, $after: String, $before: String) {
  activity(range: $range) {
    days(first: $first, last: $last, after: $after, before: $before) {
      pageInfo { hasNextPage hasPreviousPage startCursor endCursor } nodes { date totals { spend } }
    }
  }
}
"""


async def test_days_are_turned_over_in_both_directions(api: Api, make: Factory) -> None:
    admin, key = await make.admin(), (await make.api_key(await make.person())).row
    for ago in range(10):
        await make.usage_event(key, TODAY - timedelta(days=ago), cost=Decimal(10 - ago))
    for size, start, end, ahead, behind in (
        ("first", "after", "endCursor", "hasNextPage", "hasPreviousPage"),
        ("last", "before", "startCursor", "hasPreviousPage", "hasNextPage"),
    ):
        seen: list[str] = []
        cursor, more = None, True
        while more:
            page = (await api(admin, DAYS, range=ENDS, **{size: 4, start: cursor})).payload["days"]
            spent = [node["totals"]["spend"] for node in page["nodes"]]
            seen = seen + spent if size == "first" else spent + seen
            info = page["pageInfo"]
            assert info[behind] is (cursor is not None)
            cursor, more = info[end], info[ahead]
        assert seen == [str(number) for number in range(1, 11)]
    page = (await api(admin, DAYS, range=ENDS, first=1)).payload["days"]["pageInfo"]
    ends = {"after": page["endCursor"], "before": page["endCursor"]}
    assert (await api(admin, DAYS, range=ENDS, **ends)).payload["days"]["nodes"] == []
    assert (await api(admin, DAYS, range=ENDS, first=0)).payload["days"]["nodes"] == []
    last = {"from": "9999-12-31", "to": "9999-12-31"}
    page = (await api(admin, DAYS, range=last)).payload["days"]["pageInfo"]
    assert (await api(admin, DAYS, range=last, after=page["endCursor"])).payload["days"][
        "nodes"
    ] == []
    answer = await api(admin, DAYS, range=ENDS, after=page["endCursor"])
    assert answer.codes == ["BAD_USER_INPUT"]


async def spend_seen(api: Api, me: Person | Key, **filter: list[str]) -> str:
    document = """
    query($range: ActivityRange!, $filter: ActivityFilter) {
      activity(range: $range, filter: $filter) { totals { spend } }
      usageEvents(first: 0) { totalCount }
    }
    """
    answer = await api(me, document, range=ENDS, filter=filter)
    assert not answer.errors
    if not filter:
        # Each call costs a power of two, so that the sum tells which are in it.
        spend = int(answer.data["activity"]["totals"]["spend"])
        assert answer.data["usageEvents"]["totalCount"] == spend.bit_count()
    return answer.data["activity"]["totals"]["spend"]


async def test_everybody_sees_the_calls_that_their_relations_show(api: Api, make: Factory) -> None:
    organization, other = await make.organization(), await make.organization()
    team = await make.team(organization)
    open_team = await make.team(organization, member_permissions=[MemberPermission.ACTIVITY_READ])
    elsewhere = await make.team(other)
    mate, bird = await make.person(organization=organization), await make.person()
    for of in (team, open_team):
        await make.team_member(of, mate)
    services = [await make.api_key(team=of) for of in (team, open_team, elsewhere)]
    gone = await make.deleted_api_key(organization=organization, team=team)
    keys = [
        await make.api_key(mate, team=team),  # 1
        await make.api_key(mate, scopes=[KeyScope.INFER]),  # 2
        *services,  # 4, 8, 16
        await make.api_key(bird),  # 32
    ]
    for number, key in enumerate(keys):
        await make.usage_event(key.row, cost=Decimal(2**number))
    # A call in a team that the organization had.
    await make.usage_event(
        gone, team_id="team_gone", organization_id=organization.id, cost=Decimal(64)
    )
    # A call of the mate's in a team that they left, or that was deleted.
    left = await make.usage_event(
        keys[0].row, team_id=elsewhere.id, organization_id=other.id, cost=Decimal(128)
    )
    assert left.user_id == mate.id
    ours = 1 + 4 + 8 + 64
    cases = [
        (await make.admin(), 255),
        (await make.person(PlatformRole.VIEWER), 255),
        (
            await make.person(organization=organization, organization_role=OrganizationRole.ADMIN),
            ours,
        ),
        (
            await make.person(organization=organization, organization_role=OrganizationRole.VIEWER),
            ours,
        ),
        (await make.person(organization=organization), 0),
        (await make.person(organization=other, organization_role=OrganizationRole.ADMIN), 16 + 128),
        (await make.person(team=team, team_role=TeamRole.ADMIN), 1 + 4),
        (await make.person(team=team), 0),
        (await make.person(team=open_team), 8),
        (await make.person(PlatformRole.USER_VIEWER, team=team, team_role=TeamRole.ADMIN), 1 + 4),
        (mate, 1 + 2 + 8),
        (bird, 32),
        (await make.person(), 0),
        (keys[0], 1 + 128),
        (keys[1], 2),
        (services[0], 4),
        (await make.api_key(team=team, scopes=[KeyScope.GATEWAY]), 0),
    ]
    for who, expected in cases:
        assert await spend_seen(api, who) == str(expected)
        # A filter narrows what one sees, and never widens it.
        for narrowed, of in (
            ({"organizationIds": [other.id]}, 16 + 128),
            ({"teamIds": [team.id]}, 1 + 4),
            ({"userIds": [bird.id]}, 32),
            ({"excludedTeamIds": [open_team.id]}, 255 - 8),
        ):
            assert await spend_seen(api, who, **narrowed) == str(expected & of)


NAMES = """
query($range: ActivityRange!) {
  activity(range: $range) {
    byTeam { nodes { teamId name team { name } } }
    byApiKey { nodes { apiKeyId alias apiKey { alias } } }
    byUser { nodes { userId user { name } } }
  }
}
"""


async def names_seen(api: Api, me: Person) -> dict[str, tuple[str | None, str | None]]:
    """By id the name that is told, and that of the live object."""
    activity: Any = (await api(me, NAMES, range=ENDS)).payload
    kinds = (
        ("byTeam", "team", "name"),
        ("byApiKey", "apiKey", "alias"),
        ("byUser", "user", "name"),
    )
    return {
        node[f"{kind}Id"]: (node.get(name), node[kind] and node[kind][name])
        for breakdown, kind, name in kinds
        for node in activity[breakdown]["nodes"]
    }


async def test_deleted_teams_and_keys_keep_their_names(api: Api, make: Factory) -> None:
    admin, organization = await make.admin(), await make.organization()
    reader = await make.person(organization=organization, organization_role=OrganizationRole.VIEWER)
    team, person = await make.team(organization, name="Search"), await make.person(name="Ada")
    await make.team_member(team, person)
    key = await make.api_key(person, team=team, alias="laptop")
    await make.usage_event(key.row)
    there = {
        team.id: ("Search", "Search"),
        key.id: ("laptop", "laptop"),
        person.id: (None, "Ada"),
    }
    assert await names_seen(api, reader) == there
    assert (await api.mutate(admin, "teamsDelete", ids=[team.id])).refusals == []
    gone = {team.id: ("Search", None), key.id: ("laptop", None)}
    assert await names_seen(api, admin) == {**gone, person.id: (None, "Ada")}
    assert await names_seen(api, reader) == {**gone, person.id: (None, None)}


async def test_what_was_moved_away_is_not_told_by_its_new_name(api: Api, make: Factory) -> None:
    admin, before, after = await make.admin(), await make.organization(), await make.organization()
    reader = await make.person(organization=before, organization_role=OrganizationRole.ADMIN)
    team = await make.team(before, name="Old")
    key = await make.api_key(team=team, alias="old")
    await make.usage_event(key.row)
    moved = {"id": team.id, "organizationId": after.id}
    assert (await api.mutate(admin, "teamMove", **moved)).refusals == []
    assert (await api.mutate(admin, "teamUpdate", id=team.id, name="Secret")).refusals == []
    assert (await api.mutate(admin, "apiKeyUpdate", id=key.id, alias="secret")).refusals == []
    hidden = {team.id: (None, None), key.id: (None, None), None: (None, None)}
    assert await names_seen(api, reader) == hidden
    told = {team.id: ("Secret", "Secret"), key.id: ("secret", "secret"), None: (None, None)}
    assert await names_seen(api, admin) == told
    assert (await api.mutate(admin, "teamsDelete", ids=[team.id])).refusals == []
    assert await names_seen(api, reader) == hidden


async def test_who_reads_a_teams_activity_is_told_the_aliases_of_its_keys(
    api: Api, make: Factory
) -> None:
    team = await make.team(member_permissions=[MemberPermission.ACTIVITY_READ])
    me, key = await make.person(team=team), await make.api_key(team=team, alias="robot")
    await make.usage_event(key.row)
    assert (await names_seen(api, me))[key.id] == ("robot", None)


async def ask_teams(api: Api, me: Person, first: int, breakdown: str) -> Answer:
    document = f"""
    query($range: ActivityRange!, $filter: ActivityFilter, $first: Int) {{
      teams(first: $first) {{
        nodes {{
          id
          activity(range: $range, filter: $filter) {{
            {TOTALS} {GROUPS[breakdown]}
            days(first: 2) {{ nodes {{ date {TOTALS} {GROUPS[breakdown]} }} }}
          }}
        }}
      }}
    }}
    """
    short = {**ENDS, "from": str((TODAY - timedelta(days=1)).date())}
    return await api(me, document, range=short, first=first, filter={"models": ["gpt-5"]})


async def test_activity_of_fifty_teams_takes_as_many_statements_as_of_one(
    api: Api, make: Factory
) -> None:
    admin, events = await make.admin(), []
    for number in range(50):
        team = await make.team()
        key = (await make.api_key(team=team)).row
        for ago in (0, 1, 2):
            at = TODAY - timedelta(days=ago)
            cost = Decimal(number)
            events.append(await make.usage_event(key, at, cost=cost))
            await make.usage_event(key, at, model="claude")
    teams = []
    for breakdown in BREAKDOWNS:
        one, fifty = [await ask_teams(api, admin, first, breakdown) for first in (1, 50)]
        assert one.statements == fifty.statements
        assert len(fifty.payload["nodes"]) == 50
        teams += fifty.payload["nodes"]
    for team in teams:
        of_it = [event for event in events if event.team_id == team["id"]]
        recent = [event for event in of_it if event.at > TODAY - timedelta(days=2)]
        check_slice(team["activity"], recent)
        for day in team["activity"]["days"]["nodes"]:
            check_slice(day, [event for event in recent if str(event.at.date()) == day["date"]])


async def test_only_what_is_selected_is_computed(api: Api, make: Factory) -> None:
    admin = await make.admin()

    async def statements(selection: str) -> int:
        document = f"query($range: ActivityRange!) {{ activity(range: $range) {{ {selection} }} }}"
        return (await api(admin, document, range=ENDS)).statements

    nothing = await statements("__typename")
    assert await statements("totals { spend }") == nothing + 1
    assert await statements("days { totalCount nodes { date totals { spend } } }") == nothing + 1
    assert await statements("byModel { nodes { model } edges { cursor } }") == nothing + 1
    assert await statements("byModel { nodes { model } totalCount }") == nothing + 2
    assert (
        await statements("days(first: 9) { nodes { byModel { nodes { model } } } }") == nothing + 2
    )
