"""Plans: budgets with a name; create, update, delete, attach, detach."""

import strawberry
from strawberry import Maybe

from bursar.graphql.inputs import given
from bursar.graphql.mutation import MutationInput, Payload, Write, mutation
from bursar.graphql.mutations.budget import BudgetInput
from bursar.graphql.types.budget import Budget
from bursar.graphql.types.node import Node
from bursar.services import plans


@strawberry.input(description="A plan to create; a limit that is left out is none.")
class BudgetCreateInput(MutationInput, BudgetInput):
    name: str = strawberry.field(description="The name, 1 to 128 characters, unique among plans.")


@strawberry.input(description="What to change of a plan; what is left out is kept.")
class BudgetUpdateInput(MutationInput, BudgetInput):
    id: strawberry.ID = strawberry.field(description="The plan.")
    name: Maybe[str | None] = strawberry.field(description="The name; it cannot be null.")
    expected_version: Maybe[int | None] = strawberry.field(
        description="Refuse the change if the plan has another version by now."
    )


@strawberry.input(description="A plan to delete.")
class BudgetDeleteInput(MutationInput):
    id: strawberry.ID = strawberry.field(description="The plan.")


@strawberry.input
class BudgetHolderInput:
    holder_id: strawberry.ID = strawberry.field(
        description="An organization, a team, a member of one of these, a user, or a key."
    )
    as_member_default: bool = strawberry.field(
        default=False,
        description="Of a team: not its own budget, but that of each member who has none.",
    )
    expected_version: Maybe[int | None] = strawberry.field(
        description="Refuse the change if the holder has another version by now."
    )


@strawberry.input(description="A plan, and what is to have it.")
class BudgetAttachInput(MutationInput, BudgetHolderInput):
    budget_id: strawberry.ID = strawberry.field(description="The plan.")


@strawberry.input(description="What is to have no plan any more.")
class BudgetDetachInput(MutationInput, BudgetHolderInput):
    pass


@strawberry.type(description="The plan as it was created.")
class BudgetCreatePayload(Payload):
    budget: Budget | None = strawberry.field(
        default=None, description="The plan; null if it was refused."
    )


@strawberry.type(description="The plan as it is now.")
class BudgetUpdatePayload(Payload):
    budget: Budget | None = strawberry.field(
        default=None, description="The plan; null if the change was refused."
    )


@strawberry.type(description="What was deleted.")
class BudgetDeletePayload(Payload):
    deleted_id: strawberry.ID | None = strawberry.field(
        default=None, description="The id of the plan; null if it was refused."
    )


@strawberry.type
class HolderPayload(Payload):
    holder: Node | None = strawberry.field(
        default=None, description="The holder as it is now; null if it was refused."
    )


@strawberry.type(description="What has the plan now.")
class BudgetAttachPayload(HolderPayload):
    pass


@strawberry.type(description="What has no plan any more.")
class BudgetDetachPayload(HolderPayload):
    pass


@mutation
async def budget_create(write: Write, input: BudgetCreateInput) -> BudgetCreatePayload:
    """Create a plan, a budget with a name that many things can share. For platform admins."""
    row = await plans.create(write.tx, write.actor, attributes=given(input))
    return BudgetCreatePayload(budget=row)


@mutation
async def budget_update(write: Write, input: BudgetUpdateInput) -> BudgetUpdatePayload:
    """Change a plan, for all that have it. For platform admins."""
    row = await plans.update(
        write.tx,
        write.actor,
        plan_id=input.id,
        attributes=given(input, "id", "expected_version"),
        expected_version=given(input.expected_version),
    )
    return BudgetUpdatePayload(budget=row)


@mutation
async def budget_delete(write: Write, input: BudgetDeleteInput) -> BudgetDeletePayload:
    """Delete a plan that is attached to nothing. For platform admins."""
    await plans.delete(write.tx, write.actor, plan_id=input.id)
    return BudgetDeletePayload(deleted_id=input.id)


@mutation
async def budget_attach(write: Write, input: BudgetAttachInput) -> BudgetAttachPayload:
    """Give something a plan; a budget of its own, or another plan, goes. For platform admins."""
    row = await plans.attach(
        write.tx,
        write.actor,
        plan_id=input.budget_id,
        holder_id=input.holder_id,
        as_member_default=input.as_member_default,
        expected_version=given(input.expected_version),
    )
    return BudgetAttachPayload(holder=row)


@mutation
async def budget_detach(write: Write, input: BudgetDetachInput) -> BudgetDetachPayload:
    """Take the plan off something, which then has no budget of its own. For platform admins."""
    row = await plans.detach(
        write.tx,
        write.actor,
        holder_id=input.holder_id,
        as_member_default=input.as_member_default,
        expected_version=given(input.expected_version),
    )
    return BudgetDetachPayload(holder=row)


FIELDS = [budget_create, budget_update, budget_delete, budget_attach, budget_detach]
