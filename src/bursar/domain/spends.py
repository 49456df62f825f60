"""Spend against a limit: what is left of it, and when it is reached; None is no limit."""

from decimal import Decimal
from typing import overload

NOTHING = Decimal(0)


def maximum(limit: Decimal | None, increase: Decimal | None) -> Decimal | None:
    """What may be spent in a period, with what a temporary increase adds."""
    return None if limit is None else limit + (increase or NOTHING)


@overload
def remaining(spend: Decimal, most: Decimal) -> Decimal: ...
@overload
def remaining(spend: Decimal, most: Decimal | None) -> Decimal | None: ...
def remaining(spend: Decimal, most: Decimal | None) -> Decimal | None:
    """What may still be spent; nothing where more than that is spent already."""
    return None if most is None else max(most - spend, NOTHING)


def reaches(spend: Decimal, most: Decimal | None) -> bool:
    """Whether as much is spent as a limit says, at which calls are refused or flagged."""
    return most is not None and spend >= most
