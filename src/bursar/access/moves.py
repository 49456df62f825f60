"""The door to a team that is to be moved: it and both organizations, found, locked, permitted.

Both organizations are held as for a change of their own, so that until the team is in one of them
nobody joins, leaves, limits or deletes them, and no other team moves past the rules of the new one.
"""

from collections.abc import Iterable
from functools import cache

from sqlalchemy import any_, bindparam, select

from bursar.access.above import check_organization
from bursar.access.actor import Actor, Sight
from bursar.access.door import IDS, Deeds, access_organization, access_team
from bursar.access.policy import Action, forbidden, permits
from bursar.access.standing import team_relations
from bursar.access.visibility import visible_organizations, visible_teams
from bursar.database.connections import Connection
from bursar.database.given import repeated
from bursar.database.rows import Row
from bursar.database.statements import Statement
from bursar.database.tables import organizations, teams
from bursar.domain.errors import NotFound, Problems
from bursar.domain.names import is_storable

TARGET = ("organization_id",)


async def access_team_to_move(
    tx: Connection,
    actor: Actor,
    team_id: str,
    organization_id: str,
    action: Action,
    *,
    deeds: Deeds = (),
) -> Row:
    """The team, for an actor who may do the action to it where it is, and to the organization.

    The `deeds` are done to the organization. Raises NotFound for each of the two that the actor cannot
    see; Forbidden for each of the two, or at a deed's own path; RunAgain if the team was moved while we
    waited.
    """
    left = await _organization_of(tx, actor, team_id)
    seen = await _hold(tx, actor, [organization_id, *filter(None, [left])])
    problems = Problems()
    if left is None:
        problems.append(NotFound("id", thing="team"))
    if organization_id not in seen:
        problems.append(NotFound(*TARGET, thing="organization"))
    problems.raise_any()
    organization = await access_organization(tx, actor, organization_id, path=TARGET)
    team = await access_team(tx, actor, team_id)
    check_organization(team, left)
    asked = [
        (team, action, ("id",)),
        *((organization, *deed) for deed in ((action, TARGET), *deeds)),
    ]
    Problems(
        forbidden(deed, *path)
        for row, deed, path in asked
        if not permits(actor, deed, team_relations(row))
    ).raise_any()
    return team


async def _organization_of(tx: Connection, actor: Actor, team_id: str) -> str | None:
    if not is_storable(team_id):
        return None
    row = await tx.one(_place(actor.sight), **actor.parameters, id=team_id)
    return row and row.organization_id


async def _hold(tx: Connection, actor: Actor, ids: Iterable[str]) -> set[str]:
    """Lock organizations in the order of their ids; answers those that the actor sees."""
    storable = [id_ for id_ in ids if is_storable(id_)]
    rows = await tx.all(_lock(actor.sight), **actor.parameters, ids=repeated(storable))
    return {row.id for row in rows}


@cache
def _place(sight: Sight) -> Statement:
    return Statement(
        select(teams.c.organization_id).where(teams.c.id == bindparam("id"), visible_teams(sight))
    )


@cache
def _lock(sight: Sight) -> Statement:
    return Statement(
        select(organizations.c.id)
        .where(organizations.c.id == any_(IDS), visible_organizations(sight))
        .order_by(organizations.c.id)
        .with_for_update(key_share=True)
    )
