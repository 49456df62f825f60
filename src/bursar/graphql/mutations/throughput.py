"""The kinds of rate limits, as part of the input for a team or a key."""

import strawberry
from strawberry import Maybe

from bursar.domain.throughput import RateLimitType


@strawberry.input
class LimitTypesInput:
    rpm_limit_type: Maybe[RateLimitType | None] = strawberry.field(
        description="Whether its requests a minute are guaranteed, which cannot be null; they are "
        "not unless said."
    )
    tpm_limit_type: Maybe[RateLimitType | None] = strawberry.field(
        description="Whether its tokens a minute are guaranteed, which cannot be null; they are "
        "not unless said."
    )
