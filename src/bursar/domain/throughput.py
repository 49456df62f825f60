"""Throughput: whether a rate limit is a share that is guaranteed, or there only as far as it goes."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from bursar.domain.limits import Limits


class RateLimitType(StrEnum):
    """GUARANTEED: with all that siblings are guaranteed it is within the limit of their parent."""

    BEST_EFFORT = "BEST_EFFORT"
    GUARANTEED = "GUARANTEED"


LIMIT_TYPES = {"rpm_limit": "rpm_limit_type", "tpm_limit": "tpm_limit_type"}
"""The limits that may be guaranteed, and the attribute of a team or key that says so."""


def guarantees(thing: Mapping[str, Any]) -> bool:
    """Whether anything is guaranteed to a thing that has these attributes."""
    return any(thing.get(name) == RateLimitType.GUARANTEED for name in LIMIT_TYPES.values())


def allotted(limits: Limits | None, name: str) -> dict[str | None, int]:
    """How much of a limit a budget allots to each model that it names, and by None to the whole.

    What has no limit is allotted nothing.
    """
    if limits is None:
        return {}
    of_models = {each.model: getattr(each, name) for each in limits["model_limits"]}
    return {model: amount or 0 for model, amount in {None: limits[name], **of_models}.items()}
