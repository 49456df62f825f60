"""A population: companies, their people, teams and budgets, the same for the same numbers.

Every rule of the domain holds in it: who is in a team is in its organization, no team may spend more
than its organization, every team and organization has an ADMIN.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple

TODAY = datetime(2026, 11, 1, tzinfo=UTC)
"""When the population is as it is; a constant, so that it does not change from day to day."""

_UNIX_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HOUR = 3_600_000
_NOW = int(TODAY.timestamp()) * 1000
_START = _NOW - 2 * 365 * 24 * _HOUR
_BUILT_IN_SHARE = 0.03
_CENT = Decimal("0.01")


class Limits(NamedTuple):
    """The values of a budget, in the order of FIELDS."""

    max_budget: Decimal | None
    soft_budget: Decimal | None
    duration: str | None
    timezone: str
    tpm_limit: int | None
    rpm_limit: int | None
    max_parallel_requests: int | None


class Thing(NamedTuple):
    """What has an id that agrees with when it was made, in milliseconds since 1970."""

    id: str
    made: int


class Rows(NamedTuple):
    """All rows of one table, made while they are read, and how many they are."""

    table: str
    columns: tuple[str, ...]
    total: int
    rows: Iterator[tuple[Any, ...]]


class _Owner(NamedTuple):
    kind: str
    thing: Thing
    limits: Limits


@dataclass(frozen=True)
class _Organization:
    thing: Thing
    domain: str
    people: Iterable[int]
    limits: Limits | None


_WIDEST = Limits(Decimal(1_000_000), None, "1mo", "UTC", 5_000_000, 20_000, 500)
