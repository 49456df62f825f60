"""The limits of a budget, as part of the input for what owns it."""

from decimal import Decimal

import strawberry
from strawberry import Maybe

from bursar.graphql.scalars import BigInt, Duration


@strawberry.input(
    description="What of a budget may be spent on one model; what is left out is none."
)
class ModelLimitInput:
    model: str = strawberry.field(
        description="The name of one model: no pattern and no access group; each once."
    )
    max_budget: Maybe[Decimal | None] = strawberry.field(
        description="The most that may be spent on it in a period, in USD."
    )
    tpm_limit: Maybe[BigInt | None] = strawberry.field(description="The most tokens a minute.")
    rpm_limit: Maybe[BigInt | None] = strawberry.field(description="The most requests a minute.")


@strawberry.input(
    description="Limits to set: what is left out is kept, null takes a limit away, 0 is nothing."
)
class BudgetInput:
    max_budget: Maybe[Decimal | None] = strawberry.field(
        description="The most that may be spent in a period, in USD."
    )
    soft_budget: Maybe[Decimal | None] = strawberry.field(
        description="What may be spent in a period before it is flagged; below the maximum."
    )
    duration: Maybe[Duration | None] = strawberry.field(
        description="The length of a period; null is one period for ever."
    )
    timezone: Maybe[str | None] = strawberry.field(
        description="The IANA time zone of the periods, which cannot be null; UTC for a new budget."
    )
    tpm_limit: Maybe[BigInt | None] = strawberry.field(description="The most tokens a minute.")
    rpm_limit: Maybe[BigInt | None] = strawberry.field(description="The most requests a minute.")
    max_parallel_requests: Maybe[BigInt | None] = strawberry.field(
        description="The most requests at the same time."
    )
    model_limits: Maybe[list[ModelLimitInput] | None] = strawberry.field(
        description="The limits of single models, at most 100, all of them; null is none."
    )
