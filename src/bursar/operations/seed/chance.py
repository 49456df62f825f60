"""Chance that repeats: the same seed and purpose give the same choices."""

from random import Random
from typing import Self


class Chance(Random):
    """A stream of choices; each purpose has its own, so that none moves another on."""

    @classmethod
    def of(cls, seed: int, purpose: str) -> Self:
        return cls(f"{seed}/{purpose}")

    def percent(self, percent: int) -> bool:
        """Be true in so many of a hundred cases."""
        return self.random() * 100 < percent
