"""Members: what a user is to a team, and to an organization."""

from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

import strawberry

from bursar.domain.ids import Prefix
from bursar.domain.roles import MemberPermission, OrganizationRole, TeamRole, permissions_of
from bursar.graphql.connections import Connection, connection_edge
from bursar.graphql.edges import edge
from bursar.graphql.types.budget_use import BudgetUse
from bursar.graphql.types.node import Node
from bursar.graphql.types.user import User
from bursar.loaders.budgets import budgets_by_organization_member, budgets_of_members
from bursar.loaders.keys import api_keys_by_team_member
from bursar.loaders.organizations import organizations_by_id
from bursar.loaders.spends import (
    lifetime_spends_by_organization_member,
    lifetime_spends_by_team_member,
)
from bursar.loaders.teams import teams_by_id
from bursar.loaders.users import users_by_id

if TYPE_CHECKING:
    from bursar.graphql.types.key import ApiKey
    from bursar.graphql.types.organization import Organization
    from bursar.graphql.types.team import Team


@strawberry.type(description="A user's membership in a team.")
class TeamMember(Node):
    prefix = Prefix.TEAM_MEMBER

    role: TeamRole = strawberry.field(description="What the user is to the team.")
    joined_at: datetime = strawberry.field(description="When the user joined.")
    version: int = strawberry.field(description="Counts the changes.")
    user: User = edge(users_by_id, key="user_id", description="The user.")
    team: Annotated["Team", strawberry.lazy("bursar.graphql.types.team")] = edge(
        teams_by_id, key="team_id", description="The team."
    )
    budget: BudgetUse | None = edge(
        budgets_of_members,
        key=("id", "team_id"),
        description="The member's own budget or plan, or else the team's default; "
        "null if there is neither, or it is not yours to see.",
    )
    lifetime_spend: Decimal | None = edge(
        lifetime_spends_by_team_member,
        key="id",
        description="What was ever spent, in USD; null to who may not see the budget.",
    )
    api_keys: Connection[Annotated["ApiKey", strawberry.lazy("bursar.graphql.types.key")]] = (
        connection_edge(
            api_keys_by_team_member,
            key="id",
            description="The member's keys in the team, oldest first; empty to who may not see them.",
        )
    )
    permissions: list[MemberPermission] = edge(
        teams_by_id,
        key="team_id",
        # A team that went meanwhile is missing as it is for the edge, and read again.
        read=lambda team, member, _: (
            team and permissions_of(TeamRole(member.role), team.member_permissions)
        ),
        reads=("role",),
        reads_found=("member_permissions",),
        description="What the team lets the member do with keys of it: an admin everything.",
    )


@strawberry.type(description="A user's membership in an organization.")
class OrganizationMember(Node):
    prefix = Prefix.ORGANIZATION_MEMBER

    role: OrganizationRole = strawberry.field(description="What the user is to the organization.")
    joined_at: datetime = strawberry.field(description="When the user joined.")
    version: int = strawberry.field(description="Counts the changes.")
    user: User = edge(users_by_id, key="user_id", description="The user.")
    organization: Annotated[
        "Organization", strawberry.lazy("bursar.graphql.types.organization")
    ] = edge(organizations_by_id, key="organization_id", description="The organization.")
    budget: BudgetUse | None = edge(
        budgets_by_organization_member,
        key="id",
        description="The member's own budget in the organization; null if there is none.",
    )
    lifetime_spend: Decimal | None = edge(
        lifetime_spends_by_organization_member,
        key="id",
        description="What was ever spent, in USD.",
    )
