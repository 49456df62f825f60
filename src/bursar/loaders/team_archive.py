"""Teams that were deleted, and what would go with those that are there."""

from sqlalchemy import ScalarSelect, Table, case, func, select

from bursar.access.visibility import teams_with_visible_keys, visible_deleted_teams, visible_teams
from bursar.database.tables import api_keys, deleted_teams, team_members, teams
from bursar.loaders.filters import among, between, contains, equal
from bursar.loaders.pages import Listing, by_column
from bursar.loaders.rows import RowsByKey

deleted_teams_list = Listing(
    deleted_teams.c.id,
    visible_deleted_teams,
    orders=by_column(deleted_teams.c.deleted_at),
    default=(("deleted_at", True),),
    filters={
        **among("ids", deleted_teams.c.id),
        **among("external_ids", deleted_teams.c.external_id),
        **contains("name_contains", deleted_teams.c.name_key),
        **equal("organization_id", deleted_teams.c.organization_id),
        **between(deleted_teams.c.deleted_at, "deleted_since", "deleted_before"),
    },
)


def _count(table: Table) -> ScalarSelect[int]:
    return select(func.count()).where(table.c.team_id == teams.c.id).scalar_subquery()


# The members of a team, and its keys where the actor sees all of them.
deletions_by_team = RowsByKey(
    lambda sight: select(
        teams.c.id,
        _count(team_members).label("members"),
        case((teams_with_visible_keys(sight), _count(api_keys))).label("api_keys"),
    ).where(visible_teams(sight)),
    teams.c.id,
)
