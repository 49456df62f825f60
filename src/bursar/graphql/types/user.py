"""Users: people and robots."""

from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

import strawberry

from bursar.domain.ids import Prefix
from bursar.domain.roles import PlatformRole
from bursar.graphql.connections import Connection, connection_edge
from bursar.graphql.edges import edge
from bursar.graphql.scalars import JSON
from bursar.graphql.types.access_group import AccessGroup
from bursar.graphql.types.budget_use import BudgetUse
from bursar.graphql.types.node import Node
from bursar.loaders.access_groups import access_groups_by_user
from bursar.loaders.budgets import budgets_by_user
from bursar.loaders.keys import api_keys_by_user
from bursar.loaders.members import team_members_by_user
from bursar.loaders.organizations import organization_members_by_user
from bursar.loaders.spends import lifetime_spends_by_user

if TYPE_CHECKING:
    from bursar.graphql.types.key import ApiKey
    from bursar.graphql.types.member import OrganizationMember, TeamMember


@strawberry.type(
    description="A person or a robot; who only shares a team with a user sees id, name and e-mail."
)
class User(Node):
    prefix = Prefix.USER

    name: str = strawberry.field(description="The name, for people to read.")
    email: str | None = strawberry.field(description="The e-mail, as it was given.")
    created_at: datetime = strawberry.field(description="When the user was made.")
    external_id: str | None = strawberry.field(
        description="The caller's own name for the user; null to who may not see it."
    )
    role: PlatformRole | None = strawberry.field(
        description="What the user is to the whole platform; null to who may not see it."
    )
    blocked: bool | None = strawberry.field(
        description="Whether none of the user's keys is accepted; null to who may not see it."
    )
    metadata: JSON | None = strawberry.field(
        description="Free data of the caller's; null to who may not see it."
    )
    models: list[str] | None = strawberry.field(
        description="What the user's personal keys may use: names, patterns with `*`, and "
        "`group:NAME` for an access group; empty is everything; null to who may not see it."
    )
    allow_none: bool | None = strawberry.field(
        description="Whether they may use no model at all; null to who may not see it."
    )
    version: int | None = strawberry.field(
        description="Counts the changes; null to who may not see it."
    )
    updated_at: datetime | None = strawberry.field(
        description="When the user was last changed; null to who may not see it."
    )
    access_groups: Connection[AccessGroup] = connection_edge(
        access_groups_by_user,
        key="id",
        description="The access groups that the user's models name, by name; "
        "empty to who may not see these.",
    )
    budget: BudgetUse | None = edge(
        budgets_by_user,
        key="id",
        description="The budget of the user's personal keys; null if none, or not yours to see.",
    )
    lifetime_spend: Decimal | None = edge(
        lifetime_spends_by_user,
        key="id",
        description="What the user's personal keys ever spent, in USD; "
        "null to who may not see the budget.",
    )
    teams: Connection[Annotated["TeamMember", strawberry.lazy("bursar.graphql.types.member")]] = (
        connection_edge(
            team_members_by_user,
            key="id",
            description="The user's memberships in teams that you may see, oldest first.",
        )
    )
    organizations: Connection[
        Annotated["OrganizationMember", strawberry.lazy("bursar.graphql.types.member")]
    ] = connection_edge(
        organization_members_by_user,
        key="id",
        description="The user's memberships in organizations that you may see, oldest first.",
    )
    api_keys: Connection[Annotated["ApiKey", strawberry.lazy("bursar.graphql.types.key")]] = (
        connection_edge(
            api_keys_by_user,
            key="id",
            description="The user's keys that you may see, personal and in teams, oldest first.",
        )
    )
