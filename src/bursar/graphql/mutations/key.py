"""API keys: create, update, block, unblock, move, rotate, delete."""

from datetime import datetime

import strawberry
from strawberry import Maybe

from bursar.domain.roles import KeyScope
from bursar.graphql.inputs import given
from bursar.graphql.mutation import MutationInput, Payload, Write, mutation
from bursar.graphql.mutations.budget import BudgetInput
from bursar.graphql.mutations.model import ModelsInput
from bursar.graphql.mutations.throughput import LimitTypesInput
from bursar.graphql.scalars import JSON, Duration
from bursar.graphql.types.key import ApiKey
from bursar.services import key_creation, key_moves, key_removal, key_rotation, keys


@strawberry.input(description="A key to create: personal, of a member of a team, or of a service.")
class ApiKeyCreateInput(MutationInput, ModelsInput, LimitTypesInput):
    user_id: Maybe[strawberry.ID | None] = strawberry.field(
        description="Whose key it will be; yours if neither a user nor a team is named."
    )
    team_id: Maybe[strawberry.ID | None] = strawberry.field(
        description="The team it will belong to, with a user as their key in it, without one as "
        "the key of a service."
    )
    alias: Maybe[str | None] = strawberry.field(
        description="A name for it, unique among the keys of the team, or else of the user."
    )
    external_id: Maybe[str | None] = strawberry.field(
        description="Your own name for it, unique among keys."
    )
    scopes: Maybe[list[KeyScope] | None] = strawberry.field(
        description="What it may be used for, which cannot be null; MANAGE for a personal key, "
        "INFER for others if nothing is said."
    )
    expires_at: Maybe[datetime | None] = strawberry.field(
        description="From when on it is refused; no later than the key you use and, where you are a "
        "mere member, than the team's memberKeyDuration, which also holds if nothing is said."
    )
    rotation_interval: Maybe[Duration | None] = strawberry.field(
        description="How often its secret should be replaced."
    )
    metadata: Maybe[JSON | None] = strawberry.field(description="Free data of yours.")
    budget: Maybe[BudgetInput | None] = strawberry.field(
        description="Its budget, within the team's, or for a personal key within the user's."
    )


@strawberry.input(description="What to change of a key; what is left out is kept.")
class ApiKeyUpdateInput(MutationInput, ModelsInput, LimitTypesInput):
    id: strawberry.ID = strawberry.field(description="The key.")
    alias: Maybe[str | None] = strawberry.field(description="A name for it.")
    external_id: Maybe[str | None] = strawberry.field(description="Your own name for it.")
    scopes: Maybe[list[KeyScope] | None] = strawberry.field(
        description="What it may be used for, all of it; it cannot be null."
    )
    expires_at: Maybe[datetime | None] = strawberry.field(
        description="From when on it is refused; no later than the key you use and, where you are a "
        "mere member, than the team's memberKeyDuration from now."
    )
    rotation_interval: Maybe[Duration | None] = strawberry.field(
        description="How often its secret should be replaced."
    )
    metadata: Maybe[JSON | None] = strawberry.field(
        description="Free data of yours, as a whole; it cannot be null."
    )
    budget: Maybe[BudgetInput | None] = strawberry.field(
        description="Its budget; null takes it away."
    )
    expected_version: Maybe[int | None] = strawberry.field(
        description="Refuse the change if the key has another version by now."
    )


@strawberry.input(description="A key of a team to move to another.")
class ApiKeyMoveInput(MutationInput):
    id: strawberry.ID = strawberry.field(
        description="The key, of a member or a service; a personal one belongs to no team."
    )
    team_id: strawberry.ID = strawberry.field(
        description="The team where it goes; the key's user, if it has one, is a member there."
    )
    expected_version: Maybe[int | None] = strawberry.field(
        description="Refuse the move if the key has another version by now."
    )


@strawberry.input(description="A key.")
class ApiKeyBlockInput(MutationInput):
    id: strawberry.ID = strawberry.field(description="The key.")


@strawberry.input(description="A key.")
class ApiKeyUnblockInput(MutationInput):
    id: strawberry.ID = strawberry.field(description="The key.")


@strawberry.input(description="A key to give a new secret to.")
class ApiKeyRotateInput(MutationInput):
    id: strawberry.ID = strawberry.field(description="The key.")
    grace_period: Maybe[Duration | None] = strawberry.field(
        description="How long the secret it has now stays good, at most 30 days; it ends at once "
        "if nothing is said."
    )


@strawberry.input(description="Keys to delete.")
class ApiKeysDeleteInput(MutationInput):
    ids: list[strawberry.ID] = strawberry.field(description="The keys, 1 to 100.")


@strawberry.type
class ApiKeyPayload(Payload):
    api_key: ApiKey | None = strawberry.field(
        default=None, description="The key as it is now; null if it was refused."
    )


@strawberry.type
class SecretPayload(ApiKeyPayload):
    secret: str | None = strawberry.field(
        default=None,
        description="The secret, shown here and never again; null if refused, and, as it is "
        "stored nowhere, when a call with the same idempotency key is answered again.",
    )


@strawberry.type(description="The new key, with its secret.")
class ApiKeyCreatePayload(SecretPayload):
    pass


@strawberry.type(description="The key as it is now.")
class ApiKeyUpdatePayload(ApiKeyPayload):
    pass


@strawberry.type(description="The key as it is now.")
class ApiKeyMovePayload(ApiKeyPayload):
    pass


@strawberry.type(description="The key as it is now.")
class ApiKeyBlockPayload(ApiKeyPayload):
    pass


@strawberry.type(description="The key as it is now.")
class ApiKeyUnblockPayload(ApiKeyPayload):
    pass


@strawberry.type(description="The key, with its new secret.")
class ApiKeyRotatePayload(SecretPayload):
    pass


@strawberry.type(description="What was deleted.")
class ApiKeysDeletePayload(Payload):
    deleted_ids: list[strawberry.ID] = strawberry.field(
        default_factory=list, description="The ids of the keys, each once; empty if refused."
    )


@mutation
async def api_key_create(write: Write, input: ApiKeyCreateInput) -> ApiKeyCreatePayload:
    """Create a key.

    For platform admins, admins of its organization or team, and oneself, in a team with KEY_CREATE.
    The key of a service a member creates with SERVICE_KEY_CREATE.
    """
    new = await key_creation.create(
        write.tx,
        write.actor,
        user_id=given(input.user_id),
        team_id=given(input.team_id),
        attributes=given(input, "user_id", "team_id"),
        pepper=write.peppers[0],
    )
    return ApiKeyCreatePayload(api_key=new.row, secret=new.secret)


@mutation
async def api_key_update(write: Write, input: ApiKeyUpdateInput) -> ApiKeyUpdatePayload:
    """Change a key.

    For platform admins, admins of its organization or team, and its user, in a team with KEY_UPDATE.
    """
    row = await keys.update(
        write.tx,
        write.actor,
        key_id=input.id,
        attributes=given(input, "id", "expected_version"),
        expected_version=given(input.expected_version),
    )
    return ApiKeyUpdatePayload(api_key=row)


@mutation
async def api_key_move(write: Write, input: ApiKeyMoveInput) -> ApiKeyMovePayload:
    """Move a key of a team to another team, with its secret, limits and spend.

    For platform admins, and for whoever may delete it where it is and create it where it goes.
    """
    row = await key_moves.move(
        write.tx,
        write.actor,
        key_id=input.id,
        team_id=input.team_id,
        expected_version=given(input.expected_version),
    )
    return ApiKeyMovePayload(api_key=row)


@mutation
async def api_key_block(write: Write, input: ApiKeyBlockInput) -> ApiKeyBlockPayload:
    """Block a key: it is refused from now on.

    For platform admins, admins of its organization or team, and its user, in a team with KEY_BLOCK.
    """
    row = await keys.set_blocked(write.tx, write.actor, key_id=input.id, blocked=True)
    return ApiKeyBlockPayload(api_key=row)


@mutation
async def api_key_unblock(write: Write, input: ApiKeyUnblockInput) -> ApiKeyUnblockPayload:
    """Unblock a key.

    For platform admins, admins of its organization or team, and its user, in a team with KEY_BLOCK.
    """
    row = await keys.set_blocked(write.tx, write.actor, key_id=input.id, blocked=False)
    return ApiKeyUnblockPayload(api_key=row)


@mutation
async def api_key_rotate(write: Write, input: ApiKeyRotateInput) -> ApiKeyRotatePayload:
    """Give a key a new secret; the one it has stays good for the grace period, an earlier one ends.

    For platform admins, admins of its organization or team, and its user, in a team with KEY_ROTATE.
    """
    new = await key_rotation.rotate(
        write.tx,
        write.actor,
        key_id=input.id,
        grace_period=given(input.grace_period),
        pepper=write.peppers[0],
    )
    return ApiKeyRotatePayload(api_key=new.row, secret=new.secret)


@mutation
async def api_keys_delete(write: Write, input: ApiKeysDeleteInput) -> ApiKeysDeletePayload:
    """Delete keys, which are archived without their secrets: all or none.

    For platform admins, admins of organization or team, and their user, in a team with KEY_DELETE.
    """
    rows = await key_removal.delete(write.tx, write.actor, key_ids=input.ids)
    return ApiKeysDeletePayload(deleted_ids=[strawberry.ID(row.id) for row in rows])


FIELDS = [
    api_key_create,
    api_key_update,
    api_key_move,
    api_key_block,
    api_key_unblock,
    api_key_rotate,
    api_keys_delete,
]
