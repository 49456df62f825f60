"""Metered calls, one by one."""

from datetime import datetime
from decimal import Decimal

import strawberry

from bursar.domain.ids import Prefix
from bursar.graphql.edges import edge
from bursar.graphql.scalars import BigInt
from bursar.graphql.types.key import ApiKey
from bursar.graphql.types.node import Node
from bursar.graphql.types.organization import Organization
from bursar.graphql.types.team import Team
from bursar.graphql.types.user import User
from bursar.loaders.keys import api_keys_by_id
from bursar.loaders.organizations import organizations_by_id
from bursar.loaders.teams import teams_by_id
from bursar.loaders.users import users_by_id


@strawberry.type(description="One metered call, and whom it was counted for.")
class UsageEvent(Node):
    prefix = Prefix.USAGE_EVENT

    request_id: str = strawberry.field(description="The gateway's own name for the call.")
    at: datetime = strawberry.field(description="When the call was made.")
    recorded_at: datetime = strawberry.field(description="When it was recorded.")
    model: str = strawberry.field(description="The model that was called.")
    provider: str | None = strawberry.field(description="Who runs the model, if that is known.")
    endpoint: str | None = strawberry.field(
        description="What was called, such as /chat/completions, if that is known."
    )
    tags: list[str] = strawberry.field(description="Labels of the call.")
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
    cost: Decimal = strawberry.field(description="What the call cost, in USD.")
    success: bool = strawberry.field(description="Whether it succeeded.")
    api_key_id: strawberry.ID = strawberry.field(
        description="The key it was made with, which may be gone by now."
    )
    user_id: strawberry.ID | None = strawberry.field(
        description="The key's user, who may be gone by now; null for a service."
    )
    team_id: strawberry.ID | None = strawberry.field(
        description="The key's team then, which may be gone by now; null for a personal key."
    )
    organization_id: strawberry.ID | None = strawberry.field(
        description="The team's organization then, which may be gone by now."
    )
    api_key: ApiKey | None = edge(
        api_keys_by_id,
        key="api_key_id",
        description="The key it was made with; null if it is gone, or not yours to see.",
    )
    user: User | None = edge(
        users_by_id,
        key="user_id",
        description="The key's user; null if they are gone, or not yours to see.",
    )
    team: Team | None = edge(
        teams_by_id,
        key="team_id",
        description="The key's team then; null if it is gone, or not yours to see.",
    )
    organization: Organization | None = edge(
        organizations_by_id,
        key="organization_id",
        description="The team's organization then; null if it is gone, or not yours to see.",
    )
