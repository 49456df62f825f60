"""What lists of users can be filtered and sorted by."""

import strawberry
from strawberry import Maybe

from bursar.domain.roles import PlatformRole
from bursar.graphql.lists.named import NamedFilter
from bursar.graphql.lists.orders import CREATED_AT, NAME, order_input


@strawberry.input(description="Which users; all that is given must hold.")
class UserFilter(NamedFilter):
    email_contains: Maybe[str | None] = strawberry.field(
        description="Only those whose e-mail contains this, without regard to case."
    )
    role: Maybe[PlatformRole | None] = strawberry.field(
        description="Only those who are this to the whole platform, as far as you may see it."
    )
    team_id: Maybe[strawberry.ID | None] = strawberry.field(
        description="Only those who are members of this team, if you may see its members."
    )
    organization_id: Maybe[strawberry.ID | None] = strawberry.field(
        description="Only those who are members of this organization, as far as you may see them."
    )
    blocked: Maybe[bool | None] = strawberry.field(
        description="Only those that are blocked, or only those that are not."
    )


UserOrder = order_input("User", "users", NAME=NAME, CREATED_AT=CREATED_AT)
