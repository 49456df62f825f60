"""A little world, an organization with all that one can hold and another beside it; and who acts."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bursar.database.rows import Row
from bursar.domain.roles import KeyScope, MemberPermission, OrganizationRole, PlatformRole, TeamRole
from factories import Factory, Key, Person


@dataclass(frozen=True)
class World:
    """What deeds are done to. The lead administers the team, so that another admin of it may go.

    The mate has the plan as a member of the organization; the free plan is attached to nothing.
    The team's list names the group, and none the free group.
    """

    organization: Row
    team: Row
    lead: Person
    mate: Person
    newcomer: Person
    mate_in_organization: Row
    mate_in_team: Row
    budgets: dict[str, Row]
    keys: dict[str, Key]
    plan: Row
    free_plan: Row
    group: Row
    free_group: Row
    entry: Row
    other_organization: Row
    other_team: Row
    open_team: Row

    def ids(self) -> list[str]:
        """One of each kind of thing in the organization."""
        rows = [
            self.organization,
            self.team,
            self.mate,
            self.mate_in_organization,
            self.mate_in_team,
            self.entry,
            *self.budgets.values(),
        ]
        return [*(row.id for row in rows), self.mate.key_id]


async def build_world(
    make: Factory, *, blocked: bool = False, permitted: bool = False, metered: bool = False
) -> World:
    """Two organizations with a team each; `blocked` are the first team, its mate and two keys.

    `permitted`: the first team lets its members do all that a team can let them. `metered`: calls were
    made with the mate's keys in the team and of their own, by the team's service and in the other.
    """
    organization = await make.organization(external_id="acme", metadata={"tier": "gold"})
    team = await make.team(
        organization,
        external_id="acme/search",
        blocked=blocked,
        models=["gpt-4", "group:small"],
        member_permissions=list(MemberPermission) if permitted else None,
    )
    other_organization = await make.organization(external_id="rival")
    other_team = await make.team(other_organization, external_id="rival/search")
    lead = await make.person(organization=organization, team=team, team_role=TeamRole.ADMIN)
    mate = await make.person(external_id="mate", blocked=blocked)
    mate_in_organization = await make.organization_member(organization, mate)
    mate_in_team = await make.team_member(team, mate)
    owners = {
        "organization": organization,
        "organization_member": mate_in_organization,
        "team": team,
        "team_default": team,
        "team_member": mate_in_team,
        "user": mate.row,
    }
    keys = {
        "member": await make.api_key(mate, team=team, blocked=blocked),
        "manager": await make.api_key(mate, team=team, scopes=[KeyScope.MANAGE]),
        "service": await make.api_key(team=team, external_id="acme/service", blocked=blocked),
        "gateway": await make.api_key(team=team, scopes=[KeyScope.GATEWAY]),
    }
    await make.deleted_api_key(organization=organization, team=team)
    gone = await make.deleted_api_key(organization=other_organization, team=other_team)
    if metered:
        personal = await make.api_key(mate)
        for key in (keys["member"].row, keys["service"].row, personal.row, gone):
            await make.usage_event(key)
    await make.deleted_team(organization)
    await make.deleted_team(other_organization)
    group, free_group = [await make.access_group(n, models=["gpt-4"]) for n in ("small", "free")]
    await make.access_group_use(group, "team", team.id)
    plan, free_plan = [await make.plan(rpm_limit=7, max_budget=2) for _ in range(2)]
    await make.attachment(plan, "api_key", keys["service"].id)
    await make.audit_entry(organization, organization=organization)
    await make.audit_entry(other_team, organization=other_organization, team=other_team)
    for spender in (team, mate_in_team, keys["service"]):
        await make.spend_of(spender.id, 1)
    return World(
        organization=organization,
        team=team,
        lead=lead,
        mate=mate,
        newcomer=await make.person(organization=organization),
        mate_in_organization=mate_in_organization,
        mate_in_team=mate_in_team,
        budgets={
            kind: await make.budget(kind, row, rpm_limit=9, max_budget=most)
            for (kind, row), most in zip(owners.items(), (9, 8, 8, 7, 7, 7), strict=True)
        },
        keys=keys,
        plan=plan,
        free_plan=free_plan,
        group=group,
        free_group=free_group,
        entry=await make.audit_entry(team, organization=organization, team=team),
        other_organization=other_organization,
        other_team=other_team,
        open_team=await make.team(organization, joinable=True),
    )


Arrival = Callable[[Factory, World], Awaitable[Person | Key]]


def _arrives(
    role: PlatformRole = PlatformRole.USER,
    *,
    organization: OrganizationRole | None = None,
    team: TeamRole | None = None,
    elsewhere: bool = False,
) -> Arrival:
    async def arrive(make: Factory, world: World) -> Person:
        at = world.other_organization if elsewhere else world.organization
        within = world.other_team if elsewhere else world.team
        return await make.person(
            role,
            organization=at if organization else None,
            organization_role=organization or OrganizationRole.MEMBER,
            team=within if team else None,
            team_role=team or TeamRole.MEMBER,
        )

    return arrive


READER, CAPPED = PlatformRole.VIEWER, PlatformRole.USER_VIEWER
ADMIN, VIEWER, MEMBER = OrganizationRole.ADMIN, OrganizationRole.VIEWER, OrganizationRole.MEMBER

# Who acts, by what they are: on the platform, in the organization, in the team, or elsewhere.
ACTORS: dict[str, Arrival] = {
    "platform admin": _arrives(PlatformRole.ADMIN),
    "platform viewer": _arrives(READER),
    "user viewer who is admin below": _arrives(CAPPED, organization=ADMIN, team=TeamRole.ADMIN),
    "organization admin": _arrives(organization=ADMIN),
    "organization viewer": _arrives(organization=VIEWER),
    "organization member": _arrives(organization=MEMBER),
    "team admin": _arrives(organization=MEMBER, team=TeamRole.ADMIN),
    "team member": _arrives(organization=MEMBER, team=TeamRole.MEMBER),
    "stranger": _arrives(),
    "admin elsewhere": _arrives(organization=ADMIN, team=TeamRole.ADMIN, elsewhere=True),
}

GATEWAY = "gateway"


async def _gateway(_: Factory, world: World) -> Key:
    return world.keys["gateway"]


# Beside them who acts by a scope of the key alone, whatever its user is, if it has one.
CALLERS = {**ACTORS, GATEWAY: _gateway}
