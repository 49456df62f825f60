"""Organizations: they own teams."""

from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

import strawberry

from bursar.domain.ids import Prefix
from bursar.graphql.connections import Connection, connection_edge
from bursar.graphql.edges import edge
from bursar.graphql.lists.key import ApiKeyFilter, ApiKeyOrder
from bursar.graphql.lists.member import OrganizationMemberFilter, OrganizationMemberOrder
from bursar.graphql.lists.orders import OLDEST_FIRST
from bursar.graphql.lists.team import TeamFilter, TeamOrder
from bursar.graphql.scalars import JSON
from bursar.graphql.types.access_group import AccessGroup
from bursar.graphql.types.budget_use import BudgetUse
from bursar.graphql.types.member import OrganizationMember
from bursar.graphql.types.node import Node
from bursar.loaders.access_groups import access_groups_by_organization
from bursar.loaders.audit import audit_entries_by_organization
from bursar.loaders.budgets import budgets_by_organization
from bursar.loaders.keys import api_keys_by_organization
from bursar.loaders.organizations import organization_members_by_organization
from bursar.loaders.spends import lifetime_spends_by_organization
from bursar.loaders.teams import teams_by_organization

if TYPE_CHECKING:
    from bursar.graphql.types.audit import AuditEntry
    from bursar.graphql.types.key import ApiKey
    from bursar.graphql.types.team import Team


@strawberry.type(
    description="Owns teams; who is only a member, of it or of a team of it, sees id and name."
)
class Organization(Node):
    prefix = Prefix.ORGANIZATION

    name: str = strawberry.field(description="The name, for people to read.")
    created_at: datetime = strawberry.field(description="When the organization was made.")
    external_id: str | None = strawberry.field(
        description="The caller's own name for the organization; null to who may not see it."
    )
    metadata: JSON | None = strawberry.field(
        description="Free data of the caller's; null to who may not see it."
    )
    models: list[str] | None = strawberry.field(
        description="What its teams may use: names, patterns with `*`, and `group:NAME` for an access "
        "group; empty is everything; null to who may not see it."
    )
    allow_none: bool | None = strawberry.field(
        description="Whether they may use no model at all; null to who may not see it."
    )
    version: int | None = strawberry.field(
        description="Counts the changes; null to who may not see it."
    )
    updated_at: datetime | None = strawberry.field(
        description="When the organization was last changed; null to who may not see it."
    )
    access_groups: Connection[AccessGroup] = connection_edge(
        access_groups_by_organization,
        key="id",
        description="The access groups that the organization's models name, by name; "
        "empty to who may not see these.",
    )
    budget: BudgetUse | None = edge(
        budgets_by_organization,
        key="id",
        description="The organization's budget; null if it has none, or it is not yours to see.",
    )
    lifetime_spend: Decimal | None = edge(
        lifetime_spends_by_organization,
        key="id",
        description="What was ever spent, in USD; null to who may not see the budget.",
    )
    teams: Connection[Annotated["Team", strawberry.lazy("bursar.graphql.types.team")]] = (
        connection_edge(
            teams_by_organization,
            key="id",
            filter=TeamFilter,
            order=TeamOrder,
            description="The organization's teams that you may see, by name.",
        )
    )
    members: Connection[OrganizationMember] = connection_edge(
        organization_members_by_organization,
        key="id",
        filter=OrganizationMemberFilter,
        order=OrganizationMemberOrder,
        sorted_by=OLDEST_FIRST,
        description="The organization's members that you may see, oldest first.",
    )
    api_keys: Connection[Annotated["ApiKey", strawberry.lazy("bursar.graphql.types.key")]] = (
        connection_edge(
            api_keys_by_organization,
            key="id",
            filter=ApiKeyFilter,
            order=ApiKeyOrder,
            sorted_by=OLDEST_FIRST,
            description="The keys of the organization's teams that you may see, oldest first.",
        )
    )
    audit: Connection[Annotated["AuditEntry", strawberry.lazy("bursar.graphql.types.audit")]] = (
        connection_edge(
            audit_entries_by_organization,
            key="id",
            description="What was changed in the organization, newest first; "
            "empty to who may not see it.",
        )
    )
