"""Narrowed sources: which forms there are of one, and what a client can make of them."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from itertools import combinations
from typing import Any

import pytest
from sqlalchemy import BigInteger, DateTime, Float, Numeric, Text, literal_column, select

from bursar.access.actor import Sight
from bursar.database.pool import Database
from bursar.database.statements import Statement
from bursar.domain import instants, money
from bursar.loaders import narrowing
from bursar.loaders.budgets import budgets_by_team
from bursar.loaders.narrowing import MOST_FORMS, Narrowable, as_text, narrowed, whole_of
from bursar.loaders.rows import rows_of
from bursar.loaders.teams import teams_by_id, teams_list

MOMENTS = [
    datetime(1, 1, 1, tzinfo=UTC),
    datetime(987, 6, 5, 4, 3, 2, 100, tzinfo=UTC),
    datetime(2026, 3, 29, 2, 30, tzinfo=timezone(timedelta(hours=5, minutes=45))),
    datetime(2026, 11, 22, 10, 0, 0, 120_000, tzinfo=UTC),
    datetime.max.replace(tzinfo=UTC),
]
AMOUNTS = [Decimal(text) for text in ("0", "-0", "100", "12.50", "0.0000000001", "-1e17")]


async def test_texts_of_the_database_are_those_of_the_api(database: Database) -> None:
    for moment in MOMENTS:
        said = f"'{moment.isoformat()}'"
        assert await text_of(database, said, DateTime(timezone=True)) == instants.to_text(moment)
    for amount in AMOUNTS:
        assert await text_of(database, f"{amount:f}", Numeric(28, 10)) == money.to_text(amount)
    assert await text_of(database, str(2**63 - 1), BigInteger()) == str(2**63 - 1)


async def text_of(database: Database, literal: str, type_: Any) -> str:
    value = select(literal_column(literal).cast(type_).label("x")).subquery()
    (column,) = narrowed(value.c, frozenset({as_text("x")}))
    (row,) = await database.all(Statement(select(column)))
    return str(row[as_text("x")])


def test_what_is_no_column_or_has_no_text_is_not_had() -> None:
    columns = [literal_column("x", type_) for type_ in (Text, Float)]
    assert narrowed(columns, frozenset({as_text("x"), "y"})) == []


def test_sources_of_rows_can_be_narrowed() -> None:
    for source in (teams_by_id, teams_list, budgets_by_team):
        assert isinstance(source, Narrowable)
        assert source.columns_of_rows()["created_at"].has_text
    assert teams_list.columns_of_rows()["name"] == (False, str, True)
    assert teams_by_id.columns_of_rows()["external_id"] == (False, str, False)
    assert budgets_by_team.columns_of_rows()["max_budget"] == (True, None, False)


def test_a_form_is_made_once() -> None:
    wanted = frozenset({"id", "name", "what no team has"})
    for source in (teams_by_id, teams_list):
        assert source.only(wanted) is source.only(frozenset({"name", "id"}))
    assert whole_of(teams_by_id.only(wanted)) is teams_by_id
    assert whole_of(teams_list.only(wanted).pages) == teams_list.pages
    assert whole_of(teams_list.pages) == teams_list.pages


def test_a_client_cannot_make_any_number_of_statements(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who comes when all forms are in use gets everything; a form in use is not displaced."""
    now = 0.0
    monkeypatch.setattr(narrowing, "monotonic", lambda: now)
    source = rows_of(teams_by_id.key, lambda _: literal_column("true"))  # type: ignore[arg-type]  # a column
    used = source.only(frozenset({"id", "name"}))
    hostile = [frozenset(names) for names in combinations(source.columns_of_rows(), 3)]
    made = {source.only(wanted) for wanted in hostile}
    assert len(made) == MOST_FORMS
    widest = source.only(hostile[-1])
    assert widest.wanted >= set(source.columns_of_rows())
    assert source.only(frozenset({"id", "name"})) is used
    now = 2 * narrowing.KEEPS_PLACE_SECONDS
    assert source.only(hostile[-1]).wanted == hostile[-1]


async def test_the_widest_form_has_all_that_any_other_has(database: Database) -> None:
    """What is asked of a source that has no room for one more form is there too."""
    names = budgets_by_team.columns_of_rows()
    widest = budgets_by_team.only(frozenset((*names, *map(as_text, names))))
    statement = budgets_by_team._statement(Sight.ALL, widest.wanted)  # noqa: SLF001 (its columns)
    async with database.connection() as connection:
        columns = (await connection.raw.prepare(statement.sql)).get_attributes()
        await connection.command("ROLLBACK")  # or else its time goes on, and out
    texts = (as_text(name) for name, known in names.items() if known.has_text)
    assert {column.name for column in columns} == {*names, *texts, "batch_key"}
