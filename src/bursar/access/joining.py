"""Teams that are open: which one may join, and the door to one, though it is not seen before."""

from functools import cache

from sqlalchemy import Text, and_, bindparam, false, or_, select

from bursar.access.above import check_organization
from bursar.access.actor import Actor, Sight
from bursar.access.policy import Action, Relation, forbidden, permits
from bursar.access.related import ME, Condition, among
from bursar.access.standing import with_actor_roles
from bursar.access.visibility import visible_teams
from bursar.database.connections import Connection
from bursar.database.pool import RunAgain
from bursar.database.rows import Row
from bursar.database.statements import Statement
from bursar.database.tables import organization_members, organizations, team_members, teams
from bursar.domain.errors import NotFound, Path
from bursar.domain.ids import DEFAULT_ORGANIZATION
from bursar.domain.names import is_storable

TEAM_ID = bindparam("team_id", type_=Text)


def open_teams(sight: Sight) -> Condition:
    """Those marked joinable, of one's organizations and the built-in one, that one has not joined.

    A blocked team is open to nobody. To see everything opens no team.
    """
    if sight is Sight.KEY:
        return false()
    my_organizations = select(organization_members.c.organization_id).where(
        organization_members.c.user_id == ME
    )
    my_teams = select(team_members.c.team_id).where(team_members.c.user_id == ME)
    return and_(
        teams.c.joinable,
        ~teams.c.blocked,
        or_(
            teams.c.organization_id == DEFAULT_ORGANIZATION,
            among(teams.c.organization_id, my_organizations),
        ),
        teams.c.id.not_in(my_teams),
    )


async def access_team_to_join(
    tx: Connection, actor: Actor, team_id: str, action: Action, *, path: Path
) -> Row:
    """The team, for an actor to whom it is open, or who is a member of it already.

    Its organization is held first, so that nobody leaves that meanwhile (the built-in one nobody
    can), then the team itself, which stays open. Raises NotFound for a team that the actor neither
    sees nor may join, else Forbidden.
    """
    if not is_storable(team_id):
        raise NotFound(*path, thing="team")
    values = {**actor.parameters, "team_id": team_id}
    organization = await tx.one(_organization(actor.sight), **values)
    held = await tx.one(_team(actor.sight), **values)
    row = await tx.one(_read(actor.sight), **values)
    if row is None:
        raise NotFound(*path, thing="team")
    relations = {Relation.SELF} if row.open_to_actor or row.actor_team_role else set()
    if not permits(actor, action, relations):
        raise forbidden(action, *path)
    if held is None:
        raise RunAgain  # it came into sight while we waited
    check_organization(row, organization.id if organization else DEFAULT_ORGANIZATION)
    return row


def _found(sight: Sight) -> Condition:
    return and_(teams.c.id == TEAM_ID, or_(visible_teams(sight), open_teams(sight)))


@cache
def _organization(sight: Sight) -> Statement:
    its_organization = select(teams.c.organization_id).where(_found(sight)).scalar_subquery()
    return Statement(
        select(organizations.c.id)
        .where(organizations.c.id == its_organization, organizations.c.id != DEFAULT_ORGANIZATION)
        .with_for_update(read=True)
    )


@cache
def _team(sight: Sight) -> Statement:
    return Statement(select(teams.c.id).where(_found(sight)).with_for_update(read=True))


@cache
def _read(sight: Sight) -> Statement:
    query = select(teams, open_teams(sight).label("open_to_actor")).where(_found(sight))
    return Statement(with_actor_roles(query, teams))
