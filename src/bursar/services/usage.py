"""Usage: reports of metered calls, each recorded once, whatever becomes of the others."""

from collections.abc import Sequence

from bursar.access.actor import Actor
from bursar.access.policy import Action, forbidden, permits
from bursar.database.connections import Connection
from bursar.database.pool import RunAgain
from bursar.domain.errors import Invalid
from bursar.domain.usage import (
    EVENTS,
    LATEST,
    SOONEST,
    Event,
    Result,
    UsageStatus,
    content_hash,
    problem_with_event,
)
from bursar.services.usage_keys import Keys, find
from bursar.services.usage_writes import Call, claim, contents_of, count


async def record(
    tx: Connection, actor: Actor, peppers: Sequence[bytes], *, events: Sequence[Event]
) -> list[Result]:
    """Record calls of any keys, for a gateway; a result for each, in order.

    A request id is taken by the first event that is recorded under it: the same again is a DUPLICATE,
    however late it comes. What is rejected takes none. The number of statements depends on neither
    events nor keys. Raises Invalid for too few or many,
    Forbidden, TooMuchCounted.
    """
    if not 1 <= len(events) <= EVENTS:
        raise Invalid("events", problem=f"must be 1 to {EVENTS} events")
    if not permits(actor, Action.USAGE_RECORD):
        raise forbidden(Action.USAGE_RECORD)
    problems = [problem_with_event(event) for event in events]
    sound = [event for event, problem in zip(events, problems, strict=True) if problem is None]
    keys = await find(tx, peppers, sound)
    judged = [
        _judged(event, keys) if problem is None else _rejected(event, UsageStatus.INVALID, problem)
        for event, problem in zip(events, problems, strict=True)
    ]
    calls = [one for one in judged if isinstance(one, Call)]
    earliest = keys.now - LATEST
    taken = await claim(tx, (call for call in calls if call.event.at >= earliest))
    seen = await contents_of(tx, {call.event.request_id for call in calls} - taken)
    new: list[Call] = []
    results: list[Result] = []
    for one in judged:
        if isinstance(one, Result):
            results.append(one)
            continue
        event, content = one.event, one.content
        if event.request_id in seen:
            same = seen[event.request_id] == content
            status = UsageStatus.DUPLICATE if same else UsageStatus.EVENT_MISMATCH
        elif event.at < earliest:
            status = UsageStatus.TOO_LATE
        elif event.request_id in taken:
            status = UsageStatus.RECORDED
            seen[event.request_id] = content
            new.append(one)
        else:
            raise RunAgain  # who had taken the id has just been forgotten
        results.append(Result(event.request_id, status))
    await count(tx, new, keys.now)
    return results


def _judged(event: Event, keys: Keys) -> Call | Result:
    """A call, if the event is not rejected by what its key and its time are."""
    place = keys.place_of(event)
    if place is None:
        return _rejected(event, UsageStatus.UNKNOWN_KEY)
    if event.at > keys.now + SOONEST:
        return _rejected(event, UsageStatus.FUTURE)
    return Call(event, place, content_hash(event, place.key_id))


def _rejected(event: Event, status: UsageStatus, message: str | None = None) -> Result:
    return Result(event.request_id, status, message)
