"""Access groups: who sees which, the door to one, and how they are held while lists name them.

A group's row is the last lock of all, so that no list takes the group up while it changes, and what
a change of it concerns is locked before it, so that the two cannot be changed past each other.
"""

from collections.abc import Collection, Iterable
from functools import cache

from sqlalchemy import ARRAY, FromClause, Text, any_, bindparam, or_, select, true, union

from bursar.access.actor import Actor, Sight
from bursar.access.door import Lock
from bursar.access.holders import lock_rows
from bursar.access.policy import Action, forbidden, permits
from bursar.access.related import ME, Condition, among
from bursar.access.visibility import (
    visible_api_keys,
    visible_teams,
    whole_organizations,
    whole_users,
)
from bursar.database.connections import Connection
from bursar.database.held import id_of_list
from bursar.database.pool import RunAgain
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
from bursar.domain.errors import NotFound
from bursar.domain.ids import Prefix, is_id, prefix_of
from bursar.domain.roles import TeamRole

# What has lists, in the order of locks.
_LISTS = {
    Prefix.ORGANIZATION: ("organization_id", organizations, whole_organizations),
    Prefix.TEAM: ("team_id", teams, visible_teams),
    Prefix.USER: ("user_id", users, whole_users),
    Prefix.API_KEY: ("api_key_id", api_keys, visible_api_keys),
}
_OF_MY_TEAMS = (
    select(teams.c.organization_id)
    .join(team_members, team_members.c.team_id == teams.c.id)
    .where(team_members.c.user_id == ME, team_members.c.role == TeamRole.ADMIN)
)


def visible_uses(sight: Sight, table: FromClause) -> Condition:
    """Rows that name whose list a group is in (LISTED_IN): those of lists that one sees.

    These are the lists of organizations one reads, of oneself, and of teams and keys one sees.
    """
    if sight is Sight.ALL:
        return true()
    return or_(
        *(
            among(table.c[column], select(things.c.id).where(visible(sight)))
            for column, things, visible in _LISTS.values()
        )
    )


def visible_access_groups(sight: Sight) -> Condition:
    """Those in a list that one sees; who sees everything sees also those that no list names.

    Who administers a team sees those of its organization too, which are to be given to its teams.
    """
    if sight is Sight.ALL:
        return true()
    uses = access_group_uses
    seen = visible_uses(sight, uses)
    if sight is Sight.RELATED:
        seen = or_(seen, among(uses.c.organization_id, _OF_MY_TEAMS))
    return among(access_groups.c.id, select(uses.c.group_id).where(seen))


async def access_group(
    tx: Connection,
    actor: Actor,
    group_id: str,
    action: Action,
    *,
    lock: Lock = Lock.UPDATE,
    concerning: Collection[Prefix] = (),
) -> Row:
    """The group, locked, for an actor who may do this, after what it concerns of these kinds.

    That is what names it, and the organizations of the teams that do. Raises NotFound, Forbidden,
    and RunAgain if it came to concern something that is not locked while we waited.
    """
    if not await _sees(tx, actor, group_id):
        raise NotFound("id", thing="access group")
    if not permits(actor, action):
        raise forbidden(action, "id")
    concerned = await _ids_concerned(tx, group_id, concerning)
    for kind, (_, table, _) in _LISTS.items():
        ids = {id_ for id_ in concerned if prefix_of(id_) is kind}
        await lock_rows(tx, table, ids, Lock.UPDATE)
    rows = await lock_rows(tx, access_groups, [group_id], lock)
    if not rows:
        raise NotFound("id", thing="access group")
    if not await _ids_concerned(tx, group_id, concerning) <= concerned:
        raise RunAgain
    return rows[0]


async def hold_groups(tx: Connection, actor: Actor, keys: Iterable[str]) -> list[Row]:
    """The groups with these keys of names, locked; `seen` says which of them the actor sees.

    Groups that the actor does not see are among them, as they may be in the list of a parent. This
    is the last lock of all.
    """
    keys = list(keys)
    return await tx.all(_held(actor.sight), **actor.parameters, keys=keys) if keys else []


async def _sees(tx: Connection, actor: Actor, group_id: str) -> bool:
    if not is_id(group_id, Prefix.ACCESS_GROUP):
        return False
    return await tx.one(_group(actor.sight), **actor.parameters, id=group_id) is not None


async def _ids_concerned(tx: Connection, group_id: str, kinds: Collection[Prefix]) -> set[str]:
    if not kinds:
        return set()
    rows = await tx.all(_concerned(), group_id=group_id)
    return {row.id for row in rows if prefix_of(row.id) in kinds}


@cache
def _group(sight: Sight) -> Statement:
    return Statement(
        select(access_groups.c.id).where(
            access_groups.c.id == bindparam("id"), visible_access_groups(sight)
        )
    )


@cache
def _concerned() -> Statement:
    named = access_group_uses.c.group_id == bindparam("group_id")
    its_teams = teams.join(access_group_uses, access_group_uses.c.team_id == teams.c.id)
    return Statement(
        union(
            select(id_of_list(access_group_uses).label("id")).where(named),
            select(teams.c.organization_id.label("id")).select_from(its_teams).where(named),
        )
    )


@cache
def _held(sight: Sight) -> Statement:
    return Statement(
        select(access_groups, visible_access_groups(sight).label("seen"))
        .where(access_groups.c.name_key == any_(bindparam("keys", type_=ARRAY(Text))))
        .order_by(access_groups.c.id)
        .with_for_update(read=True, of=access_groups)
    )
