"""Users by id, by external id and by e-mail, and their list."""

from bursar.access.visibility import user_columns, visible_users, whole_users
from bursar.database.tables import users
from bursar.loaders.filters import equal, named
from bursar.loaders.pages import Listing
from bursar.loaders.rows import rows_of

users_by_id = rows_of(users.c.id, visible_users, user_columns)
users_by_external_id = rows_of(users.c.external_id, whole_users, user_columns)
users_by_email_key = rows_of(users.c.email_key, visible_users, user_columns)
users_list = Listing(
    users.c.id,
    visible_users,
    user_columns,
    default=(("name_key", False),),
    filters={**named(users, whole_users), **equal("blocked", users.c.blocked, whole_users)},
)
