"""Admission: who may become a member of a team, and becomes a user or a colleague on the way."""

from collections.abc import Sequence

from bursar.access.actor import Actor
from bursar.database.connections import Connection
from bursar.database.rows import Row
from bursar.domain.errors import AlreadyMember, NotFound, NotInOrganization, Problems, Refusal
from bursar.domain.ids import DEFAULT_ORGANIZATION
from bursar.domain.roles import OrganizationRole
from bursar.services import memberships, people
from bursar.services.memberships import ORGANIZATION, Joining
from bursar.services.people import Person


async def admit(
    tx: Connection,
    actor: Actor,
    team: Row,
    persons: Sequence[Person],
    *,
    invites: bool,
    add_to_organization: bool,
) -> dict[Person, str]:
    """The user ids of people who may all join the team, which is locked.

    `invites`: the actor may add to the team's organization. Whoever does may name an e-mail that
    nobody has yet, which makes a user. Raises, with the place in the list: DifferentUsers; NotFound
    for who is unknown or, to who does not invite, outside the organization; NotInOrganization;
    AlreadyMember; Invalid for one user named twice.
    """
    paths = {person: ("members", place) for place, person in enumerate(persons)}
    found = await people.find(
        tx, actor, persons, organization_id=team.organization_id, team_id=team.id
    )
    everybody = team.organization_id == DEFAULT_ORGANIZATION
    problems = Problems()
    known: dict[Person, Row] = {}
    for person, row in found.items():
        refusal = _refusal(
            actor,
            person,
            row,
            belongs=everybody or (row is not None and row.in_organization),
            may_join=invites and (everybody or add_to_organization),
            invites=invites,
        )
        if refusal is not None:
            refusal.path = (*paths[person], person.field)
            problems.append(refusal)
        if row is not None and not isinstance(refusal, NotFound):
            known[person] = row
    # Only of who is found: else an e-mail beside an id would tell whether it is that user's.
    people.check_agreement((paths[person], person, row) for person, row in known.items())
    people.check_distinct((paths[person], row.id) for person, row in known.items())
    # Who is not found is said first, and alone.
    Problems(problem for problem in problems if isinstance(problem, NotFound)).raise_any()
    problems.raise_any()
    created = await people.create(tx, actor, [p for p, row in found.items() if row is None])
    user_ids = {p: created[p].id if row is None else row.id for p, row in found.items()}
    if not everybody:
        newcomers = [
            Joining(user_ids[p], OrganizationRole.MEMBER)
            for p, row in found.items()
            if not (row and row.in_organization)
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
    return user_ids


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
