"""Statements: built with Core, compiled once, their values put in the order of the text."""

import gc
import weakref

import pytest
from sqlalchemy import ARRAY, Text, any_, bindparam, column, literal, select, table

from bursar.database.statements import Statement

TEAMS = table("teams", column("id"), column("name"))


def test_values_are_ordered_as_the_text_has_them() -> None:
    statement = Statement(
        select(TEAMS.c.id).where(
            TEAMS.c.name == bindparam("second_named_first"), TEAMS.c.id == bindparam("a")
        )
    )
    assert statement.sql.index("$1") < statement.sql.index("$2")
    assert statement.arguments({"a": "A", "second_named_first": "B"}) == ["B", "A"]


def test_constants_stay_and_are_replaced_only_by_name() -> None:
    statement = Statement(
        select(literal("kept").label("x")).where(TEAMS.c.id == bindparam("id", "constant"))
    )
    assert statement.arguments({}) == ["kept", "constant"]
    assert statement.arguments({"id": None}) == ["kept", None]
    assert statement.arguments({"other": 1}) == ["kept", "constant"]


def test_a_value_that_must_be_given_is_asked_for_by_name() -> None:
    statement = Statement(select(TEAMS).where(TEAMS.c.id == bindparam("id")))
    with pytest.raises(KeyError, match="id"):
        statement.arguments({"name": "x"})


def test_a_list_is_one_parameter() -> None:
    ids = bindparam("ids", type_=ARRAY(Text))
    statement = Statement(select(TEAMS).where(TEAMS.c.id == any_(ids)))
    assert statement.arguments({"ids": ["a", "b"]}) == [["a", "b"]]
    assert "$2" not in statement.sql


def test_a_statement_is_compiled_once_and_not_before_it_is_used() -> None:
    statement = Statement(select(TEAMS))
    assert "sql" not in vars(statement)
    assert statement.sql is statement.sql


def test_what_a_statement_was_built_from_is_let_go_when_it_is_text() -> None:
    element = select(bindparam("a"), literal(1))
    built_from = weakref.ref(element)
    statement = Statement(element)
    del element
    assert built_from() is not None
    assert (statement.arguments({"a": 2}), statement.names) == ([2, 1], {"a", "param_1"})
    gc.collect()
    assert built_from() is None
