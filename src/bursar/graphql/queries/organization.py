"""Organizations: by id, by external id, and all that the caller may see."""

import strawberry
from strawberry.types import Info

from bursar.domain.ids import Prefix
from bursar.graphql.connections import Connection, connection_field
from bursar.graphql.context import Context
from bursar.graphql.lists.organization import OrganizationFilter, OrganizationOrder
from bursar.graphql.queries.arguments import ExternalId, Id
from bursar.graphql.queries.node import by_id, by_text
from bursar.graphql.types.organization import Organization
from bursar.loaders.organizations import organizations_by_external_id, organizations_list


@strawberry.field(description="An organization by its id; null if you may see none with it.")
async def organization(info: Info[Context, None], id: Id) -> Organization | None:
    found: Organization | None = await by_id(info, id, Prefix.ORGANIZATION)
    return found


@strawberry.field(description="An organization by its external id; null if you may see none.")
async def organization_by_external_id(
    info: Info[Context, None], external_id: ExternalId
) -> Organization | None:
    found: Organization | None = await by_text(info, organizations_by_external_id, external_id)
    return found


organizations = connection_field(
    "organizations",
    organizations_list,
    Connection[Organization],
    filter=OrganizationFilter,
    order=OrganizationOrder,
    description="The organizations that you may see.",
)

FIELDS = [organization, organization_by_external_id, organizations]
