"""API keys by id, their lists, those under a team, a member and a user, and those deleted.

Never with their secrets.
"""

from sqlalchemy import ColumnElement, Text, and_, bindparam, case, func, select

from bursar.access.actor import Sight
from bursar.access.visibility import api_key_columns, visible_api_keys, visible_deleted_api_keys
from bursar.database.tables import api_keys, deleted_api_keys, team_members, teams
from bursar.domain.roles import KeyKind
from bursar.loaders.filters import Filter, among, between, contains, equal
from bursar.loaders.pages import Listing
from bursar.loaders.rows import rows_of

KIND = case(
    (api_keys.c.team_id.is_(None), KeyKind.PERSONAL),
    (api_keys.c.user_id.is_(None), KeyKind.SERVICE),
    else_=KeyKind.MEMBER,
)


def _of_members(sight: Sight) -> ColumnElement[bool]:
    """The visible keys of members, beside the membership that each belongs to."""
    return and_(
        visible_api_keys(sight),
        api_keys.c.team_id == team_members.c.team_id,
        api_keys.c.user_id == team_members.c.user_id,
    )


api_keys_by_id = rows_of(api_keys.c.id, visible_api_keys, api_key_columns)
api_keys_list = Listing(
    api_keys.c.id,
    visible_api_keys,
    api_key_columns,
    filters={
        **among("ids", api_keys.c.id),
        **among("external_ids", api_keys.c.external_id),
        **contains("alias_contains", api_keys.c.alias_key),
        **equal("user_id", api_keys.c.user_id),
        **equal("team_id", api_keys.c.team_id),
        "organization_id": Filter(
            api_keys.c.team_id.in_(
                select(teams.c.id).where(
                    teams.c.organization_id == bindparam("organization_id", type_=Text)
                )
            )
        ),
        "kind": Filter(bindparam("kind", type_=Text) == KIND),
        **equal("blocked", api_keys.c.blocked),
        "expired": Filter(
            func.coalesce(api_keys.c.expires_at <= func.now(), False)
            == bindparam("expired", type_=api_keys.c.blocked.type)
        ),
        **between(api_keys.c.created_at, "created_since", "created_before"),
    },
)
api_keys_by_team = Listing(
    api_keys.c.id, visible_api_keys, api_key_columns, parent=api_keys.c.team_id
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
    default=(("deleted_at", True),),
    filters={
        **among("ids", deleted_api_keys.c.id),
        **among("external_ids", deleted_api_keys.c.external_id),
        **contains("alias_contains", deleted_api_keys.c.alias_key),
        **equal("team_id", deleted_api_keys.c.team_id),
        **equal("organization_id", deleted_api_keys.c.organization_id),
    },
)
