"""Budgets by id, and the one that is in force for each holder, with where it comes from."""

from collections.abc import Callable

from sqlalchemy import Column, ColumnElement, case, func, literal, select

from bursar.access.actor import Sight
from bursar.access.visibility import visible_budgets, visible_member_budgets
from bursar.database.tables import budgets, team_members
from bursar.domain.roles import BudgetSource
from bursar.loaders.rows import RowsByKey, rows_of

budgets_by_id = rows_of(budgets.c.id, visible_budgets)


def _owned(
    owner: Column[str],
    source: BudgetSource = BudgetSource.OWN,
    visible: Callable[[Sight], ColumnElement[bool]] = visible_budgets,
) -> RowsByKey:
    return RowsByKey(
        lambda sight: select(budgets, literal(source).label("source")).where(visible(sight)), owner
    )


budgets_by_organization = _owned(budgets.c.organization_id)
budgets_by_organization_member = _owned(budgets.c.organization_member_id)
budgets_by_team = _owned(budgets.c.team_id)
budgets_by_api_key = _owned(budgets.c.api_key_id)
budgets_by_user = _owned(budgets.c.user_id)
default_member_budgets_by_team = _owned(
    budgets.c.default_of_team_id, source=BudgetSource.TEAM_DEFAULT
)

_own = budgets.alias("own")
_default = budgets.alias("team_default")

# A member's own budget, or else the default of the team.
budgets_by_team_member = RowsByKey(
    lambda sight: (
        select(
            budgets,
            case((_own.c.id.is_not(None), BudgetSource.OWN), else_=BudgetSource.TEAM_DEFAULT).label(
                "source"
            ),
        )
        .select_from(
            team_members.outerjoin(_own, _own.c.team_member_id == team_members.c.id)
            .outerjoin(_default, _default.c.default_of_team_id == team_members.c.team_id)
            .join(budgets, budgets.c.id == func.coalesce(_own.c.id, _default.c.id))
        )
        .where(visible_member_budgets(sight))
    ),
    team_members.c.id,
)
