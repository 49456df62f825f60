"""Budgets beside what has them, own or attached; and whose a budget or a list of models is."""

from sqlalchemy import ColumnElement, FromClause, Table, func, select

from bursar.database.tables import BUDGET_OWNERS, LISTED_IN, budget_attachments, budgets


class Held:
    """The budget of one kind of holder, as it is joined into a statement.

    Where the statement is about a page of holders, `each` is their id: then the budgets are looked
    up one by one. PostgreSQL would rather read all the budgets there are, from a few hundred on.
    """

    def __init__(self, owner: str, each: ColumnElement[str] | None = None) -> None:
        self._column = BUDGET_OWNERS[owner]
        self.own = self._rows(budgets, f"own_of_{owner}", each)
        self.attached = self._rows(budget_attachments, f"attached_to_{owner}", each)
        # Nothing has both.
        self.id = func.coalesce(self.own.c.id, self.attached.c.plan_id)

    def beside(self, source: FromClause, holder: ColumnElement[str]) -> FromClause:
        """The rows of the source, and beside each the budget of its holder, if it has one."""
        return source.outerjoin(self.own, self.own.c[self._column] == holder).outerjoin(
            self.attached, self.attached.c[self._column] == holder
        )

    def _rows(self, table: Table, name: str, each: ColumnElement[str] | None) -> FromClause:
        if each is None:
            return table.alias(name)
        return select(table).where(table.c[self._column] == each).limit(1).lateral(name)


def id_of_holder(table: FromClause) -> ColumnElement[str]:
    """The id of what a row of budgets or budget_attachments belongs to."""
    return func.coalesce(*(table.c[column] for column in BUDGET_OWNERS.values()))


def id_of_list(table: FromClause) -> ColumnElement[str]:
    """The id of what has the list that a row of access_group_uses tells of."""
    return func.coalesce(*(table.c[column] for column in LISTED_IN.values()))
