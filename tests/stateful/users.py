"""Predictions of what is done to users."""

from typing import Any

from stateful.model import Model, User
from stateful.people import last_admins
from stateful.rules import (
    PLATFORM,
    Effect,
    Given,
    check_free,
    check_version,
    contradictions,
    find,
    kept,
    ranks,
    refuse,
    require,
    resulting,
)
from stateful.sight import sees_user


def find_user(model: Model, me: User, id: str, path: str) -> User:
    found: User = find(model.users, id, lambda user: sees_user(model, me, user), path)
    return found


def create(model: Model, me: User, given: Given) -> Effect:
    refuse(*contradictions(given.get("budget"), "budget"))
    require(ranks(me), _=PLATFORM)
    check_free(model.users.values(), "email", given.get("email"), "email")

    def done(payload: Any) -> None:
        id_ = payload["user"]["id"]
        model.users[id_] = User(id_, given["name"], given.get("email"), given["role"])
        model.users[id_].budget = resulting(None, given.get("budget"))

    return done


def update(model: Model, me: User, given: Given) -> Effect:
    refuse(*contradictions(given.get("budget"), "budget"))
    user = find_user(model, me, given["id"], "id")
    require(ranks(me), id=PLATFORM)
    check_version(given)
    role = given.get("role", user.role)
    if role != "ADMIN":
        refuse(*_last_of_platform(model, user, "role"))
    budget = user.budget
    if "budget" in given:
        limits = resulting(budget, given["budget"])
        refuse(*contradictions(limits, "budget"))
        budget = kept(budget, limits)
    email = given.get("email", user.email)
    check_free(model.users.values(), "email", email, "email", but=user)

    def done(_: Any) -> None:
        user.name, user.email = given.get("name", user.name), email
        user.role, user.budget = role, budget

    return done


def block(model: Model, me: User, given: Given) -> Effect:
    user = find_user(model, me, given["id"], "id")
    require(ranks(me), id=PLATFORM)
    refuse(*_last_of_platform(model, user, "id"))

    def done(_: Any) -> None:
        user.blocked = True

    return done


def unblock(model: Model, me: User, given: Given) -> Effect:
    user = find_user(model, me, given["id"], "id")
    require(ranks(me), id=PLATFORM)

    def done(_: Any) -> None:
        user.blocked = False

    return done


def delete(model: Model, me: User, given: Given) -> Effect:
    user = find_user(model, me, given["id"], "id")
    require(ranks(me), id=PLATFORM)
    places = [*model.organizations.values(), *model.teams.values()]
    refuse(*(each for place in places for each in last_admins(place.members, {user: "id"})))
    refuse(*_last_of_platform(model, user, "id"))

    def done(_: Any) -> None:
        model.end_keys(user=user)
        for place in places:
            place.members.pop(user, None)
        model.forget(model.users, user.id)

    return done


def _last_of_platform(model: Model, user: User, path: str) -> list[tuple[str, str]]:
    return [("CONFLICT", path)] if model.platform_admins() == [user] else []
