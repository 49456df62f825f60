"""Outcomes: what a payload holds within is kept, and made again, whatever its type."""

import json
from decimal import Decimal
from typing import Any

import pytest
import strawberry

from bursar.domain.batches import MemberAddStatus
from bursar.domain.errors import ErrorCode
from bursar.graphql.mutation import Payload
from bursar.graphql.mutations.additions import TeamMemberAddResult
from bursar.graphql.mutations.member import TeamMembersAddPayload
from bursar.graphql.outcomes import outcome_of, payload_of
from bursar.graphql.schema import schema
from bursar.graphql.types.error import LimitExceeded

NOWHERE: Any = None  # no row is read


async def test_objects_within_objects_come_back_as_what_they_were() -> None:
    error = LimitExceeded(
        code=ErrorCode.CONFLICT,
        message="No.",
        path=["input", "members", "0"],
        level="team",
        limit=Decimal("1.5"),
        requested=Decimal(2),
    )
    result = TeamMemberAddResult(status=MemberAddStatus.FAILED, error=error)
    payload = TeamMembersAddPayload(results=[result, result], added=3)
    kept = json.loads(json.dumps(outcome_of(payload)))
    again = await payload_of(schema, NOWHERE, TeamMembersAddPayload, kept)
    assert again == payload
    assert type(again.results[1].error) is LimitExceeded


def test_a_secret_is_kept_nowhere() -> None:
    @strawberry.type
    class Made:
        secret: str

    @strawberry.type
    class MadePayload(Payload):
        made: Made
        secret: str

    text = json.dumps(outcome_of(MadePayload(made=Made(secret="bk_x"), secret="bk_y")))
    assert "bk_" not in text


def test_what_there_is_no_way_to_keep_is_a_mistake_of_ours() -> None:
    @strawberry.type
    class OddPayload(Payload):
        odd: float

    with pytest.raises(TypeError, match="float"):
        outcome_of(OddPayload(odd=1.5))
