"""POST /usage: reports of metered calls as plain JSON, for gateways that speak no GraphQL."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from bursar import traces
from bursar.access.policy import Action, forbidden, permits
from bursar.database.connections import statements_sent
from bursar.database.pool import Database
from bursar.domain import instants, money
from bursar.domain.errors import Fault, Refusal
from bursar.domain.usage import EVENTS, Event, Result, Tokens, UsageStatus
from bursar.graphql.scalars import read_big_int
from bursar.http.answer import Answer, answer, refusal, unauthenticated, unavailable
from bursar.http.body import BadBody, read_body, read_json
from bursar.http.incoming import Incoming
from bursar.http.sign_in import authenticate
from bursar.services import usage
from bursar.services.sign_in import SignIn

_MOST_VALUES = 40 * EVENTS  # an event has 14, and tags
_SHOWN = 100  # characters of a name that is not known; and things that are wrong with one event


@dataclass(frozen=True, slots=True)
class UsageReports:
    """Answers {"events": […]} with {"results": […]}, one for each event and in their order.

    An event has the names and meanings of GraphQL's UsageEventInput; one that cannot be read is
    INVALID, like one that breaks a rule, and keeps no other from being recorded.
    """

    database: Database
    sign_in: SignIn
    peppers: Sequence[bytes]
    max_body_bytes: int

    async def respond(self, incoming: Incoming) -> Answer:
        if incoming.method != "POST":
            return refusal(incoming, 405, "BAD_USER_INPUT", "Use POST.", Allow="POST")
        statements_sent.set(sent := [0])
        incoming.told |= {"operation_type": "http", "field": "usage"}
        try:
            return await self._answer(incoming)
        except BadBody as error:
            return refusal(incoming, error.status, error.code, str(error))
        except Refusal as error:
            return refusal(incoming, 409, error.code, str(error))
        except Fault as fault:
            return unavailable(incoming, fault)
        finally:
            incoming.told["statements"] = sent[0]

    async def _answer(self, incoming: Incoming) -> Answer:
        with traces.step("sign-in"):
            actor = await authenticate(incoming, self.sign_in)
        if actor is None:
            return unauthenticated(incoming)
        if not permits(actor, Action.USAGE_RECORD):
            error = forbidden(Action.USAGE_RECORD)
            return refusal(incoming, 403, error.code, str(error))
        read = [_read(event) for event in events_of(await read_body(incoming, self.max_body_bytes))]
        events = [event for event in read if isinstance(event, Event)]
        recorded = iter(
            await self.database.write(
                lambda tx: usage.record(tx, actor, self.peppers, events=events)
            )
            if events
            else ()
        )
        results = [next(recorded) if isinstance(one, Event) else one for one in read]
        incoming.told["outcome"] = "ok"
        return answer({"results": [_shown(result) for result in results]})


def events_of(body: bytes) -> list[Any]:
    """The events in a body, whatever they are. Raises BadBody."""
    request = read_json(body, _MOST_VALUES)
    events = request.get("events") if isinstance(request, dict) else None
    if not isinstance(events, list) or not 1 <= len(events) <= EVENTS:
        raise BadBody(f'The body must be {{"events": […]}} with 1 to {EVENTS} events.')
    return events


def _read(given: object) -> Event | Result:
    """An event as it was sent, or what to say of one that is none."""
    if not isinstance(given, dict):
        return Result(None, UsageStatus.INVALID, "An event must be an object.")
    read = dict(_ABSENT)
    problems = []
    for name, value in given.items():
        if (reader := _READERS.get(name)) is None:
            problems.append(f"`{name[:_SHOWN]}` is not known")
        elif value is not None:
            try:
                read[name] = reader(value)
            except ValueError as error:
                problems.append(f"`{name}` {error}")
    problems += [f"`{name}` must be given" for name in _REQUIRED if given.get(name) is None]
    if problems:
        request_id = given.get("requestId")
        known = request_id if isinstance(request_id, str) else None
        return Result(known, UsageStatus.INVALID, f"{'; '.join(problems[:_SHOWN])}.")
    return Event(
        request_id=read["requestId"],
        key=read["key"],
        key_id=read["keyId"],
        model=read["model"],
        at=read["at"],
        cost=read["cost"],
        tokens=Tokens(*[read[name] for name in _TOKENS]),
        provider=read["provider"],
        success=read["success"],
        endpoint=read["endpoint"],
        tags=read["tags"],
    )


def _shown(result: Result) -> Mapping[str, str | None]:
    said = {"requestId": result.request_id, "status": result.status}
    return said if result.message is None else {**said, "message": result.message}


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    raise ValueError("must be a string")


def _cost(value: object) -> Decimal:
    """Of numbers only whole ones: any other was a binary fraction on its way, which is not exact."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if isinstance(value, str):
        return money.parse(value)
    raise ValueError('must be a string such as "0.0125", or a whole number')


def _success(value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise ValueError("must be true or false")


def _tags(value: object) -> list[str]:
    if isinstance(value, list) and all(isinstance(tag, str) for tag in value):
        return value
    raise ValueError("must be a list of strings")


_READERS: dict[str, Callable[[Any], object]] = {
    "requestId": _text,
    "key": _text,
    "keyId": _text,
    "model": _text,
    "provider": _text,
    "at": lambda value: instants.parse(_text(value)),
    "promptTokens": read_big_int,
    "completionTokens": read_big_int,
    "cacheReadTokens": read_big_int,
    "cacheCreationTokens": read_big_int,
    "cost": _cost,
    "success": _success,
    "endpoint": _text,
    "tags": _tags,
}
_REQUIRED = ("requestId", "model", "at", "cost")
_TOKENS = ("promptTokens", "completionTokens", "cacheReadTokens", "cacheCreationTokens")
_ABSENT: dict[str, Any] = (
    dict.fromkeys(_READERS) | dict.fromkeys(_TOKENS, 0) | {"success": True, "tags": ()}
)
