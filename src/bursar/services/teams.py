"""Teams: create with members, update, block."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, TypedDict

from bursar.access.above import lock_organization_of_team
from bursar.access.actor import Actor
from bursar.access.door import Lock, access_organization, access_team
from bursar.access.policy import Action
from bursar.database.connections import Connection
from bursar.database.rows import Row
from bursar.database.tables import teams
from bursar.database.writes import insert_row, update_row
from bursar.domain.errors import LimitExceeded, Problems, Refusal
from bursar.domain.ids import DEFAULT_ORGANIZATION, Prefix, new_id
from bursar.domain.limits import (
    BudgetChanges,
    Limits,
    problems_with_budget,
    problems_with_limits,
    resulting,
)
from bursar.domain.roles import PlatformRole, TeamRole
from bursar.domain.throughput import RateLimitType, guarantees
from bursar.services import audit, budgets, members, memberships, people, throughput
from bursar.services.attributes import check_version, columns_of, problems_with
from bursar.services.audit import Change
from bursar.services.limits import above_parent
from bursar.services.members import NewMembers
from bursar.services.memberships import NewMember
from bursar.services.people import Person

BUDGETS = {"budget": "team", "member_budget": "team_default"}
"""The budgets of a team by their attribute, and the kind of owner that it is of each."""


class TeamAttributes(TypedDict, total=False):
    """What is to be set; a budget of None takes the budget away."""

    name: str
    external_id: str | None
    description: str | None
    joinable: bool
    tags: list[str]
    metadata: dict[str, Any]
    budget: BudgetChanges | None
    rpm_limit_type: RateLimitType
    tpm_limit_type: RateLimitType


class NewTeamAttributes(TeamAttributes, total=False):
    """What a team is made with."""

    member_budget: BudgetChanges | None


async def create(
    tx: Connection,
    actor: Actor,
    *,
    attributes: NewTeamAttributes,
    organization_id: str | None = None,
    new_members: NewMembers = (),
    add_to_organization: bool = False,
) -> Row:
    """Create a team, in the built-in organization unless another is named, with its first members.

    A creator who is a plain USER becomes an ADMIN of the team. Raises Refusals for bad attributes or
    members, NotFound and Forbidden for the organization, LimitExceeded for what is above its limits,
    AlreadyTaken for the external id, and what members.add raises.
    """
    problems = Problems(_problems(attributes))
    problems.extend(memberships.problems_with_new(new_members))
    problems.raise_any()
    organization = await access_organization(
        tx,
        actor,
        DEFAULT_ORGANIZATION if organization_id is None else organization_id,
        Action.TEAM_CREATE,
        path=("organization_id",),
        lock=Lock.UPDATE if guarantees(attributes) else Lock.SHARE,
    )
    limits = {name: resulting(None, attributes.get(name)) for name in BUDGETS}  # type: ignore[arg-type]  # the values under these names are budgets
    problems.extend(await _above_organization(tx, organization.id, limits))
    row = await insert_row(
        tx,
        teams,
        {
            "id": new_id(Prefix.TEAM),
            "organization_id": organization.id,
            **columns_of(_own(attributes)),
        },
    )
    for name, owner in BUDGETS.items():
        await budgets.store(tx, owner, row.id, None, limits[name])
    problems.extend_elsewhere(await _unguaranteed(tx, row, attributes))
    problems.raise_any()
    await audit.record(
        tx, actor, change("team.create", row, after={**row, **audit.all_of(limits.items())})
    )
    first = await _with_creator(tx, actor, new_members)
    if first:
        await members.add_to(
            tx, actor, row, first, invites=True, add_to_organization=add_to_organization
        )
    return row


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
    VersionConflict, LimitExceeded for what is above the organization's limits, AlreadyTaken.
    """
    Problems(_problems(attributes)).raise_any()
    if throughput.ATTRIBUTES & attributes.keys():
        await lock_organization_of_team(tx, actor, team_id, lock=Lock.UPDATE)
    row = await access_team(
        tx,
        actor,
        team_id,
        deeds=[(_action(name), (name,)) for name in attributes] or [(Action.TEAM_UPDATE, ("id",))],
    )
    check_version(row, expected_version)
    stored = await budgets.budget_of(tx, "team", row.id)
    before: Limits | None = budgets.limits_of(stored)
    limits = before
    problems = Problems()
    if "budget" in attributes:
        limits = resulting(before, attributes["budget"])
        problems.extend(await _above_organization(tx, row.organization_id, {"budget": limits}))
        limits = await budgets.store(tx, "team", row.id, stored, limits)
    changed = await update_row(tx, teams, row.id, columns_of(_own(attributes)))
    problems.extend_elsewhere(await _unguaranteed(tx, changed, attributes))
    problems.raise_any()
    await audit.record(
        tx,
        actor,
        change(
            "team.update",
            row,
            before={**row, **audit.all_of([("budget", before)])},
            after={**changed, **audit.all_of([("budget", limits)])},
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
    await audit.record(tx, actor, change(action, row, before=row, after=changed))
    return changed


async def _with_creator(
    tx: Connection, actor: Actor, new_members: NewMembers
) -> list[NewMember[TeamRole]]:
    """The first members: a plain USER who creates a team administers it, listed or not."""
    if actor.role is not PlatformRole.USER:
        return list(new_members)
    names = (await people.oneself(tx, actor)).names
    if not any(new.person.names & names for new in new_members):
        return [*new_members, NewMember(Person(actor.user_id, None), TeamRole.ADMIN)]
    return [
        replace(new, role=TeamRole.ADMIN) if new.person.names & names else new
        for new in new_members
    ]


def _problems(attributes: Mapping[str, Any]) -> Iterator[Refusal]:
    yield from problems_with(_own(attributes))
    yield from problems_with_budget(attributes.get("budget"), "budget")
    yield from problems_with_budget(attributes.get("member_budget"), "member_budget")


def _own(attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in attributes.items() if name not in BUDGETS}


def _action(attribute: str) -> Action:
    match attribute:
        case "budget" | "external_id" | "rpm_limit_type" | "tpm_limit_type":
            return Action.TEAM_LIMIT
        case _:
            return Action.TEAM_UPDATE


async def _above_organization(
    tx: Connection, organization_id: str, limits: dict[str, Limits | None]
) -> list[LimitExceeded]:
    """Each limit above the organization's; raises Refusals for those that contradict each other."""
    Problems(
        problem for name, own in limits.items() for problem in problems_with_limits(own, name)
    ).raise_any()
    return await above_parent(tx, "organization", organization_id, limits["budget"], "budget")


async def _unguaranteed(
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
