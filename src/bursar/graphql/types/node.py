"""Node: everything that has an id, found again by it.

Specification: GraphQL Global Object Identification, https://relay.dev/graphql/objectidentification.htm
"""

from typing import Any, ClassVar

import strawberry

from bursar.domain.ids import Prefix, prefix_of


@strawberry.interface(description="Something with an id that is its own among all things.")
class Node:
    prefix: ClassVar[Prefix]

    id: strawberry.ID = strawberry.field(description="The id, unique among all things.")

    @classmethod
    def is_type_of(cls, row: Any, _info: Any) -> bool:
        """Rows know their type by the prefix of their id."""
        return prefix_of(row.id) is cls.prefix

    @classmethod
    def resolve_type(cls, row: Any, _info: Any, _type: Any) -> str:
        return TYPE_NAMES[prefix_of(row.id)]


TYPE_NAMES: dict[Prefix | None, str] = {
    Prefix.ORGANIZATION: "Organization",
    Prefix.USER: "User",
    Prefix.ORGANIZATION_MEMBER: "OrganizationMember",
    Prefix.TEAM: "Team",
    Prefix.TEAM_MEMBER: "TeamMember",
    Prefix.BUDGET: "Budget",
    Prefix.API_KEY: "ApiKey",
    Prefix.ACCESS_GROUP: "AccessGroup",
    Prefix.USAGE_EVENT: "UsageEvent",
    Prefix.AUDIT_ENTRY: "AuditEntry",
}
