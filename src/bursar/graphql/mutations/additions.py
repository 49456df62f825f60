"""People to add, in inputs and payloads: all of them or whoever can be, and what became of each."""

from collections.abc import Iterable
from typing import Any, TypeVar

import strawberry

from bursar.domain.batches import BatchMode, MemberAddStatus
from bursar.graphql.types.error import UserError, user_error
from bursar.graphql.types.member import OrganizationMember, TeamMember
from bursar.services.additions import Addition


@strawberry.input
class BatchInput:
    """The input of a mutation that adds many people."""

    mode: BatchMode = strawberry.field(
        default=BatchMode.ALL_OR_NOTHING,
        description="What to do if some of them cannot be added; in either mode nobody is, if the "
        "input is wrong by itself, as by a malformed e-mail or by the same name twice.",
    )


@strawberry.type
class MemberAddResult:
    """What became of one person; the subclasses say of what they are a member."""

    status: MemberAddStatus = strawberry.field(description="What became of them.")
    error: UserError | None = strawberry.field(
        default=None,
        description="Why they were not added, null unless FAILED: NOT_FOUND says that they do not "
        "exist or are not yours to see, CONFLICT that they are not in the team's organization, and "
        "BAD_INPUT that id and e-mail are of two users, that the user was named before in another "
        "way, or that the limits contradict each other.",
    )


@strawberry.type(description="What became of one of the people to add to a team.")
class TeamMemberAddResult(MemberAddResult):
    member: TeamMember | None = strawberry.field(
        default=None,
        description="The membership, new or from before; null if FAILED, or gone by now.",
    )


@strawberry.type(description="What became of one of the people to add to an organization.")
class OrganizationMemberAddResult(MemberAddResult):
    member: OrganizationMember | None = strawberry.field(
        default=None,
        description="The membership, new or from before; null if FAILED, or gone by now.",
    )


Result = TypeVar("Result", TeamMemberAddResult, OrganizationMemberAddResult)


def added(additions: Iterable[Addition]) -> list[Any]:
    """The memberships that are new."""
    return [one.member for one in additions if one.status is MemberAddStatus.ADDED]


def results(kind: type[Result], additions: Iterable[Addition], mode: BatchMode) -> list[Result]:
    """What to say of each; nothing where it is all or nothing, as all of them were added."""
    if mode is BatchMode.ALL_OR_NOTHING:
        return []
    return [
        kind(
            status=one.status,
            member=one.member,
            error=None if one.refusal is None else user_error(one.refusal),
        )
        for one in additions
    ]
