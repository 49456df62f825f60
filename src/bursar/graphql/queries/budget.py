"""A budget by its id, and the plans, budgets that have a name: by it, and all."""

from bursar.domain.ids import Prefix
from bursar.graphql.connections import Connection, connection_field
from bursar.graphql.lists.budget import BudgetFilter, BudgetOrder
from bursar.graphql.point_reads import point_read
from bursar.graphql.queries.arguments import Id, Name, id_of, name_key
from bursar.graphql.types.budget import Budget
from bursar.loaders.budgets import budgets_by_id, plans_by_name_key, plans_list

budget = point_read(
    "budget",
    Budget,
    budgets_by_id,
    id_of(Prefix.BUDGET),
    id=Id,
    description="A budget by its id; null if you may see none with it.",
)
budget_by_name = point_read(
    "budget_by_name",
    Budget,
    plans_by_name_key,
    name_key,
    name=Name,
    description="A plan by its name; null if you may see none with it.",
)
budgets = connection_field(
    "budgets",
    plans_list,
    Connection[Budget],
    filter=BudgetFilter,
    order=BudgetOrder,
    description="The plans, budgets with a name that many things can share; "
    "empty to all but platform admins and viewers.",
)

FIELDS = [budget, budget_by_name, budgets]
