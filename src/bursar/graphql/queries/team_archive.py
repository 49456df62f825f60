"""Teams that were deleted, and what would go with those that are there."""

import asyncio
from typing import Annotated

import strawberry
from strawberry.types import Info

from bursar.domain.names import is_storable
from bursar.graphql.connections import Connection, connection_field
from bursar.graphql.context import Context
from bursar.graphql.errors import BadUserInput
from bursar.graphql.lists.orders import NEWEST_FIRST
from bursar.graphql.lists.team_archive import DeletedTeamFilter, DeletedTeamOrder
from bursar.graphql.types.team_archive import DeletedTeam, TeamDeletePreview
from bursar.loaders.team_archive import deleted_teams_list, deletions_by_team
from bursar.services.team_removal import MOST_DELETED

TeamIds = Annotated[list[strawberry.ID], strawberry.argument(description="The teams, at most 100.")]


deleted_teams = connection_field(
    "deleted_teams",
    deleted_teams_list,
    Connection[DeletedTeam],
    filter=DeletedTeamFilter,
    order=DeletedTeamOrder,
    sorted_by=NEWEST_FIRST,
    description="The teams that were deleted, newest first, for platform admins and viewers, and "
    "for admins of an organization its own.",
)


@strawberry.field(description="What would go if these teams were deleted now.")
async def team_delete_preview(info: Info[Context, None], ids: TeamIds) -> TeamDeletePreview:
    if len(ids) > MOST_DELETED:
        raise BadUserInput(f"`ids` must be at most {MOST_DELETED}.")
    found = await asyncio.gather(
        *(info.context.load(deletions_by_team, id) for id in dict.fromkeys(ids) if is_storable(id))
    )
    rows = [row for row in found if row is not None]
    keys = [row.api_keys for row in rows]
    return TeamDeletePreview(
        teams=rows,
        members=sum(row.members for row in rows),
        api_keys=None if None in keys else sum(keys),
    )


FIELDS = [deleted_teams, team_delete_preview]
