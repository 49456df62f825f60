"""Members of organizations: add, update, remove. Who leaves an organization leaves its teams."""

from collections.abc import Sequence
from functools import cache
from typing import TypedDict

from sqlalchemy import ARRAY, Text, any_, bindparam, or_, select

from bursar.access.actor import Actor
from bursar.access.door import Lock, access_organization
from bursar.access.policy import Action, Relation
from bursar.access.standing import team_relations
from bursar.database.connections import Connection
from bursar.database.pool import RunAgain
from bursar.database.rows import Row
from bursar.database.statements import Statement
from bursar.database.tables import organization_members, organizations, team_members, teams, users
from bursar.database.writes import amend_row
from bursar.domain.batches import BatchMode
from bursar.domain.errors import Invalid, LastAdmin, Path, Problems
from bursar.domain.ids import DEFAULT_ORGANIZATION
from bursar.domain.limits import BudgetChanges, Limits, resulting
from bursar.domain.roles import OrganizationRole
from bursar.services import admission, audit, budgets, last_admins, memberships, people
from bursar.services.additions import Addition, Additions, join
from bursar.services.attributes import check_version
from bursar.services.memberships import ORGANIZATION, Joining, NewMember
from bursar.services.people import Person


class OrganizationMemberAttributes(TypedDict, total=False):
    """What is to be set; a budget of None takes the own budget away."""

    role: OrganizationRole
    budget: BudgetChanges | None


async def add(
    tx: Connection,
    actor: Actor,
    *,
    organization_id: str,
    new_members: Sequence[NewMember[OrganizationRole]],
    mode: BatchMode = BatchMode.ALL_OR_NOTHING,
) -> list[Addition]:
    """Add people to an organization; answers what became of each, in the order of the input.

    An e-mail that nobody has makes a user. Raises Refusals for bad input, NotFound, Forbidden; where
    it is all or nothing, what admission.judge_for_organization says, and AlreadyMember.
    """
    if not new_members:
        raise Invalid("members", problem="must name somebody")
    Problems(memberships.problems_with_new(new_members)).raise_any()
    organization = await access_organization(
        tx,
        actor,
        organization_id,
        Action.ORGANIZATION_MEMBERS_ADD,
        path=("organization_id",),
        lock=Lock.SHARE,
    )
    additions = Additions((new.person for new in new_members), mode)
    found = await admission.judge_for_organization(tx, actor, organization, additions)
    user_ids = await admission.let_in(tx, actor, additions, found)
    admitted = set(additions.admitted)
    joining = {
        new.person: Joining(user_ids[new.person], new.role, resulting(None, new.budget))
        for new in new_members
        if new.person in admitted
    }
    return await join(
        tx,
        actor,
        ORGANIZATION,
        organization.id,
        additions,
        joining,
        user_ids=user_ids,
        organization_id=organization.id,
    )


async def update(
    tx: Connection,
    actor: Actor,
    *,
    organization_id: str,
    person: Person,
    attributes: OrganizationMemberAttributes,
    expected_version: int | None = None,
) -> Row:
    """Change a member's role or own limits, each without touching the other.

    Raises Refusals for bad input, NotFound for the organization or for who is no member of it,
    Forbidden, VersionConflict, LastAdmin when the organization would have no admin left.
    """
    Problems(memberships.problems_with_update(person, attributes)).raise_any()
    organization = await access_organization(
        tx, actor, organization_id, Action.ORGANIZATION_MEMBER_UPDATE, path=("organization_id",)
    )
    (member,) = await memberships.find(tx, ORGANIZATION, organization.id, [((), person)])
    check_version(member, expected_version)
    role = attributes.get("role", OrganizationRole(member.role))
    if role is not OrganizationRole.ADMIN and not actor.administers_all:
        await last_admins.check_stays(tx, organizations, organization.id, [(("role",), member)])
    before: dict[str, Limits | None] = {}
    after: dict[str, Limits | None] = {}
    if "budget" in attributes:
        before["budget"], after["budget"] = await budgets.update(
            tx, "organization_member", member.id, attributes
        )
    changed = await amend_row(
        tx, organization_members, member, {"role": role}, beside=before != after
    )
    if changed is member:
        return member
    audit.record(
        tx,
        actor,
        memberships.change(
            "organization_member.update",
            member,
            organization.id,
            before={"role": member.role, **audit.all_of(before.items())},
            after={"role": changed.role, **audit.all_of(after.items())},
        ),
    )
    return changed


async def remove(
    tx: Connection, actor: Actor, *, organization_id: str, persons: Sequence[Person]
) -> list[Row]:
    """Remove people from an organization and from its teams, all or none; anybody may remove themself.

    Everybody belongs to the built-in organization, member of it or not: its teams are not left.
    Answers the memberships of the organization that are gone. Raises Refusals for bad input,
    NotFound for the organization or for who is no member of it, Forbidden, LastAdmin when the
    organization, or for who is no higher admin a team of it, would have no admin left.
    """
    placed = memberships.placed(persons)
    organization = await access_organization(
        tx,
        actor,
        organization_id,
        Action.ORGANIZATION_MEMBERS_REMOVE,
        path=("organization_id",),
        oneself=all(person.user_id == actor.user_id for person in persons),
    )
    has_teams = organization.id != DEFAULT_ORGANIZATION
    locked = await _lock_teams(tx, organization, persons) if has_teams else set()
    members = await memberships.find(tx, ORGANIZATION, organization.id, placed)
    in_teams = await _in_teams(tx, organization, members) if has_teams else []
    if not {member.team_id for member in in_teams} <= locked:
        raise RunAgain  # an e-mail went to another user while we waited
    if not actor.administers_all:
        paths = [(*path, person.field) for path, person in placed]
        going = list(zip(paths, members, strict=True))
        await last_admins.check_stays(tx, organizations, organization.id, going)
        if Relation.ORGANIZATION_ADMIN not in team_relations(organization):
            await _check_admins_stay(tx, members[0], paths[0], locked)
    await memberships.remove_from_teams(tx, actor, in_teams, organization_id=organization.id)
    await memberships.remove_from_organization(tx, actor, members, organization_id=organization.id)
    return members


async def _lock_teams(tx: Connection, organization: Row, persons: Sequence[Person]) -> set[str]:
    """Lock the teams of the organization that people are in; answers their ids.

    While the organization is held nobody is added to a team of it.
    """
    names = people.names_of(persons)
    rows = await tx.all(_teams_of_people(), organization_id=organization.id, **names)
    return {row.id for row in rows}


async def _in_teams(tx: Connection, organization: Row, members: Sequence[Row]) -> list[Row]:
    """The memberships that members of an organization have in its teams."""
    user_ids = [member.user_id for member in members]
    return await tx.all(_memberships(), organization_id=organization.id, user_ids=user_ids)


async def _check_admins_stay(tx: Connection, member: Row, path: Path, team_ids: set[str]) -> None:
    """Raise LastAdmin for each of the teams, which are locked, that only the member administers."""
    Problems(
        LastAdmin(*path, thing=f"team {team_id}")
        for _, team_id in await last_admins.alone_in(tx, member.user_id)
        if team_id in team_ids
    ).raise_any()


@cache
def _teams_of_people() -> Statement:
    ids = bindparam("user_ids", type_=ARRAY(Text))
    keys = bindparam("email_keys", type_=ARRAY(Text))
    theirs = (
        select(team_members.c.team_id)
        .join(users, users.c.id == team_members.c.user_id)
        .where(or_(users.c.id == any_(ids), users.c.email_key == any_(keys)))
    )
    return Statement(
        select(teams.c.id)
        .where(teams.c.organization_id == bindparam("organization_id"), teams.c.id.in_(theirs))
        .order_by(teams.c.id)
        .with_for_update(key_share=True)
    )


@cache
def _memberships() -> Statement:
    return Statement(
        select(team_members)
        .join(teams, teams.c.id == team_members.c.team_id)
        .where(
            teams.c.organization_id == bindparam("organization_id"),
            team_members.c.user_id == any_(bindparam("user_ids", type_=ARRAY(Text))),
        )
        .order_by(team_members.c.id)
    )
