"""What lists of members, of a team or of an organization, can be filtered and sorted by."""

import strawberry
from strawberry import Maybe

from bursar.domain.roles import OrganizationRole, TeamRole
from bursar.graphql.lists.orders import Sort, order_input


@strawberry.input
class AnyMemberFilter:
    user_ids: Maybe[list[strawberry.ID] | None] = strawberry.field(
        description="Only those of these users."
    )
    user_contains: Maybe[str | None] = strawberry.field(
        description="Only those whose user's name or e-mail contains this, without regard to case."
    )


@strawberry.input(description="Which members of a team; all that is given must hold.")
class TeamMemberFilter(AnyMemberFilter):
    role: Maybe[TeamRole | None] = strawberry.field(description="Only those with this role.")


@strawberry.input(description="Which members of an organization; all that is given must hold.")
class OrganizationMemberFilter(AnyMemberFilter):
    role: Maybe[OrganizationRole | None] = strawberry.field(
        description="Only those with this role."
    )


_SORTS = {
    "JOINED_AT": Sort("joined_at", "The time of joining."),
    "USER_NAME": Sort("user_name_key", "The name of the user, without regard to case."),
}
TeamMemberOrder = order_input("TeamMember", "members of a team", **_SORTS)
OrganizationMemberOrder = order_input("OrganizationMember", "members of an organization", **_SORTS)
