"""Whose calls an actor can see: one condition, for single calls and for what they add up to by day."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, and_, false, or_

from bursar.access.actor import Sight
from bursar.access.related import (
    ME,
    MY_KEY,
    Condition,
    among,
    by_sight,
    my_teams,
    my_teams_with,
    read_organizations,
)
from bursar.database.tables import deleted_teams, usage_days, usage_events
from bursar.domain.roles import MemberPermission, TeamRole


def visible_calls(sight: Sight, of: Mapping[str, ColumnElement[Any]]) -> Condition:
    """Calls of which these columns say by which key they were, of which user, team and organization.

    Those of organizations one reads and of teams one administers, or in which one may see all; of
    one's own those with personal keys, and those in teams that one still belongs to. A key by itself
    sees its own.
    """
    return by_sight(
        sight,
        key=of["api_key_id"] == MY_KEY,
        related=or_(
            among(of["organization_id"], read_organizations()),
            among(of["team_id"], my_teams(TeamRole.ADMIN)),
            among(of["team_id"], my_teams_with(MemberPermission.ACTIVITY_READ)),
            and_(
                of["user_id"] == ME,
                or_(of["team_id"].is_(None), among(of["team_id"], my_teams())),
            ),
        ),
    )


def visible_usage_events(sight: Sight) -> Condition:
    return visible_calls(sight, dict(usage_events.c))


def visible_usage_days(sight: Sight) -> Condition:
    return visible_calls(sight, dict(usage_days.c))


def visible_deleted_names(sight: Sight) -> Condition:
    """The names of deleted teams: to who reads the organization that they last belonged to."""
    return by_sight(
        sight,
        key=false(),
        related=among(deleted_teams.c.organization_id, read_organizations()),
    )
