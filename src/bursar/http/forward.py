"""/authorize/forward: the decision as a status and headers, for proxies that ask before they pass on.

The form of nginx's auth_request, Traefik's ForwardAuth and Envoy's ext_authz over HTTP: they send the
head of the call that they got, under any method, and Envoy its path too. Its body is never read.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from bursar.domain.decisions import Decision
from bursar.domain.effective_limits import EffectiveLimit
from bursar.domain.errors import Fault
from bursar.domain.money import to_text
from bursar.http import trail
from bursar.http.answer import Answer, answer, refusal
from bursar.http.incoming import Incoming
from bursar.http.sign_in import actor_of, presented
from bursar.services.authorization import Authorizer
from bursar.services.sign_in import SignIn

GATEWAY_KEY, CALLER_KEY, MODEL = "Bursar-Gateway-Key", "X-Api-Key", "X-Model"
REASON = "X-Bursar-Reason"


@dataclass(frozen=True, slots=True)
class Forward:
    """Answers 200 where the call is allowed, and 403 or 401 where it is not.

    All other statuses are no decision, and to be taken for a refusal, as the proxies do. What is
    against a call is said in `X-Bursar-Reason`, as codes.
    """

    sign_in: SignIn
    authorizer: Authorizer

    async def respond(self, incoming: Incoming) -> Answer:
        try:
            return await self._answer(incoming)
        except Fault as fault:
            return _refusal(incoming, 503, fault.code, str(fault), Retry_After="1")

    async def _answer(self, incoming: Incoming) -> Answer:
        own = _only(incoming, GATEWAY_KEY)
        gateway = own and await actor_of(incoming, own, self.sign_in)
        if not gateway:
            message = f"The proxy itself needs a valid key: {GATEWAY_KEY}: …"
            return _refusal(incoming, 401, "GATEWAY_UNAUTHENTICATED", message)
        if not gateway.is_gateway:
            message = "The proxy's own key needs the scope GATEWAY."
            return _refusal(incoming, 403, "GATEWAY_FORBIDDEN", message)
        if (secret := _key_of_caller(incoming)) is None:
            message = f"A key is needed: Authorization: Bearer …, or else {CALLER_KEY}: …"
            return _refusal(incoming, 401, "KEY_MISSING", message, WWW_Authenticate="Bearer")
        decision = await self.authorizer.authorize(secret, _only(incoming, MODEL))
        incoming.told |= {"field": "authorize", "outcome": "ok", **trail.decision(decision)}
        return _allowed(decision) if decision.allowed else _denied(incoming, decision)


def _key_of_caller(incoming: Incoming) -> str | None:
    """The bearer's key; X-Api-Key counts only where there is no Authorization at all."""
    if incoming.lines(b"authorization"):
        return presented(incoming)
    return _only(incoming, CALLER_KEY) or None


def _only(incoming: Incoming, name: str) -> str:
    """The value of a header that is there once, in UTF-8; else an empty one, which nothing has."""
    lines = incoming.lines(name.lower().encode())
    try:
        return lines[0].encode("latin-1").decode() if len(lines) == 1 else ""
    except UnicodeDecodeError:
        return ""


def _allowed(decision: Decision) -> Answer:
    facts = [(name.lower().encode(), value.encode()) for name, value in _facts(decision)]
    return Answer(200, b"", [*facts, (REASON.lower().encode(), b"")])


def _facts(decision: Decision) -> Iterator[tuple[str, str]]:
    """What the proxy may pass on. An empty value says none, and replaces what a caller made up."""
    yield "X-Bursar-Model", decision.model or ""
    for name in ("key", "user", "team", "organization"):
        party = getattr(decision, name)
        yield f"X-Bursar-{name.title()}-Id", party.id if party else ""
    limits, of_model = decision.effective_limits, decision.model_limits
    yield "X-Bursar-Max-Budget", _value(limits.max_budget)
    yield "X-Bursar-Tpm-Limit", _value(limits.tpm_limit)
    yield "X-Bursar-Rpm-Limit", _value(limits.rpm_limit)
    yield "X-Bursar-Max-Parallel-Requests", _value(limits.max_parallel_requests)
    yield "X-Bursar-Model-Tpm-Limit", _value(of_model.tpm_limit)
    yield "X-Bursar-Model-Rpm-Limit", _value(of_model.rpm_limit)
    yield "X-Bursar-Soft-Budgets-Reached", ", ".join(decision.soft_budgets_reached)


def _value(limit: EffectiveLimit | None) -> str:
    return "" if limit is None else to_text(limit.value)


def _denied(incoming: Incoming, decision: Decision) -> Answer:
    """An error for each reason; a proxy may show them to who called, hence without the sums."""
    errors = [
        {
            "message": reason._replace(spend=None, maximum=None).message,
            "extensions": {
                "code": reason.code,
                "level": reason.level,
                "requestId": incoming.id,
            },
        }
        for reason in decision.reasons
    ]
    codes = dict.fromkeys(reason.code for reason in decision.reasons)
    return answer({"errors": errors}, status=403, **{REASON: ", ".join(codes)})


def _refusal(incoming: Incoming, status: int, code: str, message: str, **headers: str) -> Answer:
    return refusal(incoming, status, code, message, **{REASON: code}, **headers)
