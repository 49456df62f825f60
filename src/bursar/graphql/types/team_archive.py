"""Teams that were deleted, as they were, and what would go with teams that were deleted now."""

from datetime import datetime

import strawberry

from bursar.graphql.edges import edge
from bursar.graphql.scalars import JSON
from bursar.graphql.types.team import Team
from bursar.loaders.teams import teams_by_id


@strawberry.type(description="A team that was deleted, as it was.")
class DeletedTeam:
    id: strawberry.ID = strawberry.field(description="The id that the team had.")
    external_id: str | None = strawberry.field(
        description="The external id that the team had; another may have it now."
    )
    name: str = strawberry.field(description="The name that the team had.")
    organization_id: strawberry.ID = strawberry.field(
        description="The organization it belonged to, which may be gone by now."
    )
    state: JSON = strawberry.field(
        description="All that was known of the team, named as in Team, with its budgets and with the "
        "user id and role of each member."
    )
    deleted_at: datetime = strawberry.field(description="When it was deleted.")
    deleted_by_user_id: strawberry.ID | None = strawberry.field(description="Who deleted it.")
    deleted_by_key_id: strawberry.ID | None = strawberry.field(description="With which key.")


@strawberry.type(description="What would go with one team.")
class TeamDeletion:
    team: Team = edge(teams_by_id, key="id", description="The team.")
    members: int = strawberry.field(description="How many memberships would end.")
    api_keys: int | None = strawberry.field(
        description="How many keys would be deleted; null to who may not see them all."
    )


@strawberry.type(description="What would go if these teams were deleted.")
class TeamDeletePreview:
    teams: list[TeamDeletion] = strawberry.field(
        description="Each team once, in the order given; those you may not see are left out."
    )
    members: int = strawberry.field(description="How many memberships would end in all of them.")
    api_keys: int | None = strawberry.field(
        description="How many keys would be deleted in all of them; null to who may not see them all."
    )
