"""Budgets by id, the one in force for each holder, the plans, and what has each of them."""

from collections.abc import Callable
from typing import Any, cast

from sqlalchemy import (
    Column,
    ColumnElement,
    FromClause,
    Select,
    Table,
    case,
    exists,
    false,
    func,
    literal,
    select,
    true,
    union_all,
)

from bursar.access.actor import Sight
from bursar.access.visibility import (
    visible_api_keys,
    visible_teams,
    whole_organizations,
    whole_users,
)
from bursar.access.visible_budgets import (
    visible_budgets,
    visible_holders,
    visible_member_budgets,
    visible_organization_member_budgets,
    visible_plans,
)
from bursar.database.held import id_of_held, id_of_holder
from bursar.database.tables import (
    BUDGET_OWNERS,
    SPENDERS,
    api_keys,
    budget_attachments,
    budgets,
    organization_members,
    organizations,
    team_members,
    teams,
    users,
)
from bursar.domain.roles import BudgetSource
from bursar.loaders.filters import among, contains
from bursar.loaders.member_budgets import BudgetsOfMembers
from bursar.loaders.pages import BY_NAME, Listing, by_column
from bursar.loaders.rows import RowsByKey, rows_of
from bursar.loaders.spends import Spent, unspent

Visible = Callable[[Sight], ColumnElement[bool]]

budgets_by_id = rows_of(budgets.c.id, visible_budgets)
plans_by_name_key = rows_of(budgets.c.name_key, visible_plans)
plans_list = Listing(
    budgets.c.id,
    visible_plans,
    orders=by_column(budgets.c.name_key, budgets.c.created_at),
    default=BY_NAME,
    filters={**among("ids", budgets.c.id), **contains("name_contains", budgets.c.name_key)},
)


def _budget_with(id_: ColumnElement[str]) -> FromClause:
    """The budget that has this id, beside each row: looked up one by one, never all of them read."""
    return select(budgets).where(budgets.c.id == id_).limit(1).lateral("budget")


def _held(
    owner: str, holder: Column[str], visible: Visible, source: BudgetSource | None = None
) -> RowsByKey:
    """A holder's own budget, or that of its plan, for holders whose budget the actor sees."""
    budget = _budget_with(id_of_held(owner, holder))
    own_or_plan = case((budget.c.name.is_(None), BudgetSource.OWN), else_=BudgetSource.PLAN)
    spent = Spent(owner, holder, budget.c.id) if owner in SPENDERS else None
    return RowsByKey(
        lambda sight: (
            select(
                budget,
                (literal(source) if source else own_or_plan).label("source"),
                func.now().label("now"),
                *(spent.columns() if spent else unspent(budget.c.id)),
            )
            .select_from(holder.table.join(budget, true()))
            .where(visible(sight))
        ),
        holder,
    )


budgets_by_organization = _held("organization", organizations.c.id, whole_organizations)
budgets_by_team = _held("team", teams.c.id, visible_teams)
budgets_by_user = _held("user", users.c.id, whole_users)
budgets_by_organization_member = _held(
    "organization_member", organization_members.c.id, visible_organization_member_budgets
)
budgets_by_api_key = _held("api_key", api_keys.c.id, visible_api_keys)
default_member_budgets_by_team = _held(
    "team_default", teams.c.id, visible_teams, BudgetSource.TEAM_DEFAULT
)

_budget = _budget_with(
    func.coalesce(
        id_of_held("team_member", team_members.c.id),
        id_of_held("team_default", team_members.c.team_id),
    )
)
_spent = Spent("team_member", team_members.c.id, _budget.c.id)
_has_plan = exists().where(budget_attachments.c.team_member_id == team_members.c.id)


def _of_members(sight: Sight) -> Select[Any]:
    """A member's own budget or plan, or else the default of the team."""
    source = case(
        (_budget.c.team_member_id.is_not(None), BudgetSource.OWN),
        (_has_plan, BudgetSource.PLAN),
        else_=BudgetSource.TEAM_DEFAULT,
    )
    return (
        select(_budget, source.label("source"), func.now().label("now"), *_spent.columns())
        .select_from(team_members.join(_budget, true()))
        .where(visible_member_budgets(sight))
    )


budgets_by_team_member = RowsByKey(_of_members, team_members.c.id)
budgets_of_members = BudgetsOfMembers(_of_members, team_members.c.id)


def over_budget(owner: str, holders: Table) -> ColumnElement[bool]:
    """Whether a holder's budget is spent, as BudgetUse says; looked up holder by holder."""
    its = holders.alias("its")
    budget = _budget_with(id_of_held(owner, its.c.id))
    spent = Spent(owner, its.c.id, budget.c.id)
    is_spent = (
        select(spent.spend >= budget.c.max_budget + spent.increase)
        .select_from(its.join(budget, true()))
        .where(its.c.id == holders.c.id, budget.c.max_budget.is_not(None))
    )
    return func.coalesce(is_spent.scalar_subquery(), false())


_again = budget_attachments.alias("again")
_twice = exists().where(
    _again.c.plan_id == budget_attachments.c.plan_id,
    _again.c.team_id == budget_attachments.c.default_of_team_id,
)


def _holders_in(table: Table, budget_id: Column[str]) -> Select[Any]:
    owners = [table.c[column] for column in BUDGET_OWNERS.values()]
    return select(budget_id.label("budget_id"), id_of_holder(table).label("id"), *owners)


# A budget's owner, or all that have a plan: once a team that has it for its members as well.
_holders = union_all(
    _holders_in(budgets, budgets.c.id).where(budgets.c.name.is_(None)),
    _holders_in(budget_attachments, budget_attachments.c.plan_id).where(~_twice),
).subquery("holders")
holders_by_budget = Listing(
    cast("Column[str]", _holders.c.id),
    lambda sight: visible_holders(sight, _holders),
    lambda _: [_holders.c.id],
    parent=cast("Column[str]", _holders.c.budget_id),
)
