"""POST /authorize: may this key use this model, for gateways that speak no GraphQL."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple

from bursar.database.connections import statements_sent
from bursar.domain.decisions import Decision, Party, Reason
from bursar.domain.effective_limits import EffectiveLimit, EffectiveLimits
from bursar.domain.errors import Fault
from bursar.domain.money import parse, problem_with_limit, to_text
from bursar.http import trail
from bursar.http.answer import Answer, answer, refusal, unauthenticated, unavailable
from bursar.http.body import BadBody, json_object, read_body
from bursar.http.incoming import Incoming
from bursar.http.sign_in import authenticate
from bursar.services.authorization import Authorizer, problem_with
from bursar.services.sign_in import SignIn

_MOST_VALUES = 1_000  # a call has three
_SHOWN = 100  # of names that are not known, and characters of each


class Call(NamedTuple):
    """What a gateway asks for."""

    key: str
    model: str
    estimated_cost: Decimal | None


@dataclass(frozen=True, slots=True)
class Authorization:
    """Answers 200 with the decision, allowed or not; any other status is none, and allows nothing."""

    sign_in: SignIn
    authorizer: Authorizer
    max_body_bytes: int

    async def respond(self, incoming: Incoming) -> Answer:
        if incoming.method != "POST":
            return refusal(incoming, 405, "BAD_USER_INPUT", "Use POST.", Allow="POST")
        statements_sent.set(sent := [0])
        incoming.told |= {"operation_type": "http", "field": "authorize"}
        try:
            return await self._answer(incoming)
        except BadBody as error:
            return refusal(incoming, error.status, error.code, str(error))
        except Fault as fault:
            return unavailable(incoming, fault)
        finally:
            incoming.told["statements"] = sent[0]

    async def _answer(self, incoming: Incoming) -> Answer:
        actor = await authenticate(incoming, self.sign_in)
        if actor is None:
            return unauthenticated(incoming)
        if forbidden := problem_with(actor):
            return refusal(incoming, 403, forbidden.code, str(forbidden))
        call = call_in(await read_body(incoming, self.max_body_bytes))
        decision = await self.authorizer.authorize(*call)
        incoming.told |= {"outcome": "ok", **trail.decision(decision)}
        return answer(shown(decision))


def call_in(body: bytes) -> Call:
    """The call in a body. Raises BadBody for all that is wrong: a misspelt estimate is not none."""
    request = json_object(body, _MOST_VALUES)
    key, model, cost = (request.pop(name, None) for name in ("key", "model", "estimatedCost"))
    problems = {name[:_SHOWN]: "is not known" for name in list(request)[:_SHOWN]}
    if not isinstance(key, str):
        problems["key"] = "must be a string"
    if not isinstance(model, str):
        problems["model"] = "must be a string"
    amount = None
    try:
        amount = _amount(cost)
    except ValueError as error:
        problems["estimatedCost"] = str(error)
    if problems:
        said = "; ".join(f"`{name}` {problem}" for name, problem in problems.items())
        raise BadBody(f"{said}.")
    return Call(key, model, amount)


def _amount(cost: object) -> Decimal | None:
    """The estimate of a body. Raises ValueError."""
    match cost:
        case None:
            return None
        case str():
            amount = parse(cost)
        case _:
            raise ValueError('must be a string such as "0.25", or null')
    if problem := problem_with_limit(amount):
        raise ValueError(problem)
    return amount


def shown(decision: Decision) -> dict[str, Any]:
    """The decision as GraphQL would answer it."""
    return {
        "allowed": decision.allowed,
        "reasons": [_reason(reason) for reason in decision.reasons],
        "softBudgetsReached": decision.soft_budgets_reached,
        "model": decision.model,
        "key": _party(decision.key),
        "user": _party(decision.user),
        "team": _party(decision.team),
        "organization": _party(decision.organization),
        "effectiveLimits": {
            **_limits(decision.effective_limits),
            "maxParallelRequests": _limit(decision.effective_limits.max_parallel_requests),
        },
        "modelLimits": _limits(decision.model_limits),
    }


def _reason(reason: Reason) -> Mapping[str, Any]:
    return {
        "code": reason.code,
        "level": reason.level,
        "model": reason.model,
        "spend": None if reason.spend is None else to_text(reason.spend),
        "maximum": None if reason.maximum is None else to_text(reason.maximum),
        "message": reason.message,
    }


def _party(party: Party | None) -> Mapping[str, Any] | None:
    return None if party is None else {"id": party.id, "name": party.name}


def _limits(limits: EffectiveLimits) -> dict[str, Any]:
    return {
        "maxBudget": _limit(limits.max_budget),
        "tpmLimit": _limit(limits.tpm_limit),
        "rpmLimit": _limit(limits.rpm_limit),
    }


def _limit(limit: EffectiveLimit | None) -> Mapping[str, Any] | None:
    return None if limit is None else {"value": to_text(limit.value), "level": limit.level}
