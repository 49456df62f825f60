"""How the values of a field become parts of the answer: nulls, lists, objects, abstract types.

A completion takes the values of a whole level and gives what belongs in their places.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import chain, islice
from typing import Any, Protocol

from graphql import GraphQLAbstractType, GraphQLResolveInfo

from bursar.database.rows import Row
from bursar.graphql.execution.display import Display, Rows
from bursar.graphql.execution.leaves import Write, items_of
from bursar.graphql.execution.request import Request
from bursar.graphql.execution.steps import Steps, together
from bursar.graphql.execution.surprises import Surprise

Values = Sequence[Any]
Completion = Callable[[Values, Request], Steps[list[Any]]]


class Column(Protocol):
    """One field of all rows; `records` says that all of them are rows of the database."""

    def __call__(self, rows: Values, request: Request, records: bool) -> Steps[list[Any]]: ...


def leaves(write: Write) -> Completion:
    """Values of a leaf type."""

    def complete(values: Values, _: Request) -> Steps[list[Any]]:
        yield from ()
        return [write(value) for value in values]

    return complete


def as_they_are(values: Values, _: Request) -> Steps[list[Any]]:
    """Values of a leaf type that are written later."""
    yield from ()
    return list(values)


def required(inner: Completion) -> Completion:
    """Values of which none may be null."""

    def complete(values: Values, request: Request) -> Steps[list[Any]]:
        if len([value for value in values if value is not None]) < len(values):
            raise Surprise
        return (yield from inner(values, request))

    return complete


def optional(inner: Completion) -> Completion:
    """Values that may be null."""

    def complete(values: Values, request: Request) -> Steps[list[Any]]:
        there = [value for value in values if value is not None]
        completed = yield from inner(there, request)
        if len(there) == len(values):
            return completed
        rest = iter(completed)
        return [None if value is None else next(rest) for value in values]

    return complete


def lists(inner: Completion) -> Completion:
    """Lists, all of whose items are one level."""

    def complete(values: Values, request: Request) -> Steps[list[Any]]:
        items = list(chain.from_iterable(map(items_of, values)))
        completed = yield from inner(items, request)
        if len(values) == 1:
            return [completed]
        rest = iter(completed)
        return [list(islice(rest, len(value))) for value in values]

    return complete


def objects(display: Display, columns: Sequence[Column], *, are_alike: bool) -> Completion:
    """Objects of one type, with the fields that are selected of them.

    `are_alike` says that they are known to be rows of one statement.
    """

    def complete(values: Values, request: Request) -> Steps[list[Any]]:
        if not values:
            return []
        if are_alike:
            rows = Rows.ALIKE
        else:
            rows = Rows.RECORDS if set(map(type, values)) == {Row} else Rows.OBJECTS
        records = rows is not Rows.OBJECTS
        shown: Values = ()
        if columns:
            shown = yield from together([column(values, request, records) for column in columns])
        done: list[Any] = display.show(values, shown, rows)
        return done

    return complete


def abstract(
    type_: GraphQLAbstractType,
    info: Callable[[Request], GraphQLResolveInfo[Any]],
    of_type: Mapping[str, Completion],
) -> Completion:
    """Objects of several types, those of each completed together."""

    def complete(values: Values, request: Request) -> Steps[list[Any]]:
        if not values:
            return []
        about = info(request)
        places: dict[str, list[int]] = {}
        for place, value in enumerate(values):
            name: Any = type_.resolve_type(value, about, type_) if type_.resolve_type else None
            if name not in of_type:
                raise Surprise
            places.setdefault(name, []).append(place)
        completed: list[Any] = [None] * len(values)
        works = [
            of_type[name]([values[place] for place in there], request)
            for name, there in places.items()
        ]
        for there, done in zip(places.values(), (yield from together(works)), strict=True):
            for place, value in zip(there, done, strict=True):
                completed[place] = value
        return completed

    return complete
