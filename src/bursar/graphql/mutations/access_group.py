"""Access groups: create, update, delete."""

import strawberry
from strawberry import Maybe

from bursar.graphql.inputs import given
from bursar.graphql.mutation import MutationInput, Payload, Write, mutation
from bursar.graphql.types.access_group import AccessGroup
from bursar.services import access_groups


@strawberry.input(description="An access group to create.")
class AccessGroupCreateInput(MutationInput):
    name: str = strawberry.field(
        description="The name, 1 to 128 characters, unique without regard to case."
    )
    models: list[str] = strawberry.field(
        description="What it stands for: names, and patterns with `*`; empty is nothing."
    )
    description: Maybe[str | None] = strawberry.field(description="What the group is for.")


@strawberry.input(description="What to change of an access group; what is left out is kept.")
class AccessGroupUpdateInput(MutationInput):
    id: strawberry.ID = strawberry.field(description="The access group.")
    name: Maybe[str | None] = strawberry.field(
        description="The name, which changes in the lists that name the group; it cannot be null."
    )
    models: Maybe[list[str] | None] = strawberry.field(
        description="All that it stands for; it cannot be null."
    )
    description: Maybe[str | None] = strawberry.field(description="What the group is for.")
    expected_version: Maybe[int | None] = strawberry.field(
        description="Refuse the change if the group has another version by now."
    )


@strawberry.input(description="An access group to delete.")
class AccessGroupDeleteInput(MutationInput):
    id: strawberry.ID = strawberry.field(description="The access group.")


@strawberry.type(description="The access group as it was created.")
class AccessGroupCreatePayload(Payload):
    access_group: AccessGroup | None = strawberry.field(
        default=None, description="The access group; null if it was refused."
    )


@strawberry.type(description="The access group as it is now.")
class AccessGroupUpdatePayload(Payload):
    access_group: AccessGroup | None = strawberry.field(
        default=None, description="The access group; null if the change was refused."
    )


@strawberry.type(description="What was deleted.")
class AccessGroupDeletePayload(Payload):
    deleted_id: strawberry.ID | None = strawberry.field(
        default=None, description="The id of the access group; null if it was refused."
    )


@mutation
async def access_group_create(
    write: Write, input: AccessGroupCreateInput
) -> AccessGroupCreatePayload:
    """Create an access group, models under one name. For platform admins."""
    row = await access_groups.create(write.tx, write.actor, attributes=given(input))
    return AccessGroupCreatePayload(access_group=row)


@mutation
async def access_group_update(
    write: Write, input: AccessGroupUpdateInput
) -> AccessGroupUpdatePayload:
    """Change an access group, for all that name it in a list of models. For platform admins."""
    row = await access_groups.update(
        write.tx,
        write.actor,
        group_id=input.id,
        attributes=given(input, "id", "expected_version"),
        expected_version=given(input.expected_version),
    )
    return AccessGroupUpdatePayload(access_group=row)


@mutation
async def access_group_delete(
    write: Write, input: AccessGroupDeleteInput
) -> AccessGroupDeletePayload:
    """Delete an access group that no list of models names. For platform admins."""
    await access_groups.delete(write.tx, write.actor, group_id=input.id)
    return AccessGroupDeletePayload(deleted_id=input.id)


FIELDS = [access_group_create, access_group_update, access_group_delete]
