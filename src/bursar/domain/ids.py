"""Identifiers: TypeIDs, a prefix that says the kind and a UUIDv7 that sorts by the time of making.

Twenty lines of our own rather than typeid-python: ids stay plain text here, and its objects,
schemas and command line would be two thousand lines more to trust.
"""

import re
from datetime import UTC, datetime, timedelta
from enum import StrEnum

import uuid_utils


class Prefix(StrEnum):
    """What an id says that it names."""

    ORGANIZATION = "org"
    USER = "user"
    ORGANIZATION_MEMBER = "orgmem"
    TEAM = "team"
    TEAM_MEMBER = "member"
    BUDGET = "budget"
    API_KEY = "key"
    ACCESS_GROUP = "group"
    USAGE_EVENT = "usage"
    AUDIT_ENTRY = "audit"


_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS = [high + low for high in _ALPHABET for low in _ALPHABET]
_PLACES = range(120, -1, -10)
_VALUES = {character: value for value, character in enumerate(_ALPHABET)}
_UNIX_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# 26 characters hold 130 bits, an id 128: hence a first character of at most 7.
_SUFFIX = f"[0-7][{_ALPHABET}]{{25}}"
_PATTERN = re.compile(f"({'|'.join(Prefix)})_{_SUFFIX}", re.ASCII)

# The built-in organization `default`, whose members are everybody; made by the first migration.
DEFAULT_ORGANIZATION = f"{Prefix.ORGANIZATION.value}_{'0' * 26}"


def new_id(prefix: Prefix) -> str:
    """Make an id that sorts after every earlier one of this process."""
    return id_from(prefix, uuid_utils.uuid7().int)


def id_from(prefix: Prefix, number: int) -> str:
    """Write a 128-bit number as an id, by the TypeID specification 0.3; for data that must repeat.

    Raises ValueError for a number that 128 bits do not hold.
    """
    if not 0 <= number < 1 << 128:
        raise ValueError("must be a number of 128 bits")
    return f"{prefix.value}_{''.join([_PAIRS[number >> place & 1023] for place in _PLACES])}"


def moment_of(text: str) -> datetime | None:
    """The time that a well-formed id tells, to the millisecond; None for one after the year 9999."""
    number = 0
    for character in text[-26:]:
        number = number << 5 | _VALUES[character]
    try:
        return _UNIX_EPOCH + timedelta(milliseconds=number >> 80)
    except OverflowError:
        return None


def prefix_of(text: str) -> Prefix | None:
    """Say which kind of thing a well-formed id names; None for any other text."""
    found = _PATTERN.fullmatch(text)
    return Prefix(found[1]) if found else None


def is_id(text: str, prefix: Prefix) -> bool:
    """Tell whether text is an id of this kind, exactly as `new_id` writes it."""
    return prefix_of(text) is prefix
