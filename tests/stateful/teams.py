"""Predictions of what is done to teams."""

from typing import Any

from stateful import members
from stateful.model import DEFAULT, RATES, Membership, Model, Team, User
from stateful.organizations import find_organization
from stateful.people import check_new, names_oneself
from stateful.rules import (
    ORGANIZATION,
    TEAM,
    Effect,
    Given,
    above,
    beside,
    check_free,
    check_version,
    contradictions,
    find,
    kept,
    overbooked,
    ranks,
    refuse,
    require,
    resulting,
    tentatively,
)
from stateful.sight import sees_organization, sees_team

LEVELS = {"name": TEAM, "joinable": TEAM, "externalId": ORGANIZATION, "budget": ORGANIZATION}
TYPES = {f"{rate}Type": rate for rate in RATES}
LEVELS |= dict.fromkeys(TYPES, ORGANIZATION)


def find_team(model: Model, me: User, id: str, path: str) -> Team:
    found: Team = find(model.teams, id, lambda team: sees_team(me, team), path)
    return found


def create(model: Model, me: User, given: Given) -> Effect:
    budgets = {name: given.get(name) for name in ("budget", "memberBudget")}
    for name, limits in budgets.items():
        refuse(*contradictions(limits, name))
    check_new(given.get("members", ()))
    organization = find_organization(
        model, me, given.get("organizationId", DEFAULT), "organizationId"
    )
    for_higher = {"externalId", "addToOrganization", *TYPES} & {*given}
    require(
        ranks(me, organization),
        organizationId=ORGANIZATION,
        **dict.fromkeys(for_higher, ORGANIZATION),
    )
    own, default = (resulting(None, limits) for limits in budgets.values())
    external_id = given.get("externalId")
    check_free(model.teams.values(), "external_id", external_id, "externalId")
    team = Team("", given["name"], organization, external_id, given["joinable"])
    team.budget, team.member_budget = own, default
    team.guaranteed = _guaranteed(frozenset(), given)
    rates = overbooked(model, organization, team)
    refuse(
        *beside(above(own, organization.budget, "budget"), (_said(given, rate) for rate in rates))
    )
    join = members.judge(
        model,
        me,
        team,
        _with_creator(me, given.get("members", ())),
        invites=True,
        add_to_organization=given.get("addToOrganization", False),
    )

    def done(payload: Any) -> None:
        team.id = payload["team"]["id"]
        model.teams[team.id] = team
        join({})

    return done


def _guaranteed(before: frozenset[str], given: Given) -> frozenset[str]:
    """The rates that are guaranteed after a change."""
    kinds = {rate: given[name] for name, rate in TYPES.items() if name in given}
    return frozenset(r for r in RATES if kinds.get(r, r in before) in {True, "GUARANTEED"})


def _said(given: Given, rate: str) -> str:
    """Where an input says of a rate what cannot be: at the limit, if it is named."""
    kind = f"{rate}Type"
    return kind if kind in given and rate not in (given.get("budget") or {}) else f"budget.{rate}"


def _with_creator(me: User, persons: Any) -> list[Given]:
    """A plain user who makes a team is an admin of it, named or not."""
    if me.role != "USER":
        return list(persons)
    first = [{**each, "role": "ADMIN"} if names_oneself(each, me) else each for each in persons]
    if any(names_oneself(each, me) for each in persons):
        return first
    return [*first, {"userId": me.id, "role": "ADMIN"}]


def update(model: Model, me: User, given: Given) -> Effect:
    refuse(*contradictions(given.get("budget"), "budget"))
    team = find_team(model, me, given["id"], "id")
    asked = {name: LEVELS[name] for name in LEVELS if name in given}
    require(ranks(me, team=team), **(asked or {"id": TEAM}))
    check_version(given)
    budget = team.budget
    if "budget" in given:
        limits = resulting(budget, given["budget"])
        refuse(*contradictions(limits, "budget"))
        budget = kept(budget, limits)
    external_id = given.get("externalId", team.external_id)
    check_free(model.teams.values(), "external_id", external_id, "externalId", but=team)
    guaranteed = _guaranteed(team.guaranteed, given)
    too_much = above(budget, team.organization.budget, "budget") if "budget" in given else ()
    with tentatively(team, budget=budget, guaranteed=guaranteed):
        rates = overbooked(model, team.organization)
    refuse(*beside(too_much, (_said(given, rate) for rate in rates)))

    def done(_: Any) -> None:
        team.name, team.joinable = (
            given.get("name", team.name),
            given.get("joinable", team.joinable),
        )
        team.external_id, team.budget, team.guaranteed = external_id, budget, guaranteed

    return done


def member_budget_update(model: Model, me: User, given: Given) -> Effect:
    refuse(*contradictions(given.get("budget"), "budget"))
    team = find_team(model, me, given["teamId"], "teamId")
    require(ranks(me, team=team), teamId=TEAM)
    check_version(given)
    limits = resulting(team.member_budget, given["budget"])
    refuse(*contradictions(limits, "budget"))

    def done(_: Any) -> None:
        team.member_budget = kept(team.member_budget, limits)

    return done


def member_permissions_update(model: Model, me: User, given: Given) -> Effect:
    team = find_team(model, me, given["teamId"], "teamId")
    require(ranks(me, team=team), teamId=TEAM)
    check_version(given)

    def done(_: Any) -> None:
        team.permissions = given["permissions"]

    return done


def move(model: Model, me: User, given: Given) -> Effect:
    team = model.teams.get(given["id"])
    organization = model.organizations.get(given["organizationId"])
    missing = [("NOT_FOUND", "id")] if team is None or not sees_team(me, team) else []
    if organization is None or not sees_organization(model, me, organization):
        missing.append(("NOT_FOUND", "organizationId"))
    refuse(*missing)
    assert team
    assert organization
    adding = given.get("addToOrganization", False)
    asked = {"id": team.organization, "organizationId": organization}
    asked |= {"addToOrganization": organization} if adding else {}
    refuse(
        *(
            ("FORBIDDEN", path)
            for path, place in asked.items()
            if not ranks(me, place) & ORGANIZATION
        )
    )
    check_version(given)
    outside = [user for user in team.members if not organization.has(user)]
    if organization is not team.organization:
        against = [*above(team.budget, organization.budget, "organizationId")]
        against += [("CONFLICT", "organizationId")] if outside and not adding else []
        with tentatively(team, organization=organization):
            rates = overbooked(model, organization)
        refuse(*beside(against, (f"organizationId.{rate}" for rate in rates)))

    def done(_: Any) -> None:
        team.organization = organization
        for user in outside:
            organization.members[user] = Membership("", "MEMBER")

    return done


def block(model: Model, me: User, given: Given) -> Effect:
    return _set_blocked(model, me, given, blocked=True)


def unblock(model: Model, me: User, given: Given) -> Effect:
    return _set_blocked(model, me, given, blocked=False)


def _set_blocked(model: Model, me: User, given: Given, *, blocked: bool) -> Effect:
    team = find_team(model, me, given["id"], "id")
    require(ranks(me, team=team), id=ORGANIZATION)

    def done(_: Any) -> None:
        team.blocked = blocked

    return done


def delete(model: Model, me: User, given: Given) -> Effect:
    places = {id_: place for place, id_ in reversed(list(enumerate(given["ids"])))}
    seen = {id_ for id_, team in model.teams.items() if sees_team(me, team)}
    refuse(*(("NOT_FOUND", f"ids.{place}") for id_, place in places.items() if id_ not in seen))
    refuse(
        *(
            ("FORBIDDEN", f"ids.{place}")
            for id_, place in places.items()
            if not ranks(me, team=model.teams[id_]) & ORGANIZATION
        )
    )

    def done(payload: Any) -> None:
        assert {*payload["deletedIds"]} == {*places}
        for id_ in places:
            model.end_team(model.teams[id_])

    return done
