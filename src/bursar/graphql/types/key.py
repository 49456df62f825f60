"""API keys, those in use and those deleted: what people see of them."""

from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import strawberry

from bursar.domain.ids import Prefix
from bursar.domain.keys import kind_of
from bursar.domain.roles import KeyKind, KeyScope
from bursar.domain.throughput import RateLimitType
from bursar.graphql.connections import Connection, connection_edge
from bursar.graphql.edges import edge, reads
from bursar.graphql.scalars import JSON, Duration
from bursar.graphql.types.access_group import AccessGroup
from bursar.graphql.types.budget_use import BudgetUse
from bursar.graphql.types.limit import EffectiveLimits
from bursar.graphql.types.node import Node
from bursar.graphql.types.user import User
from bursar.loaders.access_groups import access_groups_by_api_key
from bursar.loaders.budgets import budgets_by_api_key
from bursar.loaders.limits import effective_limits_by_api_key
from bursar.loaders.models import effective_models_by_api_key
from bursar.loaders.spends import lifetime_spends_by_api_key
from bursar.loaders.teams import teams_by_id
from bursar.loaders.users import users_by_id

if TYPE_CHECKING:
    from bursar.graphql.types.team import Team


@strawberry.type(description="A key that a person or a program presents; its secret is shown once.")
class ApiKey(Node):
    prefix = Prefix.API_KEY

    alias: str | None = strawberry.field(
        description="The name among the keys of its team, or of its user if it is personal."
    )
    external_id: str | None = strawberry.field(description="The caller's own name for the key.")
    last_four: str = strawberry.field(description="The last four characters of the secret.")
    scopes: list[KeyScope] = strawberry.field(description="What the key may be used for.")
    blocked: bool = strawberry.field(description="Whether the key is refused.")
    expires_at: datetime | None = strawberry.field(
        description="From when on the key is refused; null is never."
    )
    rotation_interval: Duration | None = strawberry.field(
        description="How often the secret should be replaced, which Bursar does not do by itself."
    )
    rotated_at: datetime | None = strawberry.field(
        description="When the secret was last replaced; null is never."
    )
    rpm_limit_type: RateLimitType = strawberry.field(
        description="Whether its requests a minute are guaranteed."
    )
    tpm_limit_type: RateLimitType = strawberry.field(
        description="Whether its tokens a minute are guaranteed."
    )
    metadata: JSON = strawberry.field(description="Free data of the caller's.")
    models: list[str] = strawberry.field(
        description="What the key may use: names, patterns with `*`, and `group:NAME` for an access "
        "group; empty is everything."
    )
    allow_none: bool = strawberry.field(description="Whether the key may use no model at all.")
    version: int = strawberry.field(description="Counts the changes.")
    created_at: datetime = strawberry.field(description="When the key was made.")
    updated_at: datetime = strawberry.field(description="When the key was last changed.")
    user: User | None = edge(
        users_by_id,
        key="user_id",
        description="Whose key it is; null for the key of a service, or if not yours to see.",
    )
    team: Annotated["Team", strawberry.lazy("bursar.graphql.types.team")] | None = edge(
        teams_by_id,
        key="team_id",
        description="The team it belongs to; null for a personal key, or if not yours to see.",
    )
    access_groups: Connection[AccessGroup] = connection_edge(
        access_groups_by_api_key,
        key="id",
        description="The access groups that the key's models name, by name.",
    )
    budget: BudgetUse | None = edge(
        budgets_by_api_key, key="id", description="The key's own budget; null if it has none."
    )
    lifetime_spend: Decimal | None = edge(
        lifetime_spends_by_api_key,
        key="id",
        description="What was ever spent, in USD.",
    )
    effective_limits: EffectiveLimits = edge(
        effective_limits_by_api_key,
        key="id",
        description="The tightest of all limits that bind the key, and what sets each.",
    )
    effective_models: list[str] = edge(
        effective_models_by_api_key,
        key="id",
        read=lambda models, *_: models or [],
        reads=(),
        description="What holds under the models of all that is above it, with access groups written "
        "out; `*` alone is everything, and nothing is nothing.",
    )

    @strawberry.field(
        description="Whose it is: a user's, a member's or a service's.",
        metadata=reads("user_id", "team_id"),
    )
    @staticmethod
    def kind(root: strawberry.Parent[Any]) -> KeyKind:
        return kind_of(root.user_id, root.team_id)

    @strawberry.field(
        description="Until when the secret before the last one is accepted, or was; null if it "
        "ended at once.",
        metadata=reads("previous_until"),
    )
    @staticmethod
    def grace_ends_at(root: strawberry.Parent[Any]) -> datetime | None:
        return root.previous_until  # type: ignore[no-any-return]  # a column of the row


@strawberry.type(description="A key that was deleted, as it was.")
class DeletedApiKey:
    id: strawberry.ID = strawberry.field(description="The id that the key had.")
    external_id: str | None = strawberry.field(
        description="The external id that the key had; another may have it now."
    )
    alias: str | None = strawberry.field(description="The name that the key had.")
    user_id: strawberry.ID | None = strawberry.field(
        description="Whose key it was; null for the key of a service."
    )
    team_id: strawberry.ID | None = strawberry.field(
        description="The team it belonged to; null for a personal key."
    )
    organization_id: strawberry.ID | None = strawberry.field(
        description="The organization of the team; null for a personal key."
    )
    state: JSON = strawberry.field(
        description="All that was known of the key, named as in ApiKey, its budget included."
    )
    deleted_at: datetime = strawberry.field(description="When it was deleted.")
    deleted_by_user_id: strawberry.ID | None = strawberry.field(
        description="Who deleted it; null is the server itself, or its operator."
    )
    deleted_by_key_id: strawberry.ID | None = strawberry.field(description="With which key.")
