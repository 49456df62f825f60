"""Joining a team that is open to oneself, and leaving one."""

import strawberry

from bursar.graphql.mutation import MutationInput, Payload, Write, mutation
from bursar.graphql.types.member import TeamMember
from bursar.services import joining


@strawberry.input(description="A team to join.")
class TeamJoinInput(MutationInput):
    team_id: strawberry.ID = strawberry.field(description="The team, one of joinableTeams.")


@strawberry.input(description="A team to leave.")
class TeamLeaveInput(MutationInput):
    team_id: strawberry.ID = strawberry.field(description="The team.")


@strawberry.type(description="Your new membership.")
class TeamJoinPayload(Payload):
    member: TeamMember | None = strawberry.field(
        default=None, description="Your membership; null if it was refused."
    )


@strawberry.type(description="The membership that you gave up.")
class TeamLeavePayload(Payload):
    removed_id: strawberry.ID | None = strawberry.field(
        default=None, description="The id of the membership; null if it was refused."
    )


@mutation
async def team_join(write: Write, input: TeamJoinInput) -> TeamJoinPayload:
    """Join a team as a plain member, without limits of your own.

    For any user who belongs to the organization of a joinable team.
    """
    row = await joining.join(write.tx, write.actor, team_id=input.team_id)
    return TeamJoinPayload(member=row)


@mutation
async def team_leave(write: Write, input: TeamLeaveInput) -> TeamLeavePayload:
    """Leave a team. For any member; not for its last admin."""
    row = await joining.leave(write.tx, write.actor, team_id=input.team_id)
    return TeamLeavePayload(removed_id=strawberry.ID(row.id))


FIELDS = [team_join, team_leave]
