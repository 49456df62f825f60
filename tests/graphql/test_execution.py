"""How a document becomes an answer: refused at the first step that finds fault, else executed."""

from collections.abc import Callable
from typing import Any

import asyncpg
import pytest
from graphql import (
    build_client_schema,
    get_introspection_query,
    lexicographic_sort_schema,
    print_schema,
)

from api_client import Api
from bursar.database.pool import Database
from bursar.domain.new_teams import NewTeams
from bursar.graphql.context import Context, Environment
from bursar.graphql.execution.documents import RequestError, prepare
from bursar.graphql.execution.limits import DocumentLimits, RequestLimits
from bursar.graphql.execution.run import run
from bursar.graphql.schema import schema
from bursar.loaders.organizations import organizations_by_id
from bursar.loaders.rows import RowsByKey
from bursar.loaders.users import users_by_id
from bursar.services.authorization import Authorizer
from factories import PEPPER, Factory, Person

SCHEMA = schema._schema  # noqa: SLF001 (as in execution.run)

MEMBERS = """
{ teams { nodes { name organization { name } members(first: 9) { nodes { role user { name } } } } } }
"""


def codes_of(document: str, name: str | None = None) -> list[str]:
    """The codes with which a document is refused."""
    with pytest.raises(RequestError) as refused:
        prepare(SCHEMA, document, name)
    return [(error.extensions or {})["code"] for error in refused.value.errors]


@pytest.mark.parametrize(
    ("document", "codes"),
    [
        ("{", ["GRAPHQL_PARSE_FAILED"]),
        ("{ nothing }", ["GRAPHQL_VALIDATION_FAILED"]),
        ("{ viewer }", ["GRAPHQL_VALIDATION_FAILED"]),
        ("{ team { id } }", ["GRAPHQL_VALIDATION_FAILED"]),
        ("{ ...Missing }", ["GRAPHQL_VALIDATION_FAILED"]),
        ("{ teams(first: 1.5) { totalCount } }", ["BAD_USER_INPUT"]),
        ("{ teams(orderBy: [{field: SIZE}]) { totalCount } }", ["BAD_USER_INPUT"]),
        ('{ teams(filter: {createdSince: "today"}) { totalCount } }', ["BAD_USER_INPUT"]),
        (
            '{ teams(first: "1", filter: {createdSince: "now"}) { size } }',
            ["BAD_USER_INPUT", "BAD_USER_INPUT", "GRAPHQL_VALIDATION_FAILED"],
        ),
    ],
)
def test_a_document_is_refused_with_the_code_of_each_mistake(
    document: str, codes: list[str]
) -> None:
    assert sorted(codes_of(document)) == codes


def test_of_several_operations_the_named_one_runs() -> None:
    document = "query A { a: __typename } query B { b: __typename }"
    assert prepare(SCHEMA, document, "B").operation.name.value == "B"
    assert codes_of(document) == ["OPERATION_RESOLUTION_FAILURE"]
    assert codes_of(document, "C") == ["OPERATION_RESOLUTION_FAILURE"]
    assert codes_of("{ __typename }", "") == ["OPERATION_RESOLUTION_FAILURE"]


@pytest.mark.parametrize(
    ("type_", "argument", "value"),
    [
        ("Int", "first", "x"),
        ("Int", "first", 2**31),
        ("TeamFilter", "filter", {"createdSince": "2026-01-01T00:00:00"}),
        ("TeamFilter", "filter", {"size": 1}),
        ("[TeamOrder!]", "orderBy", [{"field": "SIZE"}]),
        ("[TeamOrder!]", "orderBy", [None]),
    ],
)
async def test_a_variable_that_its_type_refuses_is_bad_input_without_data(
    api: Api, make: Factory, type_: str, argument: str, value: Any
) -> None:
    document = f"query($x: {type_}) {{ teams({argument}: $x) {{ totalCount }} }}"
    answer = await api(await make.admin(), document, x=value)
    assert answer.codes == ["BAD_USER_INPUT"]
    assert answer.data is None
    assert all("path" not in error for error in answer.errors)


@pytest.mark.parametrize(
    ("type_", "value", "said"),
    [
        ("TeamFilter", {"size": 1}, "not to include unknown field 'size'."),
        ("TeamFilter", {"blocked": None, "size": True}, "not to include unknown field 'size'."),
        ("TeamFilter", {"nameContains": True}, "non string value: true"),
        ("TeamFilter", {"ids": [None]}, "not to be null."),
        ("TeamFilter", {"nameContains": ["None"]}, "non string value: ['None']"),
    ],
)
async def test_what_is_wrong_with_a_value_is_said_in_words_of_json(
    api: Api, make: Factory, type_: str, value: Any, said: str
) -> None:
    document = f"query($x: {type_}) {{ teams(filter: $x) {{ totalCount }} }}"
    answer = await api(await make.admin(), document, x=value)
    assert [error["message"].endswith(said) for error in answer.errors] == [True], answer.errors


async def test_a_null_that_only_execution_finds_is_the_clients(api: Api, make: Factory) -> None:
    document = 'query($id: ID = "x") { limits { maxTags } team(id: $id) { id } }'
    answer = await api(await make.admin(), document, id=None)
    assert answer.codes == ["BAD_USER_INPUT"]
    assert answer.errors[0]["path"] == ["team"]
    assert answer.data == {"limits": {"maxTags": answer.data["limits"]["maxTags"]}, "team": None}


async def test_a_field_that_fails_leaves_the_others_their_data(
    api: Api, make: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("bursar.loaders.budgets.budgets_by_team._statement", fail)
    team = await make.team(name="A")
    document = "query($id: ID!) { team(id: $id) { name budget { source } } }"
    answer = await api(await make.admin(), document, id=team.id)
    assert answer.data == {"team": {"name": "A", "budget": None}}
    assert answer.codes == ["INTERNAL_SERVER_ERROR"]
    assert answer.errors[0]["path"] == ["team", "budget"]


async def test_introspection_tells_a_client_the_whole_schema(api: Api, make: Factory) -> None:
    query = get_introspection_query(input_value_deprecation=True, specified_by_url=True)
    answer = await api(await make.person(), query)
    assert answer.errors == []
    told = lexicographic_sort_schema(build_client_schema(answer.data))
    assert print_schema(told) == print_schema(lexicographic_sort_schema(SCHEMA))


Vanishing = Callable[[RowsByKey, str], None]


@pytest.fixture
def vanishing(monkeypatch: pytest.MonkeyPatch, owner: asyncpg.Connection) -> Vanishing:
    """Before a batch function reads for the first time, somebody else deletes rows and commits."""
    reads = RowsByKey.__call__

    def vanishing(batch: RowsByKey, deletion: str) -> None:
        pending = [deletion]

        async def read(self: RowsByKey, *arguments: Any) -> Any:
            if self is batch and pending:
                await owner.execute(pending.pop())
            return await reads(self, *arguments)

        monkeypatch.setattr(RowsByKey, "__call__", read)

    return vanishing


async def test_a_query_whose_row_vanished_meanwhile_is_answered_from_one_state(
    api: Api, make: Factory, vanishing: Vanishing
) -> None:
    stays = await make.team(await make.organization(name="Stays"), name="Stays")
    goes = await make.team(await make.organization(name="Goes"), name="Goes")
    admin = await make.admin()
    await make.team_member(stays, admin)
    vanishing(
        organizations_by_id,
        f"DELETE FROM teams WHERE id = '{goes.id}';"
        f"DELETE FROM organizations WHERE id = '{goes.organization_id}'",
    )
    answer = await api(admin, MEMBERS)
    assert answer.errors == []
    assert answer.payload["nodes"] == [
        {
            "name": "Stays",
            "organization": {"name": "Stays"},
            "members": {"nodes": [{"role": "MEMBER", "user": {"name": admin.row.name}}]},
        }
    ]


async def test_a_member_whose_user_vanished_meanwhile_is_gone_from_the_answer(
    api: Api, make: Factory, vanishing: Vanishing
) -> None:
    team = await make.team()
    admin = await make.admin()
    leaver = await make.person(team=team)
    vanishing(users_by_id, f"DELETE FROM users WHERE id = '{leaver.id}'")
    answer = await api(admin, MEMBERS)
    assert answer.errors == []
    assert answer.payload["nodes"][0]["members"] == {"nodes": []}


async def test_the_second_run_sees_none_of_what_changes_meanwhile(
    database: Database, make: Factory, owner: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows vanish before every run: the first finds a hole, the second sees the state it began with."""
    organization = await make.organization()
    teams = [await make.team(organization, name=f"Team {n}") for n in range(2)]
    admin = await make.admin()
    reads, runs = RowsByKey.__call__, 0

    async def read(self: RowsByKey, *arguments: Any) -> Any:
        nonlocal runs
        if self is organizations_by_id:
            runs += 1
            await owner.execute("DELETE FROM teams WHERE id = $1", teams[runs - 1].id)
            if runs == 1:
                return {}
        return await reads(self, *arguments)

    monkeypatch.setattr(RowsByKey, "__call__", read)
    result = await answer_of("{ teams { nodes { name organization { id } } } }", database, admin)
    assert runs == 2
    assert result.errors is None
    assert result.data == {
        "teams": {"nodes": [{"name": "Team 1", "organization": {"id": organization.id}}]}
    }
    assert await owner.fetchval("SELECT count(*) FROM teams") == 0


async def test_what_is_still_missing_the_second_time_is_a_fault_and_not_tried_a_third(
    api: Api, make: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = 0

    async def nobody(*_: object) -> dict[str, Any]:
        nonlocal runs
        runs += 1
        return {}

    monkeypatch.setattr(RowsByKey, "__call__", nobody)
    await make.team()
    answer = await api(await make.admin(), "{ teams { nodes { organization { id } } } }")
    assert (answer.codes, answer.data, runs) == (["INTERNAL_SERVER_ERROR"], None, 2)


async def test_a_query_that_fails_otherwise_runs_once(
    api: Api, make: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = 0

    async def fail(*_: object) -> dict[str, Any]:
        nonlocal runs
        runs += 1
        raise TypeError("unhashable")

    monkeypatch.setattr(RowsByKey, "__call__", fail)
    await make.team()
    answer = await api(await make.admin(), "{ teams { nodes { organization { id } } } }")
    assert (answer.codes, answer.data, runs) == (["INTERNAL_SERVER_ERROR"], None, 1)


async def test_a_mutation_never_runs_twice_though_what_it_made_vanished(
    api: Api, make: Factory, owner: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nobody(*_: object) -> dict[str, Any]:
        return {}

    admin = await make.admin()
    monkeypatch.setattr(RowsByKey, "__call__", nobody)
    document = 'mutation { teamCreate(input: {name: "A"}) { team { organization { id } } } }'
    answer = await api(admin, document)
    assert answer.codes == ["INTERNAL_SERVER_ERROR"]
    assert await owner.fetchval("SELECT count(*) FROM teams") == 1


async def answer_of(document: str, database: Database, person: Person) -> Any:
    context = Context(
        Environment(
            database,
            [PEPPER],
            Authorizer(database, [PEPPER]),
            NewTeams(),
            max_body_bytes=1,
            max_gateway_body_bytes=1,
            request_limits=RequestLimits(seconds=10, under_way=40),
            document_limits=DocumentLimits(),
        ),
        person.actor,
    )
    return await run(schema, prepare(SCHEMA, document, None), {}, context)
