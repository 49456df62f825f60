"""What was used: activity, and the single calls behind it."""

import strawberry
from strawberry import UNSET

from bursar.graphql.connections import Connection, connection_field
from bursar.graphql.lists.activity import UsageEventFilter, UsageEventOrder
from bursar.graphql.lists.orders import NEWEST_FIRST
from bursar.graphql.types.activity import Activity, Filter, Range, activity_of
from bursar.graphql.types.usage import UsageEvent
from bursar.loaders.usage import usage_events_list


@strawberry.field(
    description="What the calls that you may see add up to: all for platform admins and viewers; those "
    "of their organizations and teams for the admins of these, and for who may read activity; for "
    "others those with their own keys."
)
def activity(range: Range, filter: Filter = UNSET) -> Activity:
    return activity_of(range, filter)


usage_events = connection_field(
    "usage_events",
    usage_events_list,
    Connection[UsageEvent],
    filter=UsageEventFilter,
    order=UsageEventOrder,
    sorted_by=NEWEST_FIRST,
    description="The calls that activity adds up for you, newest first.",
)

FIELDS = [activity, usage_events]
