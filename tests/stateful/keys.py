"""Predictions of what is done to keys."""

from typing import Any

from stateful.model import Key, Model, Slot, Team, User
from stateful.rules import (
    PLATFORM,
    TEAM,
    Effect,
    Given,
    Refusal,
    above,
    check_version,
    contradictions,
    find,
    kept,
    ranks,
    refuse,
    require,
    resulting,
)
from stateful.sight import sees_key
from stateful.teams import find_team
from stateful.users import find_user


def find_key(model: Model, me: User, id: str, path: str) -> Key:
    found: Key = find(model.keys, id, lambda key: sees_key(me, key), path)
    return found


def _ranks(me: User, key: Key) -> set[str]:
    """A personal key is one's own."""
    held = ranks(me, team=key.team)
    return held if key.team is None and key.user is me else held - {"oneself"}


MASTERS = TEAM | {"oneself"}


def create(model: Model, me: User, given: Given) -> Effect:
    team_id, user_id = given.get("teamId"), given.get("userId")
    if team_id is None and user_id is None:
        user_id = me.id
    scopes = given.get("scopes", ["MANAGE"] if team_id is None else ["INFER"])
    problems: list[Refusal] = []
    if user_id is None and "MANAGE" in scopes:
        problems.append(("BAD_INPUT", "scopes"))
    refuse(*contradictions(given.get("budget"), "budget"), *problems)
    team = user = None
    if team_id is not None:
        team = find_team(model, me, team_id, "teamId")
        require(ranks(me, team=team) - {"oneself"}, teamId=TEAM)
    if user_id is not None:
        user = find_user(model, me, user_id, "userId")
        if team is None:
            require(ranks(me), userId={"oneself"} if user is me else PLATFORM)
        elif user not in team.members:
            refuse(("CONFLICT", "userId"))
    refuse(*_beyond(me, user, scopes, "scopes"))
    limits = resulting(None, given.get("budget"))
    refuse(*above(limits, _parent(team, user), "budget"))
    alias = given.get("alias")
    refuse(*_namesakes(model, alias, team, user, "alias"))

    def done(payload: Any) -> None:
        id = payload["apiKey"]["id"]
        model.keys[id] = Key(id, alias, user, team, scopes, payload["secret"], budget=limits)

    return done


def _parent(team: Team | None, user: User | None) -> Slot:
    """What limits a key: its team's budget, or that of a personal key's user."""
    return team.budget if team else user.budget if user else None


def _beyond(me: User, user: User | None, scopes: list[str], path: str) -> list[Refusal]:
    """Who holds a secret with MANAGE is its user: for oneself and for platform admins only."""
    allowed = user is me or bool(ranks(me) & PLATFORM)
    return [] if allowed or "MANAGE" not in scopes else [("FORBIDDEN", path)]


def _namesakes(
    model: Model,
    alias: str | None,
    team: Team | None,
    user: User | None,
    path: str,
    but: Key | None = None,
) -> list[Refusal]:
    """An alias is unique among the keys of a team, or among the personal ones of a user."""
    taken = [
        key
        for key in model.keys.values()
        if key is not but
        and key.name is not None
        and key.name == alias
        and key.team is team
        and (team is not None or key.user is user)
    ]
    return [("CONFLICT", path)] if taken else []


def update(model: Model, me: User, given: Given) -> Effect:
    refuse(*contradictions(given.get("budget"), "budget"))
    key = find_key(model, me, given["id"], "id")
    asked = [name for name in ("alias", "scopes", "budget") if name in given] or ["id"]
    require(_ranks(me, key), **dict.fromkeys(asked, MASTERS))
    check_version(given)
    scopes = given.get("scopes", key.scopes)
    if key.user is None and "MANAGE" in scopes:
        refuse(("BAD_INPUT", "scopes"))
    more = [scope for scope in scopes if scope not in key.scopes]
    refuse(*_beyond(me, key.user, more, "scopes"))
    budget = key.budget
    if "budget" in given:
        limits = resulting(budget, given["budget"])
        refuse(
            *contradictions(limits, "budget"),
            *above(limits, _parent(key.team, key.user), "budget"),
        )
        budget = kept(budget, limits)
    alias = given.get("alias", key.name)
    refuse(*_namesakes(model, alias, key.team, key.user, "alias", but=key))

    def done(_: Any) -> None:
        key.name, key.scopes, key.budget = alias, scopes, budget

    return done


def block(model: Model, me: User, given: Given) -> Effect:
    return _set_blocked(model, me, given, blocked=True)


def unblock(model: Model, me: User, given: Given) -> Effect:
    return _set_blocked(model, me, given, blocked=False)


def _set_blocked(model: Model, me: User, given: Given, *, blocked: bool) -> Effect:
    key = find_key(model, me, given["id"], "id")
    require(_ranks(me, key), id=MASTERS)

    def done(_: Any) -> None:
        key.blocked = blocked

    return done


def rotate(model: Model, me: User, given: Given) -> Effect:
    key = find_key(model, me, given["id"], "id")
    require(_ranks(me, key), id=MASTERS)
    refuse(*_beyond(me, key.user, key.scopes, "id"))

    def done(payload: Any) -> None:
        assert payload["secret"] != key.secret
        key.secret = payload["secret"]

    return done


def delete(model: Model, me: User, given: Given) -> Effect:
    places = {id: place for place, id in reversed(list(enumerate(given["ids"])))}
    seen = {id for id, key in model.keys.items() if sees_key(me, key)}
    refuse(*(("NOT_FOUND", f"ids.{place}") for id, place in places.items() if id not in seen))
    refuse(
        *(
            ("FORBIDDEN", f"ids.{place}")
            for id, place in places.items()
            if not _ranks(me, model.keys[id]) & MASTERS
        )
    )

    def done(_: Any) -> None:
        for id in places:
            model.forget(model.keys, id)

    return done
