"""Objects of the answer, written by one generated function for all rows of a level.

It is one comprehension over the rows whose items are displays of a dict, which nothing that Python
can run is faster than. Records of one statement are taken apart, others are read field by field:

    [{"id": (r0 if type(r0) is str else c0(r0)), "budget": x0} for (r0, r1), x0 in zip(rows, x0)]
    [{"id": (v if type(v := row.id) is str else c0(v)), "budget": x0} for row, x0 in zip(rows, x0)]
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import Enum
from functools import lru_cache
from types import CodeType
from typing import Any

from bursar.database.rows import Row

LONGEST_KEPT = 4096  # characters of a function's text
MOST_SHAPES = 8  # of the rows of one level: lists in several orders differ in their last columns
Show = Callable[..., list[dict[str, Any]]]


class Rows(Enum):
    """What is known of the rows of a level."""

    OBJECTS = "they may be anything with attributes"
    RECORDS = "they are all records of the database"
    ALIKE = "they are all records of one statement"


class Reading:
    """How the texts of one function speak of a row.

    `names` are the columns of rows that are taken apart. Raises KeyError for another column of these.
    """

    def __init__(self, rows: Rows, names: Sequence[str] = ()) -> None:
        self._rows = rows
        self._places = {name: place for place, name in enumerate(names)}
        self.is_whole = rows is not Rows.ALIKE

    def attribute(self, name: str) -> str:
        """The source text of an attribute; a record's column is read as an item, which is faster."""
        if self._rows is Rows.ALIKE:
            return f"r{self._places[name]}"
        is_column = self._rows is Rows.RECORDS and not hasattr(Row, name)
        return f"row[{name!r}]" if is_column else f"row.{name}"

    @property
    def row(self) -> str:
        """The source text of the row itself."""
        self.is_whole = True
        return "row"

    def items(self, columns: Sequence[str]) -> str:
        """The loop over the rows, and over the columns that are given beside them."""
        apart = f"({''.join(f'r{place}, ' for place in self._places.values())})"
        one = "row" if self.is_whole else apart
        loop = f"for {one} in rows"
        if columns:
            loop = f"for {', '.join([one, *columns])} in zip({', '.join(['rows', *columns])})"
        return f"{loop} for {apart} in [row]" if self.is_whole and self._places else loop


Text = Callable[[Reading], str]


class Display:
    """The fields of an object in their order, each as the source text of its value.

    A text may speak of the row, as a Reading says, of constants, and of the columns that are given
    beside the rows.
    """

    def __init__(self) -> None:
        self.fields: dict[str, Text] = {}
        self._columns: list[str] = []
        self._constants: dict[str, Any] = {}
        self._functions: dict[Any, Show] = {}

    @contextmanager
    def within(self, fields: dict[str, Text]) -> Iterator[None]:
        """Have what is added be a field of an object in this one, which is of the same row."""
        around, self.fields = self.fields, fields
        try:
            yield
        finally:
            self.fields = around

    def add(self, key: str, text: Text) -> None:
        self.fields[key] = text

    def constant(self, value: Any) -> str:
        """A name for a value in the texts."""
        name = f"c{len(self._constants)}"
        self._constants[name] = value
        return name

    def column(self) -> str:
        """A name in the texts for each row's item of one more column."""
        self._columns.append(f"x{len(self._columns)}")
        return self._columns[-1]

    def show(self, items: Sequence[Any], columns: Sequence[Sequence[Any]], rows: Rows) -> Any:
        """The objects of these rows, of which there are some, and columns.

        Raises what a field raises.
        """
        shape = tuple(items[0].keys()) if rows is Rows.ALIKE else rows
        show = self._functions.get(shape)
        if show is None:
            if len(self._functions) == MOST_SHAPES:
                self._functions.clear()
            names = shape if isinstance(shape, tuple) else ()
            show = self._functions[shape] = self._function(Reading(rows, names))
        return show(items, *columns)

    def _function(self, reading: Reading) -> Show:
        shown = written(self.fields, reading)
        head, items = ", ".join(["rows", *self._columns]), reading.items(self._columns)
        text = f"def show({head}): return [{shown} {items}]"
        namespace = dict(self._constants)
        code = _code_kept(text) if len(text) <= LONGEST_KEPT else _code(text)
        exec(code, namespace)  # noqa: S102 (its text holds names of GraphQL and of ours, nothing else)
        show: Show = namespace["show"]
        return show


def written(fields: Mapping[str, Text], reading: Reading) -> str:
    """The source text of an object with these fields."""
    return "{" + ", ".join(f"{key!r}: {text(reading)}" for key, text in fields.items()) + "}"


def _code(text: str) -> CodeType:
    return compile(text, "<plan>", "exec")


_code_kept = lru_cache(maxsize=1024)(_code)  # other documents select the same fields
