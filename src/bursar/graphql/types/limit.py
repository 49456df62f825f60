"""Effective limits: what binds a key, and the level that says so."""

from decimal import Decimal

import strawberry

from bursar.domain.effective_limits import LimitLevel


@strawberry.type(description="A limit that binds, and what sets it.")
class EffectiveLimit:
    value: Decimal = strawberry.field(description="The limit, in the unit of its field.")
    level: LimitLevel = strawberry.field(
        description="What sets it; of several that say the same, the nearest to the key."
    )


@strawberry.type(description="The tightest limits of a key; null is no limit at any level.")
class EffectiveLimits:
    max_budget: EffectiveLimit | None = strawberry.field(
        description="The most that may be spent in a period of its level, in USD."
    )
    tpm_limit: EffectiveLimit | None = strawberry.field(description="The most tokens a minute.")
    rpm_limit: EffectiveLimit | None = strawberry.field(description="The most requests a minute.")
    max_parallel_requests: EffectiveLimit | None = strawberry.field(
        description="The most requests at the same time."
    )
