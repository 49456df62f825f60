"""Everything Bursar can refuse or fail at, as one tree.

Refusal                          what was asked cannot be done; nothing was changed
├── NotFound                     absent, or not for the actor to see: one and the same
├── Forbidden                    visible, but not the actor's to do
├── Invalid                      the input breaks a rule all by itself
│   ├── Required                 null for what cannot be null
│   └── DifferentUsers           an id and an e-mail that name two people
├── IdempotencyMismatch          the key was used for another operation or input
├── VersionConflict              changed by somebody else since it was read
└── Conflict                     the state that would result breaks a rule
    ├── AlreadyTaken             an external id, e-mail or alias that another object has
    ├── AlreadyMember
    ├── NotInOrganization        a team's members belong to its organization
    ├── NotMember                the user of a team's key is a member of the team
    ├── OfNoTeam                 a personal key moves to no team
    ├── LastAdmin                nobody could administer the thing any more
    ├── BuiltIn                  the organization `default` stays
    ├── HasTeams                 an organization with teams is deleted only with `cascade`
    ├── InUse                    a plan or access group that something has stays
    ├── NoMaximum                a budget without one has nothing to add to
    ├── LastModel                a list without entries would be open
    ├── TooMuchCounted           a sum of usage that no column holds
    ├── LimitExceeded            above what the parent allows
    ├── ModelNotAllowed          a model, pattern or group that is not within the parent's list
    ├── TeamsExceedLimits        teams would hold more than their organization
    └── MembersOutsideOrganization  members of a team that moves do not belong to where it goes
Refusals                         several refusals of one input, said at once

Fault                            the request did not run to its end
├── Overloaded                   a lock or a connection was not to be had in time; nothing changed
│   └── TookTooLong              ended at the deadline, before it could commit
├── RateLimited                  whoever asks has asked for too much lately; nothing changed
├── Unavailable                  the database does not answer; nothing changed
└── OutcomeUnknown               the connection died during COMMIT; the change may have been made
    └── EndedWhileCommitting     at the deadline; of several changes some may have been made
"""

from collections.abc import Iterable
from decimal import Decimal
from enum import StrEnum
from math import ceil
from typing import Any, ClassVar

Path = tuple[str | int, ...]
"""Where in an input something is: the fields, and the places in lists, that lead to it."""


class ErrorCode(StrEnum):
    NOT_FOUND = "NOT_FOUND"
    FORBIDDEN = "FORBIDDEN"
    BAD_INPUT = "BAD_INPUT"
    CONFLICT = "CONFLICT"
    VERSION_CONFLICT = "VERSION_CONFLICT"
    IDEMPOTENCY_MISMATCH = "IDEMPOTENCY_MISMATCH"


class Refusal(Exception):
    """One thing that is wrong, and where: `path` leads to it from the root of the input."""

    code: ClassVar[ErrorCode]
    sentence: ClassVar[str]

    def __init__(self, *path: str | int, **data: Any) -> None:
        self.path: Path = path
        self.data = data
        super().__init__(self.sentence.format(**data))


class NotFound(Refusal):
    code = ErrorCode.NOT_FOUND
    sentence = "There is no such {thing}."


class Forbidden(Refusal):
    code = ErrorCode.FORBIDDEN
    sentence = "You are not allowed to {deed}."


class Invalid(Refusal):
    code = ErrorCode.BAD_INPUT
    sentence = "This {problem}."


class Required(Invalid):
    sentence = "This cannot be null."


class DifferentUsers(Invalid):
    sentence = "The id and the e-mail name two different users."


class IdempotencyMismatch(Refusal):
    code = ErrorCode.IDEMPOTENCY_MISMATCH
    sentence = "This key was used for another mutation or input within the last {hours} hours."


class VersionConflict(Refusal):
    code = ErrorCode.VERSION_CONFLICT
    sentence = "This was changed meanwhile; the current version is {current_version}."


class Conflict(Refusal):
    code = ErrorCode.CONFLICT


class AlreadyTaken(Conflict):
    sentence = "This {what} is taken."


class AlreadyMember(Conflict):
    sentence = "This user is a member already."


class NotInOrganization(Conflict):
    sentence = (
        "This user does not belong to the team's organization; "
        "say `addToOrganization: true` to add both at once."
    )


class NotMember(Conflict):
    sentence = "This user is not a member of the team."


class OfNoTeam(Conflict):
    sentence = "A personal key belongs to its user and to no team; create another in the team."


class LastAdmin(Conflict):
    sentence = "This is the last admin of the {thing}."


class BuiltIn(Conflict):
    sentence = "The built-in organization cannot be deleted, nor get another external id."


class HasTeams(Conflict):
    sentence = "The organization has teams, {count} in all; say `cascade: true` to delete them too."


class InUse(Conflict):
    sentence = "This {thing} is in use by things, {count} in all; take it from them first."


class NoMaximum(Conflict):
    sentence = "There is no maximum budget to add to."


class TooMuchCounted(Conflict):
    sentence = "With these, more would be counted than 10^18 USD or 2^62 tokens."


class LastModel(Conflict):
    sentence = (
        "Without these no model would be left, and a list without models is open; "
        "say `allowNone: true` to allow nothing."
    )


class LimitExceeded(Conflict):
    """`level` is the kind of parent that sets the limit, such as ORGANIZATION."""

    sentence = "This is above the limit of {limit:f} set by the {level}."

    def __init__(self, *path: str | int, level: str, limit: Decimal, requested: Decimal) -> None:
        super().__init__(*path, level=level, limit=limit.normalize(), requested=requested)


class ModelNotAllowed(Conflict):
    """`level` is the kind of parent whose list does not have it, such as organization."""

    sentence = "The {level} does not allow {model}."


class TeamsExceedLimits(Conflict):
    """`teams` are the rows of the teams that hold, or would hold, more than their organization."""

    sentence = "Teams would hold more than their organization."


class MembersOutsideOrganization(Conflict):
    """`members` are the rows of these members, at most as many as are of use to a reader."""

    sentence = (
        "Members of the team do not belong to the organization; "
        "say `addToOrganization: true` to add them to it."
    )


class Refusals(Exception):
    """All that is wrong with one input, in the order of the input."""

    def __init__(self, refusals: Iterable[Refusal]) -> None:
        self.refusals = tuple(refusals)
        super().__init__("; ".join(str(refusal) for refusal in self.refusals))


class Problems(list[Refusal]):
    """Collects what is wrong, so that all of it is said at once."""

    def extend_elsewhere(self, refusals: Iterable[Refusal]) -> None:
        """Add what is wrong at other paths; where something is wrong already, that is enough."""
        said = {problem.path for problem in self}
        self.extend(refusal for refusal in refusals if refusal.path not in said)

    def raise_any(self) -> None:
        """Raise Refusals if anything was collected."""
        if self:
            raise Refusals(self)


class Fault(Exception):
    """The request did not run to its end; the message is safe to show."""

    code: ClassVar[str]
    reason: ClassVar[str]
    advice: ClassVar[str]
    retry_after = 1
    """Seconds after which it is worth to try again."""

    def __init__(self) -> None:
        super().__init__(f"{self.reason}; {self.advice}")


class Overloaded(Fault):
    code = "OVERLOADED"
    reason = "The server is busy"
    advice = "nothing was changed. Try again shortly."


class TookTooLong(Overloaded):
    reason = "The request took too long and was ended"
    advice = "nothing was changed. Ask for less, or try again."


class RateLimited(Fault):
    """Who asks has asked for too much lately."""

    code = "RATE_LIMITED"
    reason = "Too much was asked for in a short time"
    advice = "nothing was changed. Try again after the seconds that Retry-After says."

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.retry_after = max(1, ceil(seconds))


class Unavailable(Fault):
    code = "UNAVAILABLE"
    reason = "The database does not answer"
    advice = "nothing was changed. Try again."


class OutcomeUnknown(Fault):
    code = "OUTCOME_UNKNOWN"
    reason = "The connection to the database broke during the commit"
    advice = "ask again with the same idempotency key, or read first."


class EndedWhileCommitting(OutcomeUnknown):
    reason = "The request took too long, and what it was to change may be changed"
