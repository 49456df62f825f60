"""Predictions of what is done to plans, and to what has them."""

from typing import Any

from stateful.model import (
    NAMES,
    Key,
    Limits,
    Membership,
    Model,
    Organization,
    Plan,
    Slot,
    Team,
    User,
)
from stateful.rules import (
    PLATFORM,
    Effect,
    Given,
    Refusal,
    above,
    below_teams,
    beside,
    check_free,
    check_version,
    contradictions,
    exceeding,
    find,
    overbooked,
    ranks,
    refuse,
    require,
    resulting,
    tentatively,
)
from stateful.sight import reads, sees_all, sees_key, sees_organization, sees_team, sees_user


def _changes(given: Given) -> Limits:
    return {name: given[name] for name in NAMES if name in given}


def _find(model: Model, me: User, id: str, path: str) -> Plan:
    found: Plan = find(model.plans, id, lambda _: sees_all(me), path)
    return found


def create(model: Model, me: User, given: Given) -> Effect:
    changes = _changes(given)
    refuse(*contradictions(changes))
    require(ranks(me), _=PLATFORM)
    check_free(model.plans.values(), "name", given["name"], "name")

    def done(payload: Any) -> None:
        id_ = payload["budget"]["id"]
        model.plans[id_] = Plan(id_, given["name"], resulting(None, changes) or {})

    return done


def update(model: Model, me: User, given: Given) -> Effect:
    changes = _changes(given)
    refuse(*contradictions(changes))
    plan = _find(model, me, given["id"], "id")
    require(ranks(me), id=PLATFORM)
    check_version(given)
    after = resulting(plan, changes) or {}
    refuse(*contradictions(after))
    name = given.get("name", plan.name)
    check_free(model.plans.values(), "name", name, "name", but=plan)
    with tentatively(plan, limits=after):
        broken = _broken(model, plan) if changes else []
        rates = [r for each in model.organizations.values() for r in overbooked(model, each)]
    refuse(*beside(broken, dict.fromkeys(rates)))

    def done(_: Any) -> None:
        plan.name, plan.limits = name, after

    return done


def _broken(model: Model, plan: Plan) -> list[Refusal]:
    """What would hold more than what is above it, once for all teams and for each kind of key."""
    pairs = [("team", team.budget, team.organization.budget) for team in model.teams.values()] + [
        ("personal key" if key.team is None else "key", key.budget, _above_key(key))
        for key in model.keys.values()
    ]
    found = {
        (kind, name)
        for kind, own, parent in pairs
        if own is plan or (kind == "team" and parent is plan)
        for name in exceeding(own, parent)
        if plan.limits[name] is not None
    }
    return [("CONFLICT", name) for _, name in found]


def _above_key(key: Key) -> Slot:
    holder = key.team or key.user
    return holder.budget if holder else None


def delete(model: Model, me: User, given: Given) -> Effect:
    plan = _find(model, me, given["id"], "id")
    require(ranks(me), id=PLATFORM)
    if any(getattr(thing, name) is plan for _, thing, name in model.holders()):
        refuse(("CONFLICT", "id"))

    def done(_: Any) -> None:
        model.forget(model.plans, plan.id)

    return done


def attach(model: Model, me: User, given: Given) -> Effect:
    plan = model.plans.get(given["budgetId"]) if sees_all(me) else None
    holder, name = _holder(model, me, given, plan=plan)
    assert plan is not None
    before = getattr(holder, name)
    if before is not plan:
        problems = []
        if isinstance(holder, Organization):
            problems += below_teams(model, holder, plan, "budgetId")
        if isinstance(holder, Team) and name == "budget":
            problems += above(plan, holder.organization.budget, "budgetId")
        if isinstance(holder, Key):
            problems += above(plan, _above_key(holder), "budgetId")
        with tentatively(holder, **{name: plan}):
            rates = [r for each in model.organizations.values() for r in overbooked(model, each)]
        refuse(*beside(problems, (f"budgetId.{rate}" for rate in dict.fromkeys(rates))))

    def done(_: Any) -> None:
        setattr(holder, name, plan)

    return done


def detach(model: Model, me: User, given: Given) -> Effect:
    holder, name = _holder(model, me, given)

    def done(_: Any) -> None:
        if isinstance(getattr(holder, name), Plan):
            setattr(holder, name, None)

    return done


def _holder(model: Model, me: User, given: Given, *, plan: Plan | None = None) -> tuple[Any, str]:
    """What has or is to have a plan, and the attribute for it, where the actor may change that."""
    id_, for_members = given["holderId"], given.get("asMemberDefault", False)
    if for_members and not id_.startswith("team_"):
        refuse(("BAD_INPUT", "asMemberDefault"))
    missing = [("NOT_FOUND", "budgetId")] if "budgetId" in given and plan is None else []
    things = {each: thing for each, thing, _ in model.holders() if _sees(model, me, thing)}
    if id_ not in things:
        missing.append(("NOT_FOUND", "holderId"))
    refuse(*missing)
    require(ranks(me), holderId=PLATFORM)
    check_version(given)
    return things[id_], "member_budget" if for_members else "budget"


def _sees(model: Model, me: User, thing: Any) -> bool:
    match thing:
        case Organization():
            return sees_organization(model, me, thing)
        case Team():
            return sees_team(me, thing)
        case User():
            return sees_user(model, me, thing)
        case Key():
            return sees_key(me, thing)
        case Membership():
            return _sees_membership(model, me, thing)
    raise TypeError(thing)


def _sees_membership(model: Model, me: User, membership: Membership) -> bool:
    for team in model.teams.values():
        if membership in team.members.values():
            return sees_team(me, team)
    return any(
        user is me or reads(me, organization)
        for organization in model.organizations.values()
        for user, each in organization.members.items()
        if each is membership
    )
