"""Holdings: nobody gives a key more than they hold themselves, in scope, time, money, or rate."""

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import bindparam, func, select

from bursar.access.actor import Actor
from bursar.access.policy import Action, Relation, forbidden, permits
from bursar.database.connections import Connection
from bursar.database.rows import Row
from bursar.database.statements import Statement
from bursar.database.tables import api_keys, team_members
from bursar.domain.durations import later
from bursar.domain.errors import Forbidden, LimitExceeded, Problems, Refusal
from bursar.domain.limits import Limits, place_in, problems_with_limits
from bursar.domain.new_teams import beyond_limits
from bursar.domain.roles import KeyScope
from bursar.domain.throughput import LIMIT_TYPES, RateLimitType, allotted
from bursar.services import budgets
from bursar.services.limits import above_parent

GRANTS = {
    KeyScope.MANAGE: Action.API_KEY_GRANT_MANAGE,
    KeyScope.GATEWAY: Action.API_KEY_GRANT_GATEWAY,
}


SERVICE = "give a service more than you have in the team yourself"
RESERVE = "guarantee throughput to a key"


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


def reserving(attributes: Mapping[str, Any]) -> Iterator[Forbidden]:
    """Each guarantee that a mere member asks for: it would take from what the others share."""
    for kind in LIMIT_TYPES.values():
        if attributes.get(kind) == RateLimitType.GUARANTEED:
            yield Forbidden(kind, deed=RESERVE)


def reserving_more(
    key: Row, attributes: Mapping[str, Any], before: Limits | None, limits: Limits | None
) -> Iterator[Forbidden]:
    """Each limit that a mere member raises of what is guaranteed to their key already."""
    for name, kind in LIMIT_TYPES.items():
        if {key[kind], attributes.get(kind, key[kind])} == {RateLimitType.GUARANTEED}:
            had = allotted(before, name)
            for model, amount in allotted(limits, name).items():
                if amount > had.get(model, 0):
                    at = place_in(attributes["budget"], name, model)
                    yield Forbidden("budget", *at, deed=RESERVE)


async def beyond_member(
    tx: Connection, actor: Actor, team: Row, limits: Limits | None
) -> list[Forbidden]:
    """Each limit of a service that is more than what a mere member has in the team, which is held."""
    members = await tx.all(_membership(), team_id=team.id, user_id=actor.user_id)
    own = await budgets.budgets_of(tx, "team_member", [member.id for member in members])
    default = await budgets.budgets_of(tx, "team_default", [team.id])
    stored = next(iter([*own.values(), *default.values()]), None)
    return [*beyond_limits(limits, budgets.limits_of(stored), "budget", deed=SERVICE)]


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
def _membership() -> Statement:
    return Statement(
        select(team_members.c.id).where(
            team_members.c.team_id == bindparam("team_id"),
            team_members.c.user_id == bindparam("user_id"),
        )
    )


@cache
def _life() -> Statement:
    return Statement(
        select(api_keys.c.expires_at, func.now().label("now")).where(
            api_keys.c.id == bindparam("key_id")
        )
    )
