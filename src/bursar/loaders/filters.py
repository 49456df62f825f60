"""What lists can be filtered by: conditions over a parameter that has the filter's name.

A filter tells the value of its column. Where not every reader of a row sees that column, the filter
fits only rows that the actor sees whole.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ARRAY,
    Column,
    ColumnElement,
    Table,
    Text,
    any_,
    bindparam,
    func,
    select,
    true,
)

from bursar.access.actor import Sight
from bursar.database.tables import team_members, teams
from bursar.domain.names import key_of

Rows = Callable[[Sight], ColumnElement[bool]]


def every_row(_: Sight) -> ColumnElement[bool]:
    return true()


@dataclass(frozen=True, slots=True)
class Filter:
    """A condition, how what was asked for becomes its parameter, and which rows show the column."""

    condition: ColumnElement[bool]
    read: Callable[[Any], Any] = lambda value: value
    shown: Rows = every_row


Filters = dict[str, Filter]


def among(name: str, column: Column[Any], shown: Rows = every_row) -> Filters:
    return {name: Filter(column == any_(bindparam(name, type_=ARRAY(Text))), shown=shown)}


def equal(name: str, column: Column[Any], shown: Rows = every_row) -> Filters:
    return {name: Filter(column == bindparam(name, type_=column.type), shown=shown)}


def contains(name: str, key: Column[Any]) -> Filters:
    """Names are compared by their keys, without regard to case; no character is special."""
    return {name: Filter(func.strpos(key, bindparam(name, type_=Text)) > 0, read=key_of)}


def between(column: Column[Any], since: str, before: str) -> Filters:
    """Half-open: from `since` on, up to but not including `before`."""
    return {
        since: Filter(column >= bindparam(since, type_=column.type)),
        before: Filter(column < bindparam(before, type_=column.type)),
    }


def named(table: Table, whole: Rows = every_row) -> Filters:
    """What every list of things with a name and an external id can be filtered by."""
    return {
        **among("ids", table.c.id),
        **among("external_ids", table.c.external_id, whole),
        **contains("name_contains", table.c.name_key),
        **between(table.c.created_at, "created_since", "created_before"),
    }


TEAM_FILTERS: Filters = {
    **named(teams),
    **among("organization_ids", teams.c.organization_id),
    **equal("blocked", teams.c.blocked),
    **equal("joinable", teams.c.joinable),
    "member_user_id": Filter(
        teams.c.id.in_(
            select(team_members.c.team_id).where(
                team_members.c.user_id == bindparam("member_user_id", type_=Text)
            )
        )
    ),
}
