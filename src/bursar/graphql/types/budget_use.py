"""The budget in force for something, and what of it is spent."""

from datetime import datetime
from decimal import Decimal
from typing import Any

import strawberry

from bursar.domain import spends
from bursar.domain.durations import parse
from bursar.domain.periods import Period, period_at
from bursar.domain.roles import BudgetSource
from bursar.graphql.connections import Connection, connection_edge
from bursar.graphql.edges import Leads, reads
from bursar.graphql.types.budget import Budget
from bursar.loaders.spends import past_periods_by_holder

_MAXIMUM = ("max_budget", "increase_amount")
_PERIOD = ("duration", "timezone", "now", "since")


@strawberry.type(description="What was spent in a period that is over.")
class SpendPeriod:
    spend: Decimal = strawberry.field(
        description="What was spent, in USD, adjustments by hand included."
    )

    @strawberry.field(
        description="When it began; null where there was none before it.",
        metadata=reads("starts_at"),
    )
    @staticmethod
    def starts_at(root: strawberry.Parent[Any]) -> datetime | None:
        # `-infinity` is the one time that is read without a zone.
        return root.starts_at if root.starts_at.tzinfo else None

    @strawberry.field(
        description="When it ended: with the period, or where duration or time zone were changed.",
        metadata=reads("ends_at"),
    )
    @staticmethod
    def ends_at(root: strawberry.Parent[Any]) -> datetime:
        return root.ends_at  # type: ignore[no-any-return]  # a column of the row


@strawberry.type(description="What may be spent beside the maximum for some time.")
class BudgetIncrease:
    amount: Decimal = strawberry.field(description="How much, in USD.")
    until: datetime = strawberry.field(description="Until when.")


@strawberry.type(description="What is spent on a model that the budget limits the money of.")
class ModelUse:
    model: str = strawberry.field(description="The name of the model.")
    limit: Decimal = strawberry.field(
        description="The most that may be spent on it in a period, in USD."
    )
    spend: Decimal = strawberry.field(
        description="What is spent on it in the current period, since it is limited, in USD."
    )
    remaining: Decimal = strawberry.field(
        description="What may still be spent on it, in USD; never below nothing."
    )


@strawberry.type(
    description="The budget in force for something, where it comes from, and what of it is spent."
)
class BudgetUse:
    source: BudgetSource = strawberry.field(description="Where the budget comes from.")
    spend: Decimal = strawberry.field(
        description="What is spent in the current period, in USD; of a budget that members have by "
        "default nothing, as each of them spends their own."
    )
    lifetime_spend: Decimal = strawberry.field(
        description="What was ever spent, in USD, whatever was adjusted by hand."
    )
    history: Connection[SpendPeriod] = connection_edge(
        past_periods_by_holder,
        key="holder_id",
        description="The periods before the current one in which anything was spent, newest first.",
    )

    @strawberry.field(description="The limits.", metadata=reads(leads=Leads.ITSELF))
    @staticmethod
    def limits(root: strawberry.Parent[Any]) -> Budget:
        return root  # type: ignore[no-any-return]  # one row holds the limits and their source

    @strawberry.field(
        description="What may still be spent in the current period, in USD, a temporary increase "
        "included; null without a maximum, and never below nothing.",
        metadata=reads("spend", *_MAXIMUM),
    )
    @staticmethod
    def remaining(root: strawberry.Parent[Any]) -> Decimal | None:
        return spends.remaining(root.spend, _maximum(root))

    @strawberry.field(
        description="Whether as much is spent as is to be flagged; false where nothing is.",
        metadata=reads("spend", "soft_budget"),
    )
    @staticmethod
    def soft_budget_reached(root: strawberry.Parent[Any]) -> bool:
        return spends.reaches(root.spend, root.soft_budget)

    @strawberry.field(
        description="Whether as much is spent as may be, a temporary increase included.",
        metadata=reads("spend", *_MAXIMUM),
    )
    @staticmethod
    def over_budget(root: strawberry.Parent[Any]) -> bool:
        return spends.reaches(root.spend, _maximum(root))

    @strawberry.field(
        description="What may be spent beside the maximum for now; null if nothing.",
        metadata=reads("increase_amount", "increase_until"),
    )
    @staticmethod
    def increase(root: strawberry.Parent[Any]) -> BudgetIncrease | None:
        if root.increase_until is None:
            return None
        return BudgetIncrease(amount=root.increase_amount, until=root.increase_until)

    @strawberry.field(
        description="What is spent on each model that the budget limits the money of, by name.",
        metadata=reads("models"),
    )
    @staticmethod
    def models(root: strawberry.Parent[Any]) -> list[ModelUse]:
        return [
            ModelUse(
                model=model,
                limit=limit,
                spend=spend,
                remaining=spends.remaining(spend, limit),
            )
            for model, limit, spend in root.models
        ]

    @strawberry.field(
        description="When the current period began; null if it is the one that was ever.",
        metadata=reads(*_PERIOD),
    )
    @staticmethod
    def period_start(root: strawberry.Parent[Any]) -> datetime | None:
        return _period(root).start

    @strawberry.field(
        description="When the next period begins; null exactly where the limits have no duration.",
        metadata=reads(*_PERIOD),
    )
    @staticmethod
    def resets_at(root: strawberry.Parent[Any]) -> datetime | None:
        return _period(root).end


def _maximum(row: Any) -> Decimal | None:
    return spends.maximum(row.max_budget, row.increase_amount)


def _period(row: Any) -> Period:
    """The period that runs by the database's clock, begun where the holder's schedule changed last."""
    duration = None if row.duration is None else parse(row.duration)
    return period_at(duration, row.timezone, row.now).cut(row.since, None)
