"""The edge of every mutation: one field, one transaction, one commit, refusals turned into data."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from inspect import getdoc
from typing import Annotated, Any, get_type_hints

import strawberry
from strawberry.types import Info

from bursar.access.actor import Actor
from bursar.database.connections import Connection
from bursar.domain.errors import Refusal, Refusals
from bursar.graphql.context import Context
from bursar.graphql.types.error import UserError, user_errors


@dataclass(frozen=True, slots=True)
class Write:
    """What a mutation works with: a transaction that commits when it returns, and who asks."""

    tx: Connection
    actor: Actor
    peppers: Sequence[bytes]


@strawberry.type
class Payload:
    errors: list[UserError] = strawberry.field(
        default_factory=list,
        description="What was wrong, in which case nothing is changed; empty if it was done.",
    )


def mutation(function: Callable[[Write, Any], Awaitable[Any]]) -> Any:
    """Make a mutation field of a function of a Write and an input; its docstring describes it.

    What the function raises as a refusal becomes the errors of its payload, and the transaction is
    rolled back; whatever else it raises, too.
    """
    hints = get_type_hints(function)
    input_type, payload_type = hints["input"], hints["return"]
    what = strawberry.argument(description=input_type.__strawberry_definition__.description)

    async def resolve(info: Info[Context, None], input: Any) -> Any:
        context = info.context
        try:
            return await context.write(
                lambda tx: function(Write(tx, context.actor, context.peppers), input)
            )
        except (Refusal, Refusals) as refusal:
            errors = user_errors(refusal)
            context.refused.append(errors[0].code)
            return payload_type(errors=errors)

    resolve.__name__ = function.__name__
    resolve.__annotations__ = {**resolve.__annotations__, "input": Annotated[input_type, what]}
    resolve.__annotations__["return"] = payload_type
    return strawberry.mutation(resolver=resolve, description=getdoc(function))
