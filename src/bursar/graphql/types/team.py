"""Teams: people who share models and money."""

from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import strawberry
from strawberry import UNSET

from bursar.access.actor import Actor
from bursar.access.policy import Action, permits
from bursar.access.standing import team_relations
from bursar.domain.ids import Prefix
from bursar.domain.roles import MemberPermission
from bursar.domain.throughput import RateLimitType
from bursar.graphql.connections import Connection, connection_edge
from bursar.graphql.edges import edge, reads
from bursar.graphql.lists.key import ApiKeyFilter, ApiKeyOrder
from bursar.graphql.lists.member import TeamMemberFilter, TeamMemberOrder
from bursar.graphql.lists.orders import OLDEST_FIRST
from bursar.graphql.scalars import JSON, Duration
from bursar.graphql.types.access_group import AccessGroup
from bursar.graphql.types.activity import Activity, Filter, Range, activity_of
from bursar.graphql.types.budget_use import BudgetUse
from bursar.graphql.types.gateway_settings import GatewaySettings
from bursar.graphql.types.member import TeamMember
from bursar.graphql.types.model import ModelAlias, model_aliases
from bursar.graphql.types.node import Node
from bursar.graphql.types.organization import Organization
from bursar.loaders.access_groups import access_groups_by_team
from bursar.loaders.audit import audit_entries_by_team
from bursar.loaders.budgets import budgets_by_team, default_member_budgets_by_team
from bursar.loaders.gateway_settings import gateway_settings_by_team
from bursar.loaders.keys import api_keys_by_team
from bursar.loaders.members import team_members_by_team
from bursar.loaders.models import effective_models_by_team
from bursar.loaders.organizations import organizations_by_id
from bursar.loaders.spends import lifetime_spends_by_team
from bursar.loaders.teams import actor_roles_by_team

if TYPE_CHECKING:
    from bursar.graphql.types.audit import AuditEntry
    from bursar.graphql.types.key import ApiKey

# One joins a team before one is anything to it: joinableTeams tells which.
TO_A_TEAM = [
    action
    for action in Action
    if action.startswith("team") and action not in {Action.TEAM_CREATE, Action.TEAM_JOIN}
]


@strawberry.type(description="People who share models and money; belongs to one organization.")
class Team(Node):
    prefix = Prefix.TEAM

    name: str = strawberry.field(description="The name, for people to read; it need not be unique.")
    external_id: str | None = strawberry.field(description="The caller's own name for the team.")
    description: str | None = strawberry.field(description="What the team is for.")
    blocked: bool = strawberry.field(description="Whether no key of the team is authorized.")
    joinable: bool = strawberry.field(
        description="Whether who belongs to the organization may join by themself."
    )
    tags: list[str] = strawberry.field(description="Labels, in the order they were given.")
    member_permissions: list[MemberPermission] | None = strawberry.field(
        description="What members may do with keys, as it was set; null is the default, KEY_READ."
    )
    member_key_duration: Duration | None = strawberry.field(
        description="How long keys of members live for which nothing else was said, and at most "
        "those that members make; null is for ever."
    )
    rpm_limit_type: RateLimitType = strawberry.field(
        description="Whether its requests a minute are guaranteed."
    )
    tpm_limit_type: RateLimitType = strawberry.field(
        description="Whether its tokens a minute are guaranteed."
    )
    metadata: JSON = strawberry.field(description="Free data of the caller's.")
    models: list[str] = strawberry.field(
        description="What the team may use: names, patterns with `*`, and `group:NAME` for an access "
        "group; empty is everything."
    )
    allow_none: bool = strawberry.field(description="Whether the team may use no model at all.")
    model_aliases: list[ModelAlias] = model_aliases
    version: int = strawberry.field(description="Counts the changes.")
    created_at: datetime = strawberry.field(description="When the team was made.")
    updated_at: datetime = strawberry.field(description="When the team was last changed.")
    organization: Organization = edge(
        organizations_by_id,
        key="organization_id",
        description="The organization that the team belongs to.",
    )
    access_groups: Connection[AccessGroup] = connection_edge(
        access_groups_by_team,
        key="id",
        description="The access groups that the team's models name, by name.",
    )
    budget: BudgetUse | None = edge(
        budgets_by_team,
        key="id",
        description="The budget of the team, own or a plan; null if it has none.",
    )
    member_budget: BudgetUse | None = edge(
        default_member_budgets_by_team,
        key="id",
        description="The budget of each member who has no own one; null if there is none.",
    )
    lifetime_spend: Decimal | None = edge(
        lifetime_spends_by_team,
        key="id",
        description="What was ever spent, in USD.",
    )
    gateway_settings: GatewaySettings | None = edge(
        gateway_settings_by_team,
        key="id",
        description="What a gateway is to do with the team's calls; null to who may not see it.",
    )
    members: Connection[TeamMember] = connection_edge(
        team_members_by_team,
        key="id",
        filter=TeamMemberFilter,
        order=TeamMemberOrder,
        sorted_by=OLDEST_FIRST,
        description="The team's members, oldest first.",
    )
    api_keys: Connection[Annotated["ApiKey", strawberry.lazy("bursar.graphql.types.key")]] = (
        connection_edge(
            api_keys_by_team,
            key="id",
            filter=ApiKeyFilter,
            order=ApiKeyOrder,
            sorted_by=OLDEST_FIRST,
            description="The team's keys that you may see, of members and services, oldest first.",
        )
    )
    audit: Connection[Annotated["AuditEntry", strawberry.lazy("bursar.graphql.types.audit")]] = (
        connection_edge(
            audit_entries_by_team,
            key="id",
            description="What was changed in the team, newest first; empty to who may not see it.",
        )
    )

    @strawberry.field(
        description="What the calls made in the team add up to, those that you may see.",
        metadata=reads("id"),
    )
    @staticmethod
    def activity(root: strawberry.Parent[Any], range: Range, filter: Filter = UNSET) -> Activity:
        return activity_of(range, filter, root.id)

    effective_models: list[str] = edge(
        effective_models_by_team,
        key="id",
        read=lambda models, *_: models or [],
        reads=(),
        description="What holds under the organization's models too, with access groups written out; "
        "`*` alone is everything, and nothing is nothing.",
    )
    viewer_permissions: list[Action] = edge(
        actor_roles_by_team,
        key="id",
        read=lambda roles, _team, context: _permitted(roles, context.actor),
        reads=(),
        description="What you may do to the team.",
    )


def _permitted(roles: Any, actor: Actor) -> list[Action]:
    relations = team_relations(roles) if roles else set()
    return [action for action in TO_A_TEAM if permits(actor, action, relations)]


@strawberry.type(description="A team that you may join; what else there is to it, members see.")
class JoinableTeam:
    id: strawberry.ID = strawberry.field(description="The team's id, to join it with.")
    name: str = strawberry.field(description="The name.")
    description: str | None = strawberry.field(description="What the team is for.")
