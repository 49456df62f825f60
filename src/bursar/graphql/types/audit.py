"""The audit: who changed what, and when."""

from datetime import datetime

import strawberry

from bursar.domain.ids import Prefix
from bursar.graphql.edges import edge
from bursar.graphql.scalars import JSON
from bursar.graphql.types.node import Node
from bursar.graphql.types.organization import Organization
from bursar.graphql.types.team import Team
from bursar.graphql.types.user import User
from bursar.loaders.organizations import organizations_by_id
from bursar.loaders.teams import teams_by_id
from bursar.loaders.users import users_by_id


@strawberry.type(description="One change, written in the transaction that made it.")
class AuditEntry(Node):
    prefix = Prefix.AUDIT_ENTRY

    at: datetime = strawberry.field(description="When the change was made.")
    action: str = strawberry.field(description="What was done, such as team.update.")
    object_id: strawberry.ID = strawberry.field(description="What it was done to.")
    actor_user_id: strawberry.ID | None = strawberry.field(
        description="Who did it; null is the server itself, or its operator."
    )
    actor_key_id: strawberry.ID | None = strawberry.field(description="With which key.")
    on_behalf_of: str | None = strawberry.field(
        description="For whom, as the request said in its header On-Behalf-Of."
    )
    organization_id: strawberry.ID | None = strawberry.field(
        description="The organization it happened in, which may be gone by now."
    )
    team_id: strawberry.ID | None = strawberry.field(
        description="The team it happened in, which may be gone by now."
    )
    before: JSON | None = strawberry.field(
        description="What was different before; of a deleted object all, of a new one nothing."
    )
    after: JSON | None = strawberry.field(
        description="What is different after; of a new object all, of a deleted one nothing."
    )
    request_id: str | None = strawberry.field(description="The request that asked for it.")
    actor: User | None = edge(
        users_by_id,
        key="actor_user_id",
        description="Who did it; null if they are gone, or not yours to see.",
    )
    organization: Organization | None = edge(
        organizations_by_id,
        key="organization_id",
        description="The organization it happened in; null if it is gone, or not yours to see.",
    )
    team: Team | None = edge(
        teams_by_id,
        key="team_id",
        description="The team it happened in; null if it is gone, or not yours to see.",
    )
