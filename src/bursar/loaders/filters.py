"""What lists can be filtered by: conditions over a parameter named after the filter.

A filter tells the value of its column. Where not every reader of a row sees that column, the filter
fits only rows that the actor sees whole.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    ARRAY,
    BindParameter,
    Column,
    ColumnElement,
    Select,
    Table,
    Text,
    and_,
    any_,
    bindparam,
    func,
    literal_column,
    not_,
    or_,
    select,
    true,
)

from bursar.access.actor import Sight
from bursar.access.related import among as among_ids
from bursar.access.visibility import visible_organization_members, visible_team_members
from bursar.database.tables import organization_members, team_members, teams, users
from bursar.domain.names import key_of

Rows = Callable[[Sight], ColumnElement[bool]]


def parameter(name: str, type_: Any = Text) -> BindParameter[Any]:
    """What a filter of this name is given; its own, whatever else the statement has."""
    return bindparam(f"filter_{name}", type_=type_)


def every_row(_: Sight) -> ColumnElement[bool]:
    return true()


@dataclass(frozen=True, slots=True)
class Filter:
    """A condition for a sight, and how what was asked for becomes its parameter.

    One that is `spelled_out` has no parameter, but a condition for each of the few values there are,
    so that PostgreSQL knows from the text whether it is about few rows or most.
    """

    condition: Callable[[Sight, Any], ColumnElement[bool]]
    read: Callable[[Any], Any] = lambda value: value
    spelled_out: bool = False


Filters = dict[str, Filter]


def among(name: str, column: Column[Any], shown: Rows = every_row) -> Filters:
    fits = column == any_(parameter(name, ARRAY(Text)))
    return {name: Filter(lambda sight, _: and_(fits, shown(sight)))}


def equal(name: str, column: Column[Any]) -> Filters:
    fits = column == parameter(name, column.type)
    return {name: Filter(lambda _, __: fits)}


def overlapping(name: str, column: Column[Any]) -> Filters:
    """Lists that have at least one of the values."""
    fits: ColumnElement[bool] = column.bool_op("&&")(parameter(name, ARRAY(Text)))
    return {name: Filter(lambda _, __: fits)}


def choice(
    name: str, conditions: Mapping[Any, ColumnElement[bool]], shown: Rows = every_row
) -> Filters:
    """A condition for each value that there is."""
    return {
        name: Filter(lambda sight, value: and_(conditions[value], shown(sight)), spelled_out=True)
    }


def one_of(
    name: str, column: Column[str], values: type[StrEnum], shown: Rows = every_row
) -> Filters:
    return choice(name, {value: column == literal_column(f"'{value}'") for value in values}, shown)


def whether(name: str, condition: ColumnElement[bool], shown: Rows = every_row) -> Filters:
    return choice(name, {True: condition, False: not_(condition)}, shown)


def contains(name: str, *keys: ColumnElement[Any]) -> Filters:
    """Names are compared by their keys, without regard to case; no character is special."""
    found = or_(*(func.strpos(key, parameter(name)) > 0 for key in keys))
    return {name: Filter(lambda _, __: found, read=key_of)}


def within(name: str, column: Column[str], ids: Callable[[Sight], Select[Any]]) -> Filters:
    """Rows whose column is one of the ids; the query has the parameter and says what is seen of it."""
    return {name: Filter(lambda sight, _: among_ids(column, ids(sight)))}


def between(column: Column[Any], since: str, before: str) -> Filters:
    """Half-open: from `since` on, up to but not including `before`."""
    from_then = column >= parameter(since, column.type)
    until_then = column < parameter(before, column.type)
    return {
        since: Filter(lambda _, __: from_then),
        before: Filter(lambda _, __: until_then),
    }


def named(table: Table, whole: Rows = every_row) -> Filters:
    """What every list of things with a name and an external id can be filtered by."""
    return {
        **among("ids", table.c.id),
        **among("external_ids", table.c.external_id, whole),
        **contains("name_contains", table.c.name_key),
        **between(table.c.created_at, "created_since", "created_before"),
    }


def of_user(members: Table) -> Filters:
    """What lists of members can be filtered by of their users, whom who sees a member sees."""
    text = parameter("user_contains")
    found = select(users.c.id).where(
        users.c.id == members.c.user_id,
        or_(func.strpos(users.c.name_key, text) > 0, func.strpos(users.c.email_key, text) > 0),
    )
    return {
        **among("user_ids", members.c.user_id),
        "user_contains": Filter(lambda _, __: found.exists(), read=key_of),
    }


def joined_team(sight: Sight) -> Select[Any]:
    """Memberships in the team of the parameter, as far as they are seen."""
    return select(team_members.c.user_id).where(
        team_members.c.team_id == parameter("team_id"), visible_team_members(sight)
    )


def joined_organization(sight: Sight) -> Select[Any]:
    return select(organization_members.c.user_id).where(
        organization_members.c.organization_id == parameter("organization_id"),
        visible_organization_members(sight),
    )


def joined_by_member(sight: Sight) -> Select[Any]:
    return select(team_members.c.team_id).where(
        team_members.c.user_id == parameter("member_user_id"),
        visible_team_members(sight),
    )


TEAM_FILTERS: Filters = {
    **named(teams),
    **contains("id_contains", teams.c.id),
    **among("organization_ids", teams.c.organization_id),
    **whether("blocked", teams.c.blocked),
    **whether("joinable", teams.c.joinable),
    **within("member_user_id", teams.c.id, joined_by_member),
}
