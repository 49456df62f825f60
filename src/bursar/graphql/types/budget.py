"""Budgets: limits by themselves."""

from datetime import datetime
from decimal import Decimal

import strawberry

from bursar.domain.ids import Prefix
from bursar.graphql.connections import connection_edge
from bursar.graphql.edges import edge
from bursar.graphql.nodes import NodeConnection
from bursar.graphql.scalars import BigInt, Duration
from bursar.graphql.types.node import Node
from bursar.loaders.budgets import holders_by_budget
from bursar.loaders.limits import model_limits_by_budget


@strawberry.type(description="What of a budget may be spent on one model; null is no limit.")
class ModelLimit:
    model: str = strawberry.field(description="The name of the model.")
    max_budget: Decimal | None = strawberry.field(
        description="The most that may be spent on it in a period, in USD."
    )
    tpm_limit: BigInt | None = strawberry.field(description="The most tokens a minute.")
    rpm_limit: BigInt | None = strawberry.field(description="The most requests a minute.")


@strawberry.type(description="Limits on money and traffic; null is no limit, 0 is nothing.")
class Budget(Node):
    prefix = Prefix.BUDGET

    max_budget: Decimal | None = strawberry.field(
        description="The most that may be spent in a period, in USD."
    )
    soft_budget: Decimal | None = strawberry.field(
        description="What may be spent in a period before it is flagged, in USD."
    )
    duration: Duration | None = strawberry.field(
        description="The length of a period; null is one period for ever."
    )
    timezone: str = strawberry.field(
        description="The IANA time zone whose clock the periods are aligned to."
    )
    tpm_limit: BigInt | None = strawberry.field(description="The most tokens a minute.")
    rpm_limit: BigInt | None = strawberry.field(description="The most requests a minute.")
    max_parallel_requests: BigInt | None = strawberry.field(
        description="The most requests at the same time."
    )
    model_limits: list[ModelLimit] = edge(
        model_limits_by_budget,
        key="id",
        description="The limits of single models, beside those of the whole, by the model's name.",
    )
    name: str | None = strawberry.field(
        description="The name of a plan; null for the budget that one thing owns."
    )
    version: int = strawberry.field(description="Counts the changes.")
    created_at: datetime = strawberry.field(description="When it was made.")
    updated_at: datetime = strawberry.field(description="When it was last changed.")
    holders: NodeConnection = connection_edge(
        holders_by_budget,
        key="id",
        kind=NodeConnection,
        description="What has the budget and is yours to see: its owner or, of a plan, all that it is "
        "attached to, each once, oldest first within its kind.",
    )
