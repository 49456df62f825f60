"""Users by id, by external id and by e-mail, and their list."""

from bursar.access.visibility import listed_users, user_columns, visible_users, whole_users
from bursar.database.tables import users
from bursar.domain.roles import PlatformRole
from bursar.loaders.filters import (
    contains,
    joined_organization,
    joined_team,
    named,
    one_of,
    whether,
    within,
)
from bursar.loaders.pages import BY_NAME, Listing, by_column
from bursar.loaders.rows import rows_of

users_by_id = rows_of(users.c.id, visible_users, user_columns)
users_by_external_id = rows_of(users.c.external_id, whole_users, user_columns)
users_by_email_key = rows_of(users.c.email_key, visible_users, user_columns)
users_list = Listing(
    users.c.id,
    listed_users,
    user_columns,
    orders=by_column(users.c.name_key, users.c.created_at),
    default=BY_NAME,
    filters={
        **named(users, whole_users),
        **contains("email_contains", users.c.email_key),
        **one_of("role", users.c.role, PlatformRole, whole_users),
        **whether("blocked", users.c.blocked, whole_users),
        **within("team_id", users.c.id, joined_team),
        **within("organization_id", users.c.id, joined_organization),
    },
)
