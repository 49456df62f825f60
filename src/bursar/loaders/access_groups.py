"""Access groups by id and by name, their list, those in each list of models, and what names them."""

from typing import cast

from sqlalchemy import Column, Subquery, select

from bursar.access.groups import visible_access_groups, visible_uses
from bursar.database.held import id_of_list
from bursar.database.tables import LISTED_IN, access_group_uses, access_groups
from bursar.loaders.filters import among, contains
from bursar.loaders.pages import Listing, by_column
from bursar.loaders.rows import rows_of

_BY_NAME = (("name_key", False),)
_OWNERS = [access_group_uses.c[column] for column in LISTED_IN.values()]

access_groups_by_id = rows_of(access_groups.c.id, visible_access_groups)
access_groups_by_name_key = rows_of(access_groups.c.name_key, visible_access_groups)
access_groups_list = Listing(
    access_groups.c.id,
    visible_access_groups,
    orders=by_column(access_groups.c.name_key, access_groups.c.created_at),
    default=_BY_NAME,
    filters={
        **among("ids", access_groups.c.id),
        **contains("name_contains", access_groups.c.name_key),
    },
)


def _column(table: Subquery, name: str) -> Column[str]:
    return cast("Column[str]", table.c[name])


_listed = (
    select(access_groups, *_OWNERS)
    .join(access_group_uses, access_group_uses.c.group_id == access_groups.c.id)
    .subquery("listed")
)


def _in_list_of(owner: str) -> Listing:
    """The groups that the list of an owner names, of a kind in LISTED_IN, for who sees the list."""
    return Listing(
        _column(_listed, "id"),
        lambda sight: visible_uses(sight, _listed),
        lambda _: [_listed.c[column.name] for column in access_groups.c],
        parent=_column(_listed, LISTED_IN[owner]),
        orders=by_column(_column(_listed, "name_key")),
        default=_BY_NAME,
    )


access_groups_by_organization = _in_list_of("organization")
access_groups_by_team = _in_list_of("team")
access_groups_by_user = _in_list_of("user")
access_groups_by_api_key = _in_list_of("api_key")

_users = select(
    access_group_uses.c.group_id, id_of_list(access_group_uses).label("id"), *_OWNERS
).subquery("users_of_groups")
users_by_access_group = Listing(
    _column(_users, "id"),
    lambda sight: visible_uses(sight, _users),
    lambda _: [_users.c.id],
    parent=_column(_users, "group_id"),
)
