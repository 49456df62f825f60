"""Organizations: by id, by external id, and all that the caller may see."""

from enum import Enum
from typing import Annotated

import strawberry
from strawberry import UNSET
from strawberry.types import Info

from bursar.domain.ids import Prefix
from bursar.graphql.connections import After, Before, Connection, First, Last, connection
from bursar.graphql.context import Context
from bursar.graphql.enums import OrderDirection, describe
from bursar.graphql.queries.arguments import ORDER_BY, ExternalId, Id, NamedFilter
from bursar.graphql.queries.node import by_id, by_text
from bursar.graphql.types.organization import Organization
from bursar.loaders.organizations import organizations_by_external_id, organizations_list


@strawberry.input(description="Which organizations; all that is given must hold.")
class OrganizationFilter(NamedFilter):
    pass


Filter = Annotated[
    OrganizationFilter | None, strawberry.argument(description="Only those that fit.")
]


class OrganizationOrderField(Enum):
    """The values are columns."""

    NAME = "name_key"
    CREATED_AT = "created_at"


describe(
    OrganizationOrderField,
    "What organizations can be sorted by.",
    NAME="The name, without regard to case.",
    CREATED_AT="The time of creation.",
)


@strawberry.input(description="How to sort organizations.")
class OrganizationOrder:
    field: OrganizationOrderField = strawberry.field(description="What to sort by.")
    direction: OrderDirection = strawberry.field(
        default=OrderDirection.ASC, description="Which way."
    )


OrderBy = Annotated[list[OrganizationOrder] | None, strawberry.argument(description=ORDER_BY)]


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


@strawberry.field(description="The organizations that you may see.")
def organizations(
    first: First = UNSET,
    last: Last = UNSET,
    after: After = UNSET,
    before: Before = UNSET,
    filter: Filter = UNSET,
    order_by: OrderBy = UNSET,
) -> Connection[Organization]:
    return connection(
        organizations_list,
        first=first,
        last=last,
        after=after,
        before=before,
        filter=filter,
        order_by=order_by,
    )


FIELDS = [organization, organization_by_external_id, organizations]
