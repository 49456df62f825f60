"""Throughput: whether what is allotted of a rate limit is kept free, or only there while it lasts."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any


class RateLimitType(StrEnum):
    """GUARANTEED: with all that siblings are guaranteed it is within the limit of their parent."""

    BEST_EFFORT = "BEST_EFFORT"
    GUARANTEED = "GUARANTEED"


LIMIT_TYPES = {"rpm_limit": "rpm_limit_type", "tpm_limit": "tpm_limit_type"}
"""The limits that may be guaranteed, and the attribute of a team or key that says so."""


def guarantees(thing: Mapping[str, Any]) -> bool:
    """Whether anything is guaranteed to a thing that has these attributes."""
    return any(thing.get(name) == RateLimitType.GUARANTEED for name in LIMIT_TYPES.values())
