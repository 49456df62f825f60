"""People in inputs: named by id, by e-mail, or by both."""

import strawberry
from strawberry import Maybe

from bursar.domain.roles import OrganizationRole, TeamRole
from bursar.graphql.inputs import given
from bursar.graphql.mutations.budget import BudgetInput
from bursar.services.memberships import NewMember
from bursar.services.people import Person


@strawberry.input(description="A user, by id, by e-mail, or by both, which must agree.")
class PersonInput:
    user_id: Maybe[strawberry.ID | None] = strawberry.field(description="The user's id.")
    email: Maybe[str | None] = strawberry.field(
        description="The user's e-mail, in upper or lower case."
    )


@strawberry.input(description="Someone to add to a team.")
class NewTeamMemberInput(PersonInput):
    role: TeamRole = strawberry.field(
        default=TeamRole.MEMBER, description="What they will be to the team."
    )
    budget: Maybe[BudgetInput | None] = strawberry.field(
        description="A budget of their own; limits left out are copied from the team's default."
    )


@strawberry.input(description="Someone to add to an organization.")
class NewOrganizationMemberInput(PersonInput):
    role: OrganizationRole = strawberry.field(
        default=OrganizationRole.MEMBER, description="What they will be to the organization."
    )
    budget: Maybe[BudgetInput | None] = strawberry.field(description="A budget of their own.")


def person_of(input: PersonInput) -> Person:
    return Person(given(input.user_id), given(input.email))


def new_member_of(input: NewTeamMemberInput) -> NewMember[TeamRole]:
    return NewMember(person_of(input), input.role, given(input.budget))


def new_organization_member_of(input: NewOrganizationMemberInput) -> NewMember[OrganizationRole]:
    return NewMember(person_of(input), input.role, given(input.budget))
