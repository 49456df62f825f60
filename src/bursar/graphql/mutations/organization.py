"""Organizations: create, update, delete."""

import strawberry
from strawberry import Maybe

from bursar.graphql.inputs import given
from bursar.graphql.mutation import MutationInput, Payload, Write, mutation
from bursar.graphql.mutations.budget import BudgetInput
from bursar.graphql.mutations.model import ModelsInput
from bursar.graphql.scalars import JSON
from bursar.graphql.types.organization import Organization
from bursar.services import organizations


@strawberry.input(description="An organization to create.")
class OrganizationCreateInput(MutationInput, ModelsInput):
    name: str = strawberry.field(description="The name, 1 to 128 characters.")
    external_id: Maybe[str | None] = strawberry.field(
        description="Your own name for it, unique among organizations."
    )
    metadata: Maybe[JSON | None] = strawberry.field(description="Free data of yours.")
    budget: Maybe[BudgetInput | None] = strawberry.field(description="Its budget.")


@strawberry.input(description="What to change of an organization; what is left out is kept.")
class OrganizationUpdateInput(MutationInput, ModelsInput):
    id: strawberry.ID = strawberry.field(description="The organization.")
    name: Maybe[str | None] = strawberry.field(description="The name; it cannot be null.")
    external_id: Maybe[str | None] = strawberry.field(description="Your own name for it.")
    metadata: Maybe[JSON | None] = strawberry.field(
        description="Free data of yours, as a whole; it cannot be null."
    )
    budget: Maybe[BudgetInput | None] = strawberry.field(
        description="Its budget; null takes it away."
    )
    expected_version: Maybe[int | None] = strawberry.field(
        description="Refuse the change if the organization has another version by now."
    )


@strawberry.input(description="An organization to delete.")
class OrganizationDeleteInput(MutationInput):
    id: strawberry.ID = strawberry.field(description="The organization.")
    cascade: bool = strawberry.field(
        default=False,
        description="Delete its teams too, which are archived; else they keep it.",
    )


@strawberry.type(description="The organization as it was created.")
class OrganizationCreatePayload(Payload):
    organization: Organization | None = strawberry.field(
        default=None, description="The organization; null if it was refused."
    )


@strawberry.type(description="The organization as it is now.")
class OrganizationUpdatePayload(Payload):
    organization: Organization | None = strawberry.field(
        default=None, description="The organization; null if the change was refused."
    )


@strawberry.type(description="What was deleted.")
class OrganizationDeletePayload(Payload):
    deleted_id: strawberry.ID | None = strawberry.field(
        default=None, description="The id of the organization; null if it was refused."
    )


@mutation
async def organization_create(
    write: Write, input: OrganizationCreateInput
) -> OrganizationCreatePayload:
    """Create an organization. For platform admins."""
    row = await organizations.create(write.tx, write.actor, attributes=given(input))
    return OrganizationCreatePayload(organization=row)


@mutation
async def organization_update(
    write: Write, input: OrganizationUpdateInput
) -> OrganizationUpdatePayload:
    """Change an organization. For platform admins; name and metadata also for its own admins."""
    row = await organizations.update(
        write.tx,
        write.actor,
        organization_id=input.id,
        attributes=given(input, "id", "expected_version"),
        expected_version=given(input.expected_version),
    )
    return OrganizationUpdatePayload(organization=row)


@mutation
async def organization_delete(
    write: Write, input: OrganizationDeleteInput
) -> OrganizationDeletePayload:
    """Delete an organization and, with `cascade`, its teams. For platform admins."""
    await organizations.delete(
        write.tx, write.actor, organization_id=input.id, cascade=input.cascade
    )
    return OrganizationDeletePayload(deleted_id=input.id)


FIELDS = [organization_create, organization_update, organization_delete]
