"""May this key use this model: asked by gateways with the secret, and by people with the key's id."""

from decimal import Decimal
from typing import Annotated, Any

import strawberry
from strawberry import UNSET
from strawberry.types import Info

from bursar.domain.decisions import Reason
from bursar.domain.effective_limits import LimitLevel
from bursar.domain.ids import Prefix
from bursar.domain.money import problem_with_limit
from bursar.graphql.context import Context
from bursar.graphql.errors import BadUserInput
from bursar.graphql.queries.node import by_id
from bursar.graphql.types.decision import Decision
from bursar.loaders.budgets import (
    budgets_by_api_key,
    budgets_by_organization,
    budgets_by_organization_member,
    budgets_by_team,
    budgets_by_team_member,
    budgets_by_user,
)
from bursar.services.authorization import explain, problem_with

BUDGETS = {
    LimitLevel.KEY: budgets_by_api_key,
    LimitLevel.TEAM_MEMBER: budgets_by_team_member,
    LimitLevel.ORGANIZATION_MEMBER: budgets_by_organization_member,
    LimitLevel.TEAM: budgets_by_team,
    LimitLevel.ORGANIZATION: budgets_by_organization,
    LimitLevel.USER: budgets_by_user,
}


Model = Annotated[
    str, strawberry.argument(description="The model that is asked for, or an alias of the team.")
]
Cost = Annotated[
    Decimal | None,
    strawberry.argument(
        description="What the call may cost at most, in USD; every budget must hold it."
    ),
]


@strawberry.field(
    description="Whether a key may use a model now, by all that was acknowledged before; null unless "
    "your key has the scope GATEWAY."
)
async def authorize(
    info: Info[Context, None],
    key: Annotated[str, strawberry.argument(description="The secret that came with the call.")],
    model: Model,
    estimated_cost: Cost = UNSET,
) -> Decision | None:
    cost = _amount(estimated_cost)
    if problem_with(info.context.actor):
        return None
    decision: Any = await info.context.environment.authorizer.authorize(key, model, cost)
    if not decision.allowed:
        info.context.denied.append(decision)
    return decision  # type: ignore[no-any-return]  # it is resolved as the type


@strawberry.field(
    description="What a gateway would be told now of a key that you may see, without what budgets have "
    "spent that you may not see; null if you may see no such key."
)
async def explain_access(
    info: Info[Context, None],
    key_id: Annotated[strawberry.ID, strawberry.argument(description="The id of the key.")],
    model: Model,
    estimated_cost: Cost = UNSET,
) -> Decision | None:
    cost = _amount(estimated_cost)
    if await by_id(info.context, key_id, Prefix.API_KEY) is None:
        return None
    decision = await explain(info.context.source, key_id, model, cost)
    reasons = [await _seen(info, reason) for reason in decision.reasons]
    seen: Any = decision._replace(reasons=tuple(reasons))
    return seen  # type: ignore[no-any-return]  # as above


async def _seen(info: Info[Context, None], reason: Reason) -> Reason:
    """The reason as the actor may see it."""
    if reason.level is None or reason.holder_id is None:
        return reason
    seen = await info.context.load(BUDGETS[reason.level], reason.holder_id)
    return reason if seen is not None else reason._replace(spend=None)


def _amount(cost: Decimal | None) -> Decimal | None:
    if cost is UNSET or cost is None:
        return None
    if problem := problem_with_limit(cost):
        raise BadUserInput(f"`estimatedCost` {problem}.")
    return cost


FIELDS = [authorize, explain_access]
