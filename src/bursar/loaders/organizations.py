"""Organizations by id and by external id, their lists, and the members under them."""

from bursar.access.visibility import (
    organization_columns,
    visible_organization_members,
    visible_organizations,
    whole_organizations,
)
from bursar.database.tables import organization_members, organizations
from bursar.domain.roles import OrganizationRole
from bursar.loaders.filters import named, of_user, one_of
from bursar.loaders.members import orders_of_members
from bursar.loaders.pages import BY_NAME, Listing, by_column
from bursar.loaders.rows import rows_of

organizations_by_id = rows_of(organizations.c.id, visible_organizations, organization_columns)
organizations_by_external_id = rows_of(
    organizations.c.external_id, whole_organizations, organization_columns
)
organizations_list = Listing(
    organizations.c.id,
    visible_organizations,
    organization_columns,
    orders=by_column(organizations.c.name_key, organizations.c.created_at),
    default=BY_NAME,
    filters=named(organizations, whole_organizations),
)

organization_members_by_id = rows_of(organization_members.c.id, visible_organization_members)
organization_members_by_organization = Listing(
    organization_members.c.id,
    visible_organization_members,
    parent=organization_members.c.organization_id,
    orders=orders_of_members(organization_members),
    filters={
        **one_of("role", organization_members.c.role, OrganizationRole),
        **of_user(organization_members),
    },
)
organization_members_by_user = Listing(
    organization_members.c.id,
    visible_organization_members,
    parent=organization_members.c.user_id,
)
