"""API keys: create."""

from datetime import datetime

import strawberry
from strawberry import Maybe

from bursar.domain.roles import KeyScope
from bursar.graphql.inputs import given
from bursar.graphql.mutation import MutationInput, Payload, Write, mutation
from bursar.graphql.types.key import ApiKey
from bursar.services import keys


@strawberry.input(description="A personal key to create.")
class ApiKeyCreateInput(MutationInput):
    user_id: Maybe[strawberry.ID | None] = strawberry.field(
        description="Whose key it will be; yours if nobody is named."
    )
    alias: Maybe[str | None] = strawberry.field(
        description="A name for it, unique among the user's keys."
    )
    scopes: list[KeyScope] = strawberry.field(
        default_factory=lambda: [KeyScope.MANAGE], description="What it may be used for."
    )
    expires_at: Maybe[datetime | None] = strawberry.field(
        description="From when on it is refused; no later than the key you use."
    )


@strawberry.type(description="The new key, with its secret.")
class ApiKeyCreatePayload(Payload):
    api_key: ApiKey | None = strawberry.field(
        default=None, description="The key; null if it was refused."
    )
    secret: str | None = strawberry.field(
        default=None,
        description="The secret, shown here and never again; null if refused, and, as it is "
        "stored nowhere, when a call with the same idempotency key is answered again.",
    )


@mutation
async def api_key_create(write: Write, input: ApiKeyCreateInput) -> ApiKeyCreatePayload:
    """Create a personal key. For oneself, and for platform admins for anybody."""
    user_id = given(input.user_id)
    new = await keys.create(
        write.tx,
        write.actor,
        user_id=write.actor.user_id if user_id is None else user_id,
        attributes=given(input, "user_id"),
        pepper=write.peppers[0],
    )
    return ApiKeyCreatePayload(api_key=new.row, secret=new.secret)


FIELDS = [api_key_create]
