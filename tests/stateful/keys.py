"""Predictions of what is done to keys."""

from typing import Any

from stateful.model import Key, Limits, Model, Slot, Team, User
from stateful.rules import (
    NO_LIMITS,
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
    raised,
    ranks,
    refuse,
    require,
    resulting,
)
from stateful.sight import sees_key, sees_team
from stateful.teams import find_team
from stateful.users import find_user


def find_key(model: Model, me: User, id: str, path: str) -> Key:
    found: Key = find(model.keys, id, lambda key: sees_key(me, key), path)
    return found


MASTERS = TEAM | {"oneself"}


def _ranks(me: User, key: Key) -> set[str]:
    """A personal key is one's own; of one's key in a team, the team says what one may do."""
    held = ranks(me, team=key.team)
    if key.team is None and key.user is me:
        return held
    return (held - {"oneself"}) | (_let(me, key.team) if key.team and key.user is me else set())


def _let(me: User, team: Team) -> set[str]:
    return team.lets(me) if ranks(me) else set()


def _creators(me: User, team: Team, user_id: str | None) -> tuple[set[str], frozenset[str]]:
    """As what an actor may make a key in a team, and what it takes: for others, to be an admin."""
    held = ranks(me, team=team) - {"oneself"}
    permission = "SERVICE_KEY_CREATE" if user_id is None else "KEY_CREATE"
    return held | (_let(me, team) if user_id in {None, me.id} else set()), TEAM | {permission}


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
        held, needed = _creators(me, team, user_id)
        require(held, teamId=needed)
    if user_id is not None:
        user = find_user(model, me, user_id, "userId")
        if team is None:
            require(ranks(me), userId={"oneself"} if user is me else PLATFORM)
        elif user not in team.members:
            refuse(("CONFLICT", "userId"))
    limits = resulting(None, given.get("budget"))
    beyond = _beyond_member(me, team, limits) if team and user is None else []
    refuse(*_beyond(me, user, scopes, "scopes"), *beyond)
    alias = given.get("alias")
    refuse(*_namesakes(model, alias, team, user, "alias"))
    refuse(*above(limits, _parent(team, user), "budget"))

    def done(payload: Any) -> None:
        id_ = payload["apiKey"]["id"]
        model.keys[id_] = Key(id_, alias, user, team, scopes, payload["secret"], budget=limits)

    return done


def _parent(team: Team | None, user: User | None) -> Slot:
    """What limits a key: its team's budget, or that of a personal key's user."""
    return team.budget if team else user.budget if user else None


def _beyond(me: User, user: User | None, scopes: list[str], path: str) -> list[Refusal]:
    """Who holds a secret with MANAGE is its user: for oneself and for platform admins only."""
    allowed = user is me or bool(ranks(me) & PLATFORM)
    return [] if allowed or "MANAGE" not in scopes else [("FORBIDDEN", path)]


def _beyond_member(me: User, team: Team, limits: Limits | None) -> list[Refusal]:
    """A mere member gives a service no more than they have; no limit is more than any."""
    if ranks(me, team=team) & TEAM:
        return []
    own = team.members[me].budget
    ceiling = team.member_budget if own is None else own
    return [*raised(limits or NO_LIMITS, None, ceiling, "budget")]


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
    require(_ranks(me, key), **dict.fromkeys(asked, MASTERS | {"KEY_UPDATE"}))
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
    require(_ranks(me, key), id=MASTERS | {"KEY_BLOCK"})
    if key.blocked and not blocked:
        refuse(*_beyond(me, key.user, key.scopes, "id"))

    def done(_: Any) -> None:
        key.blocked = blocked

    return done


def rotate(model: Model, me: User, given: Given) -> Effect:
    key = find_key(model, me, given["id"], "id")
    require(_ranks(me, key), id=MASTERS | {"KEY_ROTATE"})
    refuse(*_beyond(me, key.user, key.scopes, "id"))

    def done(payload: Any) -> None:
        assert payload["secret"] != key.secret
        key.secret = payload["secret"]

    return done


def delete(model: Model, me: User, given: Given) -> Effect:
    places = {id_: place for place, id_ in reversed(list(enumerate(given["ids"])))}
    seen = {id_ for id_, key in model.keys.items() if sees_key(me, key)}
    refuse(*(("NOT_FOUND", f"ids.{place}") for id_, place in places.items() if id_ not in seen))
    refuse(
        *(
            ("FORBIDDEN", f"ids.{place}")
            for id_, place in places.items()
            if not _ranks(me, model.keys[id_]) & (MASTERS | {"KEY_DELETE"})
        )
    )

    def done(_: Any) -> None:
        for id_ in places:
            model.forget(model.keys, id_)

    return done


def move(model: Model, me: User, given: Given) -> Effect:
    """It takes who may delete it where it is, and create it where it goes."""
    key, team = model.keys.get(given["id"]), model.teams.get(given["teamId"])
    missing = [("NOT_FOUND", "id")] if key is None or not sees_key(me, key) else []
    if team is None or not sees_team(me, team):
        missing.append(("NOT_FOUND", "teamId"))
    refuse(*missing)
    assert key
    assert team
    held, needed = _creators(me, team, key.user and key.user.id)
    problems = []
    if not _ranks(me, key) & (MASTERS | {"KEY_DELETE"}):
        problems.append(("FORBIDDEN", "id"))
    if not held & needed:
        problems.append(("FORBIDDEN", "teamId"))
    refuse(*problems)
    check_version(given)
    if key.team is None:
        refuse(("CONFLICT", "id"))
    if key.team is not team:
        against = [*above(key.budget, team.budget, "teamId")]
        if key.user is not None and key.user not in team.members:
            against.append(("CONFLICT", "teamId"))
        refuse(*against, *_namesakes(model, key.name, team, None, "teamId", but=key))

    def done(_: Any) -> None:
        key.team = team

    return done
