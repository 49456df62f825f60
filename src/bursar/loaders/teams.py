"""Teams by id and by external id, their lists, those one may join, and what one is to them."""

from sqlalchemy import func, literal_column, select

from bursar.access.joining import open_teams
from bursar.access.standing import with_actor_roles
from bursar.access.visibility import visible_teams
from bursar.database.tables import lifetime_spends, teams
from bursar.domain.ids import Prefix
from bursar.loaders.budgets import over_budget
from bursar.loaders.filters import TEAM_FILTERS, contains, whether
from bursar.loaders.pages import BY_NAME, Beside, Listing, by_column
from bursar.loaders.rows import RowsByKey, rows_of

ORDERS = {
    **by_column(teams.c.name_key, teams.c.created_at),
    "lifetime_spend": lifetime_spends.c.spend,
}
# As the index says of which rows it is.
_of_teams = func.starts_with(lifetime_spends.c.holder_id, literal_column(f"'{Prefix.TEAM}_'"))
BESIDE = {"lifetime_spend": Beside(lifetime_spends.c.holder_id, _of_teams)}
FILTERS = {**TEAM_FILTERS, **whether("over_budget", over_budget("team", teams))}

teams_by_id = rows_of(teams.c.id, visible_teams)
teams_by_external_id = rows_of(teams.c.external_id, visible_teams)
teams_list = Listing(
    teams.c.id,
    visible_teams,
    orders=ORDERS,
    default=BY_NAME,
    filters=FILTERS,
    beside=BESIDE,
    few_first=True,
)
teams_by_organization = Listing(
    teams.c.id,
    visible_teams,
    parent=teams.c.organization_id,
    orders=ORDERS,
    default=BY_NAME,
    filters=FILTERS,
    beside=BESIDE,
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
