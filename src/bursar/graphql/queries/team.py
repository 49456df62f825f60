"""Teams: by id, by external id, all that the caller may see, and those that they may join."""

import strawberry
from strawberry.types import Info

from bursar.domain.ids import Prefix
from bursar.graphql.connections import Connection, connection_field
from bursar.graphql.context import Context
from bursar.graphql.lists.team import JoinableTeamFilter, TeamFilter, TeamOrder
from bursar.graphql.queries.arguments import ExternalId, Id
from bursar.graphql.queries.node import by_id, by_text
from bursar.graphql.types.team import JoinableTeam, Team
from bursar.loaders.teams import joinable_teams_list, teams_by_external_id, teams_list


@strawberry.field(description="A team by its id; null if you may see none with it.")
async def team(info: Info[Context, None], id: Id) -> Team | None:
    found: Team | None = await by_id(info, id, Prefix.TEAM)
    return found


@strawberry.field(description="A team by its external id; null if you may see none with it.")
async def team_by_external_id(info: Info[Context, None], external_id: ExternalId) -> Team | None:
    found: Team | None = await by_text(info, teams_by_external_id, external_id)
    return found


teams = connection_field(
    "teams",
    teams_list,
    Connection[Team],
    filter=TeamFilter,
    order=TeamOrder,
    description="The teams that you may see.",
)
joinable_teams = connection_field(
    "joinable_teams",
    joinable_teams_list,
    Connection[JoinableTeam],
    filter=JoinableTeamFilter,
    description="The teams that are open to who belongs to their organization, and that you have "
    "not joined, by name; blocked ones are left out.",
)

FIELDS = [team, team_by_external_id, teams, joinable_teams]
