"""Holdings: nobody gives a key more than they hold themselves, in scope, in time, or in money."""

from collections.abc import Collection, Iterator
from datetime import datetime
from functools import cache
from typing import NamedTuple

from sqlalchemy import bindparam, func, select

from bursar.access.actor import Actor
from bursar.access.policy import Action, Relation, forbidden, permits
from bursar.database.connections import Connection
from bursar.database.statements import Statement
from bursar.database.tables import api_keys
from bursar.domain.durations import later
from bursar.domain.errors import Forbidden, LimitExceeded, Problems, Refusal
from bursar.domain.limits import Limits, problems_with_limits
from bursar.domain.roles import KeyScope
from bursar.services.limits import above_parent

GRANTS = {
    KeyScope.MANAGE: Action.API_KEY_GRANT_MANAGE,
    KeyScope.GATEWAY: Action.API_KEY_GRANT_GATEWAY,
}


class Clock(NamedTuple):
    """The transaction's time, and the latest that a key which the actor makes may expire.

    That is when the key that the actor uses does.
    """

    now: datetime
    end: datetime | None

    def is_outlived_by(self, expires_at: datetime | None) -> bool:
        return is_later(expires_at, self.end)

    def after(self, duration: str | None) -> datetime | None:
        """When something that is made now ends that lasts so long; None is for ever, and never."""
        return None if duration is None else later(self.now, duration)

    def within(self, duration: str | None) -> "Clock":
        """The clock of who may let no key live longer than this from now."""
        ends = (end for end in (self.end, self.after(duration)) if end is not None)
        return Clock(self.now, min(ends, default=None))


async def clock_of(tx: Connection, actor: Actor) -> Clock:
    """The clock that a key which the actor makes goes by. Raises Forbidden for who has no key now."""
    row = await tx.one(_life(), key_id=actor.key_id)
    if row is None:
        raise Forbidden(deed="change keys with a key that is gone")
    return Clock(row.now, row.expires_at)


def ungrantable(
    actor: Actor, user_id: str | None, scopes: Collection[str], *path: str
) -> Iterator[Refusal]:
    """Each scope with which the actor may not hold a key of this user, or of none.

    Who holds a secret with MANAGE is its user; who holds one with GATEWAY speaks for all keys.
    """
    oneself = user_id is not None and user_id == actor.user_id
    relations = {Relation.SELF} if oneself else set()
    for scope, action in GRANTS.items():
        if scope in scopes and not permits(actor, action, relations):
            yield forbidden(action, *path)


def above_key(user_id: str | None, team_id: str | None) -> tuple[str, str]:
    """What a key is under, as kind and id: its team, or for a personal key its user."""
    return ("user", user_id or "") if team_id is None else ("team", team_id)


async def exceeding_limits(
    tx: Connection, user_id: str | None, team_id: str | None, limits: Limits | None
) -> list[LimitExceeded]:
    """Each limit above those above the key; raises Refusals for limits that contradict each other.

    Above it is its team, or for a personal key its user; the caller has locked them.
    """
    Problems(problems_with_limits(limits, "budget")).raise_any()
    return await above_parent(tx, *above_key(user_id, team_id), limits, "budget")


def is_later(moment: datetime | None, than: datetime | None) -> bool:
    """Whether one is later than the other; None is never, which is the latest."""
    return than is not None and (moment is None or moment > than)


@cache
def _life() -> Statement:
    return Statement(
        select(api_keys.c.expires_at, func.now().label("now")).where(
            api_keys.c.id == bindparam("key_id")
        )
    )
