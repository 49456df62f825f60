"""Organizations: by id, by external id, and all that the caller may see."""

from bursar.domain.ids import Prefix
from bursar.graphql.connections import Connection, connection_field
from bursar.graphql.lists.organization import OrganizationFilter, OrganizationOrder
from bursar.graphql.point_reads import point_read
from bursar.graphql.queries.arguments import ExternalId, Id, id_of, storable
from bursar.graphql.types.organization import Organization
from bursar.loaders.organizations import (
    organizations_by_external_id,
    organizations_by_id,
    organizations_list,
)

organization = point_read(
    "organization",
    Organization,
    organizations_by_id,
    id_of(Prefix.ORGANIZATION),
    id=Id,
    description="An organization by its id; null if you may see none with it.",
)
organization_by_external_id = point_read(
    "organization_by_external_id",
    Organization,
    organizations_by_external_id,
    storable,
    external_id=ExternalId,
    description="An organization by its external id; null if you may see none.",
)
organizations = connection_field(
    "organizations",
    organizations_list,
    Connection[Organization],
    filter=OrganizationFilter,
    order=OrganizationOrder,
    description="The organizations that you may see.",
)

FIELDS = [organization, organization_by_external_id, organizations]
