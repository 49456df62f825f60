"""API keys by id or external id, their lists, those under what has keys, and the deleted.

Never with their secrets.
"""

from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, literal_column, or_, select

from bursar.access.actor import Sight
from bursar.access.related import among as seen_among
from bursar.access.visibility import api_key_columns, visible_api_keys, visible_deleted_api_keys
from bursar.database.tables import api_keys, deleted_api_keys, organizations, team_members, teams
from bursar.domain.roles import KeyKind
from bursar.loaders.filters import (
    among,
    between,
    choice,
    contains,
    equal,
    parameter,
    whether,
    within,
)
from bursar.loaders.pages import Listing, by_column
from bursar.loaders.rows import rows_of


def _of_members(sight: Sight) -> ColumnElement[bool]:
    """The visible keys of members, beside the membership that each belongs to."""
    return and_(
        visible_api_keys(sight),
        api_keys.c.team_id == team_members.c.team_id,
        api_keys.c.user_id == team_members.c.user_id,
    )


def _of_organizations(sight: Sight) -> ColumnElement[bool]:
    """The visible keys of teams, beside the organization that each team belongs to.

    The teams are found first, so that their keys are, and not all keys looked through.
    """
    its_teams = select(teams.c.id).where(teams.c.organization_id == organizations.c.id)
    return and_(visible_api_keys(sight), seen_among(api_keys.c.team_id, its_teams))


def _teams_of_organization(_: Sight) -> Select[Any]:
    return select(teams.c.id).where(teams.c.organization_id == parameter("organization_id"))


KINDS = {
    KeyKind.PERSONAL: api_keys.c.team_id.is_(None),
    KeyKind.SERVICE: api_keys.c.user_id.is_(None),
    KeyKind.MEMBER: and_(api_keys.c.team_id.is_not(None), api_keys.c.user_id.is_not(None)),
}
EXPIRED = {
    True: api_keys.c.expires_at <= func.now(),
    False: or_(api_keys.c.expires_at.is_(None), api_keys.c.expires_at > func.now()),
}
# Keys that have no alias come first.
ORDERS = {
    **by_column(api_keys.c.created_at),
    "alias_or_none": func.coalesce(api_keys.c.alias_key, literal_column("''")),
}
FILTERS = {
    **among("ids", api_keys.c.id),
    **among("external_ids", api_keys.c.external_id),
    **contains("alias_contains", api_keys.c.alias_key),
    **equal("user_id", api_keys.c.user_id),
    **equal("team_id", api_keys.c.team_id),
    **within("organization_id", api_keys.c.team_id, _teams_of_organization),
    **choice("kind", KINDS),
    **whether("blocked", api_keys.c.blocked),
    **choice("expired", EXPIRED),
    **between(api_keys.c.created_at, "created_since", "created_before"),
}


api_keys_by_id = rows_of(api_keys.c.id, visible_api_keys, api_key_columns)
api_keys_by_external_id = rows_of(api_keys.c.external_id, visible_api_keys, api_key_columns)
api_keys_list = Listing(
    api_keys.c.id,
    visible_api_keys,
    api_key_columns,
    orders=ORDERS,
    default=(("created_at", False),),  # as the filters are about, so that one index serves both
    filters=FILTERS,
)
api_keys_by_team = Listing(
    api_keys.c.id,
    visible_api_keys,
    api_key_columns,
    parent=api_keys.c.team_id,
    orders=ORDERS,
    filters=FILTERS,
)
api_keys_by_organization = Listing(
    api_keys.c.id,
    _of_organizations,
    api_key_columns,
    parent=organizations.c.id,
    orders=ORDERS,
    default=(("created_at", False),),
    filters=FILTERS,
)
api_keys_by_team_member = Listing(
    api_keys.c.id, _of_members, api_key_columns, parent=team_members.c.id
)
api_keys_by_user = Listing(
    api_keys.c.id, visible_api_keys, api_key_columns, parent=api_keys.c.user_id
)
deleted_api_keys_list = Listing(
    deleted_api_keys.c.id,
    visible_deleted_api_keys,
    orders=by_column(deleted_api_keys.c.deleted_at),
    default=(("deleted_at", True),),
    filters={
        **among("ids", deleted_api_keys.c.id),
        **among("external_ids", deleted_api_keys.c.external_id),
        **contains("alias_contains", deleted_api_keys.c.alias_key),
        **equal("team_id", deleted_api_keys.c.team_id),
        **equal("organization_id", deleted_api_keys.c.organization_id),
        **between(deleted_api_keys.c.deleted_at, "deleted_since", "deleted_before"),
    },
)
