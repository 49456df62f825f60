"""Objects of the answer, written by one generated function for all rows of a level.

It is one comprehension over the rows whose items are displays of a dict, which nothing that Python
can run is faster than:

    [{"id": (v if type(v := row["id"]) is str else c0(v)), "budget": x0} for row, x0 in zip(rows, x0)]
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property, lru_cache
from types import CodeType
from typing import Any

from bursar.database.rows import Row

LONGEST_KEPT = 4096  # characters of a function's text
Text = Callable[[bool], str]  # of whether the rows are records of the database
Show = Callable[..., list[dict[str, Any]]]


class Display:
    """The fields of an object in their order, each as the source text of its value.

    A text may speak of the row, by the name that `row` gives its attribute, of constants, and of the
    columns that are given beside the rows.
    """

    def __init__(self) -> None:
        self.columns = 0
        self.fields: dict[str, Text] = {}
        self._constants: dict[str, Any] = {}

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
        self.columns += 1
        return f"x{self.columns - 1}"

    def show(self, rows: Sequence[Any], columns: Sequence[Sequence[Any]], records: bool) -> Any:
        """The objects of these rows and columns. Raises what a field raises."""
        return (self._of_records if records else self._of_objects)(rows, *columns)

    @cached_property
    def _of_records(self) -> Show:
        return self._function(True)

    @cached_property
    def _of_objects(self) -> Show:
        return self._function(False)

    def _function(self, records: bool) -> Show:
        shown = written(self.fields, records)
        names = [f"x{number}" for number in range(self.columns)]
        head = ", ".join(["rows", *names])
        items = f"{', '.join(['row', *names])} in zip({head})" if names else "row in rows"
        namespace = dict(self._constants)
        text = f"def show({head}): return [{shown} for {items}]"
        code = _code_kept(text) if len(text) <= LONGEST_KEPT else _code(text)
        exec(code, namespace)  # noqa: S102 (its text holds names of GraphQL and of ours, nothing else)
        show: Show = namespace["show"]
        return show


def written(fields: Mapping[str, Text], records: bool) -> str:
    """The source text of an object with these fields."""
    return "{" + ", ".join(f"{key!r}: {text(records)}" for key, text in fields.items()) + "}"


def attribute(name: str, records: bool) -> str:
    """The source text of a row's attribute; a record's column is read as an item, which is faster."""
    return f"row[{name!r}]" if records and not hasattr(Row, name) else f"row.{name}"


def _code(text: str) -> CodeType:
    return compile(text, "<plan>", "exec")


_code_kept = lru_cache(maxsize=1024)(_code)  # other documents select the same fields
