"""Users: create, update, delete, block, unblock."""

import strawberry
from strawberry import Maybe

from bursar.domain.roles import PlatformRole
from bursar.graphql.inputs import given
from bursar.graphql.mutation import MutationInput, Payload, Write, mutation
from bursar.graphql.mutations.budget import BudgetInput
from bursar.graphql.mutations.model import ModelsInput
from bursar.graphql.scalars import JSON
from bursar.graphql.types.user import User
from bursar.services import users


@strawberry.input(description="A user to create.")
class UserCreateInput(MutationInput, ModelsInput):
    name: str = strawberry.field(description="The name, 1 to 128 characters.")
    email: Maybe[str | None] = strawberry.field(
        description="The e-mail, unique among users without regard to case."
    )
    external_id: Maybe[str | None] = strawberry.field(
        description="Your own name for the user, unique among users."
    )
    role: PlatformRole = strawberry.field(
        default=PlatformRole.USER, description="What the user is to the whole platform."
    )
    metadata: Maybe[JSON | None] = strawberry.field(description="Free data of yours.")
    budget: Maybe[BudgetInput | None] = strawberry.field(
        description="The budget of the user's personal keys."
    )


@strawberry.input(description="What to change of a user; what is left out is kept.")
class UserUpdateInput(MutationInput, ModelsInput):
    id: strawberry.ID = strawberry.field(description="The user.")
    name: Maybe[str | None] = strawberry.field(description="The name; it cannot be null.")
    email: Maybe[str | None] = strawberry.field(description="The e-mail.")
    external_id: Maybe[str | None] = strawberry.field(description="Your own name for the user.")
    role: Maybe[PlatformRole | None] = strawberry.field(
        description="What the user is to the whole platform; it cannot be null."
    )
    metadata: Maybe[JSON | None] = strawberry.field(
        description="Free data of yours, as a whole; it cannot be null."
    )
    budget: Maybe[BudgetInput | None] = strawberry.field(
        description="The budget of the user's personal keys; null takes it away."
    )
    expected_version: Maybe[int | None] = strawberry.field(
        description="Refuse the change if the user has another version by now."
    )


@strawberry.input(description="A user to delete.")
class UserDeleteInput(MutationInput):
    id: strawberry.ID = strawberry.field(description="The user.")


@strawberry.input(description="A user.")
class UserBlockInput(MutationInput):
    id: strawberry.ID = strawberry.field(description="The user.")


@strawberry.input(description="A user.")
class UserUnblockInput(MutationInput):
    id: strawberry.ID = strawberry.field(description="The user.")


@strawberry.type
class UserPayload(Payload):
    user: User | None = strawberry.field(
        default=None, description="The user as they are now; null if it was refused."
    )


@strawberry.type(description="The user as they were created.")
class UserCreatePayload(UserPayload):
    pass


@strawberry.type(description="The user as they are now.")
class UserUpdatePayload(UserPayload):
    pass


@strawberry.type(description="The user as they are now.")
class UserBlockPayload(UserPayload):
    pass


@strawberry.type(description="The user as they are now.")
class UserUnblockPayload(UserPayload):
    pass


@strawberry.type(description="Who was deleted.")
class UserDeletePayload(Payload):
    deleted_id: strawberry.ID | None = strawberry.field(
        default=None, description="The id of the user; null if it was refused."
    )


@mutation
async def user_create(write: Write, input: UserCreateInput) -> UserCreatePayload:
    """Create a user. For platform admins."""
    row = await users.create(write.tx, write.actor, attributes=given(input))
    return UserCreatePayload(user=row)


@mutation
async def user_update(write: Write, input: UserUpdateInput) -> UserUpdatePayload:
    """Change a user. For platform admins."""
    row = await users.update(
        write.tx,
        write.actor,
        user_id=input.id,
        attributes=given(input, "id", "expected_version"),
        expected_version=given(input.expected_version),
    )
    return UserUpdatePayload(user=row)


@mutation
async def user_delete(write: Write, input: UserDeleteInput) -> UserDeletePayload:
    """Delete a user with their memberships and keys. For platform admins.

    Refused while some organization, team or the platform would be left without an admin.
    """
    await users.delete(write.tx, write.actor, user_id=input.id)
    return UserDeletePayload(deleted_id=input.id)


@mutation
async def user_block(write: Write, input: UserBlockInput) -> UserBlockPayload:
    """Block a user: none of their keys is accepted. For platform admins."""
    row = await users.set_blocked(write.tx, write.actor, user_id=input.id, blocked=True)
    return UserBlockPayload(user=row)


@mutation
async def user_unblock(write: Write, input: UserUnblockInput) -> UserUnblockPayload:
    """Unblock a user. For platform admins."""
    row = await users.set_blocked(write.tx, write.actor, user_id=input.id, blocked=False)
    return UserUnblockPayload(user=row)


FIELDS = [user_create, user_update, user_delete, user_block, user_unblock]
