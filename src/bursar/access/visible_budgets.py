"""Whose budgets an actor can see, and which plans."""

from sqlalchemy import FromClause, false, or_, select, true

from bursar.access.actor import Sight
from bursar.access.related import ME, Condition, among, by_sight, overseen, read_organizations
from bursar.access.visibility import (
    visible_api_keys,
    visible_organization_members,
    visible_team_members,
    visible_teams,
)
from bursar.database.tables import api_keys, budgets, organization_members, team_members, teams


def visible_member_budgets(sight: Sight) -> Condition:
    """One's own, and those of members of teams one administers or whose organization one reads."""
    return by_sight(
        sight,
        key=visible_team_members(sight),
        related=or_(
            team_members.c.user_id == ME,
            overseen(team_members.c.team_id),
        ),
    )


def visible_organization_member_budgets(sight: Sight) -> Condition:
    """One's own, and those of the members of organizations one reads."""
    return visible_organization_members(sight)


def visible_holders(sight: Sight, table: FromClause) -> Condition:
    """Rows that name what has a budget (BUDGET_OWNERS): those of holders whose budget one sees.

    These are organizations one reads, teams one sees, members as above, keys one sees, and oneself.
    A plan itself is seen by who sees everything.
    """
    if sight is Sight.ALL:
        return true()
    seen_teams = select(teams.c.id).where(visible_teams(sight))
    seen: list[Condition] = [
        among(table.c.team_id, seen_teams),
        among(table.c.default_of_team_id, seen_teams),
        among(
            table.c.team_member_id, select(team_members.c.id).where(visible_member_budgets(sight))
        ),
        among(table.c.api_key_id, select(api_keys.c.id).where(visible_api_keys(sight))),
    ]
    if sight is Sight.RELATED:
        seen += [
            among(table.c.organization_id, read_organizations()),
            among(
                table.c.organization_member_id,
                select(organization_members.c.id).where(visible_organization_member_budgets(sight)),
            ),
            table.c.user_id == ME,
        ]
    return or_(*seen)


def visible_budgets(sight: Sight) -> Condition:
    return visible_holders(sight, budgets)


def visible_plans(sight: Sight) -> Condition:
    """Plans are the platform's own business; their limits are seen where they are in force."""
    return budgets.c.name_key.is_not(None) if sight is Sight.ALL else false()
