"""Money: decimal amounts of at most ten places below 10^18, as `numeric(28,10)` holds them."""

import re
from decimal import Decimal

LIMIT = Decimal(10**18)
PLACES = 10

_PLAIN = re.compile(r"-?[0-9]+(\.[0-9]{1,10})?")


def parse(text: str) -> Decimal:
    """Read an amount exactly, never rounding it.

    Raises ValueError, with the rest of a sentence, for anything but plain digits: no exponent,
    plus sign, blank, NaN, Infinity or digits of other scripts.
    """
    if not _PLAIN.fullmatch(text):
        raise ValueError('must be plain digits with at most 10 decimal places, such as "12.5"')
    amount = Decimal(text)
    if not -LIMIT < amount < LIMIT:
        raise ValueError("must have at most 18 digits before the decimal point")
    # Negative zero is equal to zero but not written like it.
    return amount or Decimal(0)


def to_text(amount: Decimal) -> str:
    """Write an amount in its only canonical form: no exponent, no zeros at the end, no "-0".

    Raises ValueError for NaN and Infinity.
    """
    if not amount.is_finite():
        raise ValueError("must be finite")
    text = format(amount or Decimal(0), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def to_units(amount: Decimal) -> int:
    """An amount as a whole number of 10^-10, which adds up exactly however much it comes to."""
    return int(amount.scaleb(PLACES))


def units_to_text(units: int) -> str:
    """What `to_units` made, as PostgreSQL reads a numeric."""
    return f"{units}e-{PLACES}"


def problem_with_limit(amount: Decimal) -> str | None:
    """Say what is wrong with an amount that limits or is spent, if anything is."""
    return "must not be negative" if amount < 0 else None
