"""Members of teams: by id, under their team, and under their user."""

from bursar.access.visibility import visible_team_members
from bursar.database.tables import team_members
from bursar.loaders.pages import Listing
from bursar.loaders.rows import rows_of

team_members_by_id = rows_of(team_members.c.id, visible_team_members)
team_members_by_team = Listing(
    team_members.c.id, visible_team_members, parent=team_members.c.team_id
)
team_members_by_user = Listing(
    team_members.c.id, visible_team_members, parent=team_members.c.user_id
)
