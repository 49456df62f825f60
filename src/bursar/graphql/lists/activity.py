"""What activity and lists of calls can be asked about: days, and whose and which calls."""

from datetime import date, datetime

import strawberry
from strawberry import Maybe

from bursar.graphql.connections import filters_of
from bursar.graphql.errors import BadUserInput
from bursar.graphql.lists.orders import Sort, order_input
from bursar.loaders.activity import MOST_DAYS
from bursar.loaders.pages import Filtered


@strawberry.input(description="Days of the calendar in UTC, both ends included; at most 366.")
class ActivityRange:
    from_: date = strawberry.field(name="from", description="The first day.")
    to: date = strawberry.field(description="The last day.")


@strawberry.input(
    description="Which of the calls that you may see are counted; all that is given must hold."
)
class ActivityFilter:
    team_ids: Maybe[list[strawberry.ID] | None] = strawberry.field(
        description="Only those made in one of these teams."
    )
    excluded_team_ids: Maybe[list[strawberry.ID] | None] = strawberry.field(
        description="Only those made in none of these teams."
    )
    organization_ids: Maybe[list[strawberry.ID] | None] = strawberry.field(
        description="Only those made in one of these organizations."
    )
    user_ids: Maybe[list[strawberry.ID] | None] = strawberry.field(
        description="Only those of one of these users."
    )
    api_key_ids: Maybe[list[strawberry.ID] | None] = strawberry.field(
        description="Only those with one of these keys."
    )
    models: Maybe[list[str] | None] = strawberry.field(
        description="Only those of one of these models, by their exact names."
    )
    providers: Maybe[list[str] | None] = strawberry.field(
        description="Only those to one of these providers, by their exact names."
    )
    tags: Maybe[list[str] | None] = strawberry.field(
        description="Only those with at least one of these tags."
    )


def asked_of(range: ActivityRange, filter: ActivityFilter | None) -> Filtered:
    """The filters in force. Raises BadUserInput for a range that is empty or too long."""
    if not 0 <= (range.to - range.from_).days < MOST_DAYS:
        raise BadUserInput(f"`range` must be 1 to {MOST_DAYS} days, from the first to the last.")
    return (("from", range.from_), ("to", range.to), *filters_of(filter))


@strawberry.input(description="Which calls; all that is given must hold.")
class UsageEventFilter:
    organization_id: Maybe[strawberry.ID | None] = strawberry.field(
        description="Only those made in this organization."
    )
    team_id: Maybe[strawberry.ID | None] = strawberry.field(
        description="Only those made in this team."
    )
    user_id: Maybe[strawberry.ID | None] = strawberry.field(description="Only those of this user.")
    api_key_id: Maybe[strawberry.ID | None] = strawberry.field(
        description="Only those with this key."
    )
    models: Maybe[list[str] | None] = strawberry.field(
        description="Only those of one of these models, by their exact names."
    )
    tags: Maybe[list[str] | None] = strawberry.field(
        description="Only those with at least one of these tags."
    )
    success: Maybe[bool | None] = strawberry.field(
        description="Only those that succeeded, or only those that failed."
    )
    since: Maybe[datetime | None] = strawberry.field(
        description="Only those made at this time or later."
    )
    before: Maybe[datetime | None] = strawberry.field(
        description="Only those made before this time."
    )


UsageEventOrder = order_input("UsageEvent", "calls", AT=Sort("at", "The time of the call."))
