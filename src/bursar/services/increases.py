"""Increases: what may be spent beside a maximum for some time, of which a holder has one at most."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any

from sqlalchemy import bindparam, delete, func, select

from bursar.access.actor import Actor
from bursar.access.policy import Action
from bursar.access.spenders import Spender, access_spender
from bursar.database.connections import Connection
from bursar.database.rows import Row
from bursar.database.statements import Statement
from bursar.database.tables import SPENDERS, budget_increases
from bursar.database.writes import insert_row, update_row
from bursar.domain.errors import (
    Forbidden,
    Invalid,
    LimitExceeded,
    NoMaximum,
    Problems,
    Refusal,
    Required,
)
from bursar.domain.limits import NO_LIMITS, increased, raising
from bursar.domain.money import problem_with_limit
from bursar.services import audit, budgets
from bursar.services.attributes import check_version
from bursar.services.audit import Change
from bursar.services.limits import above_parent

LONGEST = timedelta(days=366)


async def increase(
    tx: Connection,
    actor: Actor,
    *,
    holder_id: str,
    amount: Decimal | None = None,
    until: datetime | None = None,
    expected_version: int | None = None,
) -> Row:
    """Let a holder spend more than its maximum until then, in the stead of what was said before.

    An amount of nothing ends it; what is so already stays as it is, unrecorded. What limits the
    holder is compared as it is now; lowered later, it binds all the same. Answers the holder.
    Raises Refusals for bad input, NotFound, Forbidden, VersionConflict, NoMaximum, and LimitExceeded
    above what limits the holder.
    """
    now = (await tx.all(_now()))[0].now
    Problems(_problems(amount, until, now)).raise_any()
    spender = await access_spender(tx, actor, holder_id, of_key=Action.API_KEY_UPDATE)
    check_version(spender.row, expected_version)
    place = spender.place
    running = await tx.one(_running(place.kind.owner), id=place.id)
    before = _state(running) if running else None
    after = {"amount": amount, "until": until} if amount else None
    if before == after:
        return spender.row
    if amount:
        Problems(await _exceeding(tx, spender, amount)).raise_any()
    await tx.all(_forget(place.kind.owner), id=place.id)
    if after:
        owner = {SPENDERS[place.kind.owner]: place.id}
        await insert_row(tx, budget_increases, {**owner, **after})
    audit.record(
        tx,
        actor,
        Change(
            "budget.increase",
            place.id,
            organization_id=place.organization_id,
            team_id=place.team_id,
            before=audit.all_of([("increase", before)]),
            after=audit.all_of([("increase", after)]),
        ),
    )
    return await update_row(tx, place.kind.table, place.id, {})


async def running(tx: Connection, owner: str, owner_id: str) -> Decimal:
    """What an owner, which is locked, may spend beside its maximum now."""
    row = await tx.one(_running(owner), id=owner_id)
    return row.amount if row else Decimal(0)


def _problems(amount: Decimal | None, until: datetime | None, now: datetime) -> Iterator[Refusal]:
    if amount is not None and (problem := problem_with_limit(amount)):
        yield Invalid("amount", problem=problem)
    if until is not None and not now < until <= now + LONGEST:
        problem = f"must be in the future, and at most {LONGEST.days} days ahead"
        yield Invalid("until", problem=problem)
    elif until is None and amount:
        yield Required("until")


async def _exceeding(tx: Connection, spender: Spender, amount: Decimal) -> list[Refusal]:
    """What is wrong with so much more than the maximum in force."""
    place, default = spender.place, None
    held = await budgets.budget_of(tx, place.kind.owner, place.id)
    if place.kind.owner == "team_member":
        default = await budgets.budget_of(tx, "team_default", spender.row.team_id)
    limits = budgets.limits_of(held or default)
    if limits is None or limits["max_budget"] is None:
        return [NoMaximum("amount")]
    raised = increased(limits, amount)
    if spender.oneself:
        too_much = raising(raised, limits, budgets.limits_of(default))
        return [Forbidden("amount", **each.data) for each in too_much]
    if place.parent is None:
        return []
    money = {**NO_LIMITS, "max_budget": raised["max_budget"]}
    above = await above_parent(tx, *place.parent, money)
    return [LimitExceeded("amount", **each.data) for each in above]


def _state(row: Row) -> dict[str, Any]:
    return {"amount": row.amount, "until": row.until}


@cache
def _now() -> Statement:
    return Statement(select(func.now().label("now")))


@cache
def _running(owner: str) -> Statement:
    its, until = budget_increases.c[SPENDERS[owner]], budget_increases.c.until
    return Statement(select(budget_increases).where(its == bindparam("id"), until > func.now()))


@cache
def _forget(owner: str) -> Statement:
    its = budget_increases.c[SPENDERS[owner]]
    return Statement(delete(budget_increases).where(its == bindparam("id")))
