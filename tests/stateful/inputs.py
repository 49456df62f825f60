"""Inputs of every mutation, drawn from what there is, and sometimes from what was there once."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from hypothesis import strategies as st
from stateful.model import NAMES, RATES, Model

Input = dict[str, Any]
AUDITOR = "auditor"
EMAILS = [f"person{n}@example.com" for n in range(14)]
PERMISSIONS = [
    *("KEY_READ", "KEY_CREATE", "KEY_UPDATE", "KEY_DELETE", "KEY_ROTATE", "KEY_BLOCK"),
    *("SERVICE_KEY_CREATE", "SERVICE_KEY_READ"),
]
NOBODY = "user_7zzzzzzzzzzzzzzzzzzzzzzzzz"


def is_auditor(thing: Any) -> bool:
    """Whether it is who sees everything and does nothing, or their key."""
    return AUDITOR in {thing.name, getattr(getattr(thing, "user", None), "name", None)}


class Draw:
    """What hypothesis chooses among the things of the model."""

    def __init__(self, data: Any, model: Model) -> None:
        self.model = model
        self._data = data

    def one(self, choices: Iterable[Any]) -> Any:
        return self._data.draw(st.sampled_from(list(choices)))

    def chance(self, times: int) -> bool:
        """Whether that happens which does once in so many times."""
        return self.one(range(times)) == times - 1

    def id(self, things: Mapping[str, Any]) -> str:
        gone = self.model.gone[-3:] or [NOBODY]
        return str(self.one(gone if not things or self.chance(15) else things))

    def limits(self) -> Input:
        names = self._data.draw(st.lists(st.sampled_from(NAMES), max_size=2, unique=True))
        return {name: self.one([3, 2, 4, 1, 5, None]) for name in names}

    def budget(self) -> Input | None:
        return None if self.chance(6) else self.limits()

    def some(self, **fields: Callable[[], Any]) -> Input:
        """Each of the fields once in two times."""
        return {name: make() for name, make in fields.items() if self.chance(2)}

    def permissions(self) -> list[str] | None:
        if self.chance(6):
            return None
        return list(self._data.draw(st.lists(st.sampled_from(PERMISSIONS), unique=True)))

    def version(self) -> Input:
        return {"expectedVersion": 0} if self.chance(20) else {}

    def name(self) -> str:
        return str(self.one(["red", "blue", "green"]))

    def person(self) -> Input:
        users = self.model.users
        if self.chance(3):
            return {"email": self.one(EMAILS)}
        person: Input = {"userId": self.id(users)}
        user = users.get(person["userId"])
        if user and user.email and self.chance(8):
            person["email"] = user.email if self.chance(2) else self.one(EMAILS)
        return person

    def persons(self, roles: Iterable[str] = (), *, at_most: int = 3) -> list[Input]:
        persons = []
        for _ in range(self.one(range(1, at_most + 1))):
            person = self.person()
            if roles:
                person["role"] = self.one(roles)
                person |= {"budget": self.limits()} if self.chance(3) else {}
            persons.append(person)
        return persons

    def member(self, place: Any) -> Input:
        """Somebody of a place, or else anybody."""
        if place is None or not place.members or self.chance(6):
            return self.person()
        user = self.one(place.members)
        return {"email": user.email} if user.email and self.chance(4) else {"userId": user.id}


TEAM_ROLES = ("MEMBER", "ADMIN")
ORGANIZATION_ROLES = ("MEMBER", "ADMIN", "VIEWER")
PLATFORM_ROLES = ("USER", "ADMIN", "USER_VIEWER", "VIEWER")


def _mode(draw: Draw) -> Input:
    return {"mode": "BEST_EFFORT"} if draw.chance(2) else {}


def _organization(draw: Draw) -> tuple[Input, Any]:
    id_ = draw.id(draw.model.organizations)
    return {"organizationId": id_}, draw.model.organizations.get(id_)


def _team(draw: Draw) -> tuple[Input, Any]:
    id_ = draw.id(draw.model.teams)
    return {"teamId": id_}, draw.model.teams.get(id_)


def _organization_attributes(draw: Draw) -> Input:
    return draw.some(externalId=draw.name, budget=draw.limits)


def _organization_members_add(draw: Draw) -> Input:
    given, _ = _organization(draw)
    return {**given, "members": draw.persons(ORGANIZATION_ROLES), **_mode(draw)}


def _organization_member_update(draw: Draw) -> Input:
    given, place = _organization(draw)
    changes = draw.some(role=lambda: draw.one(ORGANIZATION_ROLES), budget=draw.budget)
    return {**given, **draw.member(place), **changes, **draw.version()}


def _organization_members_remove(draw: Draw) -> Input:
    given, place = _organization(draw)
    return {**given, "members": [draw.member(place) for _ in range(draw.one([1, 1, 2]))]}


def _kinds(draw: Draw) -> dict[str, Callable[[], str]]:
    return {f"{rate}Type": lambda: draw.one(["GUARANTEED", "BEST_EFFORT"]) for rate in RATES}


def _team_create(draw: Draw) -> Input:
    given = draw.some(
        organizationId=lambda: draw.id(draw.model.organizations),
        externalId=draw.name,
        budget=draw.limits,
        memberBudget=draw.limits,
        members=lambda: draw.persons(TEAM_ROLES),
        **_kinds(draw),
        addToOrganization=lambda: True,
    )
    return {"name": draw.name(), "joinable": draw.chance(2), **given}


def _team_update(draw: Draw) -> Input:
    changes = draw.some(
        name=draw.name,
        joinable=lambda: draw.chance(2),
        externalId=lambda: draw.one(["red", "blue", None]),
        budget=draw.budget,
        **_kinds(draw),
    )
    return {"id": draw.id(draw.model.teams), **changes, **draw.version()}


def _members_add(draw: Draw) -> Input:
    given, _ = _team(draw)
    if draw.chance(8):
        return {**given, "allUsers": True, "members": []}
    adding = {"addToOrganization": True} if draw.chance(2) else {}
    return {**given, "members": draw.persons(TEAM_ROLES), **adding, **_mode(draw)}


def _member_update(draw: Draw) -> Input:
    given, place = _team(draw)
    changes = draw.some(role=lambda: draw.one(TEAM_ROLES), budget=draw.budget)
    return {**given, **draw.member(place), **changes, **draw.version()}


def _members_remove(draw: Draw) -> Input:
    given, place = _team(draw)
    return {**given, "members": [draw.member(place) for _ in range(draw.one([1, 1, 2]))]}


def _user_create(draw: Draw) -> Input:
    given = draw.some(email=lambda: draw.one(EMAILS), budget=draw.limits)
    return {"name": draw.name(), "role": draw.one(PLATFORM_ROLES), **given}


def _user_update(draw: Draw) -> Input:
    changes = draw.some(
        name=draw.name,
        email=lambda: draw.one(EMAILS),
        role=lambda: draw.one(PLATFORM_ROLES),
        budget=draw.budget,
    )
    return {"id": draw.id(_targets(draw, "users")), **changes, **draw.version()}


def _targets(draw: Draw, kind: str) -> dict[str, Any]:
    """All but the auditor and their key, whom the test cannot do without."""
    things = getattr(draw.model, kind)
    return {id_: thing for id_, thing in things.items() if not is_auditor(thing)}


def _key_create(draw: Draw) -> Input:
    given = draw.some(
        teamId=lambda: draw.id(draw.model.teams),
        alias=draw.name,
        scopes=lambda: draw.one([["INFER"], ["MANAGE"], ["MANAGE", "INFER"]]),
        budget=draw.limits,
    )
    if draw.chance(2):
        team = draw.model.teams.get(given.get("teamId", ""))
        members = {user.id: user for user in team.members} if team else {}
        given["userId"] = draw.id(members or draw.model.users)
    return given


def _key_update(draw: Draw) -> Input:
    changes = draw.some(
        alias=lambda: draw.one(["red", "blue", None]),
        scopes=lambda: draw.one([["INFER"], ["MANAGE", "INFER"]]),
        budget=draw.budget,
    )
    return {"id": draw.id(_targets(draw, "keys")), **changes, **draw.version()}


def _holder(draw: Draw) -> Input:
    holders = {id_: thing for id_, thing, _ in draw.model.holders()}
    given: Input = {"holderId": draw.id(holders), **draw.version()}
    if (given["holderId"].startswith("team_") and draw.chance(2)) or draw.chance(20):
        given["asMemberDefault"] = True
    return given


def _id_of(things: str) -> Callable[[Draw], Input]:
    return lambda draw: {"id": draw.id(_targets(draw, things))}


def _ids_of(things: str) -> Callable[[Draw], Input]:
    return lambda draw: {
        "ids": [draw.id(_targets(draw, things)) for _ in range(draw.one([1, 1, 2, 3]))]
    }


INPUTS: dict[str, Callable[[Draw], Input]] = {
    "organizationCreate": lambda draw: {"name": draw.name(), **_organization_attributes(draw)},
    "organizationUpdate": lambda draw: {
        **_id_of("organizations")(draw),
        **draw.some(name=draw.name),
        **_organization_attributes(draw),
        **draw.version(),
    },
    "organizationDelete": lambda draw: {
        **_id_of("organizations")(draw),
        "cascade": draw.chance(2),
    },
    "organizationMembersAdd": _organization_members_add,
    "organizationMemberUpdate": _organization_member_update,
    "organizationMembersRemove": _organization_members_remove,
    "teamCreate": _team_create,
    "teamUpdate": _team_update,
    "teamMemberBudgetUpdate": lambda draw: {
        **_team(draw)[0],
        "budget": draw.budget(),
        **draw.version(),
    },
    "teamMemberPermissionsUpdate": lambda draw: {
        **_team(draw)[0],
        "permissions": draw.permissions(),
        **draw.version(),
    },
    "teamMove": lambda draw: {
        **_id_of("teams")(draw),
        "organizationId": draw.id(draw.model.organizations),
        **draw.some(addToOrganization=lambda: True),
        **draw.version(),
    },
    "teamBlock": _id_of("teams"),
    "teamUnblock": _id_of("teams"),
    "teamsDelete": _ids_of("teams"),
    "teamMembersAdd": _members_add,
    "teamMemberUpdate": _member_update,
    "teamMembersRemove": _members_remove,
    "teamJoin": lambda draw: _team(draw)[0],
    "teamLeave": lambda draw: _team(draw)[0],
    "userCreate": _user_create,
    "userUpdate": _user_update,
    "userDelete": _id_of("users"),
    "userBlock": _id_of("users"),
    "userUnblock": _id_of("users"),
    "apiKeyCreate": _key_create,
    "apiKeyUpdate": _key_update,
    "apiKeyMove": lambda draw: {
        **_id_of("keys")(draw),
        "teamId": draw.id(draw.model.teams),
        **draw.version(),
    },
    "apiKeyBlock": _id_of("keys"),
    "apiKeyUnblock": _id_of("keys"),
    "apiKeyRotate": _id_of("keys"),
    "apiKeysDelete": _ids_of("keys"),
    "budgetCreate": lambda draw: {"name": draw.name(), **draw.limits()},
    "budgetUpdate": lambda draw: {
        **_id_of("plans")(draw),
        **draw.some(name=draw.name),
        **draw.limits(),
        **draw.version(),
    },
    "budgetDelete": _id_of("plans"),
    "budgetAttach": lambda draw: {"budgetId": draw.id(draw.model.plans), **_holder(draw)},
    "budgetDetach": _holder,
}
