"""API keys: update, block, and the rules that creating them follows too."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from bursar.access.above import lock_holder_of_key
from bursar.access.actor import Actor
from bursar.access.door import access_api_key
from bursar.access.policy import Action
from bursar.access.standing import administers
from bursar.database.connections import Connection
from bursar.database.pool import RunAgain
from bursar.database.rows import Row
from bursar.database.tables import api_keys
from bursar.database.writes import amend_row, update_row
from bursar.domain.errors import Forbidden, Invalid, LimitExceeded, Problems, Refusal
from bursar.domain.keys import kind_of, problem_with_scopes_of
from bursar.domain.limits import BudgetChanges, Limits, problems_with_budget, resulting
from bursar.domain.roles import KeyScope
from bursar.domain.throughput import LIMIT_TYPES, RateLimitType, guarantees
from bursar.services import archive, audit, budgets, models, throughput
from bursar.services.attributes import check_version, columns_in, columns_of, problems_with
from bursar.services.audit import Change
from bursar.services.holdings import (
    Clock,
    above_key,
    clock_of,
    exceeding_limits,
    is_later,
    reserving,
    reserving_more,
    ungrantable,
)
from bursar.services.models import ModelAttributes

LONG_LIFE = "let a key live longer than the one you use, or than its team lets keys of members"

_UNDER_HOLDER = throughput.ATTRIBUTES | models.LIST


class KeyAttributes(ModelAttributes, total=False):
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
    and for what is more than the actor holds, VersionConflict, NotFound for access groups,
    LimitExceeded, ModelNotAllowed, AlreadyTaken.
    """
    clock = await clock_of(tx, actor)
    Problems(problems_with_key(attributes, clock)).raise_any()
    under_holder = bool(_UNDER_HOLDER & attributes.keys())
    holder = await lock_holder_of_key(tx, actor, key_id) if under_holder else None
    row = await access_api_key(
        tx,
        actor,
        key_id,
        deeds=[(Action.API_KEY_UPDATE, (name,)) for name in attributes]
        or [(Action.API_KEY_UPDATE, ("id",))],
    )
    if under_holder and holder != (row.team_id or row.user_id):
        raise RunAgain  # it moved to another team, or came into sight, while we waited
    check_version(row, expected_version)
    scopes = attributes.get("scopes", row.scopes)
    problems = Problems(unguaranteeable(row.team_id, attributes))
    if problem := problem_with_scopes_of(kind_of(row.user_id, row.team_id), scopes):
        problems.append(Invalid("scopes", problem=problem))
    problems.raise_any()
    expires_at = attributes.get("expires_at", row.expires_at)
    added = {*scopes} - {*row.scopes}
    problems = Problems(ungrantable(actor, row.user_id, added, "scopes"))
    if added and clock.is_outlived_by(expires_at):
        problems.append(Forbidden("scopes", deed="let a key do more that outlives the one you use"))
    if not administers(actor, row):
        clock = clock.within(row.member_key_duration)
        problems.extend(reserving(attributes))
    if is_later(expires_at, row.expires_at):
        # To let a key live longer is to give what it can for that long.
        kept = {*scopes} & {*row.scopes}
        problems.extend(ungrantable(actor, row.user_id, kept, "expires_at"))
        if clock.is_outlived_by(expires_at):
            problems.append(Forbidden("expires_at", deed=LONG_LIFE))
    stored = await budgets.budget_of(tx, "api_key", row.id)
    before: Limits | None = budgets.limits_of(stored)
    limits = before
    above = above_key(row.user_id, row.team_id)
    wanted = await models.wanted(tx, actor, attributes, stored=row, above=above)
    problems.extend(wanted.problems)
    if "budget" in attributes:
        limits = resulting(before, attributes["budget"])
        if not administers(actor, row):
            problems.extend(reserving_more(row, attributes, before, limits))
        problems.extend(await exceeding_limits(tx, row.user_id, row.team_id, limits))
        limits = await budgets.store(tx, "api_key", row.id, stored, limits)
    await models.store_groups(tx, "api_key", row.id, wanted.group_ids)
    columns = {**columns_of(columns_in(attributes)), **wanted.columns}
    changed = await amend_row(tx, api_keys, row, columns, beside=before != limits)
    problems.extend_elsewhere(await unguaranteed(tx, changed, attributes))
    problems.raise_any()
    if changed is row:
        return row
    audit.record(
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

    To unblock a key is to give what it can. Raises NotFound or Forbidden.
    """
    row = await access_api_key(tx, actor, key_id, Action.API_KEY_BLOCK)
    if row.blocked == blocked:
        return row
    if not blocked:
        Problems(ungrantable(actor, row.user_id, row.scopes, "id")).raise_any()
    return await store(
        tx, actor, "api_key.block" if blocked else "api_key.unblock", row, {"blocked": blocked}
    )


async def store(
    tx: Connection, actor: Actor, action: str, row: Row, values: Mapping[str, Any]
) -> Row:
    """Set columns of a key that is locked, and record it; answers the key as it is now."""
    changed = await update_row(tx, api_keys, row.id, values)
    states = {"before": archive.state_of(row), "after": archive.state_of(changed)}
    audit.record(tx, actor, change(action, row, row.organization_id, **states))
    return changed


def problems_with_key(attributes: KeyAttributes, clock: Clock) -> Iterator[Refusal]:
    """What is wrong with the given values, whatever is stored."""
    yield from problems_with(attributes)
    yield from models.problems_with(attributes)
    expires_at = attributes.get("expires_at")
    if expires_at is not None and expires_at <= clock.now:
        yield Invalid("expires_at", problem="must be in the future")
    yield from problems_with_budget(attributes.get("budget"), "budget")


def unguaranteeable(team_id: str | None, attributes: KeyAttributes) -> Iterator[Refusal]:
    """Each guarantee asked for a personal key: what is guaranteed is a share of what a team has."""
    for name in LIMIT_TYPES.values():
        if team_id is None and attributes.get(name) == RateLimitType.GUARANTEED:
            yield Invalid(name, problem="must be BEST_EFFORT for a personal key")


async def unguaranteed(tx: Connection, key: Row, attributes: KeyAttributes) -> list[LimitExceeded]:
    """What the change of a key, which is stored, leaves of guarantees that cannot be held."""
    if not (throughput.ATTRIBUTES & attributes.keys() and guarantees(key)):
        return []
    return await throughput.check(tx, "team", [key.team_id], throughput.place_of(attributes))


def change(action: str, row: Row, organization_id: str | None, **states: audit.State) -> Change:
    return Change(action, row.id, organization_id=organization_id, team_id=row.team_id, **states)
