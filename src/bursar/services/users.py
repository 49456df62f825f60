"""Users: create, update, delete, block and unblock; the platform's own business."""

from collections.abc import Iterator
from functools import cache
from typing import Any

from sqlalchemy import Text, bindparam, null, select, union_all

from bursar.access.actor import Actor
from bursar.access.door import Lock, access_user
from bursar.access.policy import Action, forbidden, permits
from bursar.database.connections import Connection
from bursar.database.pool import RunAgain
from bursar.database.rows import Row
from bursar.database.statements import Statement
from bursar.database.tables import organization_members, team_members, teams, users
from bursar.database.writes import amend_row, delete_rows, insert_row, update_row
from bursar.domain.errors import LastAdmin, Problems, Refusal
from bursar.domain.ids import Prefix, new_id
from bursar.domain.limits import (
    BudgetChanges,
    problems_with_budget,
    resulting,
)
from bursar.domain.names import is_storable
from bursar.domain.roles import PlatformRole
from bursar.services import audit, budgets, key_removal, last_admins, models
from bursar.services.attributes import check_version, columns_in, columns_of, problems_with
from bursar.services.audit import Change
from bursar.services.models import ModelAttributes


class UserAttributes(ModelAttributes, total=False):
    """What is to be set; a budget of None takes the budget away."""

    name: str
    email: str | None
    external_id: str | None
    role: PlatformRole
    metadata: dict[str, Any]
    budget: BudgetChanges | None


async def create(tx: Connection, actor: Actor, *, attributes: UserAttributes) -> Row:
    """Create a user.

    Raises Refusals for bad attributes, Forbidden, NotFound for access groups, AlreadyTaken.
    """
    own = columns_in(attributes)
    Problems(_problems(attributes)).raise_any()
    if not permits(actor, Action.USER_CREATE):
        raise forbidden(Action.USER_CREATE)
    limits = resulting(None, attributes.get("budget"))
    wanted = await models.wanted(tx, actor, attributes)
    columns = {"id": new_id(Prefix.USER), **columns_of(own), **wanted.columns}
    row = await insert_row(tx, users, columns)
    await budgets.store(tx, "user", row.id, None, limits)
    await models.store_groups(tx, "user", row.id, wanted.group_ids)
    after = {**row, **audit.all_of([("budget", limits)])}
    audit.record(tx, actor, Change("user.create", row.id, after=after))
    return row


async def update(
    tx: Connection,
    actor: Actor,
    *,
    user_id: str,
    attributes: UserAttributes,
    expected_version: int | None = None,
) -> Row:
    """Change what is given of a user, and nothing else.

    Raises Refusals for bad attributes, NotFound, also for access groups, Forbidden, VersionConflict,
    AlreadyTaken, and LastAdmin for the role of the last platform admin.
    """
    own = columns_in(attributes)
    Problems(_problems(attributes)).raise_any()
    demotes = own.get("role", PlatformRole.ADMIN) is not PlatformRole.ADMIN
    admins = await last_admins.of_platform(tx) if demotes and actor.administers_all else []
    row = await access_user(tx, actor, user_id, Action.USER_UPDATE)
    check_version(row, expected_version)
    if admins == [row.id]:
        raise LastAdmin("role", thing="platform")
    wanted = await models.wanted(tx, actor, attributes, stored=row)
    before, limits = await budgets.update(tx, "user", row.id, attributes)
    await models.store_groups(tx, "user", row.id, wanted.group_ids)
    columns = {**columns_of(own), **wanted.columns}
    changed = await amend_row(tx, users, row, columns, beside=before != limits)
    if changed is row:
        return row
    audit.record(
        tx,
        actor,
        Change(
            "user.update",
            row.id,
            before={**row, **audit.all_of([("budget", before)])},
            after={**changed, **audit.all_of([("budget", limits)])},
        ),
    )
    return changed


async def set_blocked(tx: Connection, actor: Actor, *, user_id: str, blocked: bool) -> Row:
    """Block a user or unblock them; one who already is as asked stays as they are, unrecorded.

    Raises NotFound, Forbidden, LastAdmin for the last platform admin.
    """
    admins = await last_admins.of_platform(tx) if blocked and actor.administers_all else []
    row = await access_user(tx, actor, user_id, Action.USER_BLOCK)
    if row.blocked == blocked:
        return row
    if admins == [row.id]:
        raise LastAdmin("id", thing="platform")
    changed = await update_row(tx, users, row.id, {"blocked": blocked})
    action = "user.block" if blocked else "user.unblock"
    audit.record(tx, actor, Change(action, row.id, before=row, after=changed))
    return changed


async def delete(tx: Connection, actor: Actor, *, user_id: str) -> None:
    """Delete a user with their memberships, keys and budget.

    Raises NotFound, Forbidden, and LastAdmin while some team, some organization or the platform
    would be left without an admin. What the user administers is locked before the user.
    """
    admins, administered = [], set()
    if actor.administers_all and is_storable(user_id):
        administered = await last_admins.lock_administered(tx, user_id)
        admins = await last_admins.of_platform(tx)
    row = await access_user(tx, actor, user_id, Action.USER_DELETE, lock=Lock.DELETE)
    if not await last_admins.administers(tx, row.id) <= administered:
        raise RunAgain  # made an admin of something more while we waited
    left_alone = await last_admins.alone_in(tx, row.id)
    Problems(LastAdmin("id", thing=f"{kind} {id_}") for kind, id_ in left_alone).raise_any()
    if admins == [row.id]:
        raise LastAdmin("id", thing="platform")
    limits = budgets.limits_of(await budgets.budget_of(tx, "user", row.id))
    await key_removal.remove_of(tx, actor, user_ids=[row.id])
    left = await tx.all(_memberships(), user_id=user_id)
    await delete_rows(tx, users, [row.id])
    before = {**row, **audit.all_of([("budget", limits)])}
    audit.record(
        tx,
        actor,
        *(_left(membership) for membership in left),
        Change("user.delete", row.id, before=before),
    )


def _problems(attributes: UserAttributes) -> Iterator[Refusal]:
    yield from problems_with(attributes)
    yield from models.problems_with(attributes)
    yield from problems_with_budget(attributes.get("budget"), "budget")


def _left(membership: Row) -> Change:
    kind = "team_member" if membership.team_id else "organization_member"
    before = {"user_id": membership.user_id, "role": membership.role}
    return Change(
        f"{kind}.remove",
        membership.id,
        before=before,
        organization_id=membership.organization_id,
        team_id=membership.team_id,
    )


@cache
def _memberships() -> Statement:
    """All memberships of a user; those of an organization have no team."""
    mine = bindparam("user_id", type_=Text)
    in_teams = (
        select(
            team_members.c.id,
            team_members.c.user_id,
            team_members.c.role,
            teams.c.organization_id,
            team_members.c.team_id,
        )
        .join(teams, teams.c.id == team_members.c.team_id)
        .where(team_members.c.user_id == mine)
    )
    in_organizations = select(
        organization_members.c.id,
        organization_members.c.user_id,
        organization_members.c.role,
        organization_members.c.organization_id,
        null().label("team_id"),
    ).where(organization_members.c.user_id == mine)
    return Statement(union_all(in_teams, in_organizations))
