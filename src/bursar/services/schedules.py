"""Schedules: from when on which duration and time zone count for what something spends."""

from collections.abc import Iterable, Iterator
from functools import cache

from sqlalchemy import (
    CTE,
    Select,
    Text,
    bindparam,
    func,
    insert,
    literal_column,
    select,
    text,
    union,
    union_all,
)

from bursar.access.holders import KINDS
from bursar.database.connections import Connection
from bursar.database.held import Held
from bursar.database.statements import Statement
from bursar.database.tables import (
    SPENDERS,
    budget_attachments,
    budget_schedules,
    budgets,
    team_members,
    users,
)
from bursar.domain.durations import Duration, period_of
from bursar.domain.limits import Limits
from bursar.services.counting import hold

_TABLES = {kind.owner: kind.table for kind in KINDS.values()}
PLAN = "plan"


async def append(
    tx: Connection, owner: str, owner_id: str, before: Limits | None, after: Limits | None
) -> None:
    """Begin a period now for all whose duration or time zone is another by a change of a budget.

    That is the owner of the budget, which is locked, or of `team_default` each member who inherits. A
    plan that the owner had is kept from being changed, so that either change knows of the other.
    """
    if before is not None and before.get("name") is not None:
        before = await tx.one(_plan(), id=before["id"])
    if owner == "team_member" and (before is None or after is None):
        default = await tx.one(_default_of_member(), id=owner_id)
        before = default if before is None else before
        after = default if after is None else after
    await _append(tx, owner, owner_id, before, after)


async def append_to_holders(tx: Connection, plan_id: str, before: Limits, after: Limits) -> None:
    """As append, for all that have a plan, which is locked with what its holders are in."""
    await _append(tx, PLAN, plan_id, before, after)


async def _append(
    tx: Connection, to: str, id_: str, before: Limits | None, after: Limits | None
) -> None:
    """Let the holders begin a period now, unless the one that runs goes on."""
    if _periods(before) == _periods(after):
        return
    lock, *inserts = _statements(to)
    # What is counted for a holder is counted under this lock too, by the schedule as it is read and
    # at the time that it is after that. So whatever was counted before does not know of the new
    # entry, which is later, and whatever is counted after us does.
    await tx.all(lock, id=id_)
    for statement in inserts:
        await tx.all(statement, id=id_, **_values(before, after))


def _terms(budget: Limits | None) -> tuple[str | None, str]:
    """What a period depends on: without a duration the zone is nothing."""
    if budget is None or budget["duration"] is None:
        return None, "UTC"
    return budget["duration"], budget["timezone"]


def _periods(budget: Limits | None) -> tuple[Duration | None, str]:
    """What is equal where the periods are."""
    duration, timezone = _terms(budget)
    return period_of(duration), timezone


def _values(before: Limits | None, after: Limits | None) -> dict[str, str | None]:
    (duration, timezone), (new_duration, new_timezone) = _terms(before), _terms(after)
    return {
        "duration": duration,
        "timezone": timezone,
        "new_duration": new_duration,
        "new_timezone": new_timezone,
    }


@cache
def _statements(to: str) -> tuple[Statement, ...]:
    """What locks the holders' counting, all in one order, then what appends to each kind of them."""
    holders = [(owner, _with_past(owner, query)) for owner, query in _holders(to)]
    every = union(*(select(_among(query).c.id) for _, query in holders))
    return Statement(hold(every)), *(_insert(owner, query) for owner, query in holders)


def _holders(to: str) -> Iterable[tuple[str, Select[tuple[str]]]]:
    """Whose schedule changes with the budget of an owner, or with a plan, by kind."""
    if to == PLAN:
        return _with_plan()
    if to == "team_default":
        of_team = team_members.c.team_id == bindparam("id")
        return [("team_member", _inheriting().where(of_team))]
    table = _TABLES[to]
    return [(to, select(table.c.id).where(table.c.id == bindparam("id")))]


def _with_past(owner: str, holders: Select[tuple[str]]) -> Select[tuple[str]]:
    """Those that were not made in this transaction, which have no past to keep."""
    table = _TABLES[owner]
    made_at = table.c["created_at" if "created_at" in table.c else "joined_at"]
    return holders.where(made_at != func.now())


def _among(holders: Select[tuple[str]]) -> CTE:
    """Rows are locked in a part of its own; a union locks none."""
    return holders.cte()


def _insert(owner: str, holders: Select[tuple[str]]) -> Statement:
    """Append what counts now, after what counted from ever if nothing is there yet.

    An entry is later than the last one even where the clock was set back.
    """
    entries = budget_schedules.c
    held = _among(holders)
    last = (
        select(held.c.id, func.max(entries.starts_at).label("at"))
        .select_from(held.outerjoin(budget_schedules, entries[SPENDERS[owner]] == held.c.id))
        .group_by(held.c.id)
        .cte("last")
    )
    duration, timezone, new_duration, new_timezone = (
        bindparam(name, type_=Text)
        for name in ("duration", "timezone", "new_duration", "new_timezone")
    )
    past = select(last.c.id, literal_column("'-infinity'::timestamptz"), duration, timezone).where(
        last.c.at.is_(None), duration.is_not(None)
    )
    soonest = last.c.at + text("interval '1 microsecond'")
    begins = func.greatest(func.statement_timestamp(), soonest)
    now = select(last.c.id, begins, new_duration, new_timezone)
    columns = [SPENDERS[owner], "starts_at", "duration", "timezone"]
    return Statement(insert(budget_schedules).from_select(columns, union_all(past, now)))


def _with_plan() -> Iterator[tuple[str, Select[tuple[str]]]]:
    has_plan = budget_attachments.c.plan_id == bindparam("id")
    for owner, column in SPENDERS.items():
        holder = budget_attachments.c[column]
        with_it = select(holder.label("id")).where(has_plan)
        with_it = with_it.join(_TABLES[owner], _TABLES[owner].c.id == holder)
        # A key can go by itself; what others would go with is locked with the plan.
        yield owner, with_it.with_for_update(read=True, key_share=True, of=_TABLES[owner])
    teams_with_it = select(budget_attachments.c.default_of_team_id).where(has_plan)
    yield "team_member", _inheriting().where(team_members.c.team_id.in_(teams_with_it))


def _inheriting() -> Select[tuple[str]]:
    """The members who have neither a budget of their own nor a plan; their users are kept."""
    held = Held("team_member")
    members = team_members.join(users, users.c.id == team_members.c.user_id)
    return (
        select(team_members.c.id)
        .select_from(held.beside(members, team_members.c.id))
        .where(held.id.is_(None))
        .with_for_update(read=True, key_share=True, of=users)
    )


@cache
def _plan() -> Statement:
    terms = select(budgets.c.duration, budgets.c.timezone).where(budgets.c.id == bindparam("id"))
    return Statement(terms.with_for_update(read=True))


@cache
def _default_of_member() -> Statement:
    default = Held("team_default")
    return Statement(
        select(budgets.c.duration, budgets.c.timezone)
        .select_from(
            default.beside(team_members, team_members.c.team_id).join(
                budgets, budgets.c.id == default.id
            )
        )
        .where(team_members.c.id == bindparam("id"))
        .with_for_update(of=budgets, read=True)
    )
