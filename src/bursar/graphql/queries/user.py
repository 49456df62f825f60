"""Users: by id, external id or e-mail, and all that the caller may see."""

from typing import Annotated

import strawberry
from strawberry.types import Info

from bursar.domain.ids import Prefix
from bursar.domain.names import key_of
from bursar.graphql.connections import Connection, connection_field
from bursar.graphql.context import Context
from bursar.graphql.lists.user import UserFilter, UserOrder
from bursar.graphql.queries.arguments import ExternalId, Id
from bursar.graphql.queries.node import by_id, by_text
from bursar.graphql.types.user import User
from bursar.loaders.users import users_by_email_key, users_by_external_id, users_list

Email = Annotated[str, strawberry.argument(description="The e-mail, in upper or lower case.")]


@strawberry.field(description="A user by their id; null if you may see none with it.")
async def user(info: Info[Context, None], id: Id) -> User | None:
    found: User | None = await by_id(info, id, Prefix.USER)
    return found


@strawberry.field(description="A user by their external id; null if you may see none with it.")
async def user_by_external_id(info: Info[Context, None], external_id: ExternalId) -> User | None:
    found: User | None = await by_text(info, users_by_external_id, external_id)
    return found


@strawberry.field(description="A user by their e-mail; null if you may see none with it.")
async def user_by_email(info: Info[Context, None], email: Email) -> User | None:
    found: User | None = await by_text(info, users_by_email_key, key_of(email))
    return found


users = connection_field(
    "users",
    users_list,
    Connection[User],
    filter=UserFilter,
    order=UserOrder,
    description="The users that you may see.",
)

FIELDS = [user, user_by_external_id, user_by_email, users]
