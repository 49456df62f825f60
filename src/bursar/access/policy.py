"""The policy, on one page: which relation to an object lets an actor do what.

Each line is an action; each column a relation that an actor can have to the object, by what is
stored. An actor may act if any of their relations has a mark, and nobody else may. A platform VIEWER
or USER_VIEWER has no mark anywhere: they change nothing, whatever else they are. Who may *see* an
object is decided in visibility.py; what is not seen is not found, before this page is asked.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

from bursar.access.actor import Actor
from bursar.domain.errors import Forbidden


class Action(StrEnum):
    ORGANIZATION_CREATE = "organization:create"
    ORGANIZATION_DELETE = "organization:delete"
    ORGANIZATION_LIMIT = "organization:limit"
    ORGANIZATION_UPDATE = "organization:update"
    ORGANIZATION_MEMBERS_ADD = "organization_members:add"
    TEAM_CREATE = "team:create"
    TEAM_UPDATE = "team:update"
    TEAM_LIMIT = "team:limit"
    TEAM_BLOCK = "team:block"
    TEAM_DELETE = "team:delete"
    TEAM_MEMBERS_ADD = "team_members:add"
    TEAM_MEMBER_UPDATE = "team_member:update"
    TEAM_MEMBERS_REMOVE = "team_members:remove"
    TEAM_MEMBER_BUDGET_UPDATE = "team_member_budget:update"
    USER_CREATE = "user:create"
    USER_UPDATE = "user:update"
    USER_DELETE = "user:delete"
    USER_BLOCK = "user:block"
    API_KEY_CREATE = "api_key:create"


class Marks(NamedTuple):
    platform_admin: bool
    organization_admin: bool
    team_admin: bool
    self: bool


yes, no = True, False

# The deed completes the sentence "You are not allowed to …".
# fmt: off
POLICY: dict[Action, tuple[str, Marks]] = {
    #                                                                                  platform organization team
    #                                                                                  admin    admin        admin  self
    Action.ORGANIZATION_CREATE:       ("create an organization",                   Marks(yes,     no,          no,    no)),
    Action.ORGANIZATION_DELETE:       ("delete this organization",                 Marks(yes,     no,          no,    no)),
    Action.ORGANIZATION_LIMIT:        ("set the limits of this organization",      Marks(yes,     no,          no,    no)),
    Action.ORGANIZATION_UPDATE:       ("change this organization",                 Marks(yes,     yes,         no,    no)),
    Action.ORGANIZATION_MEMBERS_ADD:  ("add members to this organization",         Marks(yes,     yes,         no,    no)),
    Action.TEAM_CREATE:               ("create a team in this organization",       Marks(yes,     yes,         no,    no)),
    Action.TEAM_UPDATE:               ("change this team",                         Marks(yes,     yes,         yes,   no)),
    Action.TEAM_LIMIT:                ("set the budget or external id of this team", Marks(yes,   yes,         no,    no)),
    Action.TEAM_BLOCK:                ("block or unblock this team",               Marks(yes,     yes,         no,    no)),
    Action.TEAM_DELETE:               ("delete this team",                         Marks(yes,     yes,         no,    no)),
    Action.TEAM_MEMBERS_ADD:          ("add members to this team",                 Marks(yes,     yes,         yes,   no)),
    Action.TEAM_MEMBER_UPDATE:        ("change members of this team",              Marks(yes,     yes,         yes,   no)),
    Action.TEAM_MEMBERS_REMOVE:       ("remove others from this team",             Marks(yes,     yes,         yes,   yes)),
    Action.TEAM_MEMBER_BUDGET_UPDATE: ("set the default budget of members",        Marks(yes,     yes,         yes,   no)),
    Action.USER_CREATE:               ("create a user",                            Marks(yes,     no,          no,    no)),
    Action.USER_UPDATE:               ("change this user",                         Marks(yes,     no,          no,    no)),
    Action.USER_DELETE:               ("delete this user",                         Marks(yes,     no,          no,    no)),
    Action.USER_BLOCK:                ("block or unblock this user",               Marks(yes,     no,          no,    no)),
    Action.API_KEY_CREATE:            ("create a key for this user",               Marks(yes,     no,          no,    yes)),
}
# fmt: on


class Relation(StrEnum):
    """What an actor can be to an object; the columns of the table."""

    PLATFORM_ADMIN = "platform_admin"
    ORGANIZATION_ADMIN = "organization_admin"
    TEAM_ADMIN = "team_admin"
    SELF = "self"


def permits(actor: Actor, action: Action, relations: Iterable[Relation] = ()) -> bool:
    """Whether the actor, who has these relations to the object, may do this."""
    if actor.only_reads:
        return False
    row = POLICY[action][1]
    if actor.administers_all and row.platform_admin:
        return True
    return any(getattr(row, relation) for relation in relations)


def forbidden(action: Action, *path: str | int) -> Forbidden:
    return Forbidden(*path, deed=POLICY[action][0])
