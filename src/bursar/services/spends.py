"""Spend that is adjusted by hand: what a holder has spent of the current period is taken off it."""

from decimal import Decimal
from functools import cache

from sqlalchemy import and_, bindparam, func, insert, select, update

from bursar.access.actor import Actor
from bursar.access.policy import Action
from bursar.access.spenders import access_spender
from bursar.database.connections import Connection
from bursar.database.rows import Row
from bursar.database.spending import last_begun
from bursar.database.statements import Statement
from bursar.database.tables import spend_adjustments, spends
from bursar.domain.errors import Forbidden, Invalid
from bursar.domain.limits import problem_with_literal
from bursar.domain.tallies import WHOLE
from bursar.services import audit
from bursar.services.audit import Change
from bursar.services.counting import hold

PERIOD = ("holder_id", "model", "since", "starts_at")


async def reset(tx: Connection, actor: Actor, *, holder_id: str, model: str | None = None) -> Row:
    """Take off what a holder has spent of the current period, as a whole or on one model.

    The other is left as it is, and so is what was ever spent. Where nothing is spent nothing is
    recorded. Answers the holder. Raises Invalid, NotFound, Forbidden.
    """
    if model is not None and (problem := problem_with_literal(model)):
        raise Invalid("model", problem=problem)
    spender = await access_spender(tx, actor, holder_id, of_key=Action.API_KEY_RESET_SPEND)
    if spender.oneself:
        raise Forbidden("holder_id", deed="reset what you have spent yourself")
    place = spender.place
    await tx.all(_hold(), id=place.id)
    taken = await tx.one(_take_off(place.kind.owner), id=place.id, model=model or WHOLE)
    if taken is not None:
        audit.record(
            tx,
            actor,
            Change(
                "spend.reset",
                place.id,
                organization_id=place.organization_id,
                team_id=place.team_id,
                before=_state(model, -taken.amount),
                after=_state(model, Decimal(0)),
            ),
        )
    return spender.row


def _state(model: str | None, spend: Decimal) -> audit.State:
    if model is None:
        return {"spend": spend}
    return audit.all_of([("of_model", {"model": model, "spend": spend})])


@cache
def _hold() -> Statement:
    return Statement(hold(select(bindparam("id", type_=spends.c.holder_id.type).label("id"))))


@cache
def _take_off(owner: str) -> Statement:
    """Under the lock, by the clock after it: the row of the period that runs, if it holds anything."""
    now, its = func.statement_timestamp(), spends.c
    current = last_begun(owner, bindparam("id"), bindparam("model"), now).cte("current")
    holds = and_(current.c.ends_at > now, current.c.spend > 0)
    emptied = (
        update(spends)
        .values(spend=0)
        .where(holds, *(its[name] == current.c[name] for name in PERIOD))
        .cte("emptied")
    )
    period = (current.c[name] for name in PERIOD)
    adjusted = insert(spend_adjustments).from_select(
        [*PERIOD, "at", "amount"], select(*period, now, -current.c.spend).where(holds)
    )
    return Statement(adjusted.returning(spend_adjustments.c.amount).add_cte(emptied))
