"""Decisions: whether a key may use a model, and what binds it when it does."""

from decimal import Decimal

import strawberry

from bursar.domain.decisions import ReasonCode
from bursar.domain.effective_limits import LimitLevel
from bursar.graphql.types.limit import EffectiveLimit, EffectiveLimits


@strawberry.type(description="One reason why a key may not use a model.")
class DecisionReason:
    code: ReasonCode = strawberry.field(description="What kind of reason it is.")
    level: LimitLevel | None = strawberry.field(
        description="Whose models or budget refuse; null where neither does."
    )
    model: str | None = strawberry.field(
        description="The model that is not allowed, or whose own budget does not suffice."
    )
    spend: Decimal | None = strawberry.field(
        description="What is spent of the budget in its period, in USD; null if not yours to see."
    )
    maximum: Decimal | None = strawberry.field(
        description="What the spend was compared with, in USD: a temporary increase is in it."
    )
    message: str = strawberry.field(description="The reason as a sentence.")


@strawberry.type(description="Something that a call is made for.")
class DecisionParty:
    id: strawberry.ID = strawberry.field(description="The id.")
    name: str | None = strawberry.field(description="The name; of a key its alias, if it has one.")


@strawberry.type(description="The tightest limits for one model; null is none at any level.")
class EffectiveModelLimits:
    max_budget: EffectiveLimit | None = strawberry.field(
        description="The most that may be spent on the model in a period of its level, in USD."
    )
    tpm_limit: EffectiveLimit | None = strawberry.field(
        description="The most tokens a minute of the model."
    )
    rpm_limit: EffectiveLimit | None = strawberry.field(
        description="The most requests a minute of the model."
    )


@strawberry.type(description="Whether a key may use a model now, by all that is known of it.")
class Decision:
    allowed: bool = strawberry.field(description="Whether it may: there is no reason against it.")
    reasons: list[DecisionReason] = strawberry.field(
        description="Every reason against it, and not only the first."
    )
    soft_budgets_reached: list[LimitLevel] = strawberry.field(
        description="The levels that have spent their soft budget, which refuses nothing."
    )
    model: str | None = strawberry.field(
        description="The model to call: what the team's alias stands for, or else the asked one; null "
        "if no model has such a name, or the key is unknown."
    )
    key: DecisionParty | None = strawberry.field(description="The key; null if it is unknown.")
    user: DecisionParty | None = strawberry.field(
        description="Whose key it is; null for the key of a service."
    )
    team: DecisionParty | None = strawberry.field(
        description="The key's team; null for a personal key."
    )
    organization: DecisionParty | None = strawberry.field(
        description="The team's organization; null for a personal key."
    )
    effective_limits: EffectiveLimits = strawberry.field(
        description="The tightest of all limits that bind the key, and what sets each."
    )
    model_limits: EffectiveModelLimits = strawberry.field(
        description="The same of the limits that budgets set for this model by itself."
    )
