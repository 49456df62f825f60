"""The schema: the root fields of every entity, and the scalars, put together."""

import strawberry
from strawberry.schema.config import StrawberryConfig
from strawberry.tools import create_type

from bursar.graphql.execution.descriptions import DescribingExecutor
from bursar.graphql.mutations import access_group as access_group_writes
from bursar.graphql.mutations import joining as joining_writes
from bursar.graphql.mutations import key as key_writes
from bursar.graphql.mutations import member as member_writes
from bursar.graphql.mutations import organization as organization_writes
from bursar.graphql.mutations import organization_member as organization_member_writes
from bursar.graphql.mutations import plan as plan_writes
from bursar.graphql.mutations import spend as spend_writes
from bursar.graphql.mutations import team as team_writes
from bursar.graphql.mutations import team_models as team_models_writes
from bursar.graphql.mutations import team_move as team_move_writes
from bursar.graphql.mutations import usage as usage_writes
from bursar.graphql.mutations import user as user_writes
from bursar.graphql.queries import (
    access_group,
    activity,
    audit,
    authorization,
    budget,
    key,
    node,
    organization,
    period,
    team,
    team_archive,
    user,
    viewer,
)
from bursar.graphql.scalars import SCALARS
from bursar.graphql.types.access_group import AccessGroup
from bursar.graphql.types.audit import AuditEntry
from bursar.graphql.types.budget import Budget
from bursar.graphql.types.error import ERROR_TYPES
from bursar.graphql.types.key import ApiKey
from bursar.graphql.types.member import OrganizationMember, TeamMember
from bursar.graphql.types.usage import UsageEvent

QUERIES = (
    viewer,
    node,
    organization,
    team,
    team_archive,
    user,
    key,
    budget,
    period,
    access_group,
    activity,
    audit,
    authorization,
)
MUTATIONS = (
    organization_writes,
    organization_member_writes,
    team_writes,
    team_move_writes,
    team_models_writes,
    member_writes,
    joining_writes,
    user_writes,
    key_writes,
    plan_writes,
    spend_writes,
    access_group_writes,
    usage_writes,
)

Query = create_type(
    "Query",
    [field for page in QUERIES for field in page.FIELDS],
    description="What can be read; what is absent, or not yours to see, is null or left out.",
)
Mutation = create_type(
    "Mutation",
    [field for page in MUTATIONS for field in page.FIELDS],
    description="What can be changed: each field all at once, or not at all.",
)

schema = strawberry.Schema(
    Query,
    Mutation,
    types=[
        *ERROR_TYPES,
        *(AccessGroup, ApiKey, AuditEntry, Budget, OrganizationMember, TeamMember, UsageEvent),
    ],
    config=StrawberryConfig(scalar_map=SCALARS),
    execution_context_class=DescribingExecutor,
)
