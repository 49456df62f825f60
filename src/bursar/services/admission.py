"""Admission: who may become a member of a team or an organization, and becomes a user on the way."""

from collections.abc import Iterator, Mapping

from bursar.access.actor import Actor
from bursar.database.connections import Connection
from bursar.database.rows import Row
from bursar.domain.errors import AlreadyMember, NotFound, NotInOrganization, Refusal
from bursar.domain.ids import DEFAULT_ORGANIZATION
from bursar.domain.roles import OrganizationRole
from bursar.services import memberships, people
from bursar.services.additions import Additions
from bursar.services.memberships import ORGANIZATION, Joining
from bursar.services.people import Person

Found = Mapping[Person, Row | None]


async def judge_for_team(
    tx: Connection,
    actor: Actor,
    team: Row,
    additions: Additions,
    *,
    invites: bool,
    add_to_organization: bool,
) -> Found:
    """Find people who are to join the team, which is locked, and refuse those who may not.

    `invites`: the actor may add to the team's organization. Whoever does may name an e-mail that
    nobody has yet. Refused are, in this order: DifferentUsers; Invalid for one user named twice;
    NotFound for who is unknown or, to who does not invite, outside the organization;
    NotInOrganization; AlreadyMember.
    """
    found = await people.find(
        tx, actor, additions.paths, organization_id=team.organization_id, team_id=team.id
    )
    everybody = team.organization_id == DEFAULT_ORGANIZATION
    refusals = {
        person: _refusal(
            actor,
            person,
            row,
            belongs=everybody or (row is not None and row.in_organization),
            may_join=invites and (everybody or add_to_organization),
            invites=invites,
        )
        for person, row in found.items()
    }
    _refuse(additions, found, refusals)
    return found


async def judge_for_organization(
    tx: Connection, actor: Actor, organization: Row, additions: Additions
) -> Found:
    """Find people who are to join the organization, which is locked, and refuse those who may not.

    Any user may be named, seen or not: to add somebody says no more of them than that they exist.
    Refused are, in this order: DifferentUsers; Invalid for one user named twice; NotFound for an id
    that is unknown; AlreadyMember.
    """
    found = await people.find(tx, actor, additions.paths, organization_id=organization.id)
    refusals: dict[Person, Refusal | None] = {}
    for person, row in found.items():
        if row is None:
            refusals[person] = None if person.user_id is None else NotFound(thing="user")
        else:
            refusals[person] = AlreadyMember() if row.in_organization else None
    _refuse(additions, found, refusals)
    return found


async def let_in(
    tx: Connection, actor: Actor, additions: Additions, found: Found
) -> dict[Person, str]:
    """The user ids of everybody known; of those who are admitted, who is nobody yet becomes a user."""
    unknown = [person for person in additions.admitted if found[person] is None]
    created = await people.create(tx, actor, unknown)
    known = {person: row for person, row in found.items() if row is not None}
    return {person: row.id for person, row in (known | created).items()}


async def let_into_organization(
    tx: Connection,
    actor: Actor,
    team: Row,
    additions: Additions,
    found: Found,
    user_ids: Mapping[Person, str],
) -> None:
    """Make those who are admitted to the team members of its organization, if they are not yet."""
    if team.organization_id == DEFAULT_ORGANIZATION:
        return
    newcomers = [
        Joining(user_ids[person], OrganizationRole.MEMBER)
        for person in additions.admitted
        if not ((row := found[person]) and row.in_organization)
    ]
    # Who joined the organization meanwhile is in it already.
    await memberships.insert(
        tx,
        actor,
        ORGANIZATION,
        team.organization_id,
        newcomers,
        organization_id=team.organization_id,
    )


def _refuse(additions: Additions, found: Found, refusals: Mapping[Person, Refusal | None]) -> None:
    """Refuse what stands against people, who are not found among it, in one order."""
    paths = additions.paths
    # Only of who is found: else an e-mail beside an id would tell whether it is that user's.
    known = {
        person: row
        for person, row in found.items()
        if row is not None and not isinstance(refusals[person], NotFound)
    }
    additions.refuse(
        people.disagreements((paths[person], person, row) for person, row in known.items())
    )
    additions.refuse(people.repetitions((paths[person], row.id) for person, row in known.items()))

    def placed() -> Iterator[Refusal]:
        for person, refusal in refusals.items():
            if refusal is not None:
                refusal.path = (*paths[person], person.field)
                yield refusal

    # Who is not found is said first, and alone.
    additions.refuse(refusal for refusal in placed() if isinstance(refusal, NotFound))
    additions.refuse(placed())


def _refusal(
    actor: Actor,
    person: Person,
    row: Row | None,
    *,
    belongs: bool,
    may_join: bool,
    invites: bool,
) -> Refusal | None:
    """Why a person may not become a member of the team; None where they may.

    Only who invites hears of people outside the organization, and only of those they can see: to
    anybody else such a person does not exist.
    """
    if row is not None and belongs:
        return AlreadyMember() if row.in_team else None
    exists_or_can = row is not None or person.user_id is None
    if exists_or_can and may_join:
        return None
    seen = actor.administers_all or (row is not None and row.visible)
    if exists_or_can and invites and seen:
        return NotInOrganization()
    return NotFound(thing="user")
