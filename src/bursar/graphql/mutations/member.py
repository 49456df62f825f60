"""Members of teams: add, update, remove."""

from functools import partial

import strawberry
from strawberry import Maybe

from bursar.domain.batches import BatchMode
from bursar.domain.roles import TeamRole
from bursar.graphql.context import Context
from bursar.graphql.inputs import given
from bursar.graphql.mutation import MutationInput, Payload, Write, mutation
from bursar.graphql.mutations.additions import BatchInput, TeamMemberAddResult, added, results
from bursar.graphql.mutations.budget import BudgetInput
from bursar.graphql.mutations.person import (
    NewTeamMemberInput,
    PersonInput,
    new_member_of,
    person_of,
)
from bursar.graphql.shared import Shared
from bursar.graphql.types.member import TeamMember
from bursar.loaders.users import users_by_id
from bursar.services import everybody, members
from bursar.services.additions import Addition, additions_of
from bursar.services.members_at_once import OF_USERS, call_of


@strawberry.input(description="People to add to a team.")
class TeamMembersAddInput(MutationInput, BatchInput):
    team_id: strawberry.ID = strawberry.field(description="The team.")
    members: list[NewTeamMemberInput] = strawberry.field(
        default_factory=list, description="Who, 1 to 500 people; nobody with `allUsers`."
    )
    add_to_organization: bool = strawberry.field(
        default=False, description="Add those who are not in the organization to it, too."
    )
    all_users: bool = strawberry.field(
        default=False,
        description="In place of `members`, add as MEMBER everybody in the organization, blocked or "
        "not, who is not in the team yet, for platform and organization admins only; in the built-in "
        "organization that is every user, and more than 10,000 people are refused.",
    )


@strawberry.input(description="What to change of a member; what is left out is kept.")
class TeamMemberUpdateInput(MutationInput, PersonInput):
    team_id: strawberry.ID = strawberry.field(description="The team.")
    role: Maybe[TeamRole | None] = strawberry.field(
        description="What the user is to the team; it cannot be null."
    )
    budget: Maybe[BudgetInput | None] = strawberry.field(
        description="The member's own budget, which starts as a copy of the team's default; "
        "null goes back to the default."
    )
    expected_version: Maybe[int | None] = strawberry.field(
        description="Refuse the change if the member has another version by now."
    )


@strawberry.input(description="People to remove from a team.")
class TeamMembersRemoveInput(MutationInput):
    team_id: strawberry.ID = strawberry.field(description="The team.")
    members: list[PersonInput] = strawberry.field(description="Who, 1 to 500 people.")


@strawberry.type(description="The new members.")
class TeamMembersAddPayload(Payload):
    members: list[TeamMember] = strawberry.field(
        default_factory=list,
        description="Who was added, in the order of the input; empty if it was refused, and with "
        "`allUsers`.",
    )
    results: list[TeamMemberAddResult] = strawberry.field(
        default_factory=list,
        description="What became of each, in the order of the input; empty unless BEST_EFFORT.",
    )
    added: int | None = strawberry.field(
        default=None, description="How many were added; null unless `allUsers`."
    )
    already_members: int | None = strawberry.field(
        default=None,
        description="How many of the organization were members before; null unless `allUsers`.",
    )


@strawberry.type(description="The member as they are now.")
class TeamMemberUpdatePayload(Payload):
    member: TeamMember | None = strawberry.field(
        default=None, description="The member; null if the change was refused."
    )


@strawberry.type(description="Who was removed.")
class TeamMembersRemovePayload(Payload):
    removed_ids: list[strawberry.ID] = strawberry.field(
        default_factory=list,
        description="The ids of the memberships, in the order of the input; empty if refused.",
    )


async def _add_together(
    shared: Shared, context: Context, input: TeamMembersAddInput
) -> TeamMembersAddPayload | None:
    """The short way, on which nothing is refused."""
    if input.all_users:
        return None
    new_members = [new_member_of(new) for new in input.members]
    call = call_of(context.actor, input.team_id, new_members)
    joined = None if call is None else await shared.members.add(call)
    if joined is None:
        return None
    context.forget()
    context.know(users_by_id, joined.users, OF_USERS)
    return _payload(additions_of(joined.members), input.mode)


def _payload(additions: list[Addition], mode: BatchMode) -> TeamMembersAddPayload:
    return TeamMembersAddPayload(
        members=added(additions), results=results(TeamMemberAddResult, additions, mode)
    )


@partial(mutation, together=_add_together)
async def team_members_add(write: Write, input: TeamMembersAddInput) -> TeamMembersAddPayload:
    """Add people to a team: all or none, or whoever can be. For platform, organization and team admins.

    An e-mail that nobody has makes a new user, for platform and organization admins only.
    """
    if input.all_users:
        counts = await everybody.add(
            write.tx,
            write.actor,
            team_id=input.team_id,
            beside=[name for name in ("members", "add_to_organization") if getattr(input, name)],
        )
        return TeamMembersAddPayload(**counts._asdict())
    additions = await members.add(
        write.tx,
        write.actor,
        team_id=input.team_id,
        new_members=[new_member_of(new) for new in input.members],
        add_to_organization=input.add_to_organization,
        mode=input.mode,
    )
    return _payload(additions, input.mode)


@mutation
async def team_member_update(write: Write, input: TeamMemberUpdateInput) -> TeamMemberUpdatePayload:
    """Change a member's role or own budget. For platform, organization and team admins."""
    row = await members.update(
        write.tx,
        write.actor,
        team_id=input.team_id,
        person=person_of(input),
        attributes=given(input, "team_id", "user_id", "email", "expected_version"),
        expected_version=given(input.expected_version),
    )
    return TeamMemberUpdatePayload(member=row)


@mutation
async def team_members_remove(
    write: Write, input: TeamMembersRemoveInput
) -> TeamMembersRemovePayload:
    """Remove people from a team: all or none. For platform, organization and team admins.

    Anybody may remove themself, by their id.
    """
    rows = await members.remove(
        write.tx,
        write.actor,
        team_id=input.team_id,
        persons=[person_of(person) for person in input.members],
    )
    return TeamMembersRemovePayload(removed_ids=[strawberry.ID(row.id) for row in rows])


FIELDS = [team_members_add, team_member_update, team_members_remove]
