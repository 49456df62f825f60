"""API keys by id and under their user; never with their secret."""

from bursar.access.visibility import api_key_columns, visible_api_keys
from bursar.database.tables import api_keys
from bursar.loaders.pages import Listing
from bursar.loaders.rows import rows_of

api_keys_by_id = rows_of(api_keys.c.id, visible_api_keys, api_key_columns)
api_keys_by_user = Listing(
    api_keys.c.id, visible_api_keys, api_key_columns, parent=api_keys.c.user_id
)
