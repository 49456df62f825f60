"""What lists of teams can be filtered and sorted by."""

import strawberry
from strawberry import Maybe

from bursar.graphql.lists.named import NamedFilter
from bursar.graphql.lists.orders import CREATED_AT, NAME, Sort, order_input


@strawberry.input(description="Which teams; all that is given must hold.")
class TeamFilter(NamedFilter):
    id_contains: Maybe[str | None] = strawberry.field(
        description="Only those whose id contains this."
    )
    organization_ids: Maybe[list[strawberry.ID] | None] = strawberry.field(
        description="Only those of one of these organizations."
    )
    blocked: Maybe[bool | None] = strawberry.field(
        description="Only those that are blocked, or only those that are not."
    )
    joinable: Maybe[bool | None] = strawberry.field(
        description="Only those that people may join by themselves, or only the others."
    )
    over_budget: Maybe[bool | None] = strawberry.field(
        description="Only those that have spent their budget of the current period, a temporary "
        "increase included, or only the others."
    )
    member_user_id: Maybe[strawberry.ID | None] = strawberry.field(
        description="Only those that this user is a member of."
    )


@strawberry.input(description="Which teams to join.")
class JoinableTeamFilter:
    name_contains: Maybe[str | None] = strawberry.field(
        description="Only those whose name contains this, without regard to case."
    )


TeamOrder = order_input(
    "Team",
    "teams",
    NAME=NAME,
    CREATED_AT=CREATED_AT,
    LIFETIME_SPEND=Sort("lifetime_spend", "What was ever spent."),
)
