"""Organizations by id and by external id, their lists, and the members under them."""

from bursar.access.visibility import (
    organization_columns,
    visible_organization_members,
    visible_organizations,
    whole_organizations,
)
from bursar.database.tables import organization_members, organizations
from bursar.loaders.filters import named
from bursar.loaders.pages import Listing
from bursar.loaders.rows import rows_of

organizations_by_id = rows_of(organizations.c.id, visible_organizations, organization_columns)
organizations_by_external_id = rows_of(
    organizations.c.external_id, whole_organizations, organization_columns
)
organizations_list = Listing(
    organizations.c.id,
    visible_organizations,
    organization_columns,
    default=(("name_key", False),),
    filters=named(organizations, whole_organizations),
)

organization_members_by_id = rows_of(organization_members.c.id, visible_organization_members)
organization_members_by_organization = Listing(
    organization_members.c.id,
    visible_organization_members,
    parent=organization_members.c.organization_id,
)
organization_members_by_user = Listing(
    organization_members.c.id,
    visible_organization_members,
    parent=organization_members.c.user_id,
)
