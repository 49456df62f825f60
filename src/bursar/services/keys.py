"""API keys: create, update, block; a secret is shown once, to who may hold it."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple, TypedDict

from sqlalchemy import bindparam, select

from bursar.access.above import lock_holder_of_key
from bursar.access.actor import Actor
from bursar.access.door import Lock, access_api_key, access_team, access_user
from bursar.access.policy import Action, forbidden
from bursar.database.connections import Connection
from bursar.database.rows import Row
from bursar.database.statements import Statement
from bursar.database.tables import api_keys, team_members
from bursar.database.writes import insert_row, update_row
from bursar.domain.errors import (
    Forbidden,
    Invalid,
    LimitExceeded,
    NotMember,
    Problems,
    Refusal,
)
from bursar.domain.ids import Prefix, new_id
from bursar.domain.keys import (
    DEFAULT_SCOPES,
    digest,
    kind_of,
    last_four,
    new_secret,
    problem_with_scopes_of,
)
from bursar.domain.limits import (
    BudgetChanges,
    Limits,
    problems_with_budget,
    resulting,
)
from bursar.domain.roles import KeyScope
from bursar.domain.throughput import LIMIT_TYPES, RateLimitType, guarantees
from bursar.services import archive, audit, budgets, throughput
from bursar.services.attributes import check_version, columns_of, problems_with
from bursar.services.audit import Change
from bursar.services.holdings import Clock, clock_of, exceeding_limits, ungrantable


class KeyAttributes(TypedDict, total=False):
    """What is to be set; a new key without scopes has those of its kind."""

    alias: str | None
    external_id: str | None
    scopes: list[KeyScope]
    expires_at: datetime | None
    rotation_interval: str | None
    metadata: dict[str, Any]
    budget: BudgetChanges | None
    rpm_limit_type: RateLimitType
    tpm_limit_type: RateLimitType


class NewKey(NamedTuple):
    """A key as stored, and its secret, which is stored nowhere."""

    row: Row
    secret: str


async def create(
    tx: Connection,
    actor: Actor,
    *,
    user_id: str | None,
    team_id: str | None,
    attributes: KeyAttributes,
    pepper: bytes,
) -> NewKey:
    """Create a key: of a user, of a team's service, or of a user as a member of a team.

    Of neither it is the actor's own, if the actor is a user. It lives no longer than the key that
    asks for it. Raises Refusals for bad attributes, NotFound, Forbidden, NotMember for a user outside
    the team, LimitExceeded, AlreadyTaken.
    """
    if user_id is None and team_id is None:
        user_id = actor.user_id
    kind = kind_of(user_id, team_id)
    scopes = attributes.get("scopes", DEFAULT_SCOPES[kind])
    clock = await clock_of(tx, actor)
    problems = Problems(_problems(attributes, clock))
    if problem := problem_with_scopes_of(kind, scopes or ()):
        problems.append(Invalid("scopes", problem=problem))
    problems.extend(_unguaranteeable(team_id, attributes))
    problems.raise_any()
    if user_id is None and team_id is None:
        raise forbidden(Action.API_KEY_CREATE, "user_id")
    organization_id = None
    if team_id is not None:
        team = await access_team(
            tx,
            actor,
            team_id,
            Action.API_KEY_CREATE,
            path=("team_id",),
            lock=Lock.UPDATE if guarantees(attributes) else Lock.SHARE,
        )
        organization_id = team.organization_id
    if user_id is not None:
        needed = [] if team_id else [Action.API_KEY_CREATE]
        await access_user(tx, actor, user_id, *needed, path=("user_id",), lock=Lock.SHARE)
    if user_id is not None and team_id is not None:
        member = await tx.one(_membership(), team_id=team_id, user_id=user_id)
        if member is None:
            raise NotMember("user_id")
    problems = Problems(ungrantable(actor, user_id, scopes, "scopes"))
    if clock.is_outlived_by(attributes.get("expires_at")):
        problems.append(Forbidden("expires_at", deed="create a key that outlives the one you use"))
    problems.raise_any()
    limits = resulting(None, attributes.get("budget"))
    problems.extend(await exceeding_limits(tx, user_id, team_id, limits))
    secret = new_secret()
    own = {"scopes": list(scopes), **_own(attributes)}
    row = await insert_key(tx, user_id, secret, pepper, own, team_id=team_id)
    await budgets.store(tx, "api_key", row.id, None, limits)
    problems.extend_elsewhere(await _unguaranteed(tx, row, attributes))
    problems.raise_any()
    after = {**archive.state_of(row), **audit.all_of([("budget", limits)])}
    await audit.record(tx, actor, change("api_key.create", row, organization_id, after=after))
    return NewKey(row, secret)


async def insert_key(
    tx: Connection,
    user_id: str | None,
    secret: str,
    pepper: bytes,
    attributes: Mapping[str, Any],
    *,
    team_id: str | None = None,
) -> Row:
    """Store a key by the hash of its secret; without scopes it has those of its kind."""
    return await insert_row(
        tx,
        api_keys,
        {
            "id": new_id(Prefix.API_KEY),
            "user_id": user_id,
            "team_id": team_id,
            "secret_hash": digest(secret, pepper),
            "last_four": last_four(secret),
            "scopes": list(DEFAULT_SCOPES[kind_of(user_id, team_id)]),
            **columns_of(attributes),
        },
    )


async def update(
    tx: Connection,
    actor: Actor,
    *,
    key_id: str,
    attributes: KeyAttributes,
    expected_version: int | None = None,
) -> Row:
    """Change what is given of a key, and nothing else.

    Raises Refusals for bad attributes, NotFound, Forbidden for each attribute the actor may not set
    and for what is more than the actor holds, VersionConflict, LimitExceeded, AlreadyTaken.
    """
    clock = await clock_of(tx, actor)
    Problems(_problems(attributes, clock)).raise_any()
    if throughput.ATTRIBUTES & attributes.keys():
        await lock_holder_of_key(tx, actor, key_id)
    row = await access_api_key(
        tx,
        actor,
        key_id,
        deeds=[(Action.API_KEY_UPDATE, (name,)) for name in attributes]
        or [(Action.API_KEY_UPDATE, ("id",))],
    )
    check_version(row, expected_version)
    scopes = attributes.get("scopes", row.scopes)
    problems = Problems(_unguaranteeable(row.team_id, attributes))
    if problem := problem_with_scopes_of(kind_of(row.user_id, row.team_id), scopes):
        problems.append(Invalid("scopes", problem=problem))
    problems.raise_any()
    problems = Problems(ungrantable(actor, row.user_id, {*scopes} - {*row.scopes}, "scopes"))
    if clock.is_outlived_longer_by(attributes.get("expires_at", row.expires_at), row.expires_at):
        problems.append(Forbidden("expires_at", deed="make a key outlive the one you use"))
    problems.raise_any()
    stored = await budgets.budget_of(tx, "api_key", row.id)
    before: Limits | None = budgets.limits_of(stored)
    limits = before
    if "budget" in attributes:
        limits = resulting(before, attributes["budget"])
        problems.extend(await exceeding_limits(tx, row.user_id, row.team_id, limits))
        limits = await budgets.store(tx, "api_key", row.id, stored, limits)
    changed = await update_row(tx, api_keys, row.id, columns_of(_own(attributes)))
    problems.extend_elsewhere(await _unguaranteed(tx, changed, attributes))
    problems.raise_any()
    await audit.record(
        tx,
        actor,
        change(
            "api_key.update",
            row,
            row.organization_id,
            before={**archive.state_of(row), **audit.all_of([("budget", before)])},
            after={**archive.state_of(changed), **audit.all_of([("budget", limits)])},
        ),
    )
    return changed


async def set_blocked(tx: Connection, actor: Actor, *, key_id: str, blocked: bool) -> Row:
    """Block a key or unblock it; one that already is as asked stays as it is, unrecorded.

    Raises NotFound or Forbidden.
    """
    row = await access_api_key(tx, actor, key_id, Action.API_KEY_BLOCK)
    if row.blocked == blocked:
        return row
    return await store(
        tx, actor, "api_key.block" if blocked else "api_key.unblock", row, {"blocked": blocked}
    )


async def store(
    tx: Connection, actor: Actor, action: str, row: Row, values: Mapping[str, Any]
) -> Row:
    """Set columns of a key that is locked, and record it; answers the key as it is now."""
    changed = await update_row(tx, api_keys, row.id, values)
    states = {"before": archive.state_of(row), "after": archive.state_of(changed)}
    await audit.record(tx, actor, change(action, row, row.organization_id, **states))
    return changed


def _problems(attributes: KeyAttributes, clock: Clock) -> Iterator[Refusal]:
    yield from problems_with(_own(attributes))
    expires_at = attributes.get("expires_at")
    if expires_at is not None and expires_at <= clock.now:
        yield Invalid("expires_at", problem="must be in the future")
    yield from problems_with_budget(attributes.get("budget"), "budget")


def _own(attributes: KeyAttributes) -> dict[str, Any]:
    return {name: value for name, value in attributes.items() if name != "budget"}


def _unguaranteeable(team_id: str | None, attributes: KeyAttributes) -> Iterator[Refusal]:
    """A guarantee is a share of what a team has."""
    for name in LIMIT_TYPES.values():
        if team_id is None and attributes.get(name) == RateLimitType.GUARANTEED:
            yield Invalid(name, problem="must be BEST_EFFORT for a personal key")


async def _unguaranteed(tx: Connection, key: Row, attributes: KeyAttributes) -> list[LimitExceeded]:
    """What the change of a key, which is stored, leaves of guarantees that cannot be held."""
    if not (throughput.ATTRIBUTES & attributes.keys() and guarantees(key)):
        return []
    return await throughput.check(tx, "team", [key.team_id], throughput.place_of(attributes))


def change(action: str, row: Row, organization_id: str | None, **states: audit.State) -> Change:
    return Change(action, row.id, organization_id=organization_id, team_id=row.team_id, **states)


@cache
def _membership() -> Statement:
    return Statement(
        select(team_members.c.id)
        .where(
            team_members.c.team_id == bindparam("team_id"),
            team_members.c.user_id == bindparam("user_id"),
        )
        .with_for_update(read=True, key_share=True)
    )
