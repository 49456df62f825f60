"""Models of a team: add, remove."""

import strawberry
from strawberry import Maybe

from bursar.graphql.inputs import given
from bursar.graphql.mutation import MutationInput, Write, mutation
from bursar.graphql.mutations.team import TeamPayload
from bursar.services import team_models


@strawberry.input(description="Models to add to what a team may use.")
class TeamModelsAddInput(MutationInput):
    id: strawberry.ID = strawberry.field(description="The team.")
    models: list[str] = strawberry.field(
        description="Names, patterns with `*`, and `group:NAME` for an access group."
    )
    expected_version: Maybe[int | None] = strawberry.field(
        description="Refuse the change if the team has another version by now."
    )


@strawberry.input(description="Models to remove from what a team may use.")
class TeamModelsRemoveInput(MutationInput):
    id: strawberry.ID = strawberry.field(description="The team.")
    models: list[str] = strawberry.field(
        description="Entries of the team's list; what is not in it is ignored."
    )
    allow_none: bool = strawberry.field(
        default=False,
        description="Allow nothing when none is left; without it the last one cannot be removed.",
    )
    expected_version: Maybe[int | None] = strawberry.field(
        description="Refuse the change if the team has another version by now."
    )


@strawberry.type(description="The team as it is now.")
class TeamModelsAddPayload(TeamPayload):
    pass


@strawberry.type(description="The team as it is now.")
class TeamModelsRemovePayload(TeamPayload):
    pass


@mutation
async def team_models_add(write: Write, input: TeamModelsAddInput) -> TeamModelsAddPayload:
    """Add models to what a team may use; an open team stays open.

    For platform admins, admins of the organization, and admins of the team.
    """
    row = await team_models.add(
        write.tx,
        write.actor,
        team_id=input.id,
        entries=input.models,
        expected_version=given(input.expected_version),
    )
    return TeamModelsAddPayload(team=row)


@mutation
async def team_models_remove(write: Write, input: TeamModelsRemoveInput) -> TeamModelsRemovePayload:
    """Remove models from what a team may use; the last one only to allow nothing.

    For platform admins, admins of the organization, and admins of the team.
    """
    row = await team_models.remove(
        write.tx,
        write.actor,
        team_id=input.id,
        entries=input.models,
        allow_none=input.allow_none,
        expected_version=given(input.expected_version),
    )
    return TeamModelsRemovePayload(team=row)


FIELDS = [team_models_add, team_models_remove]
