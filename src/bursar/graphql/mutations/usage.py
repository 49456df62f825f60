"""Usage: reports of metered calls, by gateways."""

from datetime import datetime
from decimal import Decimal

import strawberry
from strawberry import Maybe

from bursar.domain.usage import Event, Tokens, UsageStatus
from bursar.graphql.inputs import given
from bursar.graphql.mutation import MutationInput, Payload, Write, mutation
from bursar.graphql.scalars import BigInt
from bursar.services import usage


@strawberry.input(description="One metered call, of the key that it was made with.")
class UsageEventInput:
    request_id: str = strawberry.field(
        description="Names the call, so that it is counted once however often it is reported; "
        "1 to 128 printable ASCII characters."
    )
    key: Maybe[str | None] = strawberry.field(
        description="The secret that the call was made with, even one that is good no more."
    )
    key_id: Maybe[strawberry.ID | None] = strawberry.field(
        description="The key's id, in place of its secret."
    )
    model: str = strawberry.field(description="The model that was called, by its name.")
    provider: Maybe[str | None] = strawberry.field(description="Who ran the model.")
    at: datetime = strawberry.field(
        description="When it was called: at most 72 hours ago, and no more than 5 minutes ahead."
    )
    prompt_tokens: BigInt = strawberry.field(
        default=BigInt(0), description="The tokens of the prompt."
    )
    completion_tokens: BigInt = strawberry.field(
        default=BigInt(0), description="The tokens of the answer."
    )
    cache_read_tokens: BigInt = strawberry.field(
        default=BigInt(0), description="The tokens that were read from a cache."
    )
    cache_creation_tokens: BigInt = strawberry.field(
        default=BigInt(0), description="The tokens that were written to a cache."
    )
    cost: Decimal = strawberry.field(description="What it cost, in USD; counted without rounding.")
    success: bool = strawberry.field(default=True, description="Whether it was answered.")
    endpoint: Maybe[str | None] = strawberry.field(
        description="What of the gateway was called, such as /v1/chat/completions."
    )
    tags: list[str] = strawberry.field(
        default_factory=list, description="Words of yours to find it by, at most 20."
    )


@strawberry.input(description="Metered calls to record.")
class UsageRecordInput(MutationInput):
    events: list[UsageEventInput] = strawberry.field(description="The calls, 1 to 1,000.")


@strawberry.type(description="What became of one reported call.")
class UsageResult:
    request_id: str = strawberry.field(description="The name of the call, as it was reported.")
    status: UsageStatus = strawberry.field(description="What became of it.")
    message: str | None = strawberry.field(
        default=None, description="What is wrong with it; null unless INVALID."
    )


@strawberry.type(description="What became of each of the calls.")
class UsageRecordPayload(Payload):
    results: list[UsageResult] = strawberry.field(
        default_factory=list,
        description="A result for each call, in the order of the input; empty if all was refused.",
    )


@mutation
async def usage_record(write: Write, input: UsageRecordInput) -> UsageRecordPayload:
    """Record metered calls, each once: the good ones, even if others are bad.

    For any key with the scope GATEWAY, whatever its user may do.
    """
    results = await usage.record(
        write.tx, write.actor, write.peppers, events=[_event_of(event) for event in input.events]
    )
    return UsageRecordPayload(results=[UsageResult(**result._asdict()) for result in results])


def _event_of(event: UsageEventInput) -> Event:
    return Event(
        request_id=event.request_id,
        key=given(event.key),
        key_id=given(event.key_id),
        model=event.model,
        at=event.at,
        cost=event.cost,
        tokens=Tokens(
            event.prompt_tokens,
            event.completion_tokens,
            event.cache_read_tokens,
            event.cache_creation_tokens,
        ),
        provider=given(event.provider),
        success=event.success,
        endpoint=given(event.endpoint),
        tags=event.tags,
    )


FIELDS = [usage_record]
