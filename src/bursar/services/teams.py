"""Teams: update, block, and the rules that creating them follows too."""

from collections.abc import Iterator, Mapping
from typing import Any

from bursar.access.above import check_organization, lock_organization_of_team
from bursar.access.actor import Actor
from bursar.access.door import Lock, access_team
from bursar.access.policy import Action
from bursar.database.connections import Connection
from bursar.database.rows import Row
from bursar.database.tables import teams
from bursar.database.writes import amend_row, update_row
from bursar.domain.errors import LimitExceeded, Problems, Refusal
from bursar.domain.gateway import problems_with_settings
from bursar.domain.limits import (
    BudgetChanges,
    Limits,
    problems_with_budget,
    problems_with_limits,
    resulting,
)
from bursar.domain.throughput import RateLimitType, guarantees
from bursar.services import audit, budgets, gateway_settings, models, self_service, throughput
from bursar.services.attributes import check_version, columns_in, columns_of, problems_with
from bursar.services.audit import Change
from bursar.services.limits import above_parent
from bursar.services.models import ModelAttributes

BUDGETS = {"budget": "team", "member_budget": "team_default"}
"""The budgets of a team by their attribute, and the kind of owner that it is of each."""

_UNDER_ORGANIZATION = throughput.ATTRIBUTES | models.LIST


class TeamAttributes(ModelAttributes, total=False):
    """What is to be set; a budget of None takes the budget away."""

    name: str
    external_id: str | None
    description: str | None
    joinable: bool
    tags: list[str]
    member_key_duration: str | None
    metadata: dict[str, Any]
    budget: BudgetChanges | None
    gateway_settings: dict[str, Any] | None
    rpm_limit_type: RateLimitType
    tpm_limit_type: RateLimitType
    model_aliases: list[dict[str, str]] | None


async def update(
    tx: Connection,
    actor: Actor,
    *,
    team_id: str,
    attributes: TeamAttributes,
    expected_version: int | None = None,
) -> Row:
    """Change what is given of a team, and nothing else.

    Raises Refusals for bad attributes, NotFound, Forbidden for each attribute the actor may not set,
    VersionConflict, NotFound for access groups, LimitExceeded for what is above the organization's
    limits, ModelNotAllowed for what is not within its models, AlreadyTaken.
    """
    Problems(problems_with_team(attributes)).raise_any()
    held = None
    under_organization = bool(_UNDER_ORGANIZATION & attributes.keys())
    if under_organization:
        lock = Lock.UPDATE if throughput.ATTRIBUTES & attributes.keys() else Lock.SHARE
        held = await lock_organization_of_team(tx, actor, team_id, lock=lock)
    row = await access_team(
        tx,
        actor,
        team_id,
        deeds=[(action_of(name), (name,)) for name in attributes]
        or [(Action.TEAM_UPDATE, ("id",))],
    )
    if under_organization:
        check_organization(row, held)
    check_version(row, expected_version)
    before: dict[str, audit.State | None] = {}
    after: dict[str, audit.State | None] = {}
    sponsor = None
    if models.LIST & attributes.keys():
        sponsor = await self_service.hold_sponsor(tx, actor, row)
    above = ("organization", row.organization_id)
    wanted = await models.wanted(tx, actor, attributes, stored=row, above=above)
    problems = Problems(wanted.problems)
    if sponsor and (asked := wanted.allow_list):
        problems.extend(await self_service.beyond_models(tx, actor, sponsor, asked, asked.entries))
    if "budget" in attributes:
        stored = await budgets.budget_of(tx, "team", row.id)
        before["budget"] = budgets.limits_of(stored)
        limits = resulting(before["budget"], attributes["budget"])
        problems.extend(await above_organization(tx, row.organization_id, {"budget": limits}))
        after["budget"] = await budgets.store(tx, "team", row.id, stored, limits)
    if "gateway_settings" in attributes:
        said = await gateway_settings.settings_of(tx, row.id)
        before["gateway_settings"] = gateway_settings.state_of(said)
        said = await gateway_settings.store(tx, row.id, attributes["gateway_settings"])
        after["gateway_settings"] = gateway_settings.state_of(said)
    await models.store_groups(tx, "team", row.id, wanted.group_ids)
    columns = {**columns_of(columns_in(attributes)), **wanted.columns}
    changed = await amend_row(tx, teams, row, columns, beside=before != after)
    problems.extend_elsewhere(await unguaranteed(tx, changed, attributes))
    problems.raise_any()
    if changed is row:
        return row
    audit.record(
        tx,
        actor,
        change(
            "team.update",
            row,
            before={**row, **audit.all_of(before.items())},
            after={**changed, **audit.all_of(after.items())},
        ),
    )
    return changed


async def set_blocked(tx: Connection, actor: Actor, *, team_id: str, blocked: bool) -> Row:
    """Block a team or unblock it; one that already is as asked stays as it is, unrecorded.

    Raises NotFound or Forbidden.
    """
    row = await access_team(tx, actor, team_id, Action.TEAM_BLOCK)
    if row.blocked == blocked:
        return row
    changed = await update_row(tx, teams, row.id, {"blocked": blocked})
    action = "team.block" if blocked else "team.unblock"
    audit.record(tx, actor, change(action, row, before=row, after=changed))
    return changed


def problems_with_team(attributes: Mapping[str, Any]) -> Iterator[Refusal]:
    """What is wrong with the given values, whatever is stored."""
    yield from problems_with(attributes)
    yield from models.problems_with(attributes)
    yield from problems_with_budget(attributes.get("budget"), "budget")
    yield from problems_with_budget(attributes.get("member_budget"), "member_budget")
    yield from problems_with_settings(attributes.get("gateway_settings"), "gateway_settings")


def action_of(attribute: str) -> Action:
    """What it takes to set an attribute."""
    match attribute:
        case "budget" | "external_id" | "rpm_limit_type" | "tpm_limit_type":
            return Action.TEAM_LIMIT
        case "gateway_settings":
            return Action.TEAM_GATEWAY_SETTINGS
        case "models" | "allow_none" | "model_aliases":
            return Action.TEAM_MODELS_UPDATE
        case _:
            return Action.TEAM_UPDATE


async def above_organization(
    tx: Connection, organization_id: str, limits: dict[str, Limits | None]
) -> list[LimitExceeded]:
    """Each limit above the organization's; raises Refusals for those that contradict each other."""
    Problems(
        problem for name, own in limits.items() for problem in problems_with_limits(own, name)
    ).raise_any()
    return await above_parent(tx, "organization", organization_id, limits["budget"], "budget")


async def unguaranteed(
    tx: Connection, team: Row, attributes: TeamAttributes
) -> list[LimitExceeded]:
    """What the change of a team, which is stored, leaves of guarantees that cannot be held."""
    problems = []
    place = throughput.place_of(attributes)
    if throughput.ATTRIBUTES & attributes.keys() and guarantees(team):
        problems += await throughput.check(tx, "organization", [team.organization_id], place)
    if "budget" in attributes:
        problems += await throughput.check(tx, "team", [team.id], place)
    return problems


def change(action: str, team: Row, **states: audit.State) -> Change:
    return Change(action, team.id, organization_id=team.organization_id, team_id=team.id, **states)
