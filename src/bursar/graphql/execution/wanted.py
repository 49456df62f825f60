"""Look-ahead: what a plan reads of the rows of each source, so that no more of them is asked for."""

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any, NamedTuple

from bursar.loaders.narrowing import PLACE, Known, Narrowable

UNKNOWN = Known(has_text=False, kind=None, is_required=False)


class Wanted:
    """What is read of the rows of one source, at all places of a plan together.

    So one statement serves all places of a level. The source is had with it once the plan is whole; of
    one that cannot be narrowed, nothing need be known.
    """

    def __init__(self, source: Any = None, *, narrows: bool = True) -> None:
        self._source = source
        self.narrows = narrows and isinstance(source, Narrowable)
        self._columns: Mapping[Any, Known] = source.columns_of_rows() if self.narrows else {}
        self._names: set[str] = set()

    def read(self, names: Iterable[str] | None) -> None:
        """These columns are read; of None nobody knows which."""
        if self.narrows:
            self._names.update(self._columns if names is None else names)

    def known(self, name: str | None) -> Known:
        """What is known of this column."""
        return self._columns.get(name, UNKNOWN)

    @cached_property
    def source(self) -> Any:
        """The source, with what is read."""
        return self._source.only(frozenset(self._names)) if self.narrows else self._source


class Whence(NamedTuple):
    """Whose rows the objects of a selection are, and whose they hold."""

    rows: Wanted = Wanted()
    held: Wanted = Wanted()

    def read(self, names: Iterable[str] | None) -> None:
        """These attributes of the objects are read; of None nobody knows which, nor if their places."""
        self.rows.read(names)
        if names is None:
            self.held.read((PLACE,))


class WantedOf:
    """What is wanted of each source of a plan."""

    def __init__(self) -> None:
        self._wanted: dict[Any, Wanted] = {}

    def __call__(self, source: Any, *, narrows: bool = True) -> Wanted:
        if not narrows:
            return Wanted(source, narrows=False)
        return self._wanted.setdefault(source, Wanted(source))
