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
from bursar.domain.roles import MemberPermission


class Action(StrEnum):
    ORGANIZATION_CREATE = "organization:create"
    ORGANIZATION_DELETE = "organization:delete"
    ORGANIZATION_LIMIT = "organization:limit"
    ORGANIZATION_UPDATE = "organization:update"
    ORGANIZATION_MEMBERS_ADD = "organization_members:add"
    ORGANIZATION_MEMBER_UPDATE = "organization_member:update"
    ORGANIZATION_MEMBERS_REMOVE = "organization_members:remove"
    TEAM_CREATE = "team:create"
    TEAM_UPDATE = "team:update"
    TEAM_LIMIT = "team:limit"
    TEAM_MODELS_UPDATE = "team_models:update"
    TEAM_MOVE = "team:move"
    TEAM_GATEWAY_SETTINGS = "team_gateway_settings:update"
    TEAM_BLOCK = "team:block"
    TEAM_DELETE = "team:delete"
    TEAM_MEMBERS_ADD = "team_members:add"
    TEAM_MEMBERS_ADD_ALL = "team_members:add_all"
    TEAM_MEMBER_UPDATE = "team_member:update"
    TEAM_MEMBERS_REMOVE = "team_members:remove"
    TEAM_JOIN = "team:join"
    TEAM_MEMBER_BUDGET_UPDATE = "team_member_budget:update"
    TEAM_MEMBER_PERMISSIONS_UPDATE = "team_member_permissions:update"
    USER_CREATE = "user:create"
    USER_UPDATE = "user:update"
    USER_DELETE = "user:delete"
    USER_BLOCK = "user:block"
    API_KEY_CREATE = "api_key:create"
    SERVICE_KEY_CREATE = "service_key:create"
    API_KEY_UPDATE = "api_key:update"
    API_KEY_BLOCK = "api_key:block"
    API_KEY_ROTATE = "api_key:rotate"
    API_KEY_RESET_SPEND = "api_key:reset_spend"
    API_KEY_DELETE = "api_key:delete"
    API_KEY_GRANT_MANAGE = "api_key:grant_manage"
    API_KEY_GRANT_GATEWAY = "api_key:grant_gateway"
    BUDGET_CREATE = "budget:create"
    BUDGET_UPDATE = "budget:update"
    BUDGET_DELETE = "budget:delete"
    BUDGET_ATTACH = "budget:attach"
    ACCESS_GROUP_CREATE = "access_group:create"
    ACCESS_GROUP_UPDATE = "access_group:update"
    ACCESS_GROUP_DELETE = "access_group:delete"
    USAGE_RECORD = "usage:record"
    CALL_AUTHORIZE = "call:authorize"


class Rule(NamedTuple):
    """Whom a relation lets do it; the deed completes the sentence "You are not allowed to …".

    `gateway`: not whom, but keys with the scope GATEWAY alone, whoever's they are.
    """

    platform_admin: bool
    organization_admin: bool
    team_admin: bool
    member: MemberPermission | bool
    self: bool
    deed: str
    gateway: bool = False


yes, no = True, False
KEY_CREATE = MemberPermission.KEY_CREATE
KEY_UPDATE = MemberPermission.KEY_UPDATE
KEY_BLOCK = MemberPermission.KEY_BLOCK
KEY_ROTATE = MemberPermission.KEY_ROTATE
KEY_RESET_SPEND = MemberPermission.KEY_RESET_SPEND
KEY_DELETE = MemberPermission.KEY_DELETE
SERVICE_KEY_CREATE = MemberPermission.SERVICE_KEY_CREATE

# A member with permission: one whom the team lets do this, to a key of their own in the team or by
# making a service's. Oneself: for a key the user of a personal one, for a grant of MANAGE the user of
# any; for joining whom the team is open to; for creating a team anybody, in the built-in organization,
# by self-service. To move a team is asked of both organizations.
# fmt: off
POLICY: dict[Action, Rule] = {
    #                                           platform  organization  team   member               self
    #                                           admin     admin         admin  with permission
    Action.ORGANIZATION_CREATE:            Rule(yes,      no,           no,    no,                 no,  "create an organization"),
    Action.ORGANIZATION_DELETE:            Rule(yes,      no,           no,    no,                 no,  "delete this organization"),
    Action.ORGANIZATION_LIMIT:             Rule(yes,      no,           no,    no,                 no,  "set the models or budget or external id of this organization"),
    Action.ORGANIZATION_UPDATE:            Rule(yes,      yes,          no,    no,                 no,  "change this organization"),
    Action.ORGANIZATION_MEMBERS_ADD:       Rule(yes,      yes,          no,    no,                 no,  "add members to this organization"),
    Action.ORGANIZATION_MEMBER_UPDATE:     Rule(yes,      yes,          no,    no,                 no,  "change members of this organization"),
    Action.ORGANIZATION_MEMBERS_REMOVE:    Rule(yes,      yes,          no,    no,                 yes, "remove others from this organization"),
    Action.TEAM_CREATE:                    Rule(yes,      yes,          no,    no,                 yes, "create a team in this organization"),
    Action.TEAM_UPDATE:                    Rule(yes,      yes,          yes,   no,                 no,  "change this team"),
    Action.TEAM_LIMIT:                     Rule(yes,      yes,          no,    no,                 no,  "set the budget or rate limits or external id of this team"),
    Action.TEAM_MODELS_UPDATE:             Rule(yes,      yes,          yes,   no,                 no,  "set the models of this team"),
    Action.TEAM_MOVE:                      Rule(yes,      yes,          no,    no,                 no,  "move this team from or to this organization"),
    Action.TEAM_GATEWAY_SETTINGS:          Rule(yes,      yes,          no,    no,                 no,  "change the gateway settings of this team"),
    Action.TEAM_BLOCK:                     Rule(yes,      yes,          no,    no,                 no,  "block or unblock this team"),
    Action.TEAM_DELETE:                    Rule(yes,      yes,          no,    no,                 no,  "delete this team"),
    Action.TEAM_MEMBERS_ADD:               Rule(yes,      yes,          yes,   no,                 no,  "add members to this team"),
    Action.TEAM_MEMBERS_ADD_ALL:           Rule(yes,      yes,          no,    no,                 no,  "add everybody to this team"),
    Action.TEAM_MEMBER_UPDATE:             Rule(yes,      yes,          yes,   no,                 no,  "change members of this team"),
    Action.TEAM_MEMBERS_REMOVE:            Rule(yes,      yes,          yes,   no,                 yes, "remove others from this team"),
    Action.TEAM_JOIN:                      Rule(no,       no,           no,    no,                 yes, "join this team"),
    Action.TEAM_MEMBER_BUDGET_UPDATE:      Rule(yes,      yes,          yes,   no,                 no,  "set the default budget of members"),
    Action.TEAM_MEMBER_PERMISSIONS_UPDATE: Rule(yes,      yes,          yes,   no,                 no,  "set what members may do with keys"),
    Action.USER_CREATE:                    Rule(yes,      no,           no,    no,                 no,  "create a user"),
    Action.USER_UPDATE:                    Rule(yes,      no,           no,    no,                 no,  "change this user"),
    Action.USER_DELETE:                    Rule(yes,      no,           no,    no,                 no,  "delete this user"),
    Action.USER_BLOCK:                     Rule(yes,      no,           no,    no,                 no,  "block or unblock this user"),
    Action.API_KEY_CREATE:                 Rule(yes,      yes,          yes,   KEY_CREATE,         yes, "create this key"),
    Action.SERVICE_KEY_CREATE:             Rule(yes,      yes,          yes,   SERVICE_KEY_CREATE, no,  "create a key of a service of this team"),
    Action.API_KEY_UPDATE:                 Rule(yes,      yes,          yes,   KEY_UPDATE,         yes, "change this key"),
    Action.API_KEY_BLOCK:                  Rule(yes,      yes,          yes,   KEY_BLOCK,          yes, "block or unblock this key"),
    Action.API_KEY_ROTATE:                 Rule(yes,      yes,          yes,   KEY_ROTATE,         yes, "rotate this key"),
    Action.API_KEY_RESET_SPEND:            Rule(yes,      yes,          yes,   KEY_RESET_SPEND,    yes, "reset what this key has spent"),
    Action.API_KEY_DELETE:                 Rule(yes,      yes,          yes,   KEY_DELETE,         yes, "delete this key"),
    Action.API_KEY_GRANT_MANAGE:           Rule(yes,      no,           no,    no,                 yes, "hold a key that acts as somebody else"),
    Action.API_KEY_GRANT_GATEWAY:          Rule(yes,      no,           no,    no,                 no,  "hold a key that speaks for all keys"),
    Action.BUDGET_CREATE:                  Rule(yes,      no,           no,    no,                 no,  "create a plan"),
    Action.BUDGET_UPDATE:                  Rule(yes,      no,           no,    no,                 no,  "change this plan"),
    Action.BUDGET_DELETE:                  Rule(yes,      no,           no,    no,                 no,  "delete this plan"),
    Action.BUDGET_ATTACH:                  Rule(yes,      no,           no,    no,                 no,  "attach or detach a plan"),
    Action.ACCESS_GROUP_CREATE:            Rule(yes,      no,           no,    no,                 no,  "create an access group"),
    Action.ACCESS_GROUP_UPDATE:            Rule(yes,      no,           no,    no,                 no,  "change this access group"),
    Action.ACCESS_GROUP_DELETE:            Rule(yes,      no,           no,    no,                 no,  "delete this access group"),
    Action.USAGE_RECORD:                   Rule(no,       no,           no,    no,                 no,  "record usage, which only keys with the scope GATEWAY may", gateway=yes),
    Action.CALL_AUTHORIZE:                 Rule(no,       no,           no,    no,                 no,  "authorize calls, which only keys with the scope GATEWAY may", gateway=yes),
}
# fmt: on


class Relation(StrEnum):
    """What an actor can be to an object; the columns of the table, with the permissions of a member."""

    PLATFORM_ADMIN = "platform_admin"
    ORGANIZATION_ADMIN = "organization_admin"
    TEAM_ADMIN = "team_admin"
    SELF = "self"


Standing = Iterable[Relation | MemberPermission]
"""What an actor is to an object, and what their team permits them there as a member."""


def permits(actor: Actor, action: Action, standing: Standing = ()) -> bool:
    """Whether the actor, who stands to the object like this, may do this."""
    rule = POLICY[action]
    if rule.gateway:
        return actor.is_gateway
    if actor.only_reads:
        return False
    if actor.administers_all and rule.platform_admin:
        return True
    return any(
        rule.member is held if isinstance(held, MemberPermission) else getattr(rule, held)
        for held in standing
    )


def creation_of(user_id: str | None) -> Action:
    """What it takes to make a key in a team: a user's, or without one a service's."""
    return Action.SERVICE_KEY_CREATE if user_id is None else Action.API_KEY_CREATE


def forbidden(action: Action, *path: str | int) -> Forbidden:
    return Forbidden(*path, deed=POLICY[action].deed)
