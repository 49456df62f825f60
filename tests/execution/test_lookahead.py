"""Look-ahead: of rows no more is read than is selected of them, and never less."""

from collections import Counter, deque
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from graphql import (
    GraphQLField,
    GraphQLObjectType,
    get_named_type,
    is_composite_type,
    is_object_type,
    is_required_argument,
)

from bursar.database.connections import Connection
from bursar.database.pool import Database
from bursar.database.rows import Row
from bursar.database.statements import Statement
from bursar.graphql.execution.documents import prepare
from bursar.graphql.schema import schema
from execution.both_ways import both_ways
from execution.population import populate
from factories import Factory

SCHEMA = schema._schema  # noqa: SLF001 (as in execution.request)
TODAY, DAY = datetime.now(UTC).date(), timedelta(days=1)
DAYS = f'range: {{from: "{TODAY - DAY}", to: "{TODAY + DAY}"}}'

SHOWN = {"BudgetUse", "GatewaySettings", "ObjectPermission", "TeamConnection", "TeamEdge"}


def asked(name: str, field: GraphQLField) -> str | None:
    """The field as it is asked for; None if it needs the id of something."""
    needed = {name for name, argument in field.args.items() if is_required_argument(argument)}
    if needed <= {"range"}:
        return f"{name}({DAYS})" if needed else name
    return None


def ways() -> dict[GraphQLObjectType, list[str]]:
    """A way to each type whose objects a query reaches through lists."""
    assert SCHEMA.query_type is not None
    found: dict[GraphQLObjectType, list[str]] = {SCHEMA.query_type: []}
    pending = deque(found)
    while pending:
        type_ = pending.popleft()
        for name, field in sorted(type_.fields.items(), key=lambda each: each[0] == "viewer"):
            target, step = get_named_type(field.type), asked(name, field)
            if is_object_type(target) and target not in found and step is not None:
                found[target] = [*found[type_], step]
                pending.append(target)
    return found


def documents(whole: bool) -> Iterator[tuple[str, str]]:
    """For each field of each type that is reached a document that selects it alone.

    Unless `whole`, of types with an id, of those that show the same rows, and of one list.
    """
    for type_, way in ways().items():
        is_asked = way and (
            whole or type_.name in SHOWN or SCHEMA.type_map["Node"] in type_.interfaces
        )
        for name, field in type_.fields.items() if is_asked else ():
            selection = asked(name, field) or ""
            if is_composite_type(get_named_type(field.type)):
                selection += " { __typename }"
            for step in reversed(way):
                selection = f"{step} {{ {selection} }}"
            yield f"{type_.name}.{name}", f"{{ {selection} }}"


@pytest.mark.parametrize("whole", [False, pytest.param(True, marks=pytest.mark.soak)])
async def test_every_field_alone_is_answered_by_its_plan_as_by_graphql_core(
    make: Factory, database: Database, record_property: Callable[[str, object], None], whole: bool
) -> None:
    people, _ = await populate(make, database)
    await make.team_member(team := await make.team(), people[0])
    key = await make.api_key(people[0], team=team)
    await make.usage_event(key.row, provider="openai", endpoint="/e")
    organization = await make.organization()
    await make.organization_member(organization, people[0])
    await make.budget("organization", organization, max_budget=9, soft_budget=1, duration="1d")
    told: Counter[bool] = Counter()
    for field, text in documents(whole):
        prepared = prepare(SCHEMA, text, None)
        by_plan, by_core = await both_ways(database, people[0].actor, prepared, {})
        assert by_plan.executed == [("compiled", "")], field
        assert by_plan[:2] == by_core[:2], field
        told[f'"{field.split(".")[1]}":'.encode() in by_plan.data] += 1
    record_property("fields alone", told.total())
    record_property("fields alone, of which there was no object", told[False])
    assert told.total() > (400 if whole else 150)
    assert whole or not told[False]


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is sent to the database from now on."""
    sent: list[str] = []
    read = Connection.all

    async def told(self: Connection, statement: Statement, **values: Any) -> list[Row]:
        sent.append(statement.sql)
        return await read(self, statement, **values)

    monkeypatch.setattr(Connection, "all", told)
    return sent


async def test_statements_read_what_is_selected_times_and_amounts_as_text(
    make: Factory, database: Database, statements: list[str]
) -> None:
    await make.budget("team", await make.team(), max_budget=1)
    document = (
        """{ teams { nodes { name createdAt budget { overBudget limits { maxBudget } } } } }"""
    )
    prepared = prepare(SCHEMA, document, None)
    by_plan, by_core = await both_ways(database, (await make.admin()).actor, prepared, {})
    assert by_plan[:2] == by_core[:2]
    teams, budgets = statements[-2:]
    assert "metadata" not in teams
    assert "description" not in teams
    assert "name_key" not in teams.partition("FROM")[0]  # which only cursors are made of
    assert 'AS "created_at as text"' in teams
    assert 'AS "max_budget as text"' in budgets
    assert "increase_amount" in budgets  # as overBudget reads it
    assert "increase_until" not in budgets


async def test_places_that_read_different_columns_of_the_same_rows_share_a_statement(
    make: Factory, database: Database, statements: list[str]
) -> None:
    await make.team_member(await make.team(), admin := await make.admin())
    document = """{ teams { nodes {
      a: members { nodes { role user { name } } }
      b: members { edges { cursor node { joinedAt user { email } } } }
    } } }"""
    prepared = prepare(SCHEMA, document, None)
    by_plan, by_core = await both_ways(database, admin.actor, prepared, {})
    assert by_plan[:2] == by_core[:2]
    assert by_plan.executed == [("compiled", "")]
    assert len(statements) == 2 * 3
