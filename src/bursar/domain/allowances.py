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
        self._seconds = 60 / per_minute
        self._spare = (at_once - 1) * self._seconds
        self._clock = clock
        self._full_at: OrderedDict[Hashable, float] = OrderedDict()

    def wait(self, who: Hashable) -> float:
        """How many seconds until there is a point left; 0 if there is."""
        seconds = self._full_at.get(who, 0.0) - self._clock() - self._spare
        return seconds if seconds > 0 else 0.0

    def spend(self, who: Hashable, points: float = 1) -> None:
        """Take points, also such as are not there."""
        now = self._clock()
        full_at = self._full_at.get(who, now)
        self._full_at[who] = max(full_at, now) + points * self._seconds
        self._full_at.move_to_end(who)
        if len(self._full_at) > MOST_KNOWN:
            self._full_at.popitem(last=False)
