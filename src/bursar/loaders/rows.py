"""Rows by key: the batch function behind every edge to one object."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import ARRAY, Column, ColumnElement, Select, Text, any_, bindparam, select

from bursar.access.actor import Sight
from bursar.database.rows import Row
from bursar.database.statements import Statement
from bursar.loaders.narrowing import Forms, Wanted, narrowed
from bursar.loaders.reader import Reader

KEYS = bindparam("keys", type_=ARRAY(Text))


class RowsByKey:
    """For each key the one row that has it, among what the actor sees.

    `query` gives the columns and the visibility for a sight; `key` is the column looked up by.
    """

    def __init__(self, query: Callable[[Sight], Select[Any]], key: ColumnElement[str]) -> None:
        self.key = key
        self._statement = cache(
            lambda sight: Statement(
                query(sight).add_columns(key.label("batch_key")).where(key == any_(KEYS))
            )
        )
        self._forms = Forms(
            lambda: query(Sight.ALL).selected_columns,
            lambda wanted: RowsByKey(lambda sight: _only(query(sight), wanted), key),
        )

    async def __call__(self, reader: Reader, keys: Sequence[str], /) -> dict[str, Row]:
        rows = await reader.all(self._statement(reader.actor.sight), keys=keys)
        return {row["batch_key"]: row for row in rows}

    def columns_of_rows(self) -> Mapping[str, bool]:
        return self._forms.columns

    def only(self, wanted: Wanted) -> "RowsByKey":
        return self._forms.only(wanted)


def _only(query: Select[Any], wanted: Wanted) -> Select[Any]:
    columns = narrowed(query.selected_columns, wanted)
    return query.with_only_columns(*columns, maintain_column_froms=True)


def rows_of(
    key: Column[str],
    visible: Callable[[Sight], ColumnElement[bool]],
    columns: Callable[[Sight], list[ColumnElement[Any]]] | None = None,
) -> RowsByKey:
    """The visible rows of the key's table: whole, or with the columns for the sight."""
    return RowsByKey(
        lambda sight: select(*(columns(sight) if columns else key.table.c)).where(visible(sight)),
        key,
    )
