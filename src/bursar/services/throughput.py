"""Guaranteed throughput: the limits of all siblings with a guarantee are together within the parent's.

Judged on the state that results, after it is written, whatever was changed to reach it. The caller
holds the parents' rows as one who counts what hangs under them, so that two cannot both win.
"""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Numeric,
    Text,
    any_,
    bindparam,
    cast,
    func,
    literal,
    literal_column,
    select,
    union_all,
)
from sqlalchemy.dialects.postgresql import distinct_on

from bursar.access.plans import ids_above
from bursar.database.bounds import Bounds
from bursar.database.connections import Connection
from bursar.database.statements import Statement
from bursar.database.tables import api_keys, teams
from bursar.domain.errors import LimitExceeded, Path, Problems
from bursar.domain.ids import Prefix, prefix_of
from bursar.domain.limits import BudgetChanges, place_in
from bursar.domain.throughput import LIMIT_TYPES, RateLimitType
from bursar.services.limits import Place

CHILDREN = {
    "organization": ("team", teams, teams.c.organization_id),
    "team": ("api_key", api_keys, api_keys.c.team_id),
}
"""What is guaranteed a share of the limits of each kind of parent."""
ATTRIBUTES = frozenset({"budget", *LIMIT_TYPES.values()})
"""What of a team or a key has a say in what is guaranteed."""


def place_of(attributes: Mapping[str, Any]) -> Place:
    """Where the attributes of a team, key or organization say that a limit is guaranteed.

    At the limit if it is named, or else at its kind.
    """
    changes: BudgetChanges | None = attributes.get("budget")

    def place(name: str, model: str | None) -> Path:
        kind, at = LIMIT_TYPES[name], place_in(changes or {}, name, model)
        is_named = len(at) > 1 or (model is None and name in (changes or {}))
        return (kind,) if kind in attributes and not is_named else ("budget", *at)

    return place


async def check(
    tx: Connection, level: str, parent_ids: Iterable[str], place: Place
) -> list[LimitExceeded]:
    """Each limit of these parents that is below the sum of what is guaranteed under them.

    Parents are of the kind `level`, organizations with their teams or teams with their keys. For each
    dimension the limits of the whole are added up, and for each model those that name it. What has
    no limit is allotted nothing; a parent without one has room for all. Of several parents the one
    that is exceeded most is said.
    """
    rows = await tx.all(_exceeded(level), ids=list(parent_ids))
    return [
        LimitExceeded(
            *place(row.limit_name, row.model),
            level=level,
            limit=row.limit,
            requested=row.requested,
        )
        for row in rows
    ]


async def broken_by_plan(tx: Connection, plan_id: str, place: Place) -> Problems:
    """Each guarantee that a plan's limits break: of its holders, or under them; parents are locked."""
    ids = await ids_above(tx, plan_id)
    problems = Problems()
    for level, prefix in (("organization", Prefix.ORGANIZATION), ("team", Prefix.TEAM)):
        of_level = [id_ for id_ in ids if prefix_of(id_) is prefix]
        problems.extend(await check(tx, level, of_level, place))
    return problems


# Written out, as an index that holds only what is guaranteed serves no parameter.
_GUARANTEED: ColumnElement[str] = literal_column(f"'{RateLimitType.GUARANTEED}'")


@cache
def _exceeded(level: str) -> Statement:
    owner, children, parent = CHILDREN[level]
    sums = union_all(
        *(
            select(
                literal(each.name).label("limit_name"),
                each.model.label("model"),
                cast(func.min(each.limit), Numeric).label("limit"),
                cast(func.sum(each.requested), Numeric).label("requested"),
            )
            .select_from(each.source)
            .where(
                parent == any_(bindparam("ids", type_=ARRAY(Text))),
                children.c[LIMIT_TYPES[each.name]] == _GUARANTEED,
            )
            .group_by(parent, each.model)
            for each in Bounds(owner, level).compared(children, children.c.id, parent, LIMIT_TYPES)
        )
    ).subquery()
    most = (sums.c.limit_name, sums.c.model.nulls_first(), sums.c.limit - sums.c.requested)
    return Statement(
        select(sums)
        .where(sums.c.requested > sums.c.limit)
        .ext(distinct_on(sums.c.limit_name, sums.c.model))
        .order_by(*most)
    )
