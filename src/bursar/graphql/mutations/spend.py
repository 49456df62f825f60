"""What may be spent, and what is: increase, reset."""

from datetime import datetime
from decimal import Decimal
from typing import Any

import strawberry
from strawberry import Maybe

from bursar.domain.ids import Prefix, prefix_of
from bursar.graphql.edges import Question, asking_edge
from bursar.graphql.inputs import given
from bursar.graphql.mutation import MutationInput, Write, mutation
from bursar.graphql.mutations.plan import HolderPayload
from bursar.graphql.types.budget_use import BudgetUse
from bursar.loaders.budgets import (
    budgets_by_api_key,
    budgets_by_organization,
    budgets_by_organization_member,
    budgets_by_team,
    budgets_by_team_member,
    budgets_by_user,
)
from bursar.services import increases, spends

BUDGETS = {
    Prefix.ORGANIZATION: budgets_by_organization,
    Prefix.ORGANIZATION_MEMBER: budgets_by_organization_member,
    Prefix.TEAM: budgets_by_team,
    Prefix.TEAM_MEMBER: budgets_by_team_member,
    Prefix.USER: budgets_by_user,
    Prefix.API_KEY: budgets_by_api_key,
}
HOLDER = "An organization, a team, a member of one of these, a user, or a key."


@strawberry.input(description="How much more something may spend, and until when.")
class BudgetIncreaseInput(MutationInput):
    holder_id: strawberry.ID = strawberry.field(description=HOLDER)
    amount: Maybe[Decimal | None] = strawberry.field(
        description="How much more than the maximum, in USD; null or 0 ends what was said before."
    )
    until: Maybe[datetime | None] = strawberry.field(
        description="Until when, at most 366 days ahead; needed with an amount."
    )
    expected_version: Maybe[int | None] = strawberry.field(
        description="Refuse the change if the holder has another version by now."
    )


@strawberry.input(description="What is to have spent nothing in the current period.")
class SpendResetInput(MutationInput):
    holder_id: strawberry.ID = strawberry.field(description=HOLDER)
    model: Maybe[str | None] = strawberry.field(
        description="Reset only what is spent on this model, which the budget limits; else the whole, "
        "and not what is spent on single models."
    )


def _budget_use(payload: Any) -> Question | None:
    kind = payload.holder and prefix_of(payload.holder.id)
    return Question(BUDGETS[kind], payload.holder.id) if kind else None


@strawberry.type
class SpenderPayload(HolderPayload):
    budget_use: BudgetUse | None = asking_edge(
        _budget_use,
        description="The holder's budget as it is now; null if it has none, or was refused.",
    )


@strawberry.type(description="What may spend more, or no more, than its maximum.")
class BudgetIncreasePayload(SpenderPayload):
    pass


@strawberry.type(description="What has spent nothing in the current period.")
class SpendResetPayload(SpenderPayload):
    pass


@mutation
async def budget_increase(write: Write, input: BudgetIncreaseInput) -> BudgetIncreasePayload:
    """Let something spend more than its maximum for some time, within what limits it.

    For platform admins, and who else may set its budget.
    An admin of a team gives themself no more than the default of members.
    """
    row = await increases.increase(write.tx, write.actor, **given(input))
    return BudgetIncreasePayload(holder=row)


@mutation
async def spend_reset(write: Write, input: SpendResetInput) -> SpendResetPayload:
    """Take off what something has spent in the current period; what was ever spent stays.

    For platform admins, who else may set its budget, and members with KEY_RESET_SPEND for their keys.
    An admin of a team does not reset what they spent as a member of it.
    """
    row = await spends.reset(write.tx, write.actor, **given(input))
    return SpendResetPayload(holder=row)


FIELDS = [budget_increase, spend_reset]
