"""The door to a plan: found, permitted, and locked, after what limits its holders if need be.

The plan's row is the last lock of all, so that nothing gets the plan while its limits change, and
what limits its holders is locked before it, so that the two cannot be changed past each other.
"""

from functools import cache

from sqlalchemy import bindparam, select, union

from bursar.access.actor import Actor, Sight
from bursar.access.door import Lock
from bursar.access.holders import lock_rows
from bursar.access.policy import Action, forbidden, permits
from bursar.access.visible_budgets import visible_plans
from bursar.database.connections import Connection
from bursar.database.pool import RunAgain
from bursar.database.rows import Row
from bursar.database.statements import Statement
from bursar.database.tables import (
    api_keys,
    budget_attachments,
    budgets,
    organization_members,
    organizations,
    team_members,
    teams,
    users,
)
from bursar.domain.errors import NotFound, Path
from bursar.domain.ids import Prefix, is_id, prefix_of


async def sees_plan(tx: Connection, actor: Actor, plan_id: str) -> bool:
    if not is_id(plan_id, Prefix.BUDGET):
        return False
    return await tx.one(_plan(actor.sight), **actor.parameters, id=plan_id) is not None


async def access_plan(
    tx: Connection,
    actor: Actor,
    plan_id: str,
    action: Action,
    *,
    path: Path = ("id",),
    lock: Lock = Lock.UPDATE,
    with_limits: bool = False,
) -> Row:
    """The plan, locked, for an actor who may do this.

    `with_limits`: what limits its holders too, and what they would go with.
    Raises NotFound or Forbidden at `path`, and RunAgain if it got a holder under something that is
    not locked while we waited.
    """
    if not await sees_plan(tx, actor, plan_id):
        raise NotFound(*path, thing="plan")
    if not permits(actor, action):
        raise forbidden(action, *path)
    above = await ids_above(tx, plan_id) if with_limits else set()
    for prefix, table, held in (
        (Prefix.ORGANIZATION, organizations, Lock.UPDATE),
        (Prefix.TEAM, teams, Lock.UPDATE),
        (Prefix.USER, users, Lock.SHARE),
    ):
        await lock_rows(tx, table, {id_ for id_ in above if prefix_of(id_) is prefix}, held)
    row = await lock_plan(tx, plan_id, path=path, lock=lock)
    if with_limits and not await ids_above(tx, plan_id) <= above:
        raise RunAgain
    return row


async def lock_plan(tx: Connection, plan_id: str, *, path: Path, lock: Lock) -> Row:
    """The plan, locked, for who was permitted before. Raises NotFound if it is gone."""
    rows = await lock_rows(tx, budgets, [plan_id], lock)
    if not rows:
        raise NotFound(*path, thing="plan")
    return rows[0]


async def ids_above(tx: Connection, plan_id: str) -> set[str]:
    """What has the plan, and what that belongs to: organizations, teams and users."""
    return {row.id for row in await tx.all(_above(), plan_id=plan_id)} - {None}


@cache
def _plan(sight: Sight) -> Statement:
    return Statement(
        select(budgets.c.id).where(budgets.c.id == bindparam("id"), visible_plans(sight))
    )


@cache
def _above() -> Statement:
    """What has the plan, but for keys and memberships, and what those and teams belong to."""
    held = budget_attachments.c
    of = {
        held.team_id: (teams, [teams.c.organization_id]),
        held.organization_member_id: (
            organization_members,
            [organization_members.c.organization_id, organization_members.c.user_id],
        ),
        held.team_member_id: (team_members, [team_members.c.team_id, team_members.c.user_id]),
        held.api_key_id: (api_keys, [api_keys.c.team_id, api_keys.c.user_id]),
    }
    themselves = [
        select(column.label("id"))
        for column in (held.organization_id, held.team_id, held.default_of_team_id, held.user_id)
    ]
    owners = [
        select(column.label("id")).join(budget_attachments, holder == table.c.id)
        for holder, (table, columns) in of.items()
        for column in columns
    ]
    return Statement(
        union(*(query.where(held.plan_id == bindparam("plan_id")) for query in themselves + owners))
    )
