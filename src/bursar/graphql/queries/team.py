"""Teams: by id, by external id, all that the caller may see, and those that they may join."""

from enum import Enum
from typing import Annotated

import strawberry
from strawberry import UNSET, Maybe
from strawberry.types import Info

from bursar.domain.ids import Prefix
from bursar.graphql.connections import After, Before, Connection, First, Last, connection
from bursar.graphql.context import Context
from bursar.graphql.enums import OrderDirection, describe
from bursar.graphql.queries.arguments import ORDER_BY, ExternalId, Id, NamedFilter
from bursar.graphql.queries.node import by_id, by_text
from bursar.graphql.types.team import JoinableTeam, Team
from bursar.loaders.teams import joinable_teams_list, teams_by_external_id, teams_list


@strawberry.input(description="Which teams; all that is given must hold.")
class TeamFilter(NamedFilter):
    organization_ids: Maybe[list[strawberry.ID] | None] = strawberry.field(
        description="Only those of one of these organizations."
    )
    blocked: Maybe[bool | None] = strawberry.field(
        description="Only those that are blocked, or only those that are not."
    )
    joinable: Maybe[bool | None] = strawberry.field(
        description="Only those that people may join by themselves, or only the others."
    )
    member_user_id: Maybe[strawberry.ID | None] = strawberry.field(
        description="Only those that this user is a member of."
    )


Filter = Annotated[TeamFilter | None, strawberry.argument(description="Only those that fit.")]


class TeamOrderField(Enum):
    """The values are columns."""

    NAME = "name_key"
    CREATED_AT = "created_at"


describe(
    TeamOrderField,
    "What teams can be sorted by.",
    NAME="The name, without regard to case.",
    CREATED_AT="The time of creation.",
)


@strawberry.input(description="How to sort teams.")
class TeamOrder:
    field: TeamOrderField = strawberry.field(description="What to sort by.")
    direction: OrderDirection = strawberry.field(
        default=OrderDirection.ASC, description="Which way."
    )


OrderBy = Annotated[list[TeamOrder] | None, strawberry.argument(description=ORDER_BY)]


@strawberry.field(description="A team by its id; null if you may see none with it.")
async def team(info: Info[Context, None], id: Id) -> Team | None:
    found: Team | None = await by_id(info, id, Prefix.TEAM)
    return found


@strawberry.field(description="A team by its external id; null if you may see none with it.")
async def team_by_external_id(info: Info[Context, None], external_id: ExternalId) -> Team | None:
    found: Team | None = await by_text(info, teams_by_external_id, external_id)
    return found


@strawberry.field(description="The teams that you may see.")
def teams(
    first: First = UNSET,
    last: Last = UNSET,
    after: After = UNSET,
    before: Before = UNSET,
    filter: Filter = UNSET,
    order_by: OrderBy = UNSET,
) -> Connection[Team]:
    return connection(
        teams_list,
        first=first,
        last=last,
        after=after,
        before=before,
        filter=filter,
        order_by=order_by,
    )


@strawberry.input(description="Which teams to join.")
class JoinableTeamFilter:
    name_contains: Maybe[str | None] = strawberry.field(
        description="Only those whose name contains this, without regard to case."
    )


JoinableFilter = Annotated[
    JoinableTeamFilter | None, strawberry.argument(description="Only those that fit.")
]


@strawberry.field(
    description="The teams that are open to who belongs to their organization, and that you have "
    "not joined, by name; blocked ones are left out."
)
def joinable_teams(
    first: First = UNSET,
    last: Last = UNSET,
    after: After = UNSET,
    before: Before = UNSET,
    filter: JoinableFilter = UNSET,
) -> Connection[JoinableTeam]:
    return connection(
        joinable_teams_list, first=first, last=last, after=after, before=before, filter=filter
    )


FIELDS = [team, team_by_external_id, teams, joinable_teams]
