"""Rows by key: the batch function behind every edge to one object."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

from sqlalchemy import Column, ColumnElement, Select, any_, select

from bursar.access.actor import Actor, Sight
from bursar.database.given import as_text, given_texts
from bursar.database.rows import Row
from bursar.database.statements import Statement
from bursar.loaders.narrowing import MOST_FORMS, Forms, Known, Wanted, narrowed
from bursar.loaders.reader import Reader

KEYS = given_texts("keys")


class RowsByKey:
    """For each key the one row that has it, among what the actor sees.

    `query` gives the columns and the visibility for a sight; `key` is the column looked up by.
    """

    def __init__(self, query: Callable[[Sight], Select[Any]], key: ColumnElement[str]) -> None:
        self.key = key
        self._query = query
        self._forms = Forms(lambda: query(Sight.ALL).selected_columns, partial(_Only, self))
        self._statement = lru_cache(maxsize=len(Sight) * MOST_FORMS)(self._built)

    async def __call__(
        self, reader: Reader, keys: Sequence[str], /, wanted: Wanted | None = None
    ) -> dict[str, Row]:
        rows = await reader.all(self._statement(reader.actor.sight, wanted), keys=as_text(keys))
        return {row["batch_key"]: row for row in rows}

    def sharing(self, actor: Actor) -> Hashable:
        """All that the rows depend on which an actor sees: how far, and what is said of the actor."""
        sight, parameters = actor.sight, actor.parameters
        spoken_of = self._statement(sight, None).names
        return sight, *[value for name, value in parameters.items() if name in spoken_of]

    def columns_of_rows(self) -> Mapping[str, Known]:
        return self._forms.columns

    def only(self, wanted: Wanted) -> "_Only":
        return self._forms.only(wanted)

    def _built(self, sight: Sight, wanted: Wanted | None) -> Statement:
        query = self._query(sight)
        if wanted is not None:
            columns = narrowed(query.selected_columns, wanted)
            query = query.with_only_columns(*columns, maintain_column_froms=True)
        keyed = query.add_columns(self.key.label("batch_key"))
        return Statement(keyed.where(self.key == any_(KEYS)))


@dataclass(frozen=True, eq=False)
class _Only:
    """The same rows with what is wanted of them."""

    whole: RowsByKey
    wanted: Wanted

    async def __call__(self, reader: Reader, keys: Sequence[str], /) -> dict[str, Row]:
        return await self.whole(reader, keys, self.wanted)

    def sharing(self, actor: Actor) -> Hashable:
        return self.whole.sharing(actor)


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
