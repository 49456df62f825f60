"""Teams that move to another organization, with their members, keys and budgets."""

from collections.abc import Sequence
from functools import cache

from sqlalchemy import bindparam, func, select

from bursar.access.actor import Actor
from bursar.access.moves import TARGET, access_team_to_move
from bursar.access.policy import Action
from bursar.database.connections import Connection
from bursar.database.rows import Row
from bursar.database.statements import Statement
from bursar.database.tables import api_keys, organization_members, team_members, teams, users
from bursar.database.writes import update_row
from bursar.domain.errors import MembersOutsideOrganization, Problems
from bursar.domain.ids import DEFAULT_ORGANIZATION
from bursar.domain.roles import OrganizationRole
from bursar.services import audit, budgets, key_places, memberships, models, throughput
from bursar.services.attributes import check_version
from bursar.services.limits import above_parent, place_of
from bursar.services.memberships import ORGANIZATION, Joining
from bursar.services.teams import change

MOST_MEMBERS = 100


async def move(
    tx: Connection,
    actor: Actor,
    *,
    team_id: str,
    organization_id: str,
    add_to_organization: bool = False,
    expected_version: int | None = None,
) -> Row:
    """Move a team to an organization; one that is there stays as it is, unrecorded.

    Members who do not belong to the organization become its members with `add_to_organization`; none
    leaves the one that the team was in. Raises NotFound, Forbidden, VersionConflict,
    MembersOutsideOrganization, LimitExceeded for what is above the organization's limits, and
    ModelNotAllowed for what is not within its models.
    """
    adding = (Action.ORGANIZATION_MEMBERS_ADD, ("add_to_organization",))
    row = await access_team_to_move(
        tx,
        actor,
        team_id,
        organization_id,
        Action.TEAM_MOVE,
        deeds=[adding] if add_to_organization else [],
    )
    check_version(row, expected_version)
    if row.organization_id == organization_id:
        return row
    outside = await _members_outside(tx, row, organization_id)
    problems = await _problems_within(tx, actor, row, organization_id)
    if outside and not add_to_organization:
        problems.append(MembersOutsideOrganization(*TARGET, members=outside[:MOST_MEMBERS]))
    await memberships.insert(
        tx,
        actor,
        ORGANIZATION,
        organization_id,
        [Joining(member.user_id, OrganizationRole.MEMBER) for member in outside],
        organization_id=organization_id,
    )
    await key_places.keep_of_team(tx, row.id)
    changed = await update_row(
        tx, teams, row.id, {"organization_id": organization_id, "self_service_user_id": None}
    )
    place = place_of(None, *TARGET)
    problems.extend_elsewhere(await throughput.check(tx, "organization", [organization_id], place))
    problems.raise_any()
    await _record(tx, actor, row, changed)
    return changed


async def _problems_within(
    tx: Connection, actor: Actor, team: Row, organization_id: str
) -> Problems:
    """What of a team the organization does not allow: limits, models, where it is open its keys'."""
    limits = budgets.limits_of(await budgets.budget_of(tx, "team", team.id))
    problems = Problems(await above_parent(tx, "organization", organization_id, limits, *TARGET))
    lists = [models.list_of(team)]
    if lists[0].is_open:
        lists += [models.list_of(key) for key in await tx.all(_lists_of_keys(), team_id=team.id)]
    above = ("organization", organization_id)
    problems.extend(await models.outside_of(tx, actor, lists, above, *TARGET))
    return problems


async def _members_outside(tx: Connection, team: Row, organization_id: str) -> Sequence[Row]:
    """The members who are not of the organization, kept from being deleted; to `default` all belong."""
    if organization_id == DEFAULT_ORGANIZATION:
        return []
    return await tx.all(_outside(), team_id=team.id, organization_id=organization_id)


async def _record(tx: Connection, actor: Actor, before: Row, after: Row) -> None:
    """An entry for each organization, that the team left and that it came; neither names the other."""
    nowhere = {"organization_id": None}
    audit.record(
        tx,
        actor,
        change("team.move", before, before={**before}, after={**after, **nowhere}),
        change("team.move", after, before={**before, **nowhere}, after={**after}),
    )


@cache
def _lists_of_keys() -> Statement:
    return Statement(
        select(api_keys.c.models, api_keys.c.allow_none).where(
            api_keys.c.team_id == bindparam("team_id"), func.cardinality(api_keys.c.models) > 0
        )
    )


@cache
def _outside() -> Statement:
    theirs = organization_members.alias("theirs")
    belongs = select(theirs.c.id).where(
        theirs.c.user_id == team_members.c.user_id,
        theirs.c.organization_id == bindparam("organization_id"),
    )
    return Statement(
        select(team_members)
        .join(users, users.c.id == team_members.c.user_id)
        .where(team_members.c.team_id == bindparam("team_id"), ~belongs.exists())
        .order_by(users.c.id)
        .with_for_update(of=users, read=True, key_share=True)
    )
