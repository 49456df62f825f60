"""Instants as text: RFC 3339 in UTC, with no more decimals than are needed."""

from datetime import UTC, datetime

FIRST, LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
"""Before and after all others: to PostgreSQL `-infinity` and `infinity`, which come back naive."""


def to_text(instant: datetime) -> str:
    """Write an instant in its only canonical form, such as 2026-11-22T10:00:00Z.

    Raises ValueError for a time without a zone, which is no instant.
    """
    if instant.tzinfo is None:
        raise ValueError("a time without a zone has no instant")
    text = instant.astimezone(UTC).replace(tzinfo=None).isoformat()
    return (text.rstrip("0") if instant.microsecond else text) + "Z"
