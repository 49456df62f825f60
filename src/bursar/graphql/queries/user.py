"""Users: by id, external id or e-mail, and all that the caller may see."""

from enum import Enum
from typing import Annotated

import strawberry
from strawberry import UNSET, Maybe
from strawberry.types import Info

from bursar.domain.ids import Prefix
from bursar.domain.names import key_of
from bursar.graphql.connections import After, Before, Connection, First, Last, connection
from bursar.graphql.context import Context
from bursar.graphql.enums import OrderDirection, describe
from bursar.graphql.queries.arguments import ORDER_BY, ExternalId, Id, NamedFilter
from bursar.graphql.queries.node import by_id, by_text
from bursar.graphql.types.user import User
from bursar.loaders.users import users_by_email_key, users_by_external_id, users_list


@strawberry.input(description="Which users; all that is given must hold.")
class UserFilter(NamedFilter):
    blocked: Maybe[bool | None] = strawberry.field(
        description="Only those that are blocked, or only those that are not."
    )


Email = Annotated[str, strawberry.argument(description="The e-mail, in upper or lower case.")]
Filter = Annotated[UserFilter | None, strawberry.argument(description="Only those that fit.")]


class UserOrderField(Enum):
    """The values are columns."""

    NAME = "name_key"
    CREATED_AT = "created_at"


describe(
    UserOrderField,
    "What users can be sorted by.",
    NAME="The name, without regard to case.",
    CREATED_AT="The time of creation.",
)


@strawberry.input(description="How to sort users.")
class UserOrder:
    field: UserOrderField = strawberry.field(description="What to sort by.")
    direction: OrderDirection = strawberry.field(
        default=OrderDirection.ASC, description="Which way."
    )


OrderBy = Annotated[list[UserOrder] | None, strawberry.argument(description=ORDER_BY)]


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


@strawberry.field(description="The users that you may see.")
def users(
    first: First = UNSET,
    last: Last = UNSET,
    after: After = UNSET,
    before: Before = UNSET,
    filter: Filter = UNSET,
    order_by: OrderBy = UNSET,
) -> Connection[User]:
    return connection(
        users_list,
        first=first,
        last=last,
        after=after,
        before=before,
        filter=filter,
        order_by=order_by,
    )


FIELDS = [user, user_by_external_id, user_by_email, users]
