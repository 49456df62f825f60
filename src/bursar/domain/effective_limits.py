"""Effective limits: of all that limits a key, what binds it, and which level says so."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from bursar.domain.limits import Limits


class LimitLevel(StrEnum):
    """What may limit a key, the nearest first; only personal keys have limits of their USER."""

    KEY = "KEY"
    TEAM_MEMBER = "TEAM_MEMBER"
    ORGANIZATION_MEMBER = "ORGANIZATION_MEMBER"
    TEAM = "TEAM"
    ORGANIZATION = "ORGANIZATION"
    USER = "USER"


@dataclass(frozen=True, slots=True)
class EffectiveLimit:
    value: Decimal
    level: LimitLevel


@dataclass(frozen=True, slots=True)
class EffectiveLimits:
    """None is no limit at any level."""

    max_budget: EffectiveLimit | None
    tpm_limit: EffectiveLimit | None
    rpm_limit: EffectiveLimit | None
    max_parallel_requests: EffectiveLimit | None


_NAMES = EffectiveLimits.__slots__
_NEAREST_FIRST = tuple(LimitLevel)


def tightest(levels: Mapping[LimitLevel, Limits]) -> EffectiveLimits:
    """The least value of each limit; of levels that say the same, the nearest to the key."""
    found: dict[str, EffectiveLimit | None] = dict.fromkeys(_NAMES)
    for level in _NEAREST_FIRST:
        if (limits := levels.get(level)) is None:
            continue
        for name in _NAMES:
            value, least = limits[name], found[name]
            if value is not None and (least is None or value < least.value):
                found[name] = EffectiveLimit(Decimal(value), level)
    return EffectiveLimits(**found)
