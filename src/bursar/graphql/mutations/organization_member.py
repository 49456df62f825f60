"""Members of organizations: add, update, remove."""

import strawberry
from strawberry import Maybe

from bursar.domain.roles import OrganizationRole
from bursar.graphql.inputs import given
from bursar.graphql.mutation import MutationInput, Payload, Write, mutation
from bursar.graphql.mutations.additions import (
    BatchInput,
    OrganizationMemberAddResult,
    added,
    results,
)
from bursar.graphql.mutations.budget import BudgetInput
from bursar.graphql.mutations.person import (
    NewOrganizationMemberInput,
    PersonInput,
    new_organization_member_of,
    person_of,
)
from bursar.graphql.types.member import OrganizationMember
from bursar.services import organization_members


@strawberry.input(description="People to add to an organization.")
class OrganizationMembersAddInput(MutationInput, BatchInput):
    organization_id: strawberry.ID = strawberry.field(description="The organization.")
    members: list[NewOrganizationMemberInput] = strawberry.field(
        description="Who, 1 to 500 people."
    )


@strawberry.input(description="What to change of a member; what is left out is kept.")
class OrganizationMemberUpdateInput(MutationInput, PersonInput):
    organization_id: strawberry.ID = strawberry.field(description="The organization.")
    role: Maybe[OrganizationRole | None] = strawberry.field(
        description="What the user is to the organization; it cannot be null."
    )
    budget: Maybe[BudgetInput | None] = strawberry.field(
        description="The member's own budget; null takes it away."
    )
    expected_version: Maybe[int | None] = strawberry.field(
        description="Refuse the change if the member has another version by now."
    )


@strawberry.input(description="People to remove from an organization and its teams.")
class OrganizationMembersRemoveInput(MutationInput):
    organization_id: strawberry.ID = strawberry.field(description="The organization.")
    members: list[PersonInput] = strawberry.field(description="Who, 1 to 500 people.")


@strawberry.type(description="The new members.")
class OrganizationMembersAddPayload(Payload):
    members: list[OrganizationMember] = strawberry.field(
        default_factory=list,
        description="Who was added, in the order of the input; empty if it was refused.",
    )
    results: list[OrganizationMemberAddResult] = strawberry.field(
        default_factory=list,
        description="What became of each, in the order of the input; empty unless BEST_EFFORT.",
    )


@strawberry.type(description="The member as they are now.")
class OrganizationMemberUpdatePayload(Payload):
    member: OrganizationMember | None = strawberry.field(
        default=None, description="The member; null if the change was refused."
    )


@strawberry.type(description="Who was removed.")
class OrganizationMembersRemovePayload(Payload):
    removed_ids: list[strawberry.ID] = strawberry.field(
        default_factory=list,
        description="The ids of the memberships in the organization, in the order of the input; "
        "empty if refused.",
    )


@mutation
async def organization_members_add(
    write: Write, input: OrganizationMembersAddInput
) -> OrganizationMembersAddPayload:
    """Add people to an organization: all or none, or whoever can be.

    For platform and organization admins.

    An e-mail that nobody has makes a new user.
    """
    additions = await organization_members.add(
        write.tx,
        write.actor,
        organization_id=input.organization_id,
        new_members=[new_organization_member_of(new) for new in input.members],
        mode=input.mode,
    )
    return OrganizationMembersAddPayload(
        members=added(additions),
        results=results(OrganizationMemberAddResult, additions, input.mode),
    )


@mutation
async def organization_member_update(
    write: Write, input: OrganizationMemberUpdateInput
) -> OrganizationMemberUpdatePayload:
    """Change a member's role or own budget. For platform and organization admins."""
    row = await organization_members.update(
        write.tx,
        write.actor,
        organization_id=input.organization_id,
        person=person_of(input),
        attributes=given(input, "organization_id", "user_id", "email", "expected_version"),
        expected_version=given(input.expected_version),
    )
    return OrganizationMemberUpdatePayload(member=row)


@mutation
async def organization_members_remove(
    write: Write, input: OrganizationMembersRemoveInput
) -> OrganizationMembersRemovePayload:
    """Remove people from an organization and its teams: all or none.

    For platform and organization admins, and for oneself, by id.
    Of the built-in organization nobody's teams are left.
    """
    rows = await organization_members.remove(
        write.tx,
        write.actor,
        organization_id=input.organization_id,
        persons=[person_of(person) for person in input.members],
    )
    return OrganizationMembersRemovePayload(removed_ids=[strawberry.ID(row.id) for row in rows])


FIELDS = [organization_members_add, organization_member_update, organization_members_remove]
