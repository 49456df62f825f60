"""Allowances: so many points a minute for each of many, in the memory of one process."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from time import monotonic

MOST_KNOWN = 10_000


class Allowances:
    """A token bucket for each who spends, full when it is first heard of.

    What is spent may go below nothing, and is waited for afterwards: so nothing is too dear for a full
    one. Of more than `MOST_KNOWN` the one that spent least lately is forgotten.
    """

    def __init__(
        self, per_minute: int, at_once: int, clock: Callable[[], float] = monotonic
    ) -> None:
        self._per_second = per_minute / 60
        self._at_once = at_once
        self._clock = clock
        self._known: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()

    def wait(self, who: Hashable) -> float:
        """How many seconds until there is a point left; 0 if there is."""
        left = self._left(who)
        return 0.0 if left >= 1 else (1 - left) / self._per_second

    def spend(self, who: Hashable, points: float = 1) -> None:
        """Take points, also such as are not there."""
        self._known[who] = self._left(who) - points, self._clock()
        self._known.move_to_end(who)
        if len(self._known) > MOST_KNOWN:
            self._known.popitem(last=False)

    def _left(self, who: Hashable) -> float:
        left, at = self._known.get(who, (self._at_once, 0.0))
        return min(self._at_once, left + (self._clock() - at) * self._per_second)
