"""What an actor is to a thing, by the roles that were read beside it, and what a team permits them."""

from typing import Any

from sqlalchemy import ColumnElement, Select, Table, select

from bursar.access.actor import Actor
from bursar.access.policy import Relation, Standing
from bursar.access.related import ME
from bursar.database.rows import Row
from bursar.database.tables import (
    api_keys,
    organization_members,
    organizations,
    team_members,
    teams,
)
from bursar.domain.roles import MemberPermission, OrganizationRole, TeamRole, permissions_of

BESIDE_KEY = ("organization_id", "member_permissions", "member_key_duration")
"""The columns of its team that a key is read with."""


def team_relations(row: Row) -> set[Relation]:
    """What the actor is to a team that was read with the actor's roles in it."""
    relations = set()
    if row.get("actor_team_role") == TeamRole.ADMIN:
        relations.add(Relation.TEAM_ADMIN)
    if row.get("actor_organization_role") == OrganizationRole.ADMIN:
        relations.add(Relation.ORGANIZATION_ADMIN)
    return relations


def permitted_in_team(row: Row) -> set[MemberPermission]:
    """What a team, or that of a key, lets the actor do as its MEMBER; nothing to who is none."""
    if row.get("actor_team_role") != TeamRole.MEMBER:
        return set()
    return set(permissions_of(TeamRole.MEMBER, row.member_permissions))


def standing_to_key(actor: Actor, row: Row) -> Standing:
    """What the actor is to a key that was read with the actor's roles in its team."""
    if row.user_id is None or row.user_id != actor.user_id:
        return team_relations(row)
    if row.team_id is None:
        return {Relation.SELF}
    return {*team_relations(row), *permitted_in_team(row)}


def administers(actor: Actor, row: Row) -> bool:
    """Whether the actor is an admin of a team, or of that of a key, or of what is above it."""
    return actor.administers_all or bool(team_relations(row))


def administers_above(actor: Actor, team: Row) -> bool:
    """Whether the actor is an admin of what a team is in, whatever they are in the team."""
    return actor.administers_all or Relation.ORGANIZATION_ADMIN in team_relations(team)


def with_actor_roles(query: Select[Any], table: Table) -> Select[Any]:
    """Add the actor's roles in the organization, and in the team, that a row is or belongs to."""
    team_id = {teams: teams.c.id, api_keys: api_keys.c.team_id}.get(table)
    organization_id = {
        organizations: organizations.c.id,
        teams: teams.c.organization_id,
        api_keys: of_its_team("organization_id"),
    }[table]
    query = query.add_columns(
        select(organization_members.c.role)
        .where(
            organization_members.c.organization_id == organization_id,
            organization_members.c.user_id == ME,
        )
        .scalar_subquery()
        .label("actor_organization_role")
    )
    if team_id is None:
        return query
    return query.add_columns(
        select(team_members.c.role)
        .where(team_members.c.team_id == team_id, team_members.c.user_id == ME)
        .scalar_subquery()
        .label("actor_team_role")
    )


def of_its_team(column: str) -> ColumnElement[Any]:
    """A column of the team of a key."""
    return (
        select(teams.c[column])
        .where(teams.c.id == api_keys.c.team_id)
        .correlate(api_keys)
        .scalar_subquery()
    )
