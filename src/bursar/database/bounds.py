"""Budgets joined to those above them, limit by limit: of the whole, and of single models."""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, FromClause, Text, case, cast, func, null

from bursar.database.held import Held
from bursar.database.tables import budget_model_limits, budgets


class Comparison(NamedTuple):
    """One limit, by name, of holders and of what is above them; no row where one has no budget.

    `model` is null for limits of the whole. `bound_by` is too where a parent does not limit the
    model itself, so that the limit is the one of the parent's whole.
    """

    source: FromClause
    name: str
    requested: ColumnElement[Any]
    limit: ColumnElement[Any]
    model: ColumnElement[Any] = cast(null(), Text)
    bound_by: ColumnElement[Any] = cast(null(), Text)


class Bounds:
    """The budgets of one kind of holder, and of their parents, as they are joined into a statement."""

    def __init__(self, owner: str, parent: str) -> None:
        self.held, self.held_above = Held(owner), Held(parent)
        self._its, self._above = budgets.alias("its"), budgets.alias("above")
        self._of_model = budget_model_limits.alias("of_model")
        self._above_of_model = budget_model_limits.alias("above_of_model")

    def compared(
        self,
        holders: FromClause,
        holder: ColumnElement[Any],
        parent: ColumnElement[Any],
        names: Iterable[str],
    ) -> Iterator[Comparison]:
        """The named limits of holders, by the columns with their ids and the ids of their parents."""
        whole = (
            self.held_above.beside(self.held.beside(holders, holder), parent)
            .join(self._its, self._its.c.id == self.held.id)
            .join(self._above, self._above.c.id == self.held_above.id)
        )
        of_models = whole.join(
            self._of_model, self._of_model.c.budget_id == self._its.c.id
        ).outerjoin(
            self._above_of_model,
            (self._above_of_model.c.budget_id == self._above.c.id)
            & (self._above_of_model.c.model == self._of_model.c.model),
        )
        for name in names:
            limit, limit_of_model = self._above.c[name], self._above_of_model.c[name]
            model = self._of_model.c.model
            yield Comparison(whole, name, self._its.c[name], limit)
            yield Comparison(
                of_models,
                name,
                self._of_model.c[name],
                func.coalesce(limit_of_model, limit),
                model,
                case((limit_of_model.is_not(None), model)),
            )
