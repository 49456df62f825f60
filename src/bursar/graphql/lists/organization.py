"""What lists of organizations can be filtered and sorted by."""

import strawberry

from bursar.graphql.lists.named import NamedFilter
from bursar.graphql.lists.orders import CREATED_AT, NAME, order_input


@strawberry.input(description="Which organizations; all that is given must hold.")
class OrganizationFilter(NamedFilter):
    pass


OrganizationOrder = order_input("Organization", "organizations", NAME=NAME, CREATED_AT=CREATED_AT)
