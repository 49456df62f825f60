"""/authorize/forward: the decision as a status and headers, for proxies that ask before they pass on.

The form of nginx's auth_request, Traefik's ForwardAuth and Envoy's ext_authz over HTTP: they send the
head of the call that they got, under any method, and Envoy its path too. Its body is never read.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bursar.domain.decisions import Decision
from bursar.domain.effective_limits import EffectiveLimit
from bursar.domain.errors import Fault
from bursar.domain.money import to_text
from bursar.http.endpoint import JSON, answer, refusal
from bursar.http.sign_in import presented
from bursar.services.authorization import Authorizer

GATEWAY_KEY, CALLER_KEY, MODEL = "Bursar-Gateway-Key", "X-Api-Key", "X-Model"
REASON = "X-Bursar-Reason"
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


@dataclass(frozen=True, slots=True)
class Forward:
    """Answers 200 where the call is allowed, and 403 or 401 where it is not.

    All other statuses are no decision, and to be taken for a refusal, as the proxies do. What is
    against a call is said in `X-Bursar-Reason`, as codes.
    """

    authorizer: Authorizer

    def routes(self) -> list[Route]:
        paths = ("/authorize/forward", "/authorize/forward/{path:path}")
        return [Route(path, self._respond, methods=METHODS) for path in paths]

    async def _respond(self, request: Request) -> Response:
        try:
            return await self._answer(request)
        except Fault as fault:
            return _refusal(request, 503, fault.code, str(fault), **{"Retry-After": "1"})

    async def _answer(self, request: Request) -> Response:
        own = _only(request, GATEWAY_KEY)
        gateway = own and await self.authorizer.sign_in(own)
        if not gateway:
            message = f"The proxy itself needs a valid key: {GATEWAY_KEY}: …"
            return _refusal(request, 401, "GATEWAY_UNAUTHENTICATED", message)
        if not gateway.is_gateway:
            message = "The proxy's own key needs the scope GATEWAY."
            return _refusal(request, 403, "GATEWAY_FORBIDDEN", message)
        if (secret := _key_of_caller(request)) is None:
            message = f"A key is needed: Authorization: Bearer …, or else {CALLER_KEY}: …"
            headers = {"WWW-Authenticate": "Bearer"}
            return _refusal(request, 401, "KEY_MISSING", message, **headers)
        decision = await self.authorizer.authorize(secret, _only(request, MODEL))
        request.state.log |= {"field": "authorize", "allowed": decision.allowed, "outcome": "ok"}
        return _allowed(decision) if decision.allowed else _denied(request, decision)


def _key_of_caller(request: Request) -> str | None:
    """The bearer's key; X-Api-Key counts only where there is no Authorization at all."""
    if "authorization" in request.headers:
        return presented(request)
    return _only(request, CALLER_KEY) or None


def _only(request: Request, name: str) -> str:
    """The value of a header that is there once, in UTF-8; else an empty one, which nothing has."""
    lines = request.headers.getlist(name)
    try:
        return lines[0].encode("latin-1").decode() if len(lines) == 1 else ""
    except UnicodeDecodeError:
        return ""


def _allowed(decision: Decision) -> Response:
    headers = {name: value.encode().decode("latin-1") for name, value in _facts(decision)}
    return Response(headers={**headers, REASON: ""})


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


def _denied(request: Request, decision: Decision) -> Response:
    """An error for each reason; a proxy may show them to who called, hence without the sums."""
    errors = [
        {
            "message": reason._replace(spend=None, maximum=None).message,
            "extensions": {
                "code": reason.code,
                "level": reason.level,
                "requestId": request.state.request_id,
            },
        }
        for reason in decision.reasons
    ]
    codes = dict.fromkeys(reason.code for reason in decision.reasons)
    return answer({"errors": errors}, JSON, 403, {REASON: ", ".join(codes)})


def _refusal(request: Request, status: int, code: str, message: str, **headers: str) -> Response:
    return refusal(request, status, code, message, **{REASON: code}, **headers)
