"""Limits between things: a team's within its organization's, a key's within its team's or user's.

The one place of these rules, for limits set directly, by a plan that is attached, and by a plan that
is changed. The caller holds the locks of `access`, so that no other side moves meanwhile.
"""

from collections.abc import Callable
from functools import cache
from itertools import groupby
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Numeric,
    Select,
    Text,
    bindparam,
    cast,
    func,
    literal,
    or_,
    select,
    union,
    union_all,
)

from bursar.database.bounds import Bounds
from bursar.database.connections import Connection
from bursar.database.statements import Statement
from bursar.database.tables import api_keys, teams
from bursar.domain.errors import LimitExceeded, Path, Problems, TeamsExceedLimits
from bursar.domain.limits import UNDER_PARENT, BudgetChanges, Limits, exceeding, place_in
from bursar.services.budgets import budget_of, limits_of

MOST_TEAMS = 100
LEVELS = {"team": api_keys.c.team_id, "user": api_keys.c.user_id}
"""What sets the limits of a key, by the column that names it: a user those of a personal one."""
Place = Callable[[str, str | None], Path]
"""Where in an input a limit is, by its name, of the whole or of a model."""


def place_of(changes: BudgetChanges | None, *path: str | int) -> Place:
    """Where the changes of a budget, which are at the path, say a limit."""
    return lambda name, model: (*path, *place_in(changes or {}, name, model))


async def above_parent(
    tx: Connection, level: str, parent_id: str, limits: Limits | None, *path: str | int
) -> list[LimitExceeded]:
    """Each of the limits that is above the one of the parent, which is of the kind `level`."""
    if limits is None:
        return []
    parent = limits_of(await budget_of(tx, level, parent_id))
    return list(exceeding(limits, parent, *path, level=level))


async def below_teams(
    tx: Connection, organization_id: str, place: Place
) -> list[TeamsExceedLimits]:
    """Each limit of an organization, as it is stored now, that is below what teams of it hold."""
    return await _below_teams(tx, "organization", organization_id, place)


async def broken_by_plan(tx: Connection, plan_id: str, place: Place) -> Problems:
    """What the limits of a plan, as they are stored now, break: teams and keys above their parents."""
    problems = Problems(await _below_teams(tx, "plan", plan_id, place))
    problems.extend(
        LimitExceeded(
            *place(row.limit_name, row.model),
            level=row.level,
            limit=row.tightest,
            requested=row.requested,
        )
        for row in await tx.all(_keys_above(), id=plan_id)
    )
    return problems


async def _below_teams(tx: Connection, of: str, id_: str, place: Place) -> list[TeamsExceedLimits]:
    rows = await tx.all(_teams_above(of), id=id_)
    limits = groupby(rows, lambda row: (UNDER_PARENT[row.limit_place], row.limit_model))
    return [TeamsExceedLimits(*place(*limit), teams=list(found)) for limit, found in limits]


_ID: ColumnElement[str] = bindparam("id", type_=Text)


@cache
def _teams_above(of: str) -> Statement:
    """Teams above their organization, by the limit; of each limit the first of them.

    Of that organization, or where a team or its organization has that plan.
    """
    bounds = Bounds("team", "organization")
    concerned = {
        "organization": teams.c.organization_id == _ID,
        "plan": or_(
            bounds.held.attached.c.plan_id == _ID, bounds.held_above.attached.c.plan_id == _ID
        ),
    }[of]
    above = union(
        *(
            select(
                teams.c.id,
                literal(UNDER_PARENT.index(each.name)).label("limit_place"),
                each.bound_by.label("limit_model"),
            )
            .select_from(each.source)
            .where(each.requested > each.limit, concerned)
            for each in bounds.compared(teams, teams.c.id, teams.c.organization_id, UNDER_PARENT)
        )
    ).subquery()
    limit = (above.c.limit_place, above.c.limit_model)
    rank = func.row_number().over(partition_by=limit, order_by=above.c.id)
    ranked = select(above, rank.label("rank")).subquery()
    return Statement(
        select(teams, ranked.c.limit_place, ranked.c.limit_model)
        .join(ranked, ranked.c.id == teams.c.id)
        .where(ranked.c.rank <= MOST_TEAMS)
        .order_by(ranked.c.limit_place, ranked.c.limit_model.nulls_first(), teams.c.id)
    )


@cache
def _keys_above() -> Statement:
    """Each limit of a plan that is above that of parents of keys with it, and the least of theirs."""
    return Statement(union_all(*(query for level in LEVELS for query in _keys_of(level))))


def _keys_of(level: str) -> list[Select[Any]]:
    bounds = Bounds("api_key", level)
    concerned = [bounds.held.attached.c.plan_id == _ID]
    if level == "user":
        concerned.append(api_keys.c.team_id.is_(None))
    return [
        select(
            literal(level).label("level"),
            literal(each.name).label("limit_name"),
            each.model.label("model"),
            cast(func.min(each.limit), Numeric).label("tightest"),
            cast(func.max(each.requested), Numeric).label("requested"),
        )
        .select_from(each.source)
        .where(each.requested > each.limit, *concerned)
        .group_by(each.model)
        for each in bounds.compared(api_keys, api_keys.c.id, LEVELS[level], UNDER_PARENT)
    ]
