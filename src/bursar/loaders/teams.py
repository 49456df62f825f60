"""Teams by id and by external id, their lists, those one may join, and what one is to them."""

from sqlalchemy import select

from bursar.access.joining import open_teams
from bursar.access.standing import with_actor_roles
from bursar.access.visibility import visible_teams
from bursar.database.tables import teams
from bursar.loaders.filters import TEAM_FILTERS, contains
from bursar.loaders.pages import BY_NAME, Listing, by_column
from bursar.loaders.rows import RowsByKey, rows_of

ORDERS = by_column(teams.c.name_key, teams.c.created_at)

teams_by_id = rows_of(teams.c.id, visible_teams)
teams_by_external_id = rows_of(teams.c.external_id, visible_teams)
teams_list = Listing(
    teams.c.id, visible_teams, orders=ORDERS, default=BY_NAME, filters=TEAM_FILTERS
)
teams_by_organization = Listing(
    teams.c.id,
    visible_teams,
    parent=teams.c.organization_id,
    orders=ORDERS,
    default=BY_NAME,
    filters=TEAM_FILTERS,
)

# Who has not joined a team sees what to choose it by.
joinable_teams_list = Listing(
    teams.c.id,
    open_teams,
    lambda _: [teams.c.id, teams.c.name, teams.c.name_key, teams.c.description],
    orders=by_column(teams.c.name_key),
    default=BY_NAME,
    filters=contains("name_contains", teams.c.name_key),
)

# The roles of the actor in a team and in its organization.
actor_roles_by_team = RowsByKey(
    lambda sight: with_actor_roles(select(teams.c.id).where(visible_teams(sight)), teams),
    teams.c.id,
)
