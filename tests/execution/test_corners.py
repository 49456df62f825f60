"""Corners of the specification, each executed both ways."""

import gc
from itertools import chain
from typing import Any

import pytest

from bursar.database.pool import Database
from bursar.graphql.execution.documents import prepare
from bursar.graphql.schema import schema
from execution.both_ways import both_ways, drops_fields
from execution.population import populate
from factories import Factory

SCHEMA = schema._schema  # noqa: SLF001 (as in execution.request)
EVERYTHING = """
query($ids: [ID!]!, $first: Int = 2, $yes: Boolean!, $no: Boolean! = false, $filter: TeamFilter) {
  again: __typename
  nodes(ids: $ids) {
    id kind: __typename
    ... on Team { name members(first: $first) { totalCount edges { cursor node { ...Member } } } }
    ... on User @include(if: $yes) { email teams { nodes { role } } }
    ... on Budget { holders { nodes { id ... on Team { name } } edges { cursor node { id } } } }
    ... on Node @skip(if: $no) { id }
    ...Member
  }
  nothing: node(id: "nothing") { id }
  teams(first: 2, filter: $filter) {
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    nodes { id id tags modelAliases { alias } viewerPermissions effectiveModels a: id @skip(if: $yes) }
    nodes { name members { nodes { permissions user { name } } } }
  }
}
fragment Member on TeamMember {
  role user { ...Person } budget { source spend limits { maxBudget } resetsAt }
}
fragment Person on User { id name ...Again }
fragment Again on User { name email }
"""
CORNERS: dict[str, tuple[str, dict[str, Any]]] = {
    "an object of nothing": ("{ viewer @skip(if: true) { user { id } } }", {}),
    "nothing below": ("{ viewer { user @skip(if: true) { id } } }", {}),
    "null by default": ("query($n: Int = null) { teams(first: $n) { totalCount } }", {}),
    "null in place of a default": (
        "query($n: Int = 3) { teams(first: $n) { nodes { id } } }",
        {"n": None},
    ),
    "left out of an object": (
        "query($t: DateTime) { teams(filter: {createdSince: $t}) { totalCount } }",
        {},
    ),
    "one in place of a list": (
        'query($s: [String!] = "x") { teams(filter: {externalIds: $s}) { totalCount } }',
        {},
    ),
    "too large a page below": ("{ teams { nodes { members(first: 2000) { totalCount } } } }", {}),
    "a bad cursor below": ('{ teams { nodes { members(after: "x") { totalCount } } } }', {}),
    "a bad page below nothing": (
        "{ teams(filter: {ids: []}) { nodes { members(first: 2000) { totalCount } } } }",
        {},
    ),
    "null for a required argument": (
        'query($id: ID = "x") { limits { maxTags } team(id: $id) { id } }',
        {"id": None},
    ),
    "a null that directives meet": (
        "query($x: Boolean = true) { viewer { scopes @skip(if: $x) } }",
        {"x": None},
    ),
    "merged at every level": (
        """{ viewer { user { id } } viewer { user { name teams { totalCount } } }
        ... { viewer { user { teams { nodes { id } } } } } }""",
        {},
    ),
}


@pytest.mark.parametrize("corner", CORNERS)
async def test_a_corner_has_the_same_answer_both_ways(
    make: Factory, database: Database, corner: str
) -> None:
    text, variables = CORNERS[corner]
    await make.team_member(await make.team(), admin := await make.admin())
    prepared = prepare(SCHEMA, text, None)
    by_plan, by_core = await both_ways(database, admin.actor, prepared, variables)
    assert by_plan[:2] == by_core[:2]


@drops_fields
@pytest.mark.parametrize("faults", [None, *range(6)])
async def test_everything_at_once_has_the_same_answer_both_ways(
    make: Factory, database: Database, faults: int | None
) -> None:
    people, ids = await populate(make, database)
    prepared = prepare(SCHEMA, EVERYTHING, None)
    variables = {"ids": [*chain(*ids.values())], "yes": True, "filter": {"nameContains": "team"}}
    for person in people[::3]:
        by_plan, by_core = await both_ways(database, person.actor, prepared, variables, faults)
        assert by_plan.data == by_core.data
        assert by_plan.nulled.keys() == by_core.nulled.keys()
        if faults is None:
            assert by_plan.executed == [("compiled", "")]
            assert by_plan.errors == []
    gc.collect()


async def test_of_a_mutation_that_surprises_only_the_payload_is_executed_again(
    make: Factory, database: Database, owner: Any
) -> None:
    await make.team()
    admin = await make.admin()
    text = """mutation {
      a: teamCreate(input: {name: "A"}) { team { members(first: 2000) { totalCount } } errors { code } }
      b: teamCreate(input: {name: "B"}) { __typename team { name organization { name } } }
      c: teamCreate(input: {name: ""}) { team { id } errors { __typename code path } }
    }"""
    by_plan, by_core = await both_ways(database, admin.actor, prepare(SCHEMA, text, None), {})
    assert by_plan[:2] == by_core[:2]
    assert by_plan.executed == [("surprised", "BadUserInput")]
    assert await owner.fetchval("SELECT count(*) FROM teams WHERE name IN ('A', 'B')") == 2


async def test_of_a_mutation_that_fails_on_the_way_what_was_done_is_answered(
    make: Factory, database: Database, owner: Any
) -> None:
    admin = await make.admin()
    text = """mutation($name: String = "B") {
      __typename
      a: teamCreate(input: {name: "A"}) { team { name members { totalCount } } }
      b: teamCreate(input: {name: $name}) { team { id } }
      c: teamCreate(input: {name: "C"}) { team { name } }
    }"""
    prepared = prepare(SCHEMA, text, None)
    by_plan, by_core = await both_ways(database, admin.actor, prepared, {"name": None})
    assert by_plan[:2] == by_core[:2]
    assert by_plan.executed == [("compiled", "")]
    assert await owner.fetch("SELECT name FROM teams") == [("A",)]
