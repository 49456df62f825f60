"""Instants as text: RFC 3339 in UTC, with no more decimals than are needed."""

import re
from datetime import UTC, datetime

FIRST, LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
"""Before and after all others; PostgreSQL has `-infinity` and `infinity` in their place."""

_RFC_3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt]([01][0-9]|2[0-3])(:[0-5][0-9]){2}(\.[0-9]{1,6})?"
    r"([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])"
)


def parse(text: str) -> datetime:
    """Read an instant; it is in UTC then.

    Raises ValueError, with the rest of a sentence, for one without an offset or with more than six
    decimals, and for a day that no calendar has.
    """
    if not _RFC_3339.fullmatch(text):
        raise ValueError(
            "must be a date and time of RFC 3339 with an offset and at most 6 decimals, "
            'such as "2026-11-22T10:00:00Z"'
        )
    try:
        return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("must exist, and in UTC lie within the years 0001 to 9999") from None


def to_text(instant: datetime) -> str:
    """Write an instant in its only canonical form, such as 2026-11-22T10:00:00Z.

    Raises ValueError for a time without a zone, which is no instant.
    """
    if instant.tzinfo is None:
        raise ValueError("a time without a zone has no instant")
    if instant.tzinfo is not UTC:
        instant = instant.astimezone(UTC)
    text = instant.isoformat().removesuffix("+00:00")
    return (text.rstrip("0") if instant.microsecond else text) + "Z"
