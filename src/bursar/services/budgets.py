"""Budgets as parts of what has them, own or by a plan: read under its lock, changed with it."""

from collections.abc import Iterable
from functools import cache
from typing import Any

from sqlalchemy import ARRAY, Text, any_, bindparam, delete, select, union_all

from bursar.database.connections import Connection
from bursar.database.rows import Row
from bursar.database.statements import Statement
from bursar.database.tables import BUDGET_OWNERS, budget_attachments, budgets
from bursar.database.writes import delete_rows, insert_row, update_row
from bursar.domain.ids import Prefix, new_id
from bursar.domain.limits import FIELDS, Limits
from bursar.services import schedules


async def budget_of(tx: Connection, owner: str, owner_id: str) -> Row | None:
    """The budget of an owner, of a kind in BUDGET_OWNERS; the owner's row is locked by the caller."""
    return (await budgets_of(tx, owner, [owner_id])).get(owner_id)


async def budgets_of(tx: Connection, owner: str, owner_ids: Iterable[str]) -> dict[str, Row]:
    """The budgets of several owners of one kind, by owner; one that has a name is a plan."""
    rows = await tx.all(_of_owners(BUDGET_OWNERS[owner]), owner_ids=list(owner_ids))
    return {row.holder_id: row for row in rows}


async def store(
    tx: Connection, owner: str, owner_id: str, stored: Row | None, limits: Limits | None
) -> Limits | None:
    """Make the owner's budget have these limits, or none at all; answers it as `limits_of` does.

    A plan whose limits these are stays. Others make a budget of the owner's own, and the plan, which
    is others' too, is taken off the owner.
    """
    if stored is not None and limits == own_limits_of(stored):
        return limits_of(stored)
    kept = stored
    if limits is None or (stored is not None and stored.name is not None):
        await _take(tx, owner, owner_id, stored)
        kept = None
    if limits is not None and kept is None:
        columns = {"id": new_id(Prefix.BUDGET), BUDGET_OWNERS[owner]: owner_id}
        await insert_row(tx, budgets, {**columns, **limits})
    elif limits is not None and kept is not None:
        await update_row(tx, budgets, kept.id, limits)
    await schedules.append(tx, owner, owner_id, stored, limits)
    return limits


async def attach(tx: Connection, owner: str, owner_id: str, stored: Row | None, plan: Row) -> None:
    """Give the owner a plan in the stead of what it has; plan and owner are locked by the caller."""
    await _take(tx, owner, owner_id, stored)
    columns = {"plan_id": plan.id, BUDGET_OWNERS[owner]: owner_id}
    await insert_row(tx, budget_attachments, columns)
    await schedules.append(tx, owner, owner_id, stored, plan)


async def remove(tx: Connection, owner: str, owner_id: str, stored: Row | None) -> None:
    """Delete the owner's own budget, or take the plan off it."""
    await _take(tx, owner, owner_id, stored)
    await schedules.append(tx, owner, owner_id, stored, None)


def own_limits_of(budget: Row) -> dict[str, Any]:
    return {name: budget[name] for name in FIELDS}


def limits_of(budget: Row | None) -> dict[str, Any] | None:
    """The limits alone, for rules and for the audit; those of a plan with the plan's id."""
    if budget is None:
        return None
    plan = {} if budget.name is None else {"plan_id": budget.id}
    return {**plan, **own_limits_of(budget)}


async def _take(tx: Connection, owner: str, owner_id: str, stored: Row | None) -> None:
    if stored is None:
        return
    if stored.name is None:
        await delete_rows(tx, budgets, [stored.id])
    else:
        await tx.one(_detach(BUDGET_OWNERS[owner]), owner_id=owner_id)


@cache
def _of_owners(column: str) -> Statement:
    owners = bindparam("owner_ids", type_=ARRAY(Text))
    own, attached = budgets.c[column], budget_attachments.c[column]
    return Statement(
        union_all(
            select(budgets, own.label("holder_id")).where(own == any_(owners)),
            select(budgets, attached.label("holder_id"))
            .join(budget_attachments, budget_attachments.c.plan_id == budgets.c.id)
            .where(attached == any_(owners)),
        )
    )


@cache
def _detach(column: str) -> Statement:
    return Statement(
        delete(budget_attachments).where(budget_attachments.c[column] == bindparam("owner_id"))
    )
