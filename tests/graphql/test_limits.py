"""Limits of documents: what each counts, that no document makes the counting slow, and who is told."""

import time
from typing import Any

import asyncpg
import pytest
from graphql import get_introspection_query, parse

from api_client import Api
from bursar.domain.roles import KeyScope
from bursar.graphql.execution.cost import INTROSPECTION, measures
from bursar.graphql.schema import schema
from factories import Factory

SCHEMA = schema._schema  # noqa: SLF001 (Strawberry offers no other way to it)
KEYS = "apiKeys(first: 10) { nodes { id user { id } } }"


def cost(document: str, **variables: Any) -> int:
    ((_, measure),) = measures(SCHEMA, parse(document))
    return measure.cost(variables)


@pytest.mark.parametrize(
    ("document", "objects"),
    [
        ("{ viewer { platformRole } }", 1),
        ("{ viewer { user { id } key { id } } }", 3),
        ("{ teams { totalCount } }", 0),
        ("{ teams { pageInfo { hasNextPage } nodes { id } } }", 50),
        ("{ teams(first: 3) { edges { cursor node { id organization { id } } } } }", 6),
        ("{ teams(last: 3) { edges { node { id } } nodes { id } } }", 6),
        ("{ teams(first: 3) { nodes { " + KEYS + " } } }", 3 * (1 + 10 * 2)),
        ("{ teams(first: 3) { ...page } } fragment page on TeamConnection { nodes { id } }", 3),
        ("{ a: viewer { user { id } } ... { b: viewer { user { id } } } }", 4),
        ('{ node(id: "x") { ... on Team { organization { id } } ... on User { id } } }', 2),
        ("{ teams(first: -5) { nodes { id } } }", 0),
        ("{ teams(first: " + "9" * 5_000 + ") { nodes { id } } }", 50),
        ("query($n: Int = " + "9" * 5_000 + ") { teams(first: $n) { nodes { id } } }", 50),
        ("{ teams(first: null) { nodes { id } } }", 50),
        ("{ nothing { like { this } } teams(first: 2) { nodes { nothing { id } } } }", 2),
        ("{ __schema { types { name } } }", INTROSPECTION),
        (
            "{ __schema { a: types { a: name } ...b } } fragment b on __Schema { b: types { name } }",
            INTROSPECTION * 3,
        ),
        (get_introspection_query(), INTROSPECTION),
        ("{ __typename }", 0),
    ],
)
def test_the_cost_is_how_many_objects_the_answer_may_have(document: str, objects: int) -> None:
    assert cost(document) == objects


def test_a_size_that_a_variable_says_counts_as_it_is_given() -> None:
    keys = "apiKeys(first: $m) { nodes { id } }"
    document = f"query($n: Int, $m: Int = 4) {{ teams(first: $n) {{ nodes {{ {keys} }} }} }}"
    assert cost(document, n=2) == 2 * (1 + 4)
    assert cost(document, n=2, m=1) == 2 * 2
    assert cost(document) == cost(document, n=None) == 50 * 5
    assert cost(document, n="no number") == 50 * 5


def test_fragments_that_spread_each_other_twice_or_in_a_circle_are_measured_at_once() -> None:
    doubled = "".join(
        f" fragment f{n} on Team {{ organization {{ id }} ...f{n + 1} ...f{n + 1} }}"
        for n in range(49)
    )
    started = time.perf_counter()
    text = "{ teams(first: 1) { nodes { ...f0 } } } fragment f49 on Team { id }"
    assert cost(text + doubled) == 2**49
    circle = "{ team(id: 1) { ...a } } fragment a on Team { ...b } fragment b on Team { ...a }"
    assert cost(circle) == 1
    assert time.perf_counter() - started < 5  # it would take ages


LIMITS = {
    "characters": "{ viewer { platformRole } } #" + "x" * 15_000,
    "tokens": "{ viewer { " + "scopes " * 2_000 + "} }",
    "levels of fields": "{ viewer { " + "user { teams { nodes { " * 5 + "id" + " } } }" * 5 + " } }",
    "aliases": "{ viewer { " + " ".join(f"a{n}: scopes" for n in range(31)) + " } }",
    "root fields": "{ " + "viewer { scopes } " * 21 + "}",
    "root mutations": "mutation { " + 'teamLeave(input: {id: "x"}) { errors { code } } ' * 11 + "}",
    "fragments": "{ id }" + "".join(f" fragment f{n} on Team {{ id }}" for n in range(51)),
    "fields, fragments spread": "{ teams(first: 1) { nodes { "
    + " ".join(f"a{n}: organization {{ ...f }}" for n in range(30))
    + " } } } fragment f on Organization { " + "id name " * 40 + "}",
    "fields too often": "{ teams(first: 1) { nodes { " + "organization { id } " * 200 + "} } }",
    "directives": "{ viewer { " + "scopes @include(if: true) " * 51 + "} }",
    "5,000 digits": "{ teams(first: " + "9" * 5_000 + ") { totalCount } }",
    "digits in a number": "query($n: Int = " + "9" * 5_000 + ") { teams(first: $n) { totalCount } }",
    "operations": " ".join(f"query q{n} {{ viewer {{ scopes }} }}" for n in range(11)),
    "objects to answer with": "{ teams(first: 1000) { nodes { members(first: 5) { nodes { id } } } } }",
}  # fmt: skip


@pytest.mark.parametrize("what", LIMITS)
async def test_a_document_beyond_a_limit_is_refused_before_it_is_run(
    api: Api, make: Factory, what: str
) -> None:
    admin = await make.admin()
    before = await api.fingerprint()
    answer = await api(admin, LIMITS[what])
    assert answer.data is None
    assert set(answer.codes) == {"LIMIT_EXCEEDED"}
    assert what in answer.errors[0]["message"]
    assert answer.statements == 1  # the sign-in
    assert await api.fingerprint() == before


async def test_what_just_keeps_the_limits_is_answered(api: Api, make: Factory) -> None:
    admin = await make.admin()
    for document in (
        get_introspection_query(),
        "{ teams(first: 1000) { nodes { members(first: 4) { nodes { id } } } } }",
        "{ " + "viewer { scopes } " * 20 + "}",
        "{ viewer { " + " ".join(f"a{n}: scopes" for n in range(30)) + " } }",
    ):
        assert (await api(admin, document)).errors == []


async def test_variables_too_deep_or_with_too_long_a_list_are_refused(
    api: Api, make: Factory
) -> None:
    admin = await make.admin()
    document = "query($ids: [ID!]!) { nodes(ids: $ids) { id } }"
    deep: Any = []
    for _ in range(16):
        deep = [deep]
    wide = {f"k{n}": 1 for n in range(1_001)}
    for value in (["x"] * 1_001, [wide], deep):
        assert (await api(admin, document, ids=value)).codes == ["LIMIT_EXCEEDED"]
    assert (await api(admin, document, ids=["x"] * 1_000)).errors == []


async def test_variables_with_too_many_values_are_refused_sooner_where_no_gateway_sends_them(
    api: Api, make: Factory
) -> None:
    admin = await make.admin()
    gateway = await make.api_key(team=await make.team(), scopes=[KeyScope.GATEWAY])
    document = "query($a: [ID!]!) { nodes(ids: $a) { id } }"
    for key, kept in ((admin, 9), (gateway, 39)):
        lists = {f"v{n}": [0] * 999 for n in range(kept)}
        assert (await api(key, document, a=["x"] * 500, **lists)).errors == []
        answer = await api(key, document, a=["x"] * 500, **lists, more=[0] * 999)
        assert answer.codes == ["LIMIT_EXCEEDED"]
        assert "values" in answer.errors[0]["message"]


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        ("String", "b"),
        ("BigInt!", "7"),
        ("JSON", {"b": [{}, None]}),
        ("[String!]!", ["b"]),
        ("[[Decimal]]", [["1"], []]),
        ('[String] = ["d"]', None),
    ],
)
async def test_a_variable_may_stand_inside_metadata(
    api: Api, app_with: Any, owner: asyncpg.Connection, make: Factory, type_: str, value: Any
) -> None:
    team, admin = await make.team(), await make.admin()
    document = f"""mutation($id: ID!, $v: {type_}) {{
        teamUpdate(input: {{id: $id, metadata: {{a: {{b: $v}}, c: [$v]}}}}) {{
            team {{ metadata }} }} }}"""
    given = {"id": team.id} if value is None else {"id": team.id, "v": value}
    value = value or ["d"]
    async with app_with(compiled=False) as app, Api(app, owner) as slow:
        for asked in (api, slow):
            answer = await asked(admin, document, **given)
            assert answer.errors == []
            assert answer.payload["team"]["metadata"] == {"a": {"b": value}, "c": [value]}


@pytest.mark.parametrize("type_", ["TeamFilter", "[TeamFilter!]!"])
async def test_no_input_object_stands_inside_metadata(api: Api, make: Factory, type_: str) -> None:
    document = f"""mutation($v: {type_}) {{
        teamUpdate(input: {{id: "x", metadata: {{a: $v}}}}) {{ team {{ id }} }} }}"""
    answer = await api(await make.admin(), document, v={})
    assert {*answer.codes} == {"GRAPHQL_VALIDATION_FAILED"}


@pytest.mark.parametrize(
    ("type_", "given"),
    [
        ("[String]", {"v": ["x"] * 200}),
        ("JSON", {"v": {"a": ["x" * 640] * 18}}),
        ("JSON", {"v": {"a" * 12_800: 1}}),
        (f"[Int] = [{'0 ' * 200}]", {}),
    ],
)
async def test_what_variables_write_into_metadata_is_counted_at_each_place(
    api: Api, make: Factory, type_: str, given: dict[str, Any]
) -> None:
    admin = await make.admin()
    for places, codes in ((24, []), (26, ["LIMIT_EXCEEDED"])):
        written = " ".join(f"a{n}: $v" for n in range(places))
        document = f"""mutation($v: {type_}) {{
            teamUpdate(input: {{id: "team_x", metadata: {{{written}}}}}) {{ errors {{ code }} }} }}"""
        answer = await api(admin, document, **given)
        assert ["LIMIT_EXCEEDED"] * answer.codes.count("LIMIT_EXCEEDED") == codes


async def test_the_whole_metadata_may_be_a_variable(api: Api, make: Factory) -> None:
    team, metadata = await make.team(), {"a": [1, {"b": None}]}
    document = """mutation($id: ID!, $v: JSON) {
        teamUpdate(input: {id: $id, metadata: $v}) { team { metadata } } }"""
    answer = await api(await make.admin(), document, id=team.id, v=metadata)
    assert answer.payload["team"]["metadata"] == metadata


async def test_the_limits_in_force_are_told(
    api: Api, app_with: Any, owner: asyncpg.Connection, make: Factory
) -> None:
    admin = await make.admin()
    document = "{ limits { maxCost maxDepth maxDocumentTokens maxListItems } }"
    told = {"maxCost": 5_000, "maxDepth": 15, "maxDocumentTokens": 2_000, "maxListItems": 1_000}
    assert (await api(admin, document)).payload == told
    async with app_with(max_cost=49) as app, Api(app, owner) as strict:
        assert (await strict(admin, "{ teams { nodes { id } } }")).codes == ["LIMIT_EXCEEDED"]
        assert (await strict(admin, "{ teams(first: 49) { nodes { id } } }")).errors == []
