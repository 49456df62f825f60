"""Budgets as parts of what they belong to: read under the owner's lock, changed with it."""

from collections.abc import Iterable
from functools import cache
from typing import Any

from sqlalchemy import ARRAY, Text, any_, bindparam, select

from bursar.database.connections import Connection
from bursar.database.rows import Row
from bursar.database.statements import Statement
from bursar.database.tables import BUDGET_OWNERS, budgets, teams
from bursar.database.writes import delete_rows, insert_row, update_row
from bursar.domain.ids import Prefix, new_id
from bursar.domain.limits import FIELDS, UNDER_PARENT, Limits


async def budget_of(tx: Connection, owner: str, owner_id: str) -> Row | None:
    """The budget of an owner, of a kind in BUDGET_OWNERS; the owner's row is locked by the caller."""
    return (await budgets_of(tx, owner, [owner_id])).get(owner_id)


async def budgets_of(tx: Connection, owner: str, owner_ids: Iterable[str]) -> dict[str, Row]:
    """The budgets of several owners of one kind, by owner."""
    column = BUDGET_OWNERS[owner]
    rows = await tx.all(_of_owners(column), owner_ids=list(owner_ids))
    return {row[column]: row for row in rows}


async def store(
    tx: Connection, owner: str, owner_id: str, stored: Row | None, limits: Limits | None
) -> None:
    """Make the owner's budget have these limits, or none at all."""
    if limits is None:
        if stored is not None:
            await delete_rows(tx, budgets, [stored.id])
    elif stored is None:
        columns = {"id": new_id(Prefix.BUDGET), BUDGET_OWNERS[owner]: owner_id}
        await insert_row(tx, budgets, {**columns, **limits})
    elif limits != limits_of(stored):
        await update_row(tx, budgets, stored.id, limits)


def limits_of(budget: Row | None) -> dict[str, Any] | None:
    """The limits alone, for rules and for the audit."""
    return None if budget is None else {name: budget[name] for name in FIELDS}


async def teams_above(
    tx: Connection, organization_id: str, limits: Limits | None
) -> dict[str, list[Row]]:
    """By limit, the teams of an organization that hold more of it; at most 100 of each."""
    found = {}
    for name in UNDER_PARENT:
        if limits is not None and limits[name] is not None:
            rows = await tx.all(
                _teams_above(name), organization_id=organization_id, limit=limits[name]
            )
            if rows:
                found[name] = rows
    return found


@cache
def _of_owners(column: str) -> Statement:
    owners = bindparam("owner_ids", type_=ARRAY(Text))
    return Statement(select(budgets).where(budgets.c[column] == any_(owners)))


@cache
def _teams_above(name: str) -> Statement:
    return Statement(
        select(teams)
        .join(budgets, budgets.c.team_id == teams.c.id)
        .where(
            teams.c.organization_id == bindparam("organization_id"),
            budgets.c[name] > bindparam("limit", type_=budgets.c[name].type),
        )
        .order_by(teams.c.id)
        .limit(100)
    )
