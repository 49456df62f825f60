"""Limits between things: a team's within its organization's, a key's within its team's or user's.

The one place of these rules, for limits set directly, by a plan that is attached, and by a plan that
is changed. The caller holds the locks of `access`, so that no other side moves meanwhile.
"""

from decimal import Decimal
from functools import cache

from sqlalchemy import BindParameter, bindparam, func, or_, select

from bursar.database.connections import Connection
from bursar.database.held import Held
from bursar.database.statements import Statement
from bursar.database.tables import api_keys, budget_attachments, budgets, teams
from bursar.domain.errors import LimitExceeded, Problems, TeamsExceedLimits
from bursar.domain.limits import UNDER_PARENT, Limits, exceeding
from bursar.services.budgets import budget_of, limits_of

MOST_TEAMS = 100
LEVELS = {"team": api_keys.c.team_id, "user": api_keys.c.user_id}
"""What sets the limits of a key, by the column that names it: a user those of a personal one."""


async def above_parent(
    tx: Connection, level: str, parent_id: str, limits: Limits | None, *path: str | int
) -> list[LimitExceeded]:
    """Each of the limits that is above the one of the parent, which is of the kind `level`."""
    if limits is None:
        return []
    parent = limits_of(await budget_of(tx, level, parent_id))
    return list(exceeding(limits, parent, *path, level=level))


async def below_teams(
    tx: Connection, organization_id: str, limits: Limits | None, *path: str | int
) -> list[TeamsExceedLimits]:
    """Each of an organization's limits that is below what teams of it hold, with these teams."""
    found = []
    for name in UNDER_PARENT:
        if limits is not None and limits[name] is not None:
            rows = await tx.all(
                _teams_above(name), organization_id=organization_id, limit=limits[name]
            )
            if rows:
                found.append(TeamsExceedLimits(*path, name, teams=rows))
    return found


async def broken_by_plan(tx: Connection, plan_id: str, limits: Limits) -> Problems:
    """What is wrong around the holders of a plan, now that it has these limits."""
    problems = Problems()
    for name in UNDER_PARENT:
        if limits[name] is None:
            continue
        if rows := await tx.all(_teams_above_by_plan(name), plan_id=plan_id):
            problems.append(TeamsExceedLimits(name, teams=rows))
        for level in LEVELS:
            row = await tx.one(_tightest_below(level, name), plan_id=plan_id, limit=limits[name])
            if row is not None and row.tightest is not None:
                limit, requested = Decimal(row.tightest), Decimal(limits[name])
                problems.append(LimitExceeded(name, level=level, limit=limit, requested=requested))
    return problems


_team, _organization = Held("team"), Held("organization")
_its, _parents = budgets.alias("its"), budgets.alias("parents")
_teams = _team.beside(teams, teams.c.id)


@cache
def _teams_above(name: str) -> Statement:
    return Statement(
        select(teams)
        .select_from(_teams.join(_its, _its.c.id == _team.id))
        .where(
            teams.c.organization_id == bindparam("organization_id"),
            _its.c[name] > bindparam("limit", type_=_its.c[name].type),
        )
        .order_by(teams.c.id)
        .limit(MOST_TEAMS)
    )


@cache
def _teams_above_by_plan(name: str) -> Statement:
    """Teams that hold more than their organization, where one of the two has the plan."""
    plan_id: BindParameter[str] = bindparam("plan_id")
    return Statement(
        select(teams)
        .select_from(
            _organization.beside(_teams, teams.c.organization_id)
            .join(_its, _its.c.id == _team.id)
            .join(_parents, _parents.c.id == _organization.id)
        )
        .where(
            _its.c[name] > _parents.c[name],
            or_(_team.attached.c.plan_id == plan_id, _organization.attached.c.plan_id == plan_id),
        )
        .order_by(teams.c.id)
        .limit(MOST_TEAMS)
    )


@cache
def _tightest_below(level: str, name: str) -> Statement:
    """The least limit of parents of keys that have the plan, among those that are below it."""
    parent = Held(level)
    keys = budget_attachments.join(api_keys, api_keys.c.id == budget_attachments.c.api_key_id)
    query = (
        select(func.min(_parents.c[name]).label("tightest"))
        .select_from(parent.beside(keys, LEVELS[level]).join(_parents, _parents.c.id == parent.id))
        .where(
            budget_attachments.c.plan_id == bindparam("plan_id"),
            _parents.c[name] < bindparam("limit", type_=_parents.c[name].type),
        )
    )
    return Statement(query if level == "team" else query.where(api_keys.c.team_id.is_(None)))
