"""How teams begin: with their limits, models and settings, and with their first members."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from bursar.access.actor import Actor
from bursar.access.door import Deed, Lock, access_organization
from bursar.access.policy import Action, permits
from bursar.access.standing import team_relations
from bursar.database.connections import Connection
from bursar.database.rows import Row
from bursar.database.tables import lifetime_spends, teams
from bursar.database.writes import insert_row
from bursar.domain.errors import Problems
from bursar.domain.ids import DEFAULT_ORGANIZATION, Prefix, new_id
from bursar.domain.limits import BudgetChanges, resulting
from bursar.domain.new_teams import NewTeams
from bursar.domain.roles import MemberPermission, PlatformRole, TeamRole
from bursar.domain.throughput import LIMIT_TYPES, guarantees
from bursar.services import (
    audit,
    budgets,
    gateway_settings,
    members,
    memberships,
    models,
    people,
    self_service,
)
from bursar.services.attributes import columns_in, columns_of
from bursar.services.members import NewMembers
from bursar.services.memberships import NewMember
from bursar.services.people import Person
from bursar.services.teams import (
    BUDGETS,
    TeamAttributes,
    above_organization,
    action_of,
    change,
    problems_with_team,
    unguaranteed,
)


class NewTeamAttributes(TeamAttributes, total=False):
    """What a team is made with."""

    member_permissions: list[MemberPermission] | None
    member_budget: BudgetChanges | None


async def create(
    tx: Connection,
    actor: Actor,
    *,
    attributes: NewTeamAttributes,
    settings: NewTeams,
    organization_id: str | None = None,
    new_members: NewMembers = (),
    add_to_organization: bool = False,
) -> Row:
    """Create a team, in the built-in organization unless another is named, with its first members.

    A creator who is a plain USER becomes an ADMIN of the team. Who makes one by self-service gives it
    no external id, and no more than they have; it keeps whose it is. What the settings give is checked
    like what is asked for. Raises Refusals for bad attributes or members, NotFound and Forbidden for
    the organization, NotFound for access groups, LimitExceeded for what is above its limits,
    ModelNotAllowed for what is not within its models, AlreadyTaken for the external id, and what
    members.add raises.
    """
    if budget := settings.completed(attributes.get("budget", BudgetChanges())):
        attributes = {**attributes, "budget": budget}
    if settings.models and models.LIST.isdisjoint(attributes):
        attributes = {**attributes, "models": list(settings.models)}
    problems = Problems(problems_with_team(attributes))
    problems.extend(memberships.problems_with_new(new_members))
    problems.raise_any()
    organization_id = DEFAULT_ORGANIZATION if organization_id is None else organization_id
    organization = await access_organization(
        tx,
        actor,
        organization_id,
        Action.TEAM_CREATE,
        path=("organization_id",),
        deeds=_further_deeds(attributes, add_to_organization),
        lock=Lock.UPDATE if guarantees(attributes) else Lock.SHARE,
        oneself=settings.self_service and organization_id == DEFAULT_ORGANIZATION,
    )
    administers = permits(actor, Action.TEAM_CREATE, team_relations(organization))
    limits = {name: resulting(None, attributes.get(name)) for name in BUDGETS}  # type: ignore[arg-type]  # the values under these names are budgets
    oneself = None if administers else await self_service.hold_oneself(tx, actor)
    above = ("organization", organization.id)
    wanted = await models.wanted(tx, actor, attributes, above=above)
    problems.extend(wanted.problems)
    problems.extend(await above_organization(tx, organization.id, limits))
    if oneself is not None:
        problems.extend(await self_service.beyond(tx, actor, oneself, limits["budget"], wanted))
    row = await insert_row(
        tx,
        teams,
        {
            "id": new_id(Prefix.TEAM),
            "organization_id": organization.id,
            "self_service_user_id": oneself and oneself.id,
            **columns_of(columns_in(attributes)),
            **wanted.columns,
        },
    )
    await insert_row(tx, lifetime_spends, {"holder_id": row.id, "spend": 0})
    await models.store_groups(tx, "team", row.id, wanted.group_ids)
    for name, owner in BUDGETS.items():
        await budgets.store(tx, owner, row.id, None, limits[name])
    problems.extend_elsewhere(await unguaranteed(tx, row, attributes))
    problems.raise_any()
    parts: dict[str, audit.State | None] = {**limits}
    if attributes.get("gateway_settings"):
        said = await gateway_settings.store(tx, row.id, attributes["gateway_settings"])
        parts["gateway_settings"] = gateway_settings.state_of(said)
    audit.record(
        tx, actor, change("team.create", row, after={**row, **audit.all_of(parts.items())})
    )
    first = await _with_creator(tx, actor, new_members)
    if first:
        await members.add_to(
            tx, actor, row, first, invites=administers, add_to_organization=add_to_organization
        )
    return row


def _further_deeds(attributes: Mapping[str, Any], add_to_organization: bool) -> Iterator[Deed]:
    """What of a new team is for higher admins, whoever may create it."""
    for name in ("external_id", *LIMIT_TYPES.values(), "gateway_settings"):
        if attributes.get(name) is not None:
            yield action_of(name), (name,)
    if add_to_organization:
        yield Action.ORGANIZATION_MEMBERS_ADD, ("add_to_organization",)


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
