"""Usage: what a metered call is, which reports of one are refused, and what makes two the same."""

import hashlib
import re
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

import orjson

from bursar.domain.ids import Prefix, id_from
from bursar.domain.limits import MOST_COUNT, problem_with_literal
from bursar.domain.models import ENTRY_LENGTH
from bursar.domain.money import problem_with_limit, to_text
from bursar.domain.names import problem_with_line, problem_with_repeated

EVENTS = 1_000
"""How many events one report may hold."""
LATEST = timedelta(hours=72)
"""How long after a call it is still recorded."""
SOONEST = timedelta(minutes=5)
"""How far ahead of the database's clock that of a gateway may be."""
REQUEST_ID_LENGTH = 128
PROVIDER_LENGTH = 128
ENDPOINT_LENGTH = 256
TAGS = 20
TAG_LENGTH = 128

_REQUEST_ID = re.compile(rf"[ -~]{{1,{REQUEST_ID_LENGTH}}}")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_LOW_BITS = (1 << 62) - 1


class UsageStatus(StrEnum):
    """What became of one reported event."""

    RECORDED = "RECORDED"
    DUPLICATE = "DUPLICATE"
    EVENT_MISMATCH = "EVENT_MISMATCH"
    UNKNOWN_KEY = "UNKNOWN_KEY"
    TOO_LATE = "TOO_LATE"
    FUTURE = "FUTURE"
    INVALID = "INVALID"


class Tokens(NamedTuple):
    """What a call took, in the order of the columns that keep it."""

    prompt: int = 0
    completion: int = 0
    cache_read: int = 0
    cache_creation: int = 0


class Event(NamedTuple):
    """One metered call as a gateway reports it, by its key's secret or else by its id."""

    request_id: str
    key: str | None
    key_id: str | None
    model: str
    at: datetime
    cost: Decimal
    tokens: Tokens = Tokens()
    provider: str | None = None
    success: bool = True
    endpoint: str | None = None
    tags: Sequence[str] = ()


class Result(NamedTuple):
    """What became of an event; the message says what is wrong with one that is INVALID."""

    request_id: str | None
    status: UsageStatus
    message: str | None = None


def problem_with_event(event: Event) -> str | None:
    """Say all that is wrong with an event by itself, whose cost is one that money.parse reads."""
    problems = []
    if not _REQUEST_ID.fullmatch(event.request_id):
        problems.append(f"request id must be 1 to {REQUEST_ID_LENGTH} printable ASCII characters")
    if (event.key is None) is (event.key_id is None):
        problems.append("key must be given by its secret or by its id, and not by both")
    if problem := _problem_with_model(event.model):
        problems.append(f"model {problem}")
    if event.provider is not None and (problem := _problem(event.provider, PROVIDER_LENGTH)):
        problems.append(f"provider {problem}")
    if event.endpoint is not None and (problem := _problem(event.endpoint, ENDPOINT_LENGTH)):
        problems.append(f"endpoint {problem}")
    if event.tags and (problem := _problem_with_tags(event.tags)):
        problems.append(f"tags {problem}")
    if min(event.tokens) < 0 or max(event.tokens) > MOST_COUNT:
        problems.append(f"tokens must be 0 to {MOST_COUNT} of each kind")
    if problem := problem_with_limit(event.cost):
        problems.append(f"cost {problem}")
    return f"The {'; the '.join(problems)}." if problems else None


def content_hash(event: Event, key_id: str) -> bytes:
    """The SHA-256 of all that an event says but its request id: the same for the same call.

    However the key is named, and in whatever order the tags are; 1.50 is 1.5.
    """
    content = orjson.dumps(
        (
            key_id,
            event.model,
            event.at,
            to_text(event.cost),
            *event.tokens,
            event.provider,
            event.success,
            event.endpoint,
            sorted(event.tags),
        )
    )
    return hashlib.sha256(content).digest()


def dimensions_of(*values: str | Sequence[str] | None) -> bytes:
    """The 16 bytes that stand for what events of a day must share to be added up.

    `values` are key, user, team, organization, model, provider, endpoint and the sorted tags.
    """
    return hashlib.blake2b(orjson.dumps(values), digest_size=16).digest()


def event_id(at: datetime) -> str:
    """Make the id of an event: a UUIDv7 of the time of the call, by which it is found again."""
    chance = secrets.randbits(74)
    number = (at - _EPOCH) // _MILLISECOND << 80 | 7 << 76 | 2 << 62
    return id_from(Prefix.USAGE_EVENT, number | chance >> 62 << 64 | chance & _LOW_BITS)


def _problem_with_model(model: str) -> str | None:
    if len(model) > ENTRY_LENGTH:
        return problem_with_literal(model)
    return _problem_with_short_model(model)


def _problem(text: str, longest: int) -> str | None:
    if len(text) > longest:
        return f"must be 1 to {longest} characters"
    return _problem_with_short_line(text, longest)


def _problem_with_tags(tags: Sequence[str]) -> str | None:
    if len(tags) > TAGS:
        return f"must be at most {TAGS}"
    for tag in tags:
        if problem := _problem(tag, TAG_LENGTH):
            return f"{problem} each"
    return problem_with_repeated(tags)


# The same few come again and again; longer texts are not worth the memory.
_problem_with_short_model = lru_cache(maxsize=4096)(problem_with_literal)
_problem_with_short_line = lru_cache(maxsize=4096)(problem_with_line)
