"""Schedules: from when on which duration and time zone count for what something spends."""

from collections.abc import Iterator
from functools import cache

from sqlalchemy import (
    Select,
    Text,
    bindparam,
    func,
    insert,
    literal_column,
    select,
    text,
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
from bursar.domain.limits import Limits

_TABLES = {kind.owner: kind.table for kind in KINDS.values()}


async def append(
    tx: Connection, owner: str, owner_id: str, before: Limits | None, after: Limits | None
) -> None:
    """Let what has another duration or zone by a change of an owner's budget begin a period now.

    That is the owner, which is locked, or of `team_default` each member who inherits. A plan that
    the owner had is kept from being changed, so that either change knows of the other.
    """
    if before is not None and before.get("name") is not None:
        before = await tx.one(_plan(), id=before["id"])
    if owner == "team_member" and (before is None or after is None):
        default = await tx.one(_default_of_member(), id=owner_id)
        before = default if before is None else before
        after = default if after is None else after
    if _terms(before) != _terms(after):
        await tx.one(_of_owner(owner), id=owner_id, **_values(before, after))


async def append_to_holders(tx: Connection, plan_id: str, before: Limits, after: Limits) -> None:
    """As append, for all that have a plan, which is locked with what its holders are in."""
    if _terms(before) != _terms(after):
        for statement in _of_plan():
            await tx.one(statement, id=plan_id, **_values(before, after))


def _terms(budget: Limits | None) -> tuple[str | None, str]:
    """What a period depends on: without a duration the zone is nothing."""
    if budget is None or budget["duration"] is None:
        return None, "UTC"
    return budget["duration"], budget["timezone"]


def _values(before: Limits | None, after: Limits | None) -> dict[str, str | None]:
    (duration, timezone), (new_duration, new_timezone) = _terms(before), _terms(after)
    return {
        "duration": duration,
        "timezone": timezone,
        "new_duration": new_duration,
        "new_timezone": new_timezone,
    }


def _insert(owner: str, holders: Select[tuple[str]]) -> Statement:
    """Append what counts now, after what counted from ever if nothing is there yet.

    An entry is later than the last one even where its transaction began before that one's. What was
    made in this transaction has no past to keep.
    """
    table, entries = _TABLES[owner], budget_schedules.c
    made_at = table.c.get("created_at", table.c.get("joined_at"))
    held = holders.where(made_at < func.now()).cte("held")
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
    now = select(last.c.id, func.greatest(func.now(), soonest), new_duration, new_timezone)
    columns = [SPENDERS[owner], "starts_at", "duration", "timezone"]
    return Statement(insert(budget_schedules).from_select(columns, union_all(past, now)))


@cache
def _of_owner(owner: str) -> Statement:
    if owner == "team_default":
        return _insert(
            "team_member", _inheriting().where(team_members.c.team_id == bindparam("id"))
        )
    table = _TABLES[owner]
    return _insert(owner, select(table.c.id).where(table.c.id == bindparam("id")))


@cache
def _of_plan() -> tuple[Statement, ...]:
    return tuple(_with_plan())


def _with_plan() -> Iterator[Statement]:
    has_plan = budget_attachments.c.plan_id == bindparam("id")
    for owner, column in SPENDERS.items():
        holder = budget_attachments.c[column]
        with_it = select(holder.label("id")).where(has_plan)
        with_it = with_it.join(_TABLES[owner], _TABLES[owner].c.id == holder)
        # A key can go by itself; what others would go with is locked with the plan.
        kept = with_it.with_for_update(read=True, key_share=True, of=_TABLES[owner])
        yield _insert(owner, kept)
    teams_with_it = select(budget_attachments.c.default_of_team_id).where(has_plan)
    yield _insert("team_member", _inheriting().where(team_members.c.team_id.in_(teams_with_it)))


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
