"""What an actor is related to, as SQL: what the conditions of visibility are built of."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Column, ColumnElement, Select, Text, any_, bindparam, func, or_, select, true

from bursar.access.actor import Sight
from bursar.database.tables import organization_members, team_members, teams
from bursar.domain.roles import DEFAULT_PERMISSIONS, MemberPermission, OrganizationRole, TeamRole

ME = bindparam("actor_id", type_=Text)
MY_KEY = bindparam("actor_key_id", type_=Text)
MY_TEAM = bindparam("actor_team_id", type_=Text)
Condition = ColumnElement[bool]


def among(column: ColumnElement[Any], ids: Select[Any]) -> Condition:
    """The rows whose column is one of the ids, which are found first, and once.

    Beside an OR, PostgreSQL would look at every row to tell whether it is IN a query, or even run
    the query anew for each; of an array it looks up the members in an index.
    """
    return column == any_(func.array(ids.scalar_subquery()))


def my_organizations(*roles: OrganizationRole) -> Select[Any]:
    mine = organization_members.alias("mine")
    query = select(mine.c.organization_id).where(mine.c.user_id == ME)
    return query.where(_any_of(mine.c.role, roles)) if roles else query


def my_teams(*roles: TeamRole) -> Select[Any]:
    mine = team_members.alias("mine")
    query = select(mine.c.team_id).where(mine.c.user_id == ME)
    return query.where(_any_of(mine.c.role, roles)) if roles else query


def my_teams_with(permission: MemberPermission) -> Select[Any]:
    """The teams that let their members, one of whom one is, do this."""
    its = teams.alias("its")
    let = any_(its.c.member_permissions) == permission
    if permission in DEFAULT_PERMISSIONS:
        let = or_(let, its.c.member_permissions.is_(None))
    return select(its.c.id).where(its.c.id.in_(my_teams()), let)


def _any_of(column: Column[str], roles: Iterable[str]) -> Condition:
    return or_(*(column == role for role in roles))


def read_organizations() -> Select[Any]:
    """The organizations that the actor reads whole, with all that is in them."""
    return my_organizations(OrganizationRole.ADMIN, OrganizationRole.VIEWER)


def overseen(
    team_id: ColumnElement[Any], organization_id: ColumnElement[Any] | None = None
) -> Condition:
    """Of a team that the actor administers, or whose organization they read.

    Where the organization is at hand too, it need not be looked for.
    """
    read = read_organizations()
    its_teams = select(teams.c.id).where(among(teams.c.organization_id, read))
    return or_(
        among(team_id, my_teams(TeamRole.ADMIN)),
        among(team_id, its_teams) if organization_id is None else among(organization_id, read),
    )


def by_sight(sight: Sight, *, key: Condition, related: Condition) -> Condition:
    """All rows for who sees all; else those for a key by itself, or for what one is related to."""
    return {Sight.ALL: true(), Sight.KEY: key, Sight.RELATED: related}[sight]
