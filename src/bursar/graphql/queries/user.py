"""Users: by id, external id or e-mail, and all that the caller may see."""

from typing import Annotated

import strawberry

from bursar.domain.ids import Prefix
from bursar.domain.names import key_of
from bursar.graphql.connections import Connection, connection_field
from bursar.graphql.lists.user import UserFilter, UserOrder
from bursar.graphql.point_reads import point_read
from bursar.graphql.queries.arguments import ExternalId, Id, id_of, storable
from bursar.graphql.types.user import User
from bursar.loaders.users import users_by_email_key, users_by_external_id, users_by_id, users_list

Email = Annotated[str, strawberry.argument(description="The e-mail, in upper or lower case.")]


user = point_read(
    "user",
    User,
    users_by_id,
    id_of(Prefix.USER),
    id=Id,
    description="A user by their id; null if you may see none with it.",
)
user_by_external_id = point_read(
    "user_by_external_id",
    User,
    users_by_external_id,
    storable,
    external_id=ExternalId,
    description="A user by their external id; null if you may see none with it.",
)
user_by_email = point_read(
    "user_by_email",
    User,
    users_by_email_key,
    lambda email: storable(key_of(email)),
    email=Email,
    description="A user by their e-mail; null if you may see none with it.",
)
users = connection_field(
    "users",
    users_list,
    Connection[User],
    filter=UserFilter,
    order=UserOrder,
    description="The users that you may see.",
)

FIELDS = [user, user_by_external_id, user_by_email, users]
