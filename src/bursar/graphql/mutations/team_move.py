"""Moving a team to another organization."""

import strawberry
from strawberry import Maybe

from bursar.graphql.inputs import given
from bursar.graphql.mutation import MutationInput, Write, mutation
from bursar.graphql.mutations.team import TeamPayload
from bursar.services import team_moves


@strawberry.input(description="A team, and where it goes.")
class TeamMoveInput(MutationInput):
    id: strawberry.ID = strawberry.field(description="The team.")
    organization_id: strawberry.ID = strawberry.field(
        description="The organization it will belong to."
    )
    add_to_organization: bool = strawberry.field(
        default=False, description="Add members who are not in that organization to it, too."
    )
    expected_version: Maybe[int | None] = strawberry.field(
        description="Refuse the move if the team has another version by now."
    )


@strawberry.type(description="The team as it is now.")
class TeamMovePayload(TeamPayload):
    pass


@mutation
async def team_move(write: Write, input: TeamMoveInput) -> TeamMovePayload:
    """Move a team with its members, keys and budgets to an organization.

    For platform admins, and who administers both organizations.
    """
    row = await team_moves.move(
        write.tx,
        write.actor,
        team_id=input.id,
        organization_id=input.organization_id,
        add_to_organization=input.add_to_organization,
        expected_version=given(input.expected_version),
    )
    return TeamMovePayload(team=row)


FIELDS = [team_move]
