"""Access groups: who sees which, and how they are held while a list of models names them."""

from collections.abc import Iterable
from functools import cache

from sqlalchemy import ARRAY, Text, any_, bindparam, or_, select, true

from bursar.access.actor import Actor, Sight
from bursar.access.visibility import (
    ME,
    Condition,
    visible_api_keys,
    visible_teams,
    whole_organizations,
    whole_users,
)
from bursar.database.connections import Connection
from bursar.database.rows import Row
from bursar.database.statements import Statement
from bursar.database.tables import (
    access_group_uses,
    access_groups,
    api_keys,
    organizations,
    team_members,
    teams,
    users,
)
from bursar.domain.roles import TeamRole

_USES = access_group_uses.c
_LISTS = (
    (_USES.organization_id, organizations.c.id, whole_organizations),
    (_USES.team_id, teams.c.id, visible_teams),
    (_USES.user_id, users.c.id, whole_users),
    (_USES.api_key_id, api_keys.c.id, visible_api_keys),
)
_OF_MY_TEAMS = (
    select(teams.c.organization_id)
    .join(team_members, team_members.c.team_id == teams.c.id)
    .where(team_members.c.user_id == ME, team_members.c.role == TeamRole.ADMIN)
)


def visible_access_groups(sight: Sight) -> Condition:
    """Those in the list of an organization one reads, of oneself, or of a team or key one sees.

    Who administers a team sees those of its organization too, which are to be given to its teams.
    """
    if sight is Sight.ALL:
        return true()
    seen = [column.in_(select(id_).where(visible(sight))) for column, id_, visible in _LISTS]
    if sight is Sight.RELATED:
        seen.append(_USES.organization_id.in_(_OF_MY_TEAMS))
    return access_groups.c.id.in_(select(_USES.group_id).where(or_(*seen)))


async def hold_groups(tx: Connection, actor: Actor, keys: Iterable[str]) -> list[Row]:
    """The groups with these keys of names, locked; `seen` says which of them the actor sees.

    Groups that the actor does not see are among them, as they may be in the list of a parent. This
    is the last lock of all.
    """
    keys = list(keys)
    return await tx.all(_held(actor.sight), **actor.parameters, keys=keys) if keys else []


@cache
def _held(sight: Sight) -> Statement:
    return Statement(
        select(access_groups, visible_access_groups(sight).label("seen"))
        .where(access_groups.c.name_key == any_(bindparam("keys", type_=ARRAY(Text))))
        .order_by(access_groups.c.id)
        .with_for_update(read=True, of=access_groups)
    )
