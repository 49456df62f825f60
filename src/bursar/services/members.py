"""Members of teams: add, update, remove. The row in team_members is the only record of membership."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import TypedDict

from bursar.access.above import check_organization, lock_organization_of_team
from bursar.access.actor import Actor
from bursar.access.door import Deeds, Lock, access_team
from bursar.access.policy import Action, permits
from bursar.access.standing import administers_above, team_relations
from bursar.database.connections import Connection
from bursar.database.rows import Row
from bursar.database.tables import team_members, teams
from bursar.database.writes import amend_row
from bursar.domain.batches import BatchMode
from bursar.domain.errors import Forbidden, Invalid, Path, Problems
from bursar.domain.ids import DEFAULT_ORGANIZATION
from bursar.domain.limits import (
    BudgetChanges,
    Limits,
    increased,
    problems_with_limits,
    raising,
    resulting,
)
from bursar.domain.roles import TeamRole
from bursar.services import admission, audit, budgets, increases, last_admins, memberships
from bursar.services.additions import Addition, Additions, join
from bursar.services.attributes import check_version
from bursar.services.memberships import TEAM, Joining, NewMember
from bursar.services.people import Person

NewMembers = Sequence[NewMember[TeamRole]]


class MemberAttributes(TypedDict, total=False):
    """What is to be set; a budget of None goes back to the team's default."""

    role: TeamRole
    budget: BudgetChanges | None


async def add(
    tx: Connection,
    actor: Actor,
    *,
    team_id: str,
    new_members: NewMembers,
    add_to_organization: bool = False,
    mode: BatchMode = BatchMode.ALL_OR_NOTHING,
) -> list[Addition]:
    """Add people to a team; answers what became of each, in the order of the input.

    Raises Refusals for bad input, NotFound, Forbidden, and what `add_to` raises.
    """
    if not new_members:
        raise Invalid("members", problem="must name somebody")
    Problems(memberships.problems_with_new(new_members)).raise_any()
    deeds = [(Action.TEAM_MEMBERS_ADD, ("team_id",))]
    if add_to_organization:
        deeds.append((Action.ORGANIZATION_MEMBERS_ADD, ("add_to_organization",)))
    team = await hold(tx, actor, team_id, deeds)
    invites = permits(actor, Action.ORGANIZATION_MEMBERS_ADD, team_relations(team))
    return await add_to(
        tx,
        actor,
        team,
        new_members,
        invites=invites,
        add_to_organization=add_to_organization,
        mode=mode,
    )


async def hold(tx: Connection, actor: Actor, team_id: str, deeds: Deeds) -> Row:
    """A team that people are to join, for an actor who may do the deeds.

    The organization is held too, so that nobody leaves it while being added to a team of it; the
    built-in one nobody can leave. Raises NotFound, Forbidden.
    """
    held = await lock_organization_of_team(tx, actor, team_id, built_in=False)
    team = await access_team(tx, actor, team_id, path=("team_id",), deeds=deeds, lock=Lock.SHARE)
    check_organization(team, held or DEFAULT_ORGANIZATION)
    return team


async def add_to(
    tx: Connection,
    actor: Actor,
    team: Row,
    new_members: NewMembers,
    *,
    invites: bool,
    add_to_organization: bool,
    mode: BatchMode = BatchMode.ALL_OR_NOTHING,
) -> list[Addition]:
    """Add people to a team that is held with its organization.

    `invites`: the actor may add to the organization too. What stands against a person is what
    admission.judge_for_team says, then limits that contradict each other, then that they joined
    meanwhile; where it is all or nothing, it is raised.
    """
    additions = Additions((new.person for new in new_members), mode)
    found = await admission.judge_for_team(
        tx, actor, team, additions, invites=invites, add_to_organization=add_to_organization
    )
    limits = await _limits_of_new(tx, team, additions, new_members)
    user_ids = await admission.let_in(tx, actor, additions, found)
    await admission.let_into_organization(tx, actor, team, additions, found, user_ids)
    admitted = set(additions.admitted)
    joining = {
        new.person: Joining(user_ids[new.person], new.role, limits[new.person])
        for new in new_members
        if new.person in admitted
    }
    return await join(
        tx,
        actor,
        TEAM,
        team.id,
        additions,
        joining,
        user_ids=user_ids,
        organization_id=team.organization_id,
    )


async def update(
    tx: Connection,
    actor: Actor,
    *,
    team_id: str,
    person: Person,
    attributes: MemberAttributes,
    expected_version: int | None = None,
) -> Row:
    """Change a member's role or own limits, each without touching the other.

    Raises Refusals for bad input, NotFound for the team or for who is no member of it, Forbidden,
    VersionConflict, LastAdmin when the team would have no admin left.
    """
    Problems(memberships.problems_with_update(person, attributes)).raise_any()
    team = await access_team(tx, actor, team_id, Action.TEAM_MEMBER_UPDATE, path=("team_id",))
    (member,) = await memberships.find(tx, TEAM, team.id, [((), person)])
    check_version(member, expected_version)
    role = attributes.get("role", TeamRole(member.role))
    if role is not TeamRole.ADMIN:
        await check_admin_stays(tx, actor, team, [(("role",), member)])
    before: dict[str, Limits | None] = {}
    after: dict[str, Limits | None] = {}
    if "budget" in attributes:
        stored = await budgets.budget_of(tx, "team_member", member.id)
        default = budgets.limits_of(await budgets.budget_of(tx, "team_default", team.id))
        before["budget"] = budgets.limits_of(stored)
        limits = resulting(before["budget"] or default, attributes["budget"])
        problems = Problems(problems_with_limits(limits, "budget"))
        if member.user_id == actor.user_id and not administers_above(actor, team):
            more = await increases.running(tx, "team_member", member.id)
            problems.extend(_raising_oneself(limits, before["budget"], default, more))
        problems.raise_any()
        after["budget"] = await budgets.store(tx, "team_member", member.id, stored, limits)
    changed = await amend_row(tx, team_members, member, {"role": role}, beside=before != after)
    if changed is member:
        return member
    audit.record(
        tx,
        actor,
        memberships.change(
            "team_member.update",
            member,
            team.organization_id,
            before={"role": member.role, **audit.all_of(before.items())},
            after={"role": changed.role, **audit.all_of(after.items())},
        ),
    )
    return changed


async def remove(
    tx: Connection, actor: Actor, *, team_id: str, persons: Sequence[Person]
) -> list[Row]:
    """Remove people from a team with their keys of it, all or none; anybody may remove themself.

    Answers the memberships that are gone. Raises Refusals for bad input, NotFound for the team or
    for who is no member of it, Forbidden, LastAdmin when the team would have no admin left.
    """
    placed = memberships.placed(persons)
    team = await access_team(
        tx,
        actor,
        team_id,
        Action.TEAM_MEMBERS_REMOVE,
        path=("team_id",),
        oneself=all(person.user_id == actor.user_id for person in persons),
    )
    members = await memberships.find(tx, TEAM, team.id, placed)
    going = [
        ((*path, person.field), member)
        for (path, person), member in zip(placed, members, strict=True)
    ]
    await check_admin_stays(tx, actor, team, going)
    await memberships.remove_from_teams(tx, actor, members, organization_id=team.organization_id)
    return members


async def check_admin_stays(
    tx: Connection, actor: Actor, team: Row, going: Sequence[tuple[Path, Row]]
) -> None:
    """Raise LastAdmin for each admin who goes if no other stays; a higher admin may do it.

    The team is locked, so that two admins cannot each see the other staying.
    """
    if not administers_above(actor, team):
        await last_admins.check_stays(tx, teams, team.id, going)


def _raising_oneself(
    limits: Limits | None, before: Limits | None, default: Limits | None, more: Decimal
) -> Iterator[Forbidden]:
    """Each limit that is too wide for who sets it for themself, with `more` that they may spend now.

    None goes back to the default, of which as much more is too wide as of any.
    """
    if default is None:
        return
    wide = raising(
        increased(limits or default, more), increased(before or default, more), default, "budget"
    )
    for each in wide:
        yield each if limits else Forbidden("budget", **each.data)


async def _limits_of_new(
    tx: Connection, team: Row, additions: Additions, new_members: NewMembers
) -> dict[Person, Limits | None]:
    """The own limits of each; what is not named of a budget is copied from the team's default.

    Who would get limits that contradict each other is refused.
    """
    given = {new.person: new.budget for new in new_members}
    if all(budget is None for budget in given.values()):
        return dict.fromkeys(given)
    default = budgets.limits_of(await budgets.budget_of(tx, "team_default", team.id))
    limits = {person: resulting(default, budget) for person, budget in given.items()}
    additions.refuse(
        problem
        for person in additions.admitted
        for problem in problems_with_limits(limits[person], *additions.paths[person], "budget")
    )
    return limits
