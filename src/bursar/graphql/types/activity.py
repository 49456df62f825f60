"""Activity: what calls add up to, in all, by day, and by what they differ in."""

import datetime as dt
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import strawberry

from bursar.database.rows import Row
from bursar.graphql.connections import Connection, connection_edge
from bursar.graphql.edges import Leads, Question, asking_edge, edge, reads
from bursar.graphql.lists.activity import ActivityFilter, ActivityRange, asked_of
from bursar.graphql.scalars import BigInt
from bursar.graphql.types.user import User
from bursar.loaders import activity, breakdowns
from bursar.loaders.kept_names import api_key_aliases, team_names
from bursar.loaders.keys import api_keys_by_id
from bursar.loaders.pages import ROOT, Filtered
from bursar.loaders.slices import slice_of
from bursar.loaders.teams import teams_by_id
from bursar.loaders.users import users_by_id

if TYPE_CHECKING:
    from bursar.graphql.types.key import ApiKey
    from bursar.graphql.types.team import Team

LazyTeam = Annotated["Team", strawberry.lazy("bursar.graphql.types.team")]
LazyApiKey = Annotated["ApiKey", strawberry.lazy("bursar.graphql.types.key")]
Range = Annotated[
    ActivityRange, strawberry.argument(description="Which days, in UTC; at most 366.")
]
Filter = Annotated[ActivityFilter | None, strawberry.argument(description="Only calls that fit.")]


@strawberry.type(description="What calls add up to.")
class ActivityTotals:
    spend: Decimal = strawberry.field(description="What they cost, in USD.")
    prompt_tokens: BigInt = strawberry.field(
        description="Tokens sent, with those read from a cache or written to one."
    )
    completion_tokens: BigInt = strawberry.field(description="Tokens received.")
    cache_read_tokens: BigInt = strawberry.field(
        description="Of the tokens sent those that were read from a cache."
    )
    cache_creation_tokens: BigInt = strawberry.field(
        description="Of the tokens sent those that were written to a cache."
    )
    total_tokens: BigInt = strawberry.field(description="Tokens sent and received.")
    requests: BigInt = strawberry.field(description="How many calls there were.")
    successes: BigInt = strawberry.field(description="How many of them succeeded.")
    failures: BigInt = strawberry.field(description="How many of them failed.")


@strawberry.type
class ActivityGroup:
    @strawberry.field(
        description="What the calls of this group add up to.",
        metadata=reads(leads=Leads.ITSELF),
    )
    @staticmethod
    def totals(root: strawberry.Parent[Any]) -> ActivityTotals:
        return root  # type: ignore[no-any-return]  # one row holds the group and its sums


@strawberry.type(description="The calls of one model.")
class ModelActivity(ActivityGroup):
    model: str = strawberry.field(description="The model's name, as the calls were recorded.")


@strawberry.type(description="The calls to one provider.")
class ProviderActivity(ActivityGroup):
    provider: str | None = strawberry.field(
        description="The provider's name; null for calls of which it is not known."
    )


@strawberry.type(description="The calls to one endpoint.")
class EndpointActivity(ActivityGroup):
    endpoint: str | None = strawberry.field(
        description="The endpoint, such as /chat/completions; null where it is not known."
    )


@strawberry.type(description="The calls with one key.")
class ApiKeyActivity(ActivityGroup):
    api_key_id: strawberry.ID = strawberry.field(description="The key, which may be gone by now.")
    alias: str | None = edge(
        api_key_aliases,
        key="api_key_id",
        description="The key's alias, also of one that is gone; null if it had none, or is not yours "
        "to see.",
    )
    api_key: LazyApiKey | None = edge(
        api_keys_by_id,
        key="api_key_id",
        description="The key; null if it is gone, or not yours to see.",
    )


@strawberry.type(description="The calls made in one team.")
class TeamActivity(ActivityGroup):
    team_id: strawberry.ID | None = strawberry.field(
        description="The team, which may be gone by now; null for the calls of personal keys."
    )
    name: str | None = edge(
        team_names,
        key="team_id",
        description="The team's name, also of one that is gone; null if it is not yours to see.",
    )
    team: LazyTeam | None = edge(
        teams_by_id,
        key="team_id",
        description="The team; null if it is gone, or not yours to see.",
    )


@strawberry.type(description="The calls of one user.")
class UserActivity(ActivityGroup):
    user_id: strawberry.ID | None = strawberry.field(
        description="The user, who may be gone by now; null for the calls of services."
    )
    user: User | None = edge(
        users_by_id,
        key="user_id",
        description="The user; null if they are gone, or not yours to see.",
    )


def _by(breakdown: breakdowns.Breakdown, what: str) -> Any:
    return connection_edge(
        breakdown,
        key="slice",
        within="asked",
        description=f"The same calls {what}, the most expensive first; together they are the totals.",
    )


@strawberry.type
class Divided:
    """Calls that can be told apart: a slice, as the loaders know it, and the filters in force."""

    slice: strawberry.Private[str]
    asked: strawberry.Private[Filtered]

    by_model: Connection[ModelActivity] = _by(breakdowns.by_model, "by model")
    by_provider: Connection[ProviderActivity] = _by(breakdowns.by_provider, "by provider")
    by_endpoint: Connection[EndpointActivity] = _by(breakdowns.by_endpoint, "by endpoint")
    by_api_key: Connection[ApiKeyActivity] = _by(breakdowns.by_api_key, "by key")
    by_team: Connection[TeamActivity] = _by(breakdowns.by_team, "by team")
    by_user: Connection[UserActivity] = _by(breakdowns.by_user, "by user")


@strawberry.type(description="What the calls of one day add up to.")
class ActivityDay(Divided):
    date: dt.date = strawberry.field(description="The day, in UTC.")
    totals: ActivityTotals = strawberry.field(description="What they add up to.")


@strawberry.type(description="A page of the days of a range.")
class ActivityDayConnection(Connection[ActivityDay]):
    def nodes_of(self, rows: list[Row]) -> list[ActivityDay]:
        return [
            ActivityDay(
                slice=slice_of(self.parent, row.day),
                asked=self.request.filters,
                date=row.day,
                totals=row,
            )
            for row in rows
        ]


@strawberry.type(description="What the calls that you may see add up to in a range of days.")
class Activity(Divided):
    days: ActivityDayConnection = connection_edge(
        activity.days,
        key="slice",
        within="asked",
        kind=ActivityDayConnection,
        description="Every day of the range, oldest first.",
    )
    totals: ActivityTotals = asking_edge(
        lambda it: Question(activity.totals, it.slice, (it.asked,)),
        description="What they add up to in the whole range.",
    )


def activity_of(
    range: ActivityRange, filter: ActivityFilter | None, team_id: str = ROOT
) -> Activity:
    """The activity of all, or of one team."""
    return Activity(slice=team_id, asked=asked_of(range, filter))
