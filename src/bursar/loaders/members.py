"""Members of teams: by id, under their team, and under their user."""

from typing import Any

from sqlalchemy import ColumnElement, Table, select

from bursar.access.visibility import visible_team_members
from bursar.database.tables import team_members, users
from bursar.domain.roles import TeamRole
from bursar.loaders.filters import of_user, one_of
from bursar.loaders.pages import Listing, by_column
from bursar.loaders.rows import rows_of


def orders_of_members(members: Table) -> dict[str, ColumnElement[Any]]:
    """By the time of joining, and by the name of the user, whom who sees a member sees."""
    name = select(users.c.name_key).where(users.c.id == members.c.user_id)
    return {**by_column(members.c.joined_at), "user_name_key": name.scalar_subquery()}


team_members_by_id = rows_of(team_members.c.id, visible_team_members)
team_members_by_team = Listing(
    team_members.c.id,
    visible_team_members,
    parent=team_members.c.team_id,
    orders=orders_of_members(team_members),
    filters={
        **one_of("role", team_members.c.role, TeamRole),
        **of_user(team_members),
    },
)
team_members_by_user = Listing(
    team_members.c.id, visible_team_members, parent=team_members.c.user_id
)
