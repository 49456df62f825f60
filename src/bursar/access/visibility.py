"""What an actor can see, as SQL conditions: every list, look-up and lock goes through them.

Platform ADMIN and VIEWER see everything; for anybody else a condition says which rows, in terms of
the actor's parameters. Some rows are seen in part: their other columns are null for the actor.
"""

from collections.abc import Set as AbstractSet
from typing import Any

from sqlalchemy import ColumnElement, Table, and_, case, false, or_, select, true

from bursar.access.actor import Sight
from bursar.access.related import (
    ME,
    MY_KEY,
    MY_TEAM,
    Condition,
    among,
    by_sight,
    my_organizations,
    my_teams,
    my_teams_with,
    overseen,
    read_organizations,
)
from bursar.database.tables import (
    api_keys,
    audit_entries,
    deleted_api_keys,
    deleted_teams,
    organization_members,
    organizations,
    team_members,
    teams,
    users,
)
from bursar.domain.ids import DEFAULT_ORGANIZATION
from bursar.domain.roles import MemberPermission, OrganizationRole, TeamRole

# What every reader of a row may see: the id (which tells the time of creation) and the name.
SORTABLE = frozenset({"id", "name", "name_key", "created_at"})


def visible_organizations(sight: Sight) -> Condition:
    """One's own, those of one's teams, and the built-in one, to which everybody belongs.

    A key by itself sees that of its team.
    """
    return by_sight(
        sight,
        key=among(organizations.c.id, select(teams.c.organization_id).where(visible_teams(sight))),
        related=or_(
            organizations.c.id == DEFAULT_ORGANIZATION,
            among(organizations.c.id, my_organizations()),
            among(
                organizations.c.id,
                select(teams.c.organization_id).where(among(teams.c.id, my_teams())),
            ),
        ),
    )


def whole_organizations(sight: Sight) -> Condition:
    """Those one reads; a mere member, of the organization or of a team of it, sees id and name."""
    return by_sight(
        sight,
        key=false(),
        related=among(organizations.c.id, read_organizations()),
    )


def organization_columns(sight: Sight) -> list[ColumnElement[Any]]:
    return _partly(sight, organizations, SORTABLE, whole_organizations(sight))


def visible_teams(sight: Sight) -> Condition:
    """One's own, and those of the organizations one reads; a key by itself sees its own."""
    return by_sight(
        sight,
        key=teams.c.id == MY_TEAM,
        related=or_(
            among(teams.c.id, my_teams()), among(teams.c.organization_id, read_organizations())
        ),
    )


def visible_team_members(sight: Sight) -> Condition:
    """Who sees a team sees its members; a key by itself sees its user's membership."""
    return by_sight(
        sight,
        key=and_(team_members.c.team_id == MY_TEAM, team_members.c.user_id == ME),
        related=among(team_members.c.team_id, select(teams.c.id).where(visible_teams(sight))),
    )


def visible_organization_members(sight: Sight) -> Condition:
    """Oneself, and everybody in an organization that one reads."""
    return by_sight(
        sight,
        key=false(),
        related=or_(
            organization_members.c.user_id == ME,
            among(organization_members.c.organization_id, read_organizations()),
        ),
    )


def visible_users(sight: Sight) -> Condition:
    """Oneself, the members of the teams one sees, and of the organizations one reads.

    Of each user that is looked up, something in common is looked for: an admin has so much in common
    with so many that all of it is never read, which is what a limit of one prevents.
    """
    membership = select(true()).where(
        team_members.c.user_id == users.c.id,
        team_members.c.team_id == teams.c.id,
        visible_teams(sight),
    )
    colleagueship = select(true()).where(
        organization_members.c.user_id == users.c.id,
        among(organization_members.c.organization_id, read_organizations()),
    )
    return by_sight(
        sight,
        key=users.c.id == ME,
        related=or_(
            users.c.id == ME,
            *(
                common.limit(1).correlate(users).scalar_subquery()
                for common in (membership, colleagueship)
            ),
        ),
    )


def listed_users(sight: Sight) -> Condition:
    """The same users, for a list of all of them: their ids are found first."""
    colleagues = select(organization_members.c.user_id).where(
        among(organization_members.c.organization_id, read_organizations())
    )
    return by_sight(
        sight,
        key=visible_users(sight),
        related=or_(
            users.c.id == ME,
            among(users.c.id, select(team_members.c.user_id).where(visible_team_members(sight))),
            among(users.c.id, colleagues),
        ),
    )


def whole_users(sight: Sight) -> Condition:
    """Oneself; others, and a key by itself, see of a user id, name and e-mail."""
    return by_sight(
        sight,
        key=false(),
        related=users.c.id == ME,
    )


def user_columns(sight: Sight) -> list[ColumnElement[Any]]:
    return _partly(sight, users, SORTABLE | {"email"}, whole_users(sight))


def visible_gateway_settings(sight: Sight) -> Condition:
    """Those of teams one administers or whose organization one reads."""
    return by_sight(
        sight,
        key=false(),
        related=overseen(teams.c.id, teams.c.organization_id),
    )


def visible_api_keys(sight: Sight) -> Condition:
    """The one in use, one's own, and those of teams one administers or whose organization one reads.

    In a team one's own only with KEY_READ, and those of its services with SERVICE_KEY_READ. A key by
    itself sees itself.
    """
    return by_sight(
        sight,
        key=api_keys.c.id == MY_KEY,
        related=or_(
            api_keys.c.id == MY_KEY,
            and_(
                api_keys.c.user_id == ME,
                or_(
                    api_keys.c.team_id.is_(None),
                    among(api_keys.c.team_id, my_teams_with(MemberPermission.KEY_READ)),
                ),
            ),
            and_(
                api_keys.c.user_id.is_(None),
                among(api_keys.c.team_id, my_teams_with(MemberPermission.SERVICE_KEY_READ)),
            ),
            overseen(api_keys.c.team_id),
        ),
    )


def teams_with_visible_keys(sight: Sight) -> Condition:
    """Teams all of whose keys one sees: those one administers or whose organization one reads."""
    return by_sight(
        sight,
        key=false(),
        related=overseen(teams.c.id, teams.c.organization_id),
    )


def api_key_columns(_: Sight) -> list[ColumnElement[Any]]:
    """All but the hashes of secrets, which nobody sees."""
    return [column for column in api_keys.c if column.name not in {"secret_hash", "previous_hash"}]


def visible_deleted_api_keys(sight: Sight) -> Condition:
    """Those of the organizations that one administers."""
    mine = my_organizations(OrganizationRole.ADMIN)
    return by_sight(
        sight,
        key=false(),
        related=and_(mine.exists(), among(deleted_api_keys.c.organization_id, mine)),
    )


def visible_deleted_teams(sight: Sight) -> Condition:
    """Those of the organizations that one administers."""
    return by_sight(
        sight,
        key=false(),
        related=among(deleted_teams.c.organization_id, my_organizations(OrganizationRole.ADMIN)),
    )


def visible_audit_entries(sight: Sight) -> Condition:
    """Those of the organizations one reads and of the teams one administers.

    Who has none of either, as most have, is told so without a look at the entries of all others.
    """
    read, administered = read_organizations(), my_teams(TeamRole.ADMIN)
    return by_sight(
        sight,
        key=false(),
        related=and_(
            or_(read.exists(), administered.exists()),
            or_(
                among(audit_entries.c.organization_id, read),
                among(audit_entries.c.team_id, administered),
            ),
        ),
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
