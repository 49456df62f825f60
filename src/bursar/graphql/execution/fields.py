"""Fields: how the values of one are got for all rows of a level."""

from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter, itemgetter
from typing import Any

from bursar.database.rows import Row
from bursar.graphql.edges import Edge, Question
from bursar.graphql.execution.request import Request
from bursar.graphql.execution.steps import Steps
from bursar.graphql.execution.values import Column, Completion, Values
from bursar.graphql.execution.wanted import Wanted
from bursar.graphql.lookups import Ask

Make = Callable[[Request], Callable[[Any], Any]]


def attributes(name: str, complete: Completion) -> Column:
    """An attribute of each row."""

    def column(rows: Values, request: Request, records: bool) -> Steps[list[Any]]:
        return complete(_attributes(rows, (name,), records), request)

    return column


def made(make: Make, complete: Completion) -> Column:
    """What is made of each row, in a way that is told once for the level."""

    def column(rows: Values, request: Request, records: bool) -> Steps[list[Any]]:  # noqa: ARG001 (as Column)
        return complete(list(map(make(request), rows)), request)

    return column


def edges_by_key(edge: Edge, wanted: Wanted, complete: Completion) -> Column:
    """What a batch function finds for a key of each row, completed once for each key."""

    def column(rows: Values, request: Request, records: bool) -> Steps[list[Any]]:
        keys = _keys(rows, edge, records)
        different = dict.fromkeys(keys)
        found = yield from _found(wanted, different)
        done = yield from complete(list(map(found.get, different)), request)
        if len(different) == len(keys):
            return done
        completed = dict(zip(different, done, strict=True))
        return list(map(completed.get, keys))

    return column


def edges_read(edge: Edge, wanted: Wanted, complete: Completion) -> Column:
    """The same of an edge that reads what is found with its parent."""
    read: Any = edge.read

    def column(rows: Values, request: Request, records: bool) -> Steps[list[Any]]:
        keys = _keys(rows, edge, records)
        found = yield from _found(wanted, dict.fromkeys(keys))
        context = request.context
        values = [read(found.get(key), row, context) for key, row in zip(keys, rows, strict=True)]
        return (yield from complete(values, request))

    return column


def _found(wanted: Wanted, keys: dict[Any, None]) -> Steps[Mapping[Any, Any]]:
    """What is found by key; for None nothing is asked."""
    there = keys if None not in keys else [key for key in keys if key is not None]
    (found,) = (yield [Ask(wanted.source, there)]) if there else ({},)
    return found


def edges(edge: Edge, complete: Completion) -> Column:
    """What is found for the question that each row makes, and read with it."""
    ask, read = edge.ask, edge.read

    def column(rows: Values, request: Request, records: bool) -> Steps[list[Any]]:  # noqa: ARG001 (as Column)
        questions = [ask(row) for row in rows]
        asks, places = _together(questions)
        found = (yield asks) if asks else ()
        values = [
            None if question is None else found[place][question.key]
            for question, place in zip(questions, places, strict=True)
        ]
        if read is not None:
            context = request.context
            values = [read(value, row, context) for value, row in zip(values, rows, strict=True)]
        return (yield from complete(values, request))

    return column


def _keys(rows: Values, edge: Edge, records: bool) -> list[Any]:
    return _attributes(rows, (edge.key,) if isinstance(edge.key, str) else edge.key, records)


def _attributes(rows: Values, names: tuple[str, ...], records: bool) -> list[Any]:
    """An attribute of each row, or several as a tuple."""
    as_items = records and not any(hasattr(Row, name) for name in names)
    return list(map((itemgetter if as_items else attrgetter)(*names), rows))


def _together(questions: Sequence[Question | None]) -> tuple[list[Ask], list[int]]:
    """The asks of all questions, and which of them is each one's; neighbours are mostly alike."""
    asks: list[Ask] = []
    keys: list[list[str]] = []
    places: list[int] = []
    numbers: dict[tuple[Any, ...], int] = {}
    last, place = None, 0
    for question in questions:
        if question is not None:
            batch, key, arguments = question
            kind = (batch, arguments)
            if kind != last:
                last, place = kind, numbers.setdefault(kind, len(asks))
                if place == len(asks):
                    keys.append([])
                    asks.append(Ask(batch, keys[-1], arguments))
            keys[place].append(key)
        places.append(place)
    return asks, places
