"""The budgets of holders, their own or a plan: read under the holder's lock, and changed with it."""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from sqlalchemy import ARRAY, Text, any_, bindparam, delete, func, select, union_all

from bursar.database.connections import Connection
from bursar.database.given import repeated
from bursar.database.rows import Row
from bursar.database.statements import Statement
from bursar.database.tables import BUDGET_OWNERS, budget_attachments, budget_model_limits, budgets
from bursar.database.writes import amend_row, delete_rows, insert_row, insert_rows
from bursar.domain.errors import Problems
from bursar.domain.ids import Prefix, new_id
from bursar.domain.limits import COLUMNS, Limits, ModelLimit, problems_with_limits, resulting
from bursar.services import schedules


async def budget_of(tx: Connection, owner: str, owner_id: str) -> Row | None:
    """The budget of an owner, of a kind in BUDGET_OWNERS; the owner's row is locked by the caller."""
    return (await budgets_of(tx, owner, [owner_id])).get(owner_id)


async def budgets_of(tx: Connection, owner: str, owner_ids: Iterable[str]) -> dict[str, Row]:
    """The budgets of several owners of one kind, by owner; one that has a name is a plan."""
    rows = await tx.all(_of_owners(BUDGET_OWNERS[owner]), owner_ids=repeated(list(owner_ids)))
    return {row.holder_id: row for row in rows}


async def plan_of(tx: Connection, plan_id: str) -> Row:
    """A plan, which is locked by the caller, with its limits as they are now."""
    (row,) = await tx.all(_plan(), id=plan_id)
    return row


async def store(
    tx: Connection, owner: str, owner_id: str, stored: Row | None, limits: Limits | None
) -> Limits | None:
    """Make the owner's budget have these limits, or none at all; answers it as `limits_of` does.

    A plan whose limits these are stays. Others make a budget of the owner's own, and the plan, which
    is others' too, is taken off the owner.
    """
    limits = _in_order(limits)
    if stored is not None and limits == own_limits_of(stored):
        return limits_of(stored)
    kept = stored
    if limits is None or (stored is not None and stored.name is not None):
        await _take(tx, owner, owner_id, stored)
        kept = None
    if limits is not None and kept is None:
        await insert(tx, [({BUDGET_OWNERS[owner]: owner_id}, limits)])
    elif limits is not None and kept is not None:
        await change(tx, kept, own_limits_of(kept), limits)
    await schedules.append(tx, owner, owner_id, stored, limits)
    return limits


async def update(
    tx: Connection, owner: str, owner_id: str, attributes: Mapping[str, Any]
) -> tuple[Limits | None, Limits | None]:
    """Change the owner's budget as `budget` of the attributes says; answers it before and after.

    Without one it stays. Raises Refusals for limits that contradict each other.
    """
    stored = await budget_of(tx, owner, owner_id)
    before = limits_of(stored)
    if "budget" not in attributes:
        return before, before
    limits = resulting(before, attributes["budget"])
    Problems(problems_with_limits(limits, "budget")).raise_any()
    return before, await store(tx, owner, owner_id, stored, limits)


async def insert(tx: Connection, new: Iterable[tuple[Mapping[str, Any], Limits]]) -> list[Row]:
    """Make budgets, each of an owner's column or of a plan's name, and of limits; in their order."""
    drafts = [({"id": new_id(Prefix.BUDGET), **columns}, limits) for columns, limits in new]
    rows = await insert_rows(
        tx, budgets, ({**columns, **_columns(limits)} for columns, limits in drafts)
    )
    await insert_rows(
        tx,
        budget_model_limits,
        (
            {"budget_id": columns["id"], **each._asdict()}
            for columns, limits in drafts
            for each in limits["model_limits"]
        ),
    )
    return rows


async def change(
    tx: Connection,
    stored: Row,
    before: Limits,
    limits: Limits,
    columns: Mapping[str, Any] | None = None,
) -> Row:
    """Make a budget have other limits than before and, of a plan, these columns of its name."""
    other_models = sorted(limits["model_limits"]) != before["model_limits"]
    values = {**(columns or {}), **_columns(limits)}
    row = await amend_row(tx, budgets, stored, values, beside=other_models)
    if other_models:
        await tx.all(_forget_models(), id=stored.id)
        await insert_rows(
            tx,
            budget_model_limits,
            ({"budget_id": stored.id, **each._asdict()} for each in limits["model_limits"]),
        )
    return row


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
    """The limits of a budget that was read here, those of models by the model."""
    models = [ModelLimit(*each) for each in budget["model_limits"]]
    return {**_columns(budget), "model_limits": models}


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


def _columns(limits: Mapping[str, Any]) -> dict[str, Any]:
    """The limits that are columns of a budget; those of models have rows of their own."""
    return {name: limits[name] for name in COLUMNS}


def _in_order(limits: Limits | None) -> Limits | None:
    """The limits, those of models as they are read."""
    return limits and {**limits, "model_limits": sorted(limits["model_limits"])}


_MODEL_LIMITS = func.array(
    select(func.row(*(budget_model_limits.c[name] for name in ModelLimit._fields)))
    .where(budget_model_limits.c.budget_id == budgets.c.id)
    .order_by(budget_model_limits.c.model)
    .correlate(budgets)
    .scalar_subquery()
).label("model_limits")


@cache
def _of_owners(column: str) -> Statement:
    owners = bindparam("owner_ids", type_=ARRAY(Text))
    own, attached = budgets.c[column], budget_attachments.c[column]
    return Statement(
        union_all(
            select(budgets, _MODEL_LIMITS, own.label("holder_id")).where(own == any_(owners)),
            select(budgets, _MODEL_LIMITS, attached.label("holder_id"))
            .join(budget_attachments, budget_attachments.c.plan_id == budgets.c.id)
            .where(attached == any_(owners)),
        )
    )


@cache
def _plan() -> Statement:
    return Statement(select(budgets, _MODEL_LIMITS).where(budgets.c.id == bindparam("id")))


@cache
def _forget_models() -> Statement:
    return Statement(
        delete(budget_model_limits).where(budget_model_limits.c.budget_id == bindparam("id"))
    )


@cache
def _detach(column: str) -> Statement:
    return Statement(
        delete(budget_attachments).where(budget_attachments.c[column] == bindparam("owner_id"))
    )
