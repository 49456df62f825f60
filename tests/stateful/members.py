"""Predictions of what is done to the members of teams."""

from collections.abc import Sequence
from typing import Any

from stateful import people, teams
from stateful.model import DEFAULT, Membership, Model, Team, User
from stateful.rules import (
    ORGANIZATION,
    TEAM,
    Effect,
    Given,
    Refusal,
    check_version,
    contradictions,
    kept,
    raised,
    ranks,
    refuse,
    require,
    resulting,
)
from stateful.sight import may_join, sees_team, sees_user


def add(model: Model, me: User, given: Given) -> Effect:
    add_to_organization, all_users = (
        given.get(name, False) for name in ("addToOrganization", "allUsers")
    )
    persons = given["members"]
    people.check_new(persons)
    team = teams.find_team(model, me, given["teamId"], "teamId")
    needed = {"teamId": TEAM}
    if add_to_organization:
        needed["addToOrganization"] = ORGANIZATION
    if all_users:
        needed["allUsers"] = ORGANIZATION
    held = ranks(me, team=team)
    require(held, **needed)
    if all_users:
        return _everybody(model, team)
    return judge(
        model,
        me,
        team,
        persons,
        invites=bool(held & ORGANIZATION),
        add_to_organization=add_to_organization,
        mode=given.get("mode"),
    )


def _everybody(model: Model, team: Team) -> Effect:
    everybody = [user for user in model.users.values() if team.organization.has(user)]
    newcomers = [user for user in everybody if user not in team.members]

    def done(payload: Any) -> None:
        counts = len(newcomers), len(everybody) - len(newcomers)
        assert (payload["added"], payload["alreadyMembers"]) == counts
        for user in newcomers:
            team.members[user] = Membership("", "MEMBER")

    return done


def judge(
    model: Model,
    me: User,
    team: Team,
    persons: Sequence[Given],
    *,
    invites: bool,
    add_to_organization: bool,
    mode: str | None = None,
) -> Effect:
    """What becomes of people who are to join a team.

    `invites`: the actor may add to the organization, and so hears of people outside it whom they see.
    """
    organization = team.organization
    additions = people.Additions(model, persons, mode)
    budgets: dict[int, Refusal] = {}
    for place, (person, user) in enumerate(zip(persons, additions.users, strict=True)):
        limits = _limits_of_new(team, person)
        for refusal in contradictions(limits, "members", str(place), "budget"):
            budgets[place] = refusal
        if user is not None and organization.has(user):
            if user in team.members:
                additions.against(place, "CONFLICT", already=True)
            continue
        may_be_made = user is not None or "userId" not in person
        if may_be_made and invites and (organization.id == DEFAULT or add_to_organization):
            continue
        seen = me.role == "ADMIN" or (user is not None and sees_user(model, me, user))
        additions.against(place, "CONFLICT" if may_be_made and invites and seen else "NOT_FOUND")
    additions.judge(budgets)

    def done(payload: Any) -> None:
        for place, user in additions.joined(payload):
            limits = _limits_of_new(team, persons[place])
            team.members[user] = Membership("", persons[place]["role"], limits)
            if organization.id != DEFAULT:
                organization.members.setdefault(user, Membership("", "MEMBER"))

    return done


def _limits_of_new(team: Team, person: Given) -> Any:
    """What is not named of a budget is as in the team's default."""
    return resulting(team.member_budget, person["budget"]) if "budget" in person else None


def update(model: Model, me: User, given: Given) -> Effect:
    refuse(*contradictions(given.get("budget"), "budget"))
    team = teams.find_team(model, me, given["teamId"], "teamId")
    held = ranks(me, team=team)
    require(held, teamId=TEAM)
    (user,) = people.find_members(model, team.members, [given], path="")
    check_version(given)
    member = team.members[user]
    role = given.get("role", member.role)
    higher = bool(held & ORGANIZATION)
    if role != "ADMIN" and not higher:
        refuse(*people.last_admins(team.members, {user: "role"}))
    budget = member.budget
    if "budget" in given:
        limits = resulting(team.member_budget if budget is None else budget, given["budget"])
        problems = [*contradictions(limits, "budget")]
        if user is me and not higher:
            problems += raised(limits, budget, team.member_budget, "budget")
        refuse(*problems)
        budget = kept(budget, limits)

    def done(_: Any) -> None:
        member.role, member.budget = role, budget

    return done


def remove(model: Model, me: User, given: Given) -> Effect:
    persons = given["members"]
    people.check_new(persons)
    team = teams.find_team(model, me, given["teamId"], "teamId")
    held = ranks(me, team=team)
    oneself = {"oneself"} if all(each.get("userId") == me.id for each in persons) else set()
    require(held, teamId=TEAM | oneself)
    going = people.find_members(model, team.members, persons, path="members")
    paths = dict(zip(going, people.paths(persons), strict=True))
    if not held & ORGANIZATION:
        refuse(*people.last_admins(team.members, paths))
    return _end(model, team, going)


def leave(model: Model, me: User, given: Given) -> Effect:
    team = teams.find_team(model, me, given["teamId"], "teamId")
    held = ranks(me, team=team)
    require(held, teamId={"oneself"})
    if me not in team.members:
        refuse(("NOT_FOUND", "teamId"))
    if not held & ORGANIZATION:
        refuse(*people.last_admins(team.members, {me: "teamId"}))
    return _end(model, team, [me])


def _end(model: Model, team: Team, going: Sequence[User]) -> Effect:
    def done(_: Any) -> None:
        for user in going:
            del team.members[user]
            model.end_keys(team=team, user=user)

    return done


def join(model: Model, me: User, given: Given) -> Effect:
    team = model.teams.get(given["teamId"])
    if team is None or not (sees_team(me, team) or may_join(me, team)):
        refuse(("NOT_FOUND", "teamId"))
    assert team is not None
    is_member = me in team.members
    require(ranks(me), teamId={"oneself"} if is_member or may_join(me, team) else set())
    if is_member:
        refuse(("CONFLICT", "teamId"))

    def done(_: Any) -> None:
        team.members[me] = Membership("", "MEMBER")

    return done
