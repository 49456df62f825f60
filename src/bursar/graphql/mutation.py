"""The edge of every mutation: one field, one transaction, one commit, refusals turned into data."""

from asyncio import sleep
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from inspect import getdoc
from typing import Annotated, Any, TypeVar, get_type_hints

import strawberry
from strawberry import Maybe
from strawberry.schema import BaseSchema
from strawberry.types import Info
from strawberry.utils.str_converters import to_camel_case

from bursar.access.actor import Actor
from bursar.database.connections import Connection
from bursar.domain.errors import Forbidden, Invalid, Refusal, Refusals
from bursar.domain.names import problem_with_behalf, problem_with_idempotency_key
from bursar.domain.new_teams import NewTeams
from bursar.graphql.context import Context, Refused
from bursar.graphql.inputs import given
from bursar.graphql.outcomes import outcome_of, payload_of
from bursar.graphql.shared import Shared
from bursar.graphql.types.error import UserError, user_errors
from bursar.services import idempotency


@dataclass(frozen=True, slots=True)
class Write:
    """What a mutation works with: a transaction that commits when it returns, who asks, settings."""

    tx: Connection
    actor: Actor
    peppers: Sequence[bytes]
    new_teams: NewTeams


@strawberry.type
class Payload:
    errors: list[UserError] = strawberry.field(
        default_factory=list,
        description="What was wrong, in which case nothing is changed; empty if it was done.",
    )


@strawberry.input
class MutationInput:
    """The input of a mutation; with an idempotency key, the same call is done once."""

    idempotency_key: Maybe[str | None] = strawberry.field(
        description="Names this call, so that sent again within 24 hours it is not done twice; "
        "1 to 128 printable ASCII characters."
    )


Given = TypeVar("Given", bound=MutationInput)


@dataclass(frozen=True, slots=True)
class Earlier:
    """What an earlier call with the same idempotency key did."""

    outcome: idempotency.Outcome


def mutation(
    function: Callable[[Write, Given], Awaitable[Any]],
    *,
    together: Callable[[Shared, Context, Given], Awaitable[Any]] | None = None,
) -> Any:
    """Make a mutation field of a function of a Write and an input; its docstring describes it.

    What the function raises as a refusal becomes the errors of its payload, and the transaction is
    rolled back; whatever else it raises, too. With an idempotency key its outcome is kept in the
    same transaction, and where one is kept already, that is answered and nothing is done.

    What it does stays readable in the field's metadata, as `act`, for whoever has the schema, the
    context and the input.

    Without a key, `together` may do it before, by one statement that others may share; it has the
    context forget what was before, or answers None where it did nothing.
    """
    hints = get_type_hints(function)
    input_type, payload_type = hints["input"], hints["return"]
    what = strawberry.argument(description=input_type.__strawberry_definition__.description)
    name = to_camel_case(function.__name__)

    async def act(schema: BaseSchema, context: Context, input: Any) -> Any:
        environment = context.environment
        asked = replace(input, idempotency_key=None) if input.idempotency_key else input

        async def work(tx: Connection) -> Any:
            write = Write(tx, context.actor, environment.peppers, environment.new_teams)
            if key is None:
                return await function(write, asked)
            outcome = await idempotency.claim(tx, context.actor, key, name, given(asked))
            if outcome is not None:
                return Earlier(outcome)
            payload = await function(write, asked)
            await idempotency.keep(tx, context.actor, key, outcome_of(payload))
            return payload

        try:
            check_behalf(context.actor)
            key = _key_of(input, context)
            # A turn for others: to make the input of 500 members takes long, and so does to say what is
            # wrong with each.
            await sleep(0)
            result = None
            if together is not None and key is None and context.shared is not None:
                result = await together(context.shared, context, asked)
            if result is None:
                result = await context.write(work)
        except (Refusal, Refusals) as refusal:
            errors = user_errors(refusal)
            context.refused.append(errors[0].code)
            await sleep(0)
            result = payload_type(errors=errors)
        if isinstance(result, Earlier):
            return await payload_of(schema, context, payload_type, result.outcome)
        context.refusals += [Refused(name, error) for error in _errors_in(result)]
        return result

    async def resolve(info: Info[Context, None], input: Any) -> Any:
        return await act(info.schema, info.context, input)

    resolve.__name__ = function.__name__
    resolve.__annotations__ = {**resolve.__annotations__, "input": Annotated[input_type, what]}
    resolve.__annotations__["return"] = payload_type
    return strawberry.mutation(
        resolver=resolve, description=getdoc(function), metadata={"act": act}
    )


def _errors_in(payload: Any) -> list[UserError]:
    """What a payload says was wrong: with all that was asked, or with some of many."""
    results = (getattr(result, "error", None) for result in getattr(payload, "results", ()))
    return [*payload.errors, *filter(None, results)]


def check_behalf(actor: Actor) -> None:
    """See that whom the request speaks for, by its header On-Behalf-Of, is to be believed.

    Raises Invalid or Forbidden at a path of that name, which no input has.
    """
    if actor.on_behalf_of is None:
        return
    if problem := problem_with_behalf(actor.on_behalf_of):
        raise Invalid("on_behalf_of", problem=problem)
    if not actor.speaks_for_others:
        raise Forbidden("on_behalf_of", deed="speak on behalf of others")


def _key_of(input: MutationInput, context: Context) -> str | None:
    """The idempotency key in the input or in the request's header. Raises Invalid."""
    field, header = given(input.idempotency_key), context.idempotency_key
    if field is not None and header is not None and field != header:
        raise Invalid("idempotency_key", problem="differs from the header Idempotency-Key")
    key: str | None = header if field is None else field
    if key is not None and (problem := problem_with_idempotency_key(key)):
        raise Invalid("idempotency_key", problem=problem)
    return key
