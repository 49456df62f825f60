"""What an actor can see, as SQL conditions: every list, look-up and lock goes through them.

Platform ADMIN and VIEWER see everything; for anybody else a condition says which rows, in terms of
the parameter `actor_id`. Some rows are seen in part: their other columns are null for the actor.
"""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Select,
    Table,
    Text,
    bindparam,
    case,
    or_,
    select,
    true,
)

from bursar.access.actor import Sight
from bursar.database.tables import (
    api_keys,
    audit_entries,
    budgets,
    organization_members,
    organizations,
    team_members,
    teams,
    users,
)
from bursar.domain.ids import DEFAULT_ORGANIZATION
from bursar.domain.roles import OrganizationRole, TeamRole

ME = bindparam("actor_id", type_=Text)
Condition = ColumnElement[bool]
# What every reader of a row may see: the id (which tells the time of creation) and the name.
SORTABLE = frozenset({"id", "name", "name_key", "created_at"})


def _my_organizations(*roles: OrganizationRole) -> Select[Any]:
    mine = organization_members.alias("mine")
    query = select(mine.c.organization_id).where(mine.c.user_id == ME)
    return query.where(_any_of(mine.c.role, roles)) if roles else query


def _my_teams(*roles: TeamRole) -> Select[Any]:
    mine = team_members.alias("mine")
    query = select(mine.c.team_id).where(mine.c.user_id == ME)
    return query.where(_any_of(mine.c.role, roles)) if roles else query


def _any_of(column: Column[str], roles: Iterable[str]) -> Condition:
    return or_(*(column == role for role in roles))


def _read_organizations() -> Select[Any]:
    """The organizations that the actor reads whole, with all that is in them."""
    return _my_organizations(OrganizationRole.ADMIN, OrganizationRole.VIEWER)


def visible_organizations(sight: Sight) -> Condition:
    """One's own, those of one's teams, and the built-in one, to which everybody belongs."""
    if sight is Sight.ALL:
        return true()
    return or_(
        organizations.c.id == DEFAULT_ORGANIZATION,
        organizations.c.id.in_(_my_organizations()),
        organizations.c.id.in_(select(teams.c.organization_id).where(teams.c.id.in_(_my_teams()))),
    )


def whole_organizations(sight: Sight) -> Condition:
    """Those one reads; a mere member, of the organization or of a team of it, sees id and name."""
    return true() if sight is Sight.ALL else organizations.c.id.in_(_read_organizations())


def organization_columns(sight: Sight) -> list[ColumnElement[Any]]:
    return _partly(sight, organizations, SORTABLE, whole_organizations(sight))


def visible_teams(sight: Sight) -> Condition:
    """One's own, and those of the organizations one reads."""
    if sight is Sight.ALL:
        return true()
    return or_(teams.c.id.in_(_my_teams()), teams.c.organization_id.in_(_read_organizations()))


def visible_team_members(sight: Sight) -> Condition:
    """Who sees a team sees its members."""
    if sight is Sight.ALL:
        return true()
    return team_members.c.team_id.in_(select(teams.c.id).where(visible_teams(sight)))


def visible_organization_members(sight: Sight) -> Condition:
    """Oneself, and everybody in an organization that one reads."""
    if sight is Sight.ALL:
        return true()
    return or_(
        organization_members.c.user_id == ME,
        organization_members.c.organization_id.in_(_read_organizations()),
    )


def visible_users(sight: Sight) -> Condition:
    """Oneself, the members of the teams one sees, and of the organizations one reads."""
    if sight is Sight.ALL:
        return true()
    return or_(
        users.c.id == ME,
        users.c.id.in_(select(team_members.c.user_id).where(visible_team_members(sight))),
        users.c.id.in_(
            select(organization_members.c.user_id).where(
                organization_members.c.organization_id.in_(_read_organizations())
            )
        ),
    )


def whole_users(sight: Sight) -> Condition:
    """Oneself; others see of a user id, name and e-mail."""
    return true() if sight is Sight.ALL else users.c.id == ME


def user_columns(sight: Sight) -> list[ColumnElement[Any]]:
    return _partly(sight, users, SORTABLE | {"email"}, whole_users(sight))


def visible_member_budgets(sight: Sight) -> Condition:
    """One's own, and those of members of teams one administers or whose organization one reads."""
    if sight is Sight.ALL:
        return true()
    return or_(
        team_members.c.user_id == ME,
        team_members.c.team_id.in_(_my_teams(TeamRole.ADMIN)),
        team_members.c.team_id.in_(
            select(teams.c.id).where(teams.c.organization_id.in_(_read_organizations()))
        ),
    )


def visible_budgets(sight: Sight) -> Condition:
    """Those of organizations one reads, of teams one sees, of members as above, and one's own."""
    if sight is Sight.ALL:
        return true()
    seen_teams = select(teams.c.id).where(visible_teams(sight))
    return or_(
        budgets.c.organization_id.in_(_read_organizations()),
        budgets.c.team_id.in_(seen_teams),
        budgets.c.default_of_team_id.in_(seen_teams),
        budgets.c.team_member_id.in_(
            select(team_members.c.id).where(visible_member_budgets(sight))
        ),
        budgets.c.user_id == ME,
    )


def visible_api_keys(sight: Sight) -> Condition:
    """One's own."""
    return true() if sight is Sight.ALL else api_keys.c.user_id == ME


def api_key_columns(_: Sight) -> list[ColumnElement[Any]]:
    """All but the hash of the secret, which nobody sees."""
    return [column for column in api_keys.c if column is not api_keys.c.secret_hash]


def visible_audit_entries(sight: Sight) -> Condition:
    """Those of the organizations one reads and of the teams one administers."""
    if sight is Sight.ALL:
        return true()
    return or_(
        audit_entries.c.organization_id.in_(_read_organizations()),
        audit_entries.c.team_id.in_(_my_teams(TeamRole.ADMIN)),
    )


def _partly(
    sight: Sight, table: Table, open_to_all: AbstractSet[str], whole: Condition
) -> list[ColumnElement[Any]]:
    if sight is Sight.ALL:
        return list(table.c)
    return [
        column if column.name in open_to_all else case((whole, column)).label(column.name)
        for column in table.c
    ]
