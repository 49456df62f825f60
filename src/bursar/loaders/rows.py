"""Rows by key: the batch function behind every edge to one object."""

from collections.abc import Callable, Hashable, Sequence
from functools import cache
from typing import Any

from sqlalchemy import ARRAY, Column, ColumnElement, Select, Text, any_, bindparam, select

from bursar.access.actor import Actor, Sight
from bursar.database.rows import Row
from bursar.database.statements import Statement
from bursar.loaders.reader import Reader

KEYS = bindparam("keys", type_=ARRAY(Text))


class RowsByKey:
    """For each key the one row that has it, among what the actor sees.

    `query` gives the columns and the visibility for a sight; `key` is the column looked up by.
    """

    def __init__(self, query: Callable[[Sight], Select[Any]], key: ColumnElement[str]) -> None:
        self._statement = cache(
            lambda sight: Statement(
                query(sight).add_columns(key.label("batch_key")).where(key == any_(KEYS))
            )
        )

    async def __call__(self, reader: Reader, keys: Sequence[str], /) -> dict[str, Row]:
        rows = await reader.all(self._statement(reader.actor.sight), keys=keys)
        return {row["batch_key"]: row for row in rows}

    def sharing(self, actor: Actor) -> Hashable:
        """All that the rows depend on which an actor sees: how far, and what is said of the actor."""
        given = actor.parameters
        spoken_of = self._statement(actor.sight).names
        return actor.sight, tuple(given[name] for name in spoken_of if name in given)


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
