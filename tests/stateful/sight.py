"""What an actor sees of the model, in the words in which the API answers the same question."""

from collections.abc import Iterable
from typing import Any

from stateful.model import (
    NAMES,
    RATES,
    Key,
    Membership,
    Model,
    Organization,
    Plan,
    Slot,
    Team,
    User,
)

ALL = "first: 60"
QUESTION = f"""
query Everything {{
  organizations({ALL}) {{ nodes {{
    id name externalId budget {{ ...Use }}
    members({ALL}) {{ nodes {{ id role user {{ id name }} budget {{ ...Use }} }} }}
    teams({ALL}) {{ nodes {{ id }} }}
  }} }}
  teams({ALL}) {{ nodes {{
    id name externalId blocked joinable memberPermissions rpmLimitType tpmLimitType
    organization {{ id name }}
    budget {{ ...Use }} memberBudget {{ ...Use }}
    members({ALL}) {{ nodes {{ id role user {{ id name }} budget {{ ...Use }} }} }}
    apiKeys({ALL}) {{ nodes {{ id }} }}
  }} }}
  users({ALL}) {{ nodes {{
    id name email role blocked budget {{ ...Use }}
    teams({ALL}) {{ nodes {{ id }} }}
    organizations({ALL}) {{ nodes {{ id }} }}
    apiKeys({ALL}) {{ nodes {{ id }} }}
  }} }}
  apiKeys({ALL}) {{ nodes {{
    id alias blocked scopes kind user {{ id }} team {{ id }} budget {{ ...Use }}
  }} }}
  budgets({ALL}) {{ nodes {{ id ...Limits holders({ALL}) {{ nodes {{ id }} }} }} }}
  joinableTeams({ALL}) {{ nodes {{ id name }} }}
}}
fragment Use on BudgetUse {{ source limits {{ ...Limits }} }}
fragment Limits on Budget {{ name {" ".join(NAMES)} }}
"""


def sees_all(me: User) -> bool:
    return me.role in {"ADMIN", "VIEWER"}


def reads(me: User, organization: Organization) -> bool:
    """Whether all of the organization, with what is in it."""
    return sees_all(me) or organization.role_of(me) in {"ADMIN", "VIEWER"}


def sees_organization(model: Model, me: User, organization: Organization) -> bool:
    """At least its id and name."""
    return (
        reads(me, organization)
        or organization.has(me)
        or any(me in team.members for team in model.teams_of(organization))
    )


def sees_team(me: User, team: Team) -> bool:
    return me in team.members or reads(me, team.organization)


def sees_user(model: Model, me: User, user: User) -> bool:
    """At least id, name and e-mail."""
    return (
        sees_all(me)
        or user is me
        or any(sees_team(me, t) and user in t.members for t in model.teams.values())
        or any(reads(me, o) and user in o.members for o in model.organizations.values())
    )


def sees_all_keys(me: User, team: Team) -> bool:
    return team.role_of(me) == "ADMIN" or reads(me, team.organization)


def sees_key(me: User, key: Key) -> bool:
    if sees_all(me) or key.team is None:
        return sees_all(me) or key.user is me
    if sees_all_keys(me, key.team):
        return True
    needed = {me: "KEY_READ", None: "SERVICE_KEY_READ"}.get(key.user)
    return needed in key.team.lets(me)


def sees_member_budget(me: User, team: Team, user: User) -> bool:
    return user is me or sees_all_keys(me, team)


def may_join(me: User, team: Team) -> bool:
    """Whether the team is one that the actor is offered."""
    return (
        team.joinable and not team.blocked and team.organization.has(me) and me not in team.members
    )


def seen_by(model: Model, me: User) -> dict[str, Any]:
    """The answer to the question, with lists in the order of their ids."""
    organizations = [o for o in model.organizations.values() if sees_organization(model, me, o)]
    teams = [team for team in model.teams.values() if sees_team(me, team)]
    users = [user for user in model.users.values() if sees_user(model, me, user)]
    keys = [key for key in model.keys.values() if sees_key(me, key)]
    plans = model.plans.values() if sees_all(me) else []
    joinable = [team for team in model.teams.values() if may_join(me, team)]
    return {
        "organizations": _nodes(_organization(model, me, each) for each in organizations),
        "teams": _nodes(_team(model, me, team) for team in teams),
        "users": _nodes(_user(model, me, user) for user in users),
        "apiKeys": _nodes(_key(model, me, key) for key in keys),
        "budgets": _nodes(_plan(model, plan) for plan in plans),
        "joinableTeams": _nodes({"id": team.id, "name": team.name} for team in joinable),
    }


def in_order(answer: Any) -> Any:
    """The same answer, with the nodes of each list in the order of their ids."""
    if isinstance(answer, list):
        return [in_order(each) for each in answer]
    if not isinstance(answer, dict):
        return answer
    if list(answer) == ["nodes"]:
        return _nodes(in_order(node) for node in answer["nodes"])
    return {name: in_order(value) for name, value in answer.items()}


def _nodes(nodes: Iterable[dict[str, Any]]) -> dict[str, Any]:
    return {"nodes": sorted(nodes, key=lambda node: node["id"])}


def _ids(things: Iterable[Any]) -> dict[str, Any]:
    return _nodes({"id": thing.id} for thing in things)


def _use(slot: Slot, *, seen: bool = True, default: Slot = None) -> dict[str, Any] | None:
    if not seen or (slot is None and default is None):
        return None
    source = "TEAM_DEFAULT" if slot is None else "PLAN" if isinstance(slot, Plan) else "OWN"
    return {"source": source, "limits": _limits(default if slot is None else slot)}


def _limits(slot: Slot) -> dict[str, Any]:
    name, limits = (slot.name, slot.limits) if isinstance(slot, Plan) else (None, slot or {})
    return {"name": name, **{n: None if v is None else str(v) for n, v in limits.items()}}


def _organization(model: Model, me: User, organization: Organization) -> dict[str, Any]:
    whole = reads(me, organization)
    members = [
        (user, membership)
        for user, membership in organization.members.items()
        if whole or user is me
    ]
    return {
        "id": organization.id,
        "name": organization.name,
        "externalId": organization.external_id if whole else None,
        "budget": _use(organization.budget, seen=whole),
        "members": _nodes(_member(user, m, _use(m.budget)) for user, m in members),
        "teams": _ids(team for team in model.teams_of(organization) if sees_team(me, team)),
    }


def _member(user: User, membership: Membership, use: dict[str, Any] | None) -> dict[str, Any]:
    return {
        "id": membership.id,
        "role": membership.role,
        "user": {"id": user.id, "name": user.name},
        "budget": use,
    }


def _team(model: Model, me: User, team: Team) -> dict[str, Any]:
    keys = [key for key in model.keys.values() if key.team is team and sees_key(me, key)]
    return {
        "id": team.id,
        "name": team.name,
        "externalId": team.external_id,
        "blocked": team.blocked,
        "joinable": team.joinable,
        "memberPermissions": team.permissions,
        **{
            f"{rate}Type": "GUARANTEED" if rate in team.guaranteed else "BEST_EFFORT"
            for rate in RATES
        },
        "organization": {"id": team.organization.id, "name": team.organization.name},
        "budget": _use(team.budget),
        "memberBudget": _use(None, default=team.member_budget),
        "members": _nodes(
            _member(
                user,
                membership,
                _use(
                    membership.budget,
                    seen=sees_member_budget(me, team, user),
                    default=team.member_budget,
                ),
            )
            for user, membership in team.members.items()
        ),
        "apiKeys": _ids(keys),
    }


def _user(model: Model, me: User, user: User) -> dict[str, Any]:
    whole = sees_all(me) or user is me
    return {
        "id": user.id,
        "name": user.name,
        "email": user.email,
        "role": user.role if whole else None,
        "blocked": user.blocked if whole else None,
        "budget": _use(user.budget, seen=whole),
        "teams": _ids(
            team.members[user]
            for team in model.teams.values()
            if user in team.members and sees_team(me, team)
        ),
        "organizations": _ids(
            organization.members[user]
            for organization in model.organizations.values()
            if user in organization.members and (user is me or reads(me, organization))
        ),
        "apiKeys": _ids(k for k in model.keys.values() if k.user is user and sees_key(me, k)),
    }


def _key(model: Model, me: User, key: Key) -> dict[str, Any]:
    user = key.user if key.user and sees_user(model, me, key.user) else None
    team = key.team if key.team and sees_team(me, key.team) else None
    return {
        "id": key.id,
        "alias": key.name,
        "blocked": key.blocked,
        "scopes": key.scopes,
        "kind": key.kind,
        "user": user and {"id": user.id},
        "team": team and {"id": team.id},
        "budget": _use(key.budget),
    }


def _plan(model: Model, plan: Plan) -> dict[str, Any]:
    """A team that has it twice, for itself and for its members, is named once."""
    holders = {id_: thing for id_, thing, name in model.holders() if getattr(thing, name) is plan}
    return {"id": plan.id, **_limits(plan), "holders": _ids(holders.values())}
