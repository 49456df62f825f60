"""A bounded memory: what was used last is kept, as much of it as has room."""

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Kept(Generic[Value]):
    """Values by key, of at most so much weight in all; what was not used for longest goes first."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._weight = 0
        self._values: OrderedDict[Hashable, tuple[Value, int]] = OrderedDict()

    def get(self, key: Hashable) -> Value | None:
        found = self._values.get(key)
        if found is None:
            return None
        self._values.move_to_end(key)
        return found[0]

    def keep(self, key: Hashable, value: Value, weight: int = 1) -> Value:
        """Keep a value under a key that has none; one that has no room alone is only given back."""
        if weight <= self._most:
            self._values[key] = value, weight
            self._weight += weight
        while self._weight > self._most:
            _, (_, freed) = self._values.popitem(last=False)
            self._weight -= freed
        return value
