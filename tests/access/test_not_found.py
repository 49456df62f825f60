"""What one may not see is, to the byte, as if it did not exist."""

import re
from types import SimpleNamespace
from typing import Any

import pytest

from access.canaries import make_canaries
from access.deeds import DEEDS, mutation, query
from access.id_arguments import id_arguments
from access.test_policy_table import MUTATIONS, QUERIES, cells, rows
from access.world import ACTORS, World, build_world
from api_client import Api
from bursar.database.connections import statements_sent
from bursar.domain.ids import Prefix, new_id, prefix_of
from factories import Factory, Person

HIDDEN_DEEDS = [(row, who) for row, who, cell in cells(rows(MUTATIONS)) if cell == "N"]
HIDDEN_THINGS = [(row, who) for row, who, cell in cells(rows(QUERIES)) if cell == "-"]


Said = tuple[int, bytes, list[int]]


async def said(api: Api, person: Person, document: str, **variables: Any) -> Said:
    """The answer but for the request's id, and how many statements it took, as time would tell."""
    response = await api.http.post(
        "/graphql",
        json={"query": document, "variables": variables},
        headers={"Authorization": f"Bearer {person.secret}"},
    )
    sent = statements_sent.get() or []
    return response.status_code, re.sub(rb'"requestId":"\w+"', b"", response.content), [*sent]


def nowhere(world: World, id: str | None = None) -> Any:
    """A world of the same kinds of things, none of which exists; all of them with this id, if any."""

    def ghost(thing: Any) -> Any:
        names = {"id": id or new_id(prefix_of(thing.id)), "external_id": "ghost", "name": "ghost"}
        row = SimpleNamespace(**names)
        return SimpleNamespace(
            **names,
            row=row,
            key_id=new_id(Prefix.API_KEY),
            secret="bk_ghost",
            email="ghost@example.com",
        )

    return SimpleNamespace(
        organization=ghost(world.organization),
        team=ghost(world.team),
        mate=ghost(world.mate),
        mate_in_organization=ghost(world.mate_in_organization),
        mate_in_team=ghost(world.mate_in_team),
        newcomer=ghost(world.newcomer),
        open_team=ghost(world.open_team),
        plan=ghost(world.plan),
        free_plan=ghost(world.free_plan),
        group=ghost(world.group),
        free_group=ghost(world.free_group),
        budgets={kind: ghost(row) for kind, row in world.budgets.items()},
        keys={kind: ghost(key) for kind, key in world.keys.items()},
    )


@pytest.mark.parametrize(("row", "who"), HIDDEN_DEEDS)
async def test_a_deed_to_the_invisible_is_refused_like_one_to_nothing(
    api: Api, make: Factory, row: str, who: str
) -> None:
    world = await build_world(make)
    me = await ACTORS[who](make, world)
    hidden = await said(api, me, mutation(row), input=DEEDS[row].input(world, me))
    absent = await said(api, me, mutation(row), input=DEEDS[row].input(nowhere(world), me))
    assert hidden == absent
    assert b'"NOT_FOUND"' in hidden[1]


@pytest.mark.parametrize(("row", "who"), HIDDEN_THINGS)
async def test_a_question_for_the_invisible_is_answered_like_one_for_nothing(
    api: Api, make: Factory, row: str, who: str
) -> None:
    world = await build_world(make)
    me = await ACTORS[who](make, world)
    hidden = await said(api, me, query(row, world, me))
    assert hidden == await said(api, me, query(row, nowhere(world), me))
    assert b"null" in hidden[1]


BY_ID = [row for row, who in HIDDEN_DEEDS if who == "stranger"]
NO_IDS = ["nonsense", "team_", "\N{NULL}", "team_01KQ5JZ8Y3E7RVKX2S1T9M4N6P", " ", "' OR true --"]


@pytest.mark.parametrize("row", BY_ID)
async def test_what_is_no_id_is_refused_like_an_id_of_nothing(
    api: Api, make: Factory, row: str
) -> None:
    world = await build_world(make)
    me = await make.admin()
    absent = await said(api, me, mutation(row), input=DEEDS[row].input(nowhere(world), me))
    assert b'"NOT_FOUND"' in absent[1]
    for no_id in NO_IDS:
        there = nowhere(world, no_id)
        answer = await said(api, me, mutation(row), input=DEEDS[row].input(there, me))
        assert answer[:2] == absent[:2]


@pytest.mark.parametrize("who", ["team admin", "organization admin"])
@pytest.mark.parametrize("also", [{}, {"email": "wrong@example.com"}])
@pytest.mark.parametrize("field", ["teamMembersAdd", "teamMembersRemove", "teamMemberUpdate"])
async def test_a_stranger_named_to_a_team_is_nobody(
    api: Api, make: Factory, field: str, also: dict[str, str], who: str
) -> None:
    world = await build_world(make)
    me = await ACTORS[who](make, world)
    stranger = await make.person()
    before = await api.fingerprint()

    async def naming(**person: str) -> Said:
        people = person if field == "teamMemberUpdate" else {"members": [person]}
        return await said(api, me, mutation(field), input={"teamId": world.team.id, **people})

    by_id = await naming(userId=stranger.id, **also)
    assert by_id == await naming(userId=new_id(Prefix.USER), **also)
    by_email = await naming(email=stranger.email)
    assert by_email == await naming(email="nobody@example.com")
    assert b'"NOT_FOUND"' in by_id[1]
    assert b'"NOT_FOUND"' in by_email[1]
    assert await api.fingerprint() == before


@pytest.mark.parametrize("who", ["admin elsewhere", "team admin"])
async def test_no_argument_tells_an_invisible_id_from_one_of_nothing(
    wide_api: Api, make: Factory, who: str
) -> None:
    world = await build_world(make)
    me = await ACTORS[who](make, world)
    hidden = await make_canaries(make, world.mate)
    nothing = [new_id(prefix_of(there)) for there in hidden]
    mine = {"organization": world.other_organization.id, "team": world.other_team.id}
    if who == "team admin":
        mine = {"organization": world.organization.id, "team": world.team.id}
    found = list(id_arguments())
    for each in found:
        answer = await said(wide_api, me, each.document(hidden, **mine))
        assert answer == await said(wide_api, me, each.document(nothing, **mine)), each
        assert b'"errors"' not in answer[1], each
        assert b"null" in answer[1] or b'"totalCount":0' in answer[1] or b"[]" in answer[1], each
    assert len(found) > 50


@pytest.mark.parametrize(
    "field",
    [
        "teams",
        "deletedTeams",
        "organizations",
        "users",
        "apiKeys",
        "deletedApiKeys",
        "auditEntries",
    ],
)
async def test_the_cursors_of_another_show_nothing_of_theirs(
    api: Api, make: Factory, field: str
) -> None:
    world = await build_world(make)
    me = await ACTORS["admin elsewhere"](make, world)
    everything = await api(
        await make.admin(), f"{{ {field} {{ edges {{ cursor node {{ id }} }} }} }}"
    )
    edges = everything.payload["edges"]
    mine = [
        node["id"]
        for node in (await api(me, f"{{ {field} {{ nodes {{ id }} }} }}")).payload["nodes"]
    ]
    for place, edge in enumerate(edges):
        answer = await api(me, f'{{ {field}(after: "{edge["cursor"]}") {{ nodes {{ id }} }} }}')
        beyond = {later["node"]["id"] for later in edges[place + 1 :]}
        assert [node["id"] for node in answer.payload["nodes"]] == [
            mine_id for mine_id in mine if mine_id in beyond
        ]
    assert len(edges) > len(mine) > 0
