"""The budgets of many members at once, for who sees all of them and asks for their limits alone."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Select, any_, literal_column, select, union_all

from bursar.access.actor import Sight
from bursar.database.given import as_text, given_texts
from bursar.database.rows import Row
from bursar.database.statements import Statement
from bursar.database.tables import budget_attachments, budgets
from bursar.domain.roles import BudgetSource
from bursar.loaders.narrowing import MOST_FORMS, Wanted, narrowed
from bursar.loaders.narrowing import as_text as text_of
from bursar.loaders.reader import Reader
from bursar.loaders.rows import RowsByKey

MEMBERS, TEAMS = given_texts("members"), given_texts("teams")
_LIMITS = {"source", *budgets.c.keys()}
_PLAIN = frozenset(_LIMITS | {text_of(name) for name in _LIMITS})


class BudgetsOfMembers(RowsByKey):
    """The same by pairs: the id of a member, and that of the team, as a row that was read has them.

    So neither the members nor their teams need be looked up, and what a team's members have by default
    is read once, which takes a fifth of the time. What is spent differs from member to member, and is
    looked up member by member, as is what only some may see.
    """

    async def __call__(
        self, reader: Reader, keys: Sequence[Any], /, wanted: Wanted | None = None
    ) -> dict[Any, Row]:
        members = [member for member, _ in keys]
        if wanted is None or not wanted <= _PLAIN or reader.actor.sight is not Sight.ALL:
            found = await super().__call__(reader, members, wanted)
            return {key: found[key[0]] for key in keys if key[0] in found}
        teams = [team for _, team in keys]
        different = as_text(list(dict.fromkeys(teams)))
        rows = await reader.all(_limits(wanted), members=as_text(members), teams=different)
        held = {row["batch_key"]: row for row in rows}
        own_or_default = map(held.get, members, map(held.get, teams))
        return {key: row for key, row in zip(keys, own_or_default, strict=True) if row is not None}


@lru_cache(maxsize=MOST_FORMS)
def _limits(wanted: Wanted) -> Statement:
    """The own budgets and plans of members, and those that teams have for all of theirs."""
    attached = budget_attachments.c
    with_plan = budgets.join(budget_attachments, attached.plan_id == budgets.c.id)
    arms: list[Select[Any]] = []
    for holder, source, ids in (
        (budgets.c.team_member_id, BudgetSource.OWN, MEMBERS),
        (attached.team_member_id, BudgetSource.PLAN, MEMBERS),
        (budgets.c.default_of_team_id, BudgetSource.TEAM_DEFAULT, TEAMS),
        (attached.default_of_team_id, BudgetSource.TEAM_DEFAULT, TEAMS),
    ):
        columns: list[ColumnElement[Any]] = [
            *budgets.c,
            literal_column(f"'{source}'").label("source"),
        ]
        its = select(*narrowed(columns, wanted), holder.label("batch_key"))
        its = its.select_from(budgets if holder.table is budgets else with_plan)
        arms.append(its.where(holder == any_(ids)))
    return Statement(union_all(*arms))
