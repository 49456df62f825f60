"""Budgets joined to their holders, own or attached; and whose a budget or a list of models is."""

from sqlalchemy import ColumnElement, FromClause, func, select

from bursar.database.tables import BUDGET_OWNERS, LISTED_IN, budget_attachments, budgets


class Held:
    """The budget of one kind of holder, as it is joined into a statement."""

    def __init__(self, owner: str) -> None:
        self._column = BUDGET_OWNERS[owner]
        self.own = budgets.alias(f"own_of_{owner}")
        self.attached = budget_attachments.alias(f"attached_to_{owner}")
        # Nothing has both.
        self.id = func.coalesce(self.own.c.id, self.attached.c.plan_id)

    def beside(self, source: FromClause, holder: ColumnElement[str]) -> FromClause:
        """The rows of the source, and beside each the budget of its holder, if it has one."""
        return source.outerjoin(self.own, self.own.c[self._column] == holder).outerjoin(
            self.attached, self.attached.c[self._column] == holder
        )


def id_of_held(owner: str, holder: ColumnElement[str]) -> ColumnElement[str]:
    """The id of the budget of each holder of a kind, where a statement is about a page of them.

    They are looked up one by one, a plan only for who has no own budget. Joined, PostgreSQL would
    rather read all the budgets there are, from a few hundred on.
    """
    own = budgets.alias(f"own_of_{owner}")
    attached = budget_attachments.alias(f"attached_to_{owner}")
    column = BUDGET_OWNERS[owner]
    ids = (
        select(id_).where(table.c[column] == holder).correlate_except(table).scalar_subquery()
        for table, id_ in ((own, own.c.id), (attached, attached.c.plan_id))
    )
    return func.coalesce(*ids)


def id_of_holder(table: FromClause) -> ColumnElement[str]:
    """The id of what a row of budgets or budget_attachments belongs to."""
    return func.coalesce(*(table.c[column] for column in BUDGET_OWNERS.values()))


def id_of_list(table: FromClause) -> ColumnElement[str]:
    """The id of what has the list that a row of access_group_uses tells of."""
    return func.coalesce(*(table.c[column] for column in LISTED_IN.values()))
