"""Predictions of what is done to organizations and their members."""

from typing import Any

from stateful import people
from stateful.model import DEFAULT, Membership, Model, Organization, User
from stateful.rules import (
    ORGANIZATION,
    PLATFORM,
    Effect,
    Given,
    below_teams,
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
from stateful.sight import sees_organization


def find_organization(model: Model, me: User, id: str, path: str) -> Organization:
    found: Organization = find(
        model.organizations, id, lambda each: sees_organization(model, me, each), path
    )
    return found


def create(model: Model, me: User, given: Given) -> Effect:
    refuse(*contradictions(given.get("budget"), "budget"))
    require(ranks(me), _=PLATFORM)
    external_id = given.get("externalId")
    check_free(model.organizations.values(), "external_id", external_id, "externalId")

    def done(payload: Any) -> None:
        id_ = payload["organization"]["id"]
        budget = resulting(None, given.get("budget"))
        model.organizations[id_] = Organization(id_, given["name"], external_id, budget)

    return done


def update(model: Model, me: User, given: Given) -> Effect:
    refuse(*contradictions(given.get("budget"), "budget"))
    organization = find_organization(model, me, given["id"], "id")
    needed = {"name": ORGANIZATION, "externalId": PLATFORM, "budget": PLATFORM}
    asked = {name: needed[name] for name in needed if name in given}
    require(ranks(me, organization), **(asked or {"id": ORGANIZATION}))
    check_version(given)
    if organization.id == DEFAULT and "externalId" in given:
        refuse(("CONFLICT", "externalId"))
    budget = organization.budget
    if "budget" in given:
        limits = resulting(budget, given["budget"])
        refuse(*contradictions(limits, "budget"))
        below = below_teams(model, organization, limits, "budget")
        with tentatively(organization, budget=limits):
            rates = overbooked(model, organization)
        refuse(*beside(below, (f"budget.{rate}" for rate in rates)))
        budget = kept(budget, limits)
    external_id = given.get("externalId", organization.external_id)
    others = model.organizations.values()
    check_free(others, "external_id", external_id, "externalId", but=organization)

    def done(_: Any) -> None:
        organization.name = given.get("name", organization.name)
        organization.external_id, organization.budget = external_id, budget

    return done


def delete(model: Model, me: User, given: Given) -> Effect:
    organization = find_organization(model, me, given["id"], "id")
    require(ranks(me, organization), id=PLATFORM)
    teams = model.teams_of(organization)
    if organization.id == DEFAULT or (teams and not given.get("cascade")):
        refuse(("CONFLICT", "id"))

    def done(_: Any) -> None:
        for team in teams:
            model.end_team(team)
        model.forget(model.organizations, organization.id)

    return done


def members_add(model: Model, me: User, given: Given) -> Effect:
    persons = given["members"]
    people.check_new(persons)
    organization = find_organization(model, me, given["organizationId"], "organizationId")
    require(ranks(me, organization), organizationId=ORGANIZATION)
    additions = people.Additions(model, persons, given.get("mode"))
    for place, (person, user) in enumerate(zip(persons, additions.users, strict=True)):
        if user is None and "userId" in person:
            additions.against(place, "NOT_FOUND")
        elif user in organization.members:
            additions.against(place, "CONFLICT", already=True)
    additions.judge()

    def done(payload: Any) -> None:
        for place, user in additions.joined(payload):
            budget = resulting(None, persons[place].get("budget"))
            organization.members[user] = Membership("", persons[place]["role"], budget)

    return done


def member_update(model: Model, me: User, given: Given) -> Effect:
    refuse(*contradictions(given.get("budget"), "budget"))
    organization = find_organization(model, me, given["organizationId"], "organizationId")
    held = ranks(me, organization)
    require(held, organizationId=ORGANIZATION)
    (user,) = people.find_members(model, organization.members, [given], path="")
    check_version(given)
    member = organization.members[user]
    role = given.get("role", member.role)
    if role != "ADMIN" and "platform" not in held:
        refuse(*people.last_admins(organization.members, {user: "role"}))
    budget = member.budget
    if "budget" in given:
        limits = resulting(budget, given["budget"])
        refuse(*contradictions(limits, "budget"))
        budget = kept(budget, limits)

    def done(_: Any) -> None:
        member.role, member.budget = role, budget

    return done


def members_remove(model: Model, me: User, given: Given) -> Effect:
    persons = given["members"]
    people.check_new(persons)
    organization = find_organization(model, me, given["organizationId"], "organizationId")
    held = ranks(me, organization)
    oneself = {"oneself"} if all(each.get("userId") == me.id for each in persons) else set()
    require(held, organizationId=ORGANIZATION | oneself)
    going = people.find_members(model, organization.members, persons, path="members")
    paths = dict(zip(going, people.paths(persons), strict=True))
    teams = [] if organization.id == DEFAULT else model.teams_of(organization)
    if "platform" not in held:
        refuse(*people.last_admins(organization.members, paths))
        if "organization" not in held:
            refuse(*(each for team in teams for each in people.last_admins(team.members, paths)))

    def done(_: Any) -> None:
        for user in going:
            for team in teams:
                if team.members.pop(user, None):
                    model.end_keys(team=team, user=user)
            del organization.members[user]

    return done
