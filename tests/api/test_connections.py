"""Connections: every list walked in both directions, filtered and sorted; cursors that do not fit."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any

import orjson
import pytest

from api_client import Api
from bursar.database.rows import Row
from bursar.domain.ids import Prefix, new_id
from factories import Factory, Person

PAGE = """
edges { cursor node { id } } nodes { id } totalCount
pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
"""
ARGUMENTS = "first: $first, last: $last, after: $after, before: $before"
VARIABLES = "$first: Int, $last: Int, $after: String, $before: String"
TEAMS = f"""
query({VARIABLES}, $filter: TeamFilter, $orderBy: [TeamOrder!]) {{
  teams({ARGUMENTS}, filter: $filter, orderBy: $orderBy) {{ {PAGE} }}
}}
"""
BY_NAME_DOWN = [{"field": "NAME", "direction": "DESC"}]
Ask = Callable[..., Awaitable[Any]]


def asker(api: Api, person: Person, document: str = TEAMS, **always: Any) -> Ask:
    """Asks for a page of a list, which may lie under a node, and checks the page by itself."""

    async def ask(**given: Any) -> Any:
        page = (await api(person, document, **always, **given)).payload
        page = page.get("page", page)
        assert page["nodes"] == [edge["node"] for edge in page["edges"]]
        cursors = [edge["cursor"] for edge in page["edges"]] or [None]
        info = page["pageInfo"]
        assert (info["startCursor"], info["endCursor"]) == (cursors[0], cursors[-1])
        return page

    return ask


def ids_of(page: Any) -> list[str]:
    return [node["id"] for node in page["nodes"]]


def joined(pages: list[list[str]]) -> list[str]:
    return list(chain.from_iterable(pages))


async def walk(ask: Ask, size: int = 3) -> list[list[str]]:
    """The pages from the first to the last, with what they say of their neighbours checked."""
    pages: list[list[str]] = []
    page = await ask(first=size)
    while True:
        assert page["pageInfo"]["hasPreviousPage"] is bool(pages)
        pages.append(ids_of(page))
        if not page["pageInfo"]["hasNextPage"]:
            return pages
        page = await ask(first=size, after=page["pageInfo"]["endCursor"])


async def walk_back(ask: Ask, size: int = 3) -> list[list[str]]:
    """The pages from the last to the first, put into the order of the list."""
    pages: list[list[str]] = []
    page = await ask(last=size)
    while True:
        assert page["pageInfo"]["hasNextPage"] is bool(pages)
        pages.insert(0, ids_of(page))
        if not page["pageInfo"]["hasPreviousPage"]:
            return pages
        page = await ask(last=size, before=page["pageInfo"]["startCursor"])


async def seven(make: Factory) -> list[Row]:
    """Seven things of a kind with names and times that repeat, made in another order."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    return [
        await make.team(name=name, created_at=start + timedelta(microseconds=micros))
        for name, micros in zip("caBabCa", (3, 1, 3, 2, 2, 1, 3), strict=True)
    ]


ORDERS = [
    [(field, direction) for field, direction in zip(fields, directions, strict=True)]
    for fields in (("NAME",), ("CREATED_AT",), ("NAME", "CREATED_AT"), ("CREATED_AT", "NAME"))
    for directions in (
        [("ASC",), ("DESC",)]
        if len(fields) == 1
        else [("ASC", "ASC"), ("ASC", "DESC"), ("DESC", "ASC"), ("DESC", "DESC")]
    )
]


@pytest.mark.parametrize("order", ORDERS)
async def test_walks_in_both_directions_give_everything_once_in_order(
    api: Api, make: Factory, order: list[tuple[str, str]]
) -> None:
    teams = await seven(make)
    columns = {"NAME": "name_key", "CREATED_AT": "created_at"}
    # Sorting is stable, so from the least to the most important; the id follows the last.
    for field, direction in [*order, ("ID", order[-1][1])][::-1]:
        column = columns.get(field, "id")
        teams.sort(key=lambda team, c=column: team[c], reverse=direction == "DESC")
    order_by = [{"field": field, "direction": direction} for field, direction in order]
    ask = asker(api, await make.admin(), orderBy=order_by)
    forward, backward = await walk(ask), await walk_back(ask)
    assert [len(page) for page in forward] == [3, 3, 1]
    assert [len(page) for page in backward] == [1, 3, 3]
    expected = [team.id for team in teams]
    assert joined(forward) == joined(backward) == expected
    assert (await ask(first=1))["totalCount"] == 7


async def test_list_without_an_order_is_by_name_and_gives_fifty(api: Api, make: Factory) -> None:
    for number in range(51):
        await make.team(name=f"{'aA'[number % 2]}{number:02}")
    ask = asker(api, await make.admin())
    page = await ask()
    assert (len(page["nodes"]), page["totalCount"]) == (50, 51)
    assert page["pageInfo"]["hasNextPage"]
    assert ids_of(page) == ids_of(await ask(first=50, orderBy=[{"field": "NAME"}]))
    assert len(ids_of(await ask(first=1000))) == len(ids_of(await ask(last=1000))) == 51


async def test_other_lists_are_walked_in_both_directions_too(api: Api, make: Factory) -> None:
    admin, organization = await make.admin(), await make.organization()
    team = await make.team(organization)
    for _ in range(6):
        await make.organization()
        await make.team(organization)
    for _ in range(7):
        person = await make.person(organization=organization, team=team)
    for number in range(6):
        await make.team_member(await make.team(), person)
        await make.organization_member(await make.organization(), person)
        await api.mutate(admin, "teamUpdate", id=team.id, tags=[f"{number}"])
        await api.mutate(admin, "apiKeyCreate", userId=person.id)
    await api.mutate(admin, "teamUpdate", id=team.id, tags=[])

    under = "query($id: ID!, {}) {{ node(id: $id) {{ ... on {} {{ page: {}({}) {{ {} }} }} }} }}"
    lists = [
        (asker(api, admin, f"query({VARIABLES}) {{ {name}({ARGUMENTS}) {{ {PAGE} }} }}"), count)
        for name, count in (("organizations", 14), ("users", 8), ("auditEntries", 13))
    ] + [
        (asker(api, admin, under.format(VARIABLES, kind, name, ARGUMENTS, PAGE), id=id_), 7)
        for kind, name, id_ in (
            ("Organization", "teams", organization.id),
            ("Organization", "members", organization.id),
            ("Organization", "audit", organization.id),
            ("Team", "members", team.id),
            ("Team", "audit", team.id),
            ("User", "teams", person.id),
            ("User", "organizations", person.id),
            ("User", "apiKeys", person.id),
        )
    ]
    for ask, count in lists:
        forward = joined(await walk(ask))
        assert len(set(forward)) == count
        assert forward == joined(await walk_back(ask))
        assert (await ask(first=0))["totalCount"] == count


async def test_rows_that_come_and_go_while_walking_cause_no_gap_and_no_repeat(
    api: Api, make: Factory
) -> None:
    admin = await make.admin()
    teams = [await make.team(name=f"b{number}") for number in range(7)]
    ask = asker(api, admin)
    page = await ask(first=3)
    seen = ids_of(page)
    await make.team(name="a, before all of them")
    later = await make.team(name="b3, before the next")
    await api.mutate(admin, "teamsDelete", ids=[teams[2].id, teams[4].id])
    while page["pageInfo"]["hasNextPage"]:
        page = await ask(first=3, after=page["pageInfo"]["endCursor"])
        seen += ids_of(page)
    assert seen == [teams[i].id for i in (0, 1, 2, 3)] + [later.id, teams[5].id, teams[6].id]


async def test_window_between_two_cursors_leaves_both_out(api: Api, make: Factory) -> None:
    teams = [await make.team(name=f"t{number}") for number in range(5)]
    ask = asker(api, await make.admin())
    cursors = [edge["cursor"] for edge in (await ask())["edges"]]
    for size in ({"first": 9}, {"last": 9}):
        page = await ask(after=cursors[0], before=cursors[4], **size)
        assert ids_of(page) == [team.id for team in teams[1:4]]
    page = await ask(after=cursors[0], before=cursors[4], last=2)
    assert ids_of(page) == [team.id for team in teams[2:4]]


async def test_page_of_nothing_knows_whether_there_is_something(api: Api, make: Factory) -> None:
    ask = asker(api, await make.admin())
    empty = {
        "hasNextPage": False,
        "hasPreviousPage": False,
        "startCursor": None,
        "endCursor": None,
    }
    for size in ({"first": 0}, {"last": 0}, {}):
        page = await ask(**size)
        assert (page["edges"], page["totalCount"], page["pageInfo"]) == ([], 0, empty)
    await make.team()
    assert (await ask(first=0))["pageInfo"] == {**empty, "hasNextPage": True}
    assert (await ask(last=0))["pageInfo"] == {**empty, "hasPreviousPage": True}


async def test_page_that_cannot_be_is_bad_user_input_and_nothing_else(
    api: Api, make: Factory
) -> None:
    admin = await make.admin()
    for name in ("b", "a"):
        await make.team(name=name)
    await make.organization()
    ask = asker(api, admin)
    cursor = (await ask(first=1))["edges"][0]["cursor"]
    order = await ask(first=1, orderBy=BY_NAME_DOWN)
    filtered = await ask(first=1, filter={"blocked": False})
    organizations = await api(admin, "{ organizations(first: 1) { edges { cursor } } }")
    foreign = organizations.payload["edges"][0]["cursor"]
    for given in (
        {"first": 1001},
        {"last": 1001},
        {"first": -1},
        {"last": -1},
        {"first": 1, "last": 1},
        {"orderBy": [{"field": "NAME"}, {"field": "NAME", "direction": "DESC"}]},
        {"after": foreign},
        {"before": foreign},
        {"after": order["edges"][0]["cursor"]},
        {"after": cursor, "orderBy": BY_NAME_DOWN},
        {"before": filtered["edges"][0]["cursor"]},
        {"after": cursor, "filter": {"blocked": False}},
        {"after": ""},
        {"after": "garbage"},
        {"after": "ä"},
        {"after": "\0"},
        {"after": cursor[:-4]},
        {"after": "A" * 10_000},
    ):
        answer = await api(admin, TEAMS, **given)
        assert (answer.codes, answer.data) == (["BAD_USER_INPUT"], None), given
        assert answer.errors[0]["path"] == ["teams"]


async def test_forged_cursor_is_bad_user_input_or_a_place_like_any_other(
    api: Api, make: Factory
) -> None:
    admin = await make.admin()
    await make.team()
    given = {"orderBy": [{"field": "CREATED_AT"}]}
    true = (await asker(api, admin)(**given))["edges"][0]["cursor"]
    mark, moment, id_ = orjson.loads(urlsafe_b64decode(true))
    for position in (
        [],
        [moment],
        [moment, id_, id_],
        [1, id_],
        [None, None],
        [{}, []],
        ["yesterday", id_],
        ["2026-01-01T00:00:00", id_],
        ["0001-01-01T00:00:00+23:59", id_],
        ["9999-12-31T23:59:59-23:59", id_],
        [moment, "\0"],
        {"a": 1},
        1,
    ):
        forged = urlsafe_b64encode(
            orjson.dumps([mark, *position] if isinstance(position, list) else position)
        )
        answer = await api(admin, TEAMS, after=forged.decode(), **given)
        assert answer.codes == ["BAD_USER_INPUT"], position
    for position in (["0001-01-01T00:00:00Z", ""], [moment, "' OR 1=1 --"]):
        forged = urlsafe_b64encode(orjson.dumps([mark, *position]))
        answer = await api(admin, TEAMS, after=forged.decode(), **given)
        assert answer.errors == []


async def test_teams_are_filtered_by_everything_at_once_and_alone(api: Api, make: Factory) -> None:
    organization, member = await make.organization(), await make.person()
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    one = await make.team(name="One", external_id="x", created_at=moment)
    two = await make.team(
        organization, name="Two", blocked=True, created_at=moment + timedelta(seconds=1)
    )
    await make.team_member(two, member)
    ask = asker(api, await make.admin())
    second = "2026-01-01T01:00:01+01:00"
    for filter_, expected in (
        ({}, [one, two]),
        (None, [one, two]),
        ({"ids": [two.id, new_id(Prefix.TEAM), "\u2603"]}, [two]),
        ({"ids": []}, []),
        ({"externalIds": ["x", "y"]}, [one]),
        ({"externalIds": ["X"]}, []),
        ({"organizationIds": [organization.id]}, [two]),
        ({"blocked": True}, [two]),
        ({"blocked": False}, [one]),
        ({"blocked": None}, [one, two]),
        ({"memberUserId": member.id}, [two]),
        ({"createdSince": second}, [two]),
        ({"createdBefore": second}, [one]),
        ({"nameContains": "O"}, [one, two]),
        ({"nameContains": "O", "blocked": True, "ids": [one.id, two.id]}, [two]),
        ({"blocked": True, "externalIds": ["x"]}, []),
    ):
        page = await ask(filter=filter_)
        assert ids_of(page) == [team.id for team in expected], filter_
        assert page["totalCount"] == len(expected)


async def test_users_and_organizations_are_filtered_too(api: Api, make: Factory) -> None:
    admin = await make.admin()
    person = await make.person(name="Zoë", external_id="u", blocked=True)
    organization = await make.organization(name="Zoë & Co", external_id="o")
    for name, kind, thing in (
        ("users", "User", person.row),
        ("organizations", "Organization", organization),
    ):
        document = f"query($filter: {kind}Filter) {{ {name}(filter: $filter) {{ {PAGE} }} }}"
        ask = asker(api, admin, document)
        for filter_ in (
            {"ids": [thing.id]},
            {"externalIds": [thing.external_id]},
            {"nameContains": "ZOË"},
            {"nameContains": "zoe\u0308"},
            {"ids": [thing.id], "createdSince": thing.created_at.isoformat()},
        ):
            assert ids_of(await ask(filter=filter_)) == [thing.id], filter_
        before = {"ids": [thing.id], "createdBefore": thing.created_at.isoformat()}
        assert ids_of(await ask(filter=before)) == []
    document = f"query($filter: UserFilter) {{ users(filter: $filter) {{ {PAGE} }} }}"
    for blocked, expected in ((True, [person.id]), (False, [admin.id])):
        assert ids_of(await asker(api, admin, document)(filter={"blocked": blocked})) == expected


@pytest.mark.parametrize(
    ("name", "found_by", "missed_by"),
    [
        ("100% sure", ["%", "0% S"], ["100%%", "1%0"]),
        ("snake_case", ["_", "E_C"], ["__", "snake_____"]),
        ("back\\slash", ["\\", "K\\s"], ["\\\\", "\\%"]),
        ("Straße", ["STRASSE", "ẞ", "ß"], ["strase"]),
        ("\uff26\uff55\uff4c\uff4c", ["full", "\uff35\uff2c\uff2c"], ["fulll"]),
        ("Ångström", ["a\u030angstro\u0308m", "\u212bNG"], ["angstrom"]),
        ("ΣΊΣΥΦΟΣ", ["σίσυφος", "σίσυφοσ"], ["sisyphos"]),
        ("a'b\"c", ["'", "'b\"", ""], ["' OR '1'='1"]),
    ],
)
async def test_name_contains_is_plain_text_without_regard_to_case_and_form(
    api: Api, make: Factory, name: str, found_by: list[str], missed_by: list[str]
) -> None:
    team = await make.team(name=name)
    await make.team(name="something else altogether")
    ask = asker(api, await make.admin())
    for text in found_by:
        assert team.id in ids_of(await ask(filter={"nameContains": text})), text
    for text in missed_by:
        assert ids_of(await ask(filter={"nameContains": text})) == [], text


async def test_nul_in_a_filter_is_bad_user_input(api: Api, make: Factory) -> None:
    admin = await make.admin()
    for filter_ in (
        {"nameContains": "a\0"},
        {"ids": ["\0"]},
        {"externalIds": ["x", "\0"]},
        {"memberUserId": "\0"},
    ):
        answer = await api(admin, TEAMS, filter=filter_)
        assert (answer.codes, answer.data) == (["BAD_USER_INPUT"], None), filter_
        (name,) = filter_
        assert answer.errors[0]["message"].startswith(f"`{name}` must not contain NUL")
