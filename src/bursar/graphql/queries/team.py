"""Teams: by id, by external id, all that the caller may see, and those that they may join."""

from bursar.domain.ids import Prefix
from bursar.graphql.connections import Connection, connection_field
from bursar.graphql.lists.team import JoinableTeamFilter, TeamFilter, TeamOrder
from bursar.graphql.point_reads import point_read
from bursar.graphql.queries.arguments import ExternalId, Id, id_of, storable
from bursar.graphql.types.team import JoinableTeam, Team
from bursar.loaders.teams import joinable_teams_list, teams_by_external_id, teams_by_id, teams_list

team = point_read(
    "team",
    Team,
    teams_by_id,
    id_of(Prefix.TEAM),
    id=Id,
    description="A team by its id; null if you may see none with it.",
)
team_by_external_id = point_read(
    "team_by_external_id",
    Team,
    teams_by_external_id,
    storable,
    external_id=ExternalId,
    description="A team by its external id; null if you may see none with it.",
)
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
