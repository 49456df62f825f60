"""The enums of the API, each value with its sentence."""

from enum import Enum, StrEnum
from typing import TypeVar, cast

import strawberry
from strawberry.types.enum import StrawberryEnumDefinition

from bursar.access.policy import POLICY, Action
from bursar.domain.batches import BatchMode, MemberAddStatus
from bursar.domain.decisions import ReasonCode
from bursar.domain.effective_limits import LimitLevel
from bursar.domain.errors import ErrorCode
from bursar.domain.roles import (
    BudgetSource,
    KeyKind,
    KeyScope,
    MemberPermission,
    OrganizationRole,
    PlatformRole,
    TeamRole,
)
from bursar.domain.throughput import RateLimitType
from bursar.domain.usage import UsageStatus

EnumType = TypeVar("EnumType", bound=type[Enum])


class OrderDirection(StrEnum):
    ASC = "ASC"
    DESC = "DESC"


def describe(cls: EnumType, description: str, **values: str) -> EnumType:
    """Make an enum of the API; every value is given a sentence, or it does not start."""
    strawberry.enum(cls, description=description)
    definition = cast(StrawberryEnumDefinition, cls.__strawberry_definition__)  # type: ignore[attr-defined]  # set by the line above
    for value in definition.values:
        value.description = values.pop(value.name)
    return cls


describe(
    PlatformRole,
    "What a user is to the whole platform.",
    ADMIN="Does everything.",
    VIEWER="Reads everything and changes nothing.",
    USER="Does what their organizations and teams let them do.",
    USER_VIEWER="Reads what a USER would read, and changes nothing.",
)
describe(
    OrganizationRole,
    "What a user is to an organization.",
    ADMIN="Administers the organization's teams and members.",
    MEMBER="May be a member of its teams.",
    VIEWER="Reads all of the organization and changes nothing.",
)
describe(
    TeamRole,
    "What a user is to a team.",
    ADMIN="Administers the team and its members.",
    MEMBER="Belongs to the team.",
)
describe(
    MemberPermission,
    "What a team may let its members do with keys; its admins do all of it.",
    KEY_CREATE="Create keys of their own in the team.",
    KEY_UPDATE="Change their own keys: names, scopes, limits, expiry.",
    KEY_DELETE="Delete their own keys.",
    KEY_READ="See their own keys, without which none of the others finds one.",
    KEY_ROTATE="Give their own keys new secrets.",
    KEY_BLOCK="Block and unblock their own keys.",
    KEY_RESET_SPEND="Reset what their own keys have spent.",
    SERVICE_KEY_CREATE="Create keys of services of the team.",
    SERVICE_KEY_READ="See the keys of the team's services.",
    ACTIVITY_READ="See the activity of the whole team, and not only of their own keys.",
)
describe(
    KeyScope,
    "What a key may be used for.",
    MANAGE="This API, as the key's user.",
    INFER="To be presented to a gateway; of this API it may only read itself and its team.",
    GATEWAY="To authorize calls and record usage for any key, as gateways do.",
)
describe(
    KeyKind,
    "Whose a key is.",
    PERSONAL="A user's own.",
    MEMBER="A user's as a member of a team; it goes when they leave the team.",
    SERVICE="A team's, for a program; it acts for no user.",
)
describe(
    BudgetSource,
    "Where the budget in force for something comes from.",
    OWN="It is the thing's own.",
    PLAN="It is a plan, whose limits many things share but not its money.",
    TEAM_DEFAULT="It is the team's default for members, who share its limits but not its money.",
)
describe(
    RateLimitType,
    "Whether a rate limit is kept free for whoever has it.",
    BEST_EFFORT="There while others leave it.",
    GUARANTEED="Kept free: with all that is guaranteed beside it, it is within the limit above.",
)
describe(
    ReasonCode,
    "Why a key may not use a model.",
    KEY_UNKNOWN="There is no such key.",
    KEY_BLOCKED="The key is blocked.",
    KEY_EXPIRED="The key has expired.",
    KEY_NOT_FOR_INFERENCE="The key does not have the scope INFER.",
    USER_BLOCKED="The key's user is blocked.",
    TEAM_BLOCKED="The key's team is blocked.",
    MODEL_MALFORMED="No model has such a name.",
    MODEL_NOT_ALLOWED="The models of the level do not have this one.",
    BUDGET_EXHAUSTED="What is spent has reached the maximum of the level, or would pass it.",
)
describe(
    LimitLevel,
    "What binds a key, by a budget or by its models.",
    KEY="The key itself.",
    TEAM_MEMBER="Its user in its team, by a budget of their own or the team's default.",
    ORGANIZATION_MEMBER="Its user in the team's organization.",
    TEAM="Its team.",
    ORGANIZATION="Its team's organization.",
    USER="Its user, for personal keys only.",
)
describe(
    ErrorCode,
    "What kind of mistake a refused mutation made.",
    NOT_FOUND="It does not exist, or is not yours to see.",
    FORBIDDEN="You may see it, but not do this to it.",
    BAD_INPUT="The value breaks a rule all by itself.",
    CONFLICT="The state that would result breaks a rule.",
    VERSION_CONFLICT="Somebody else changed it since you read it.",
    IDEMPOTENCY_MISMATCH="The idempotency key was used for another mutation or another input.",
)
describe(
    Action,
    "Something that the policy lets some do and others not.",
    **{action.name: f"Whether you may {rule.deed}." for action, rule in POLICY.items()},
)
describe(
    BatchMode,
    "What a call does when a part of it cannot be done.",
    ALL_OR_NOTHING="Nothing is done, and `errors` says why.",
    BEST_EFFORT="The rest is done, and `results` says what became of each.",
)
describe(
    MemberAddStatus,
    "What became of somebody who was to be added.",
    ADDED="They are a member now.",
    ALREADY_MEMBER="They were a member before, or became one meanwhile; their role and budget stay.",
    FAILED="They were not added; `error` says why.",
)
describe(
    UsageStatus,
    "What became of a reported call.",
    RECORDED="It is counted now.",
    DUPLICATE="It was reported before and is counted once.",
    EVENT_MISMATCH="Its request id was recorded with other content, which stays; this is not counted.",
    UNKNOWN_KEY="There is and was no such key; it is not counted.",
    TOO_LATE="It was called more than 72 hours ago; it is not counted.",
    FUTURE="It would be called more than 5 minutes from now; it is not counted.",
    INVALID="Something is wrong with it, as its message says; it is not counted.",
)
describe(
    OrderDirection,
    "Which way a list is sorted.",
    ASC="Smallest, earliest or first letter first.",
    DESC="Largest, latest or last letter first.",
)
