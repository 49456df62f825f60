"""API keys: by id, by external id, all that the caller may see, and those deleted."""

from bursar.domain.ids import Prefix
from bursar.graphql.connections import Connection, connection_field
from bursar.graphql.lists.key import (
    ApiKeyFilter,
    ApiKeyOrder,
    DeletedApiKeyFilter,
    DeletedApiKeyOrder,
)
from bursar.graphql.lists.orders import NEWEST_FIRST, OLDEST_FIRST
from bursar.graphql.point_reads import point_read
from bursar.graphql.queries.arguments import ExternalId, Id, id_of, storable
from bursar.graphql.types.key import ApiKey, DeletedApiKey
from bursar.loaders.keys import (
    api_keys_by_external_id,
    api_keys_by_id,
    api_keys_list,
    deleted_api_keys_list,
)

api_key = point_read(
    "api_key",
    ApiKey,
    api_keys_by_id,
    id_of(Prefix.API_KEY),
    id=Id,
    description="An API key by its id; null if you may see none with it.",
)
api_key_by_external_id = point_read(
    "api_key_by_external_id",
    ApiKey,
    api_keys_by_external_id,
    storable,
    external_id=ExternalId,
    description="An API key by its external id; null if you may see none with it.",
)
api_keys = connection_field(
    "api_keys",
    api_keys_list,
    Connection[ApiKey],
    filter=ApiKeyFilter,
    order=ApiKeyOrder,
    sorted_by=OLDEST_FIRST,
    description="The API keys that you may see.",
)
deleted_api_keys = connection_field(
    "deleted_api_keys",
    deleted_api_keys_list,
    Connection[DeletedApiKey],
    filter=DeletedApiKeyFilter,
    order=DeletedApiKeyOrder,
    sorted_by=NEWEST_FIRST,
    description="The API keys that were deleted, newest first, for platform admins and viewers, "
    "and for admins of an organization those of its teams.",
)

FIELDS = [api_key, api_key_by_external_id, api_keys, deleted_api_keys]
