"""The small model of everything: what there is, who belongs to what, and who is what to whom.

It states the contract by itself: nothing of the product's policy or rules is asked.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

DEFAULT = "org_00000000000000000000000000"
NAMES = ("maxBudget", "softBudget", "tpmLimit", "rpmLimit")
RATES = ("tpmLimit", "rpmLimit")
UNDER_PARENT = ("maxBudget", "tpmLimit", "rpmLimit")
Limits = dict[str, int | None]


@dataclass(eq=False, repr=False)
class Thing:
    id: str
    name: str

    def __repr__(self) -> str:
        return f"<{self.name}>"


@dataclass(eq=False, repr=False)
class Plan(Thing):
    limits: Limits


Slot = Limits | Plan | None
"""What stands where something may have a budget: limits of its own, a plan, or nothing."""


@dataclass(eq=False, repr=False)
class Membership:
    id: str
    role: str
    budget: Slot = None


@dataclass(eq=False, repr=False)
class User(Thing):
    email: str | None
    role: str
    blocked: bool = False
    budget: Slot = None


@dataclass(eq=False, repr=False)
class Organization(Thing):
    external_id: str | None = None
    budget: Slot = None
    members: dict[User, Membership] = field(default_factory=dict)

    def role_of(self, user: User) -> str | None:
        return self.members[user].role if user in self.members else None

    def has(self, user: User) -> bool:
        """Everybody belongs to the built-in organization."""
        return self.id == DEFAULT or user in self.members


@dataclass(eq=False, repr=False)
class Team(Thing):
    organization: Organization
    external_id: str | None = None
    joinable: bool = False
    blocked: bool = False
    budget: Slot = None
    member_budget: Slot = None
    permissions: list[str] | None = None
    guaranteed: frozenset[str] = frozenset()
    members: dict[User, Membership] = field(default_factory=dict)

    def role_of(self, user: User) -> str | None:
        return self.members[user].role if user in self.members else None

    def lets(self, user: User) -> set[str]:
        """What a mere member may do with keys; nothing, if they are none."""
        if self.role_of(user) != "MEMBER":
            return set()
        return {"KEY_READ"} if self.permissions is None else set(self.permissions)


@dataclass(eq=False, repr=False)
class Key(Thing):
    """Its name is its alias, or nothing."""

    user: User | None
    team: Team | None
    scopes: list[str]
    secret: str
    blocked: bool = False
    budget: Slot = None

    @property
    def kind(self) -> str:
        if self.team is None:
            return "PERSONAL"
        return "SERVICE" if self.user is None else "MEMBER"


def limits_of(slot: Slot) -> Limits | None:
    return slot.limits if isinstance(slot, Plan) else slot


@dataclass
class Model:
    """Things by their ids, oldest first; `gone` are ids of what was there once.

    `newcomers` are users whom an addition made, and whose ids are still to be learned.
    """

    organizations: dict[str, Organization]
    users: dict[str, User] = field(default_factory=dict)
    teams: dict[str, Team] = field(default_factory=dict)
    keys: dict[str, Key] = field(default_factory=dict)
    plans: dict[str, Plan] = field(default_factory=dict)
    newcomers: list[User] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)

    def holders(self) -> Iterator[tuple[str, Any, str]]:
        """Everything that can have a budget: its id, the thing, and the attribute of the budget."""
        for thing in (*self.organizations.values(), *self.users.values(), *self.keys.values()):
            yield thing.id, thing, "budget"
        for team in self.teams.values():
            yield team.id, team, "budget"
            yield team.id, team, "member_budget"
        for place in (*self.organizations.values(), *self.teams.values()):
            for membership in place.members.values():
                yield membership.id, membership, "budget"

    def user_by_email(self, email: str) -> User | None:
        return next((u for u in self.users.values() if u.email == email), None)

    def teams_of(self, organization: Organization) -> list[Team]:
        return [team for team in self.teams.values() if team.organization is organization]

    def platform_admins(self) -> list[User]:
        return [user for user in self.users.values() if user.role == "ADMIN" and not user.blocked]

    def secret_of(self, user: User) -> str | None:
        """Of a key that acts as the user now."""
        keys = [key for key in self.keys.values() if key.user is user and not user.blocked]
        able = [k for k in keys if k.team is None and "MANAGE" in k.scopes and not k.blocked]
        return able[0].secret if able else None

    def forget(self, things: dict[str, Any], id: str) -> None:
        del things[id]
        self.gone.append(id)

    def end_keys(self, *, team: Team | None = None, user: User | None = None) -> None:
        """Delete the keys of a team, of a user, or of a user in a team."""
        for key in list(self.keys.values()):
            if (team is None or key.team is team) and (user is None or key.user is user):
                self.forget(self.keys, key.id)

    def end_team(self, team: Team) -> None:
        self.end_keys(team=team)
        self.forget(self.teams, team.id)
