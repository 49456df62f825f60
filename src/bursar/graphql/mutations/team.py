"""Teams: create, update, block, unblock, delete, and what holds for members alike."""

import strawberry
from strawberry import Maybe

from bursar.domain.roles import MemberPermission
from bursar.graphql.inputs import given
from bursar.graphql.mutation import MutationInput, Payload, Write, mutation
from bursar.graphql.mutations.budget import BudgetInput
from bursar.graphql.mutations.gateway_settings import GatewaySettingsInput
from bursar.graphql.mutations.model import ModelAliasInput, ModelsInput
from bursar.graphql.mutations.person import NewTeamMemberInput, new_member_of
from bursar.graphql.mutations.throughput import LimitTypesInput
from bursar.graphql.scalars import JSON, Duration
from bursar.graphql.types.team import Team
from bursar.services import member_defaults, team_creation, team_removal, teams


@strawberry.input(description="A team to create.")
class TeamCreateInput(MutationInput, ModelsInput, LimitTypesInput):
    name: str = strawberry.field(description="The name, 1 to 128 characters.")
    organization_id: Maybe[strawberry.ID | None] = strawberry.field(
        description="The organization it will belong to; the built-in one if none is named."
    )
    external_id: Maybe[str | None] = strawberry.field(
        description="Your own name for it, unique among teams."
    )
    description: Maybe[str | None] = strawberry.field(description="What the team is for.")
    joinable: Maybe[bool | None] = strawberry.field(
        description="Whether who belongs to the organization may join by themself; false unless said."
    )
    tags: Maybe[list[str] | None] = strawberry.field(description="Labels, each once.")
    member_permissions: Maybe[list[MemberPermission] | None] = strawberry.field(
        description="What its members may do with keys; null, or nothing said, is KEY_READ."
    )
    member_key_duration: Maybe[Duration | None] = strawberry.field(
        description="How long keys of members live for which nothing else is said; null is for ever."
    )
    metadata: Maybe[JSON | None] = strawberry.field(description="Free data of yours.")
    model_aliases: Maybe[list[ModelAliasInput] | None] = strawberry.field(
        description="Other names for models, all of them, at most 100."
    )
    budget: Maybe[BudgetInput | None] = strawberry.field(
        description="Its budget, within the organization's; the server may have limits for what is "
        "left out."
    )
    member_budget: Maybe[BudgetInput | None] = strawberry.field(
        description="The budget of each member who has no own one."
    )
    gateway_settings: Maybe[GatewaySettingsInput | None] = strawberry.field(
        description="What a gateway is to do with its calls."
    )
    members: Maybe[list[NewTeamMemberInput] | None] = strawberry.field(
        description="Its first members, at most 500."
    )
    add_to_organization: bool = strawberry.field(
        default=False, description="Add members who are not in the organization to it, too."
    )


@strawberry.input(description="What to change of a team; what is left out is kept.")
class TeamUpdateInput(MutationInput, ModelsInput, LimitTypesInput):
    id: strawberry.ID = strawberry.field(description="The team.")
    name: Maybe[str | None] = strawberry.field(description="The name; it cannot be null.")
    external_id: Maybe[str | None] = strawberry.field(description="Your own name for it.")
    description: Maybe[str | None] = strawberry.field(description="What the team is for.")
    joinable: Maybe[bool | None] = strawberry.field(
        description="Whether who belongs to the organization may join by themself; it cannot be null."
    )
    tags: Maybe[list[str] | None] = strawberry.field(
        description="Labels, all of them; they cannot be null."
    )
    member_key_duration: Maybe[Duration | None] = strawberry.field(
        description="How long keys of members live for which nothing else is said; null is for ever."
    )
    metadata: Maybe[JSON | None] = strawberry.field(
        description="Free data of yours, as a whole; it cannot be null."
    )
    model_aliases: Maybe[list[ModelAliasInput] | None] = strawberry.field(
        description="Other names for models, all of them, at most 100."
    )
    budget: Maybe[BudgetInput | None] = strawberry.field(
        description="Its budget; null takes it away."
    )
    gateway_settings: Maybe[GatewaySettingsInput | None] = strawberry.field(
        description="What a gateway is to do with its calls; null clears all of it."
    )
    expected_version: Maybe[int | None] = strawberry.field(
        description="Refuse the change if the team has another version by now."
    )


@strawberry.input(description="The default budget of a team's members.")
class TeamMemberBudgetUpdateInput(MutationInput):
    team_id: strawberry.ID = strawberry.field(description="The team.")
    budget: Maybe[BudgetInput | None] = strawberry.field(
        description="The limits to set; null takes the default away."
    )
    expected_version: Maybe[int | None] = strawberry.field(
        description="Refuse the change if the team has another version by now."
    )


@strawberry.input(description="What members of a team may do with keys.")
class TeamMemberPermissionsUpdateInput(MutationInput):
    team_id: strawberry.ID = strawberry.field(description="The team.")
    permissions: Maybe[list[MemberPermission] | None] = strawberry.field(
        description="All that they may do, each once: null is the default, KEY_READ, and an empty "
        "list is nothing."
    )
    expected_version: Maybe[int | None] = strawberry.field(
        description="Refuse the change if the team has another version by now."
    )


@strawberry.input(description="A team.")
class TeamBlockInput(MutationInput):
    id: strawberry.ID = strawberry.field(description="The team.")


@strawberry.input(description="A team.")
class TeamUnblockInput(MutationInput):
    id: strawberry.ID = strawberry.field(description="The team.")


@strawberry.input(description="Teams to delete.")
class TeamsDeleteInput(MutationInput):
    ids: list[strawberry.ID] = strawberry.field(description="The teams, 1 to 100.")


@strawberry.type
class TeamPayload(Payload):
    team: Team | None = strawberry.field(
        default=None, description="The team as it is now; null if it was refused."
    )


@strawberry.type(description="The team as it was created.")
class TeamCreatePayload(TeamPayload):
    pass


@strawberry.type(description="The team as it is now.")
class TeamUpdatePayload(TeamPayload):
    pass


@strawberry.type(description="The team as it is now.")
class TeamMemberBudgetUpdatePayload(TeamPayload):
    pass


@strawberry.type(description="The team as it is now.")
class TeamMemberPermissionsUpdatePayload(TeamPayload):
    pass


@strawberry.type(description="The team as it is now.")
class TeamBlockPayload(TeamPayload):
    pass


@strawberry.type(description="The team as it is now.")
class TeamUnblockPayload(TeamPayload):
    pass


@strawberry.type(description="What was deleted.")
class TeamsDeletePayload(Payload):
    deleted_ids: list[strawberry.ID] = strawberry.field(
        default_factory=list, description="The ids of the teams, each once; empty if refused."
    )


@mutation
async def team_create(write: Write, input: TeamCreateInput) -> TeamCreatePayload:
    """Create a team with its first members. A creator who is a plain user becomes an admin of it.

    For platform admins, admins of the organization and, by self-service, users within their own limits.
    """
    row = await team_creation.create(
        write.tx,
        write.actor,
        organization_id=given(input.organization_id),
        attributes=given(input, "organization_id", "members", "add_to_organization"),
        settings=write.new_teams,
        new_members=[new_member_of(new) for new in _members(input)],
        add_to_organization=input.add_to_organization,
    )
    return TeamCreatePayload(team=row)


@mutation
async def team_update(write: Write, input: TeamUpdateInput) -> TeamUpdatePayload:
    """Change a team. For platform admins, admins of the organization, and admins of the team.

    Budget, kinds of rate limits, gateway settings and external id are not for admins of the team.
    """
    row = await teams.update(
        write.tx,
        write.actor,
        team_id=input.id,
        attributes=given(input, "id", "expected_version"),
        expected_version=given(input.expected_version),
    )
    return TeamUpdatePayload(team=row)


@mutation
async def team_member_budget_update(
    write: Write, input: TeamMemberBudgetUpdateInput
) -> TeamMemberBudgetUpdatePayload:
    """Set the budget of each member who has no own one; nobody else's changes.

    For platform admins, admins of the organization, and admins of the team.
    """
    row = await member_defaults.update_budget(
        write.tx,
        write.actor,
        team_id=input.team_id,
        attributes=given(input, "team_id", "expected_version"),
        expected_version=given(input.expected_version),
    )
    return TeamMemberBudgetUpdatePayload(team=row)


@mutation
async def team_member_permissions_update(
    write: Write, input: TeamMemberPermissionsUpdateInput
) -> TeamMemberPermissionsUpdatePayload:
    """Set what each member who is no admin may do with keys of the team.

    For platform admins, admins of the organization, and admins of the team.
    """
    row = await member_defaults.update_permissions(
        write.tx,
        write.actor,
        team_id=input.team_id,
        attributes=given(input, "team_id", "expected_version"),
        expected_version=given(input.expected_version),
    )
    return TeamMemberPermissionsUpdatePayload(team=row)


@mutation
async def team_block(write: Write, input: TeamBlockInput) -> TeamBlockPayload:
    """Block a team: none of its keys is authorized. For platform and organization admins."""
    row = await teams.set_blocked(write.tx, write.actor, team_id=input.id, blocked=True)
    return TeamBlockPayload(team=row)


@mutation
async def team_unblock(write: Write, input: TeamUnblockInput) -> TeamUnblockPayload:
    """Unblock a team. For platform and organization admins."""
    row = await teams.set_blocked(write.tx, write.actor, team_id=input.id, blocked=False)
    return TeamUnblockPayload(team=row)


@mutation
async def teams_delete(write: Write, input: TeamsDeleteInput) -> TeamsDeletePayload:
    """Archive and delete teams, all or none, with members and keys.

    For platform and organization admins.
    """
    rows = await team_removal.delete(write.tx, write.actor, team_ids=input.ids)
    return TeamsDeletePayload(deleted_ids=[strawberry.ID(row.id) for row in rows])


def _members(input: TeamCreateInput) -> list[NewTeamMemberInput]:
    return (input.members.value or []) if input.members else []


FIELDS = [
    team_create,
    team_update,
    team_member_budget_update,
    team_member_permissions_update,
    team_block,
    team_unblock,
    teams_delete,
]
