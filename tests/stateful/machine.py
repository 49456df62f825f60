"""Random mutations by random actors, done by the API and by the model, which must agree."""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from stateful import keys, members, organizations, plans, teams, users
from stateful.inputs import AUDITOR, EMAILS, INPUTS, Draw, Input
from stateful.model import DEFAULT, NAMES, Key, Model, Organization, User
from stateful.rules import Effect, Given, Refused, refusal_of
from stateful.sight import QUESTION, in_order, seen_by
from stateful.stage import Stage

from bursar.domain.roles import PlatformRole

RESULTS = "results { status error { code path } }"
MOST = 20
"""Of each kind of thing, so that one page shows all of them."""


class Operation(NamedTuple):
    """What the model predicts of a mutation, and what of the payload it asks for."""

    predict: Callable[[Model, User, Given], Effect]
    selection: str = ""


OPERATIONS = {
    "organizationCreate": Operation(organizations.create, "organization { id }"),
    "organizationUpdate": Operation(organizations.update),
    "organizationDelete": Operation(organizations.delete),
    "organizationMembersAdd": Operation(organizations.members_add, RESULTS),
    "organizationMemberUpdate": Operation(organizations.member_update),
    "organizationMembersRemove": Operation(organizations.members_remove),
    "teamCreate": Operation(teams.create, "team { id }"),
    "teamUpdate": Operation(teams.update),
    "teamMemberBudgetUpdate": Operation(teams.member_budget_update),
    "teamMemberPermissionsUpdate": Operation(teams.member_permissions_update),
    "teamMove": Operation(teams.move),
    "teamBlock": Operation(teams.block),
    "teamUnblock": Operation(teams.unblock),
    "teamsDelete": Operation(teams.delete, "deletedIds"),
    "teamMembersAdd": Operation(members.add, f"{RESULTS} added alreadyMembers"),
    "teamMemberUpdate": Operation(members.update),
    "teamMembersRemove": Operation(members.remove),
    "teamJoin": Operation(members.join),
    "teamLeave": Operation(members.leave),
    "userCreate": Operation(users.create, "user { id }"),
    "userUpdate": Operation(users.update),
    "userDelete": Operation(users.delete),
    "userBlock": Operation(users.block),
    "userUnblock": Operation(users.unblock),
    "apiKeyCreate": Operation(keys.create, "apiKey { id } secret"),
    "apiKeyUpdate": Operation(keys.update),
    "apiKeyMove": Operation(keys.move),
    "apiKeyBlock": Operation(keys.block),
    "apiKeyUnblock": Operation(keys.unblock),
    "apiKeyRotate": Operation(keys.rotate, "secret"),
    "apiKeysDelete": Operation(keys.delete),
    "budgetCreate": Operation(plans.create, "budget { id }"),
    "budgetUpdate": Operation(plans.update),
    "budgetDelete": Operation(plans.delete),
    "budgetAttach": Operation(plans.attach),
    "budgetDetach": Operation(plans.detach),
}
CREATIONS = {
    "organizationCreate": "organizations",
    "teamCreate": "teams",
    "userCreate": "users",
    "apiKeyCreate": "keys",
    "budgetCreate": "plans",
}


class Everything(RuleBasedStateMachine):
    """A database that starts with a few people, and all that can be done to it."""

    def __init__(self, stage: Stage, counted: Counter[str]) -> None:
        super().__init__()
        self.stage = stage
        self.counted = counted
        self.model = Model({DEFAULT: Organization(DEFAULT, "Default", "default")})

    def teardown(self) -> None:
        """Every run ends with a database that the doctor finds nothing in."""
        try:
            assert self.stage.violations() == []
        finally:
            self.stage.empty()

    @initialize()
    def people(self) -> None:
        """Two organizations and teams with members; the auditor sees everything and does nothing."""
        roles = [PlatformRole.VIEWER, PlatformRole.ADMIN, PlatformRole.USER_VIEWER]
        for n, role in enumerate([*roles, *[PlatformRole.USER] * 6]):
            person = self.stage.person(
                name=AUDITOR if n == 0 else f"person{n}", role=role, email=EMAILS[n]
            )
            user = User(person.id, person.row.name, person.email, role.value)
            self.model.users[user.id] = user
            self.model.keys[person.key_id] = Key(
                person.key_id, None, user, None, ["MANAGE"], person.secret
            )
        self.auditor, admin, reader, *plain = self.model.users.values()
        for name, some in (("one", plain[:4]), ("two", plain[2:])):
            budget = {"maxBudget": 3, "rpmLimit": 3}
            self.operate(admin, "organizationCreate", {"name": name, "budget": budget})
            organization = list(self.model.organizations)[-1]
            among = [
                {"userId": user.id, "role": role}
                for user, role in zip(
                    [*some, reader], ["ADMIN", "MEMBER", "MEMBER", "VIEWER", "ADMIN"], strict=True
                )
            ]
            self.operate(
                admin, "organizationMembersAdd", {"organizationId": organization, "members": among}
            )
            self.operate(
                admin,
                "teamCreate",
                {
                    "name": name,
                    "organizationId": organization,
                    "joinable": True,
                    "memberBudget": {"maxBudget": 2},
                    "members": [
                        {"userId": some[1].id, "role": "ADMIN"},
                        {"userId": some[2].id, "role": "MEMBER"},
                    ],
                },
            )

    @rule(data=st.data())
    def anything(self, data: Any) -> None:
        """Any mutation, by somebody who may do it as often as by anybody."""
        draw = Draw(data, self.model)
        full = {name for name, kind in CREATIONS.items() if len(getattr(self.model, kind)) >= MOST}
        name = draw.one(name for name in OPERATIONS if name not in full)
        given = INPUTS[name](draw)
        actors = self.actors()
        able = [me for me in actors if not self.keeps_out(me, name, given)]
        self.operate(draw.one(able if able and not draw.chance(2) else actors), name, given)
        if draw.chance(2):
            self.look(draw.one(self.actors()))

    def actors(self) -> list[User]:
        """Who has a key that acts as them."""
        return [user for user in self.model.users.values() if self.model.secret_of(user)]

    def keeps_out(self, me: User, name: str, given: Given) -> bool:
        """Whether it is refused for who they are, whatever else is wrong with it."""
        predicted = self.predict(me, name, given)
        codes = {code for code, _ in getattr(predicted, "refusals", ())}
        return bool(codes & {"NOT_FOUND", "FORBIDDEN"})

    def predict(self, me: User, name: str, given: Given) -> Effect | Refused:
        try:
            return OPERATIONS[name].predict(self.model, me, given)
        except Refused as refused:
            return refused

    def operate(self, me: User, name: str, given: Input) -> None:
        """Do a mutation; what is refused changes nothing, and is not in the audit."""
        note(f"{me} {name} {given}")
        predicted = self.predict(me, name, given)
        recorded = self.stage.entries()
        answer = self.stage.mutate(
            self.model.secret_of(me), name, OPERATIONS[name].selection, wire(given)
        )
        refusals = sorted(map(refusal_of, answer.payload["errors"]))
        if isinstance(predicted, Refused):
            assert refusals == sorted(predicted.refusals)
            assert self.stage.entries() == recorded
        else:
            assert refusals == []
            predicted(answer.payload)
            self.look(self.auditor)
        self.counted["operations done beside the model"] += 1
        self.counted["of them refused"] += isinstance(predicted, Refused)

    def look(self, me: User) -> None:
        """Ask for everything; the answer must be what the model says that the actor sees."""
        answer = self.stage.ask(self.model.secret_of(me), QUESTION)
        assert not answer.errors, answer.errors
        told = in_order(answer.data)
        if me is self.auditor:
            self.learn(told)
        assert list(differences(told, seen_by(self.model, me))) == []

    def learn(self, told: Any) -> None:
        """Take over the ids that no payload told."""
        for node in told["users"]["nodes"]:
            for user in [u for u in self.model.newcomers if u.email == node["email"]]:
                user.id = node["id"]
                self.model.users[user.id] = user
        self.model.newcomers.clear()
        for kind in ("organizations", "teams"):
            things = getattr(self.model, kind)
            for node in told[kind]["nodes"]:
                members = things[node["id"]].members if node["id"] in things else {}
                for member in node["members"]["nodes"]:
                    membership = members.get(self.model.users.get(member["user"]["id"]))
                    if membership is not None and not membership.id:
                        membership.id = member["id"]


def differences(told: Any, expected: Any, *path: str | int) -> Iterator[str]:
    """Each place where the API tells something else than the model."""
    if isinstance(told, dict) and isinstance(expected, dict) and told.keys() == expected.keys():
        for name in told:
            yield from differences(told[name], expected[name], *path, name)
    elif isinstance(told, list) and isinstance(expected, list) and len(told) == len(expected):
        for place, (one, other) in enumerate(zip(told, expected, strict=True)):
            yield from differences(one, other, *path, place)
    elif told != expected:
        yield f"{'.'.join(map(str, path))}: {told} is told, not {expected}"


def wire(given: Any) -> Any:
    """Amounts and counts as strings, as the API takes them."""
    if isinstance(given, list):
        return [wire(each) for each in given]
    if not isinstance(given, dict):
        return given
    return {
        name: str(value) if name in NAMES and value is not None else wire(value)
        for name, value in given.items()
    }
