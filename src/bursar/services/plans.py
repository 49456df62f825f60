"""Plans: budgets with a name, made, changed and deleted by themselves, and attached to many things."""

from functools import cache
from typing import Any

from sqlalchemy import bindparam, distinct, func, select

from bursar.access.actor import Actor
from bursar.access.door import Lock
from bursar.access.holders import Place, find_holder, lock_holder
from bursar.access.plans import access_plan, lock_plan, sees_plan
from bursar.access.policy import Action, forbidden, permits
from bursar.database.connections import Connection
from bursar.database.held import id_of_holder
from bursar.database.rows import Row
from bursar.database.statements import Statement
from bursar.database.tables import budget_attachments
from bursar.database.tables import budgets as budgets_table
from bursar.database.writes import delete_rows, update_row
from bursar.domain.errors import InUse, Invalid, NotFound, Problems, Refusals
from bursar.domain.ids import Prefix, prefix_of
from bursar.domain.limits import (
    BudgetChanges,
    Limits,
    problems_with_budget,
    problems_with_limits,
    resulting,
)
from bursar.services import audit, budgets, schedules, throughput
from bursar.services.attributes import check_version, columns_of, problems_with
from bursar.services.audit import Change
from bursar.services.limits import above_parent, below_teams, broken_by_plan, place_of


class PlanAttributes(BudgetChanges, total=False):
    """What is to be set: a name, which nothing else has, and limits."""

    name: str


async def create(tx: Connection, actor: Actor, *, attributes: PlanAttributes) -> Row:
    """Create a plan. Raises Refusals for bad attributes, Forbidden, AlreadyTaken for the name."""
    name, changes = _checked(attributes)
    if not permits(actor, Action.BUDGET_CREATE):
        raise forbidden(Action.BUDGET_CREATE)
    limits = resulting(None, changes) or {}
    (row,) = await budgets.insert(tx, [(columns_of(name), limits)])
    audit.record(tx, actor, Change("budget.create", row.id, after=_state(row, limits)))
    return row


async def update(
    tx: Connection,
    actor: Actor,
    *,
    plan_id: str,
    attributes: PlanAttributes,
    expected_version: int | None = None,
) -> Row:
    """Change what is given of a plan, for all that have it.

    Raises Refusals for bad attributes, NotFound, Forbidden, VersionConflict, AlreadyTaken for the
    name; TeamsExceedLimits where teams would hold more than their organization, and LimitExceeded
    where keys would hold more than what is above them.
    """
    name, changes = _checked(attributes)
    row = await access_plan(tx, actor, plan_id, Action.BUDGET_UPDATE, with_limits=bool(changes))
    check_version(row, expected_version)
    before = budgets.own_limits_of(await budgets.plan_of(tx, row.id))
    limits = resulting(before, changes) or {}
    Problems(problems_with_limits(limits)).raise_any()
    changed = await budgets.change(tx, row, before, limits, columns_of(name))
    if changes:
        place = place_of(changes)
        problems = await broken_by_plan(tx, row.id, place)
        problems.extend_elsewhere(await throughput.broken_by_plan(tx, row.id, place))
        problems.raise_any()
        await schedules.append_to_holders(tx, row.id, row, limits)
    if changed is row:
        return row
    audit.record(
        tx,
        actor,
        Change("budget.update", row.id, before=_state(row, before), after=_state(changed, limits)),
    )
    return changed


async def delete(tx: Connection, actor: Actor, *, plan_id: str) -> None:
    """Delete a plan that nothing has. Raises NotFound, Forbidden, InUse."""
    row = await access_plan(tx, actor, plan_id, Action.BUDGET_DELETE, lock=Lock.DELETE)
    used = await tx.one(_holders(), plan_id=row.id)
    if used is not None and used.holders:
        raise InUse("id", thing="plan", count=used.holders)
    limits = budgets.own_limits_of(await budgets.plan_of(tx, row.id))
    await delete_rows(tx, budgets_table, [row.id])
    audit.record(tx, actor, Change("budget.delete", row.id, before=_state(row, limits)))


async def attach(
    tx: Connection,
    actor: Actor,
    *,
    plan_id: str,
    holder_id: str,
    as_member_default: bool = False,
    expected_version: int | None = None,
) -> Row:
    """Give something a plan in the stead of the budget it has; answers the holder.

    With `as_member_default` it becomes the budget of each member of a team who has no own one. What
    has the plan already stays as it is, unrecorded. Raises Invalid, NotFound, Forbidden,
    VersionConflict, LimitExceeded for a plan above what limits the holder, TeamsExceedLimits for one
    below what the teams of an organization hold.
    """
    place = await _find(tx, actor, holder_id, as_member_default, plan_id=plan_id)
    owner = _owner(place, as_member_default)
    holder = await _lock(tx, actor, place, expected_version)
    await lock_plan(tx, plan_id, path=("budget_id",), lock=Lock.SHARE)
    plan = await budgets.plan_of(tx, plan_id)
    stored = await budgets.budget_of(tx, owner, holder.id)
    if stored is not None and stored.id == plan.id:
        return holder
    problems = Problems()
    if place.parent is not None and not as_member_default:
        limits = budgets.own_limits_of(plan)
        problems.extend(await above_parent(tx, *place.parent, limits, "budget_id"))
    await budgets.attach(tx, owner, holder.id, stored, plan)
    if not as_member_default:
        problems.extend_elsewhere(await _exceeded_below(tx, place, holder))
    problems.raise_any()
    return await _changed(tx, actor, "budget.attach", place, owner, stored, plan)


async def detach(
    tx: Connection,
    actor: Actor,
    *,
    holder_id: str,
    as_member_default: bool = False,
    expected_version: int | None = None,
) -> Row:
    """Take the plan off something, which then has no budget of its own; answers the holder.

    What has no plan stays as it is, unrecorded. Raises Invalid, NotFound, Forbidden, VersionConflict.
    """
    place = await _find(tx, actor, holder_id, as_member_default)
    owner = _owner(place, as_member_default)
    holder = await _lock(tx, actor, place, expected_version)
    stored = await budgets.budget_of(tx, owner, holder.id)
    if stored is None or stored.name is None:
        return holder
    await budgets.remove(tx, owner, holder.id, stored)
    return await _changed(tx, actor, "budget.detach", place, owner, stored, None)


def _checked(attributes: PlanAttributes) -> tuple[dict[str, Any], BudgetChanges]:
    """The name, if it is given, and the limits; raises Refusals for what is wrong with them."""
    changes: Any = dict(attributes)
    name = {"name": changes.pop("name")} if "name" in changes else {}
    Problems([*problems_with(name), *problems_with_budget(changes)]).raise_any()
    return name, changes


async def _find(
    tx: Connection,
    actor: Actor,
    holder_id: str,
    as_member_default: bool,
    *,
    plan_id: str | None = None,
) -> Place:
    """Where a holder is that the actor sees, and may attach plans to, as they see the plan."""
    if as_member_default and prefix_of(holder_id) not in {Prefix.TEAM, None}:
        raise Invalid("as_member_default", problem="is for teams only")
    problems = Problems()
    if plan_id is not None and not await sees_plan(tx, actor, plan_id):
        problems.append(NotFound("budget_id", thing="plan"))
    place = await find_holder(tx, actor, holder_id)
    if place is None:
        problems.append(_no_holder())
    if place is None or problems:
        raise Refusals(problems)
    if not permits(actor, Action.BUDGET_ATTACH):
        raise forbidden(Action.BUDGET_ATTACH, "holder_id")
    return place


async def _lock(tx: Connection, actor: Actor, place: Place, expected_version: int | None) -> Row:
    holder = await lock_holder(tx, actor, place)
    if holder is None:
        raise _no_holder()
    check_version(holder, expected_version)
    return holder


async def _exceeded_below(tx: Connection, place: Place, holder: Row) -> Problems:
    """What the plan that a holder got breaks: limits of teams under it, and guarantees around it."""
    problems, at = Problems(), place_of(None, "budget_id")
    match place.kind.owner:
        case "organization":
            problems.extend(await below_teams(tx, holder.id, at))
            problems.extend(await throughput.check(tx, "organization", [holder.id], at))
        case "team":
            problems.extend(
                await throughput.check(tx, "organization", [holder.organization_id], at)
            )
            problems.extend(await throughput.check(tx, "team", [holder.id], at))
        case "api_key" if holder.team_id is not None:
            problems.extend(await throughput.check(tx, "team", [holder.team_id], at))
    return problems


async def _changed(
    tx: Connection,
    actor: Actor,
    action: str,
    place: Place,
    owner: str,
    before: Row | None,
    after: Row | None,
) -> Row:
    """Count the change as one of the holder's, and record it."""
    part = "member_budget" if owner == "team_default" else "budget"
    states = {"before": before, "after": after}
    audit.record(
        tx,
        actor,
        Change(
            action,
            place.id,
            organization_id=place.organization_id,
            team_id=place.team_id,
            **{
                name: audit.all_of([(part, budgets.limits_of(budget))])
                for name, budget in states.items()
            },
        ),
    )
    return await update_row(tx, place.kind.table, place.id, {})


def _owner(place: Place, as_member_default: bool) -> str:
    return "team_default" if as_member_default else place.kind.owner


def _no_holder() -> NotFound:
    return NotFound("holder_id", thing="holder of a budget")


def _state(plan: Row, limits: Limits) -> dict[str, Any]:
    return {**{name: plan[name] for name in ("id", "name", "created_at")}, **limits}


@cache
def _holders() -> Statement:
    holders = func.count(distinct(id_of_holder(budget_attachments)))
    return Statement(
        select(holders.label("holders")).where(budget_attachments.c.plan_id == bindparam("plan_id"))
    )
