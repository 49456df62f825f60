"""The GraphQL endpoint: GraphQL over HTTP, by the working draft of its specification.

Specification: https://graphql.github.io/graphql-over-http/draft/
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
import structlog
from graphql import ExecutionResult, GraphQLError
from starlette.requests import Request
from starlette.responses import Response

from bursar import traces
from bursar.database.connections import statements_sent
from bursar.database.pool import Database
from bursar.domain.errors import Fault
from bursar.domain.new_teams import NewTeams
from bursar.graphql.context import Context
from bursar.graphql.errors import is_ours, masked
from bursar.graphql.execution.documents import (
    Prepared,
    RequestError,
    bound,
    require_one_mutation,
)
from bursar.graphql.execution.library import Documents
from bursar.graphql.execution.limits import DocumentLimits
from bursar.graphql.execution.run import run
from bursar.graphql.schema import schema
from bursar.http import graphiql_page
from bursar.http.body import BadBody, Operation, operation_of, read_body
from bursar.http.media_types import preferred
from bursar.http.query_string import operation_in, require_query
from bursar.http.sign_in import authenticate
from bursar.services.authorization import Authorizer

JSON = "application/json"
GRAPHQL = "application/graphql-response+json"
LONGEST_NAME = 200  # characters of an operation's name in the log
log = structlog.get_logger()


@dataclass(frozen=True)
class Endpoint:
    """Answers the requests to /graphql: a browser with GraphiQL, a POST with what it asks.

    Unless `compiled`, graphql-core executes all documents.
    """

    database: Database
    peppers: Sequence[bytes]
    max_body_bytes: int
    max_gateway_body_bytes: int
    document_limits: DocumentLimits
    new_teams: NewTeams
    authorizer: Authorizer
    documents: Documents
    compiled: bool = True

    async def respond(self, request: Request) -> Response:
        if graphiql_page.asks_for_page(request):
            return graphiql_page.page(request)
        if request.method != "POST" and not (request.method == "GET" and self.documents.trusts):
            return refusal(request, 405, "BAD_USER_INPUT", "Use POST.", Allow="POST")
        media_type = preferred(",".join(request.headers.getlist("accept")), (JSON, GRAPHQL))
        if media_type is None:
            return refusal(request, 406, "BAD_USER_INPUT", f"The answer is {GRAPHQL} or {JSON}.")
        try:
            return await self._answer(request, media_type)
        except BadBody as error:
            return refusal(
                request, error.status, "BAD_USER_INPUT", str(error), media_type, **error.headers
            )
        except Fault as fault:
            return refusal(request, 503, fault.code, str(fault), media_type, **{"Retry-After": "1"})

    async def _answer(self, request: Request, media_type: str) -> Response:
        statements_sent.set(sent := [0])
        told = request.state.log
        with traces.step("sign-in"):
            actor = await authenticate(request, self.database, self.peppers)
        if actor is None:
            return unauthenticated(request, media_type)
        longest = self.max_gateway_body_bytes if actor.is_gateway else self.max_body_bytes
        if request.method == "GET":
            operation = operation_in(request.scope["query_string"], longest)
        else:
            operation = operation_of(await read_body(request, longest))
        context = Context(
            self.database,
            actor,
            peppers=self.peppers,
            max_body_bytes=self.max_body_bytes,
            max_gateway_body_bytes=self.max_gateway_body_bytes,
            document_limits=self.document_limits,
            new_teams=self.new_teams,
            authorizer=self.authorizer,
            idempotency_key=idempotency_key(request),
        )
        try:
            prepared = self._prepared(operation)
            if request.method == "GET":
                require_query(prepared)
            result = await self._execute(prepared, operation.variables, context, told)
        except RequestError as error:
            told |= {"outcome": "refused", "code": error.code}
            status = 400 if media_type == GRAPHQL else 200
            return answer({"errors": show(error.errors, request)}, media_type, status)
        finally:
            told["statements"] = sent[0]
        body: dict[str, Any] = {"data": result.data}
        told["outcome"] = "ok"
        if context.refused:
            told |= {"outcome": "refused", "code": context.refused[0]}
        if result.errors:
            body["errors"] = show(result.errors, request)
            told |= {"outcome": "errors", "code": body["errors"][0]["extensions"]["code"]}
        return answer(body, media_type)

    def _prepared(self, operation: Operation) -> Prepared:
        if operation.document is None:
            return self.documents.trusted(operation.document_id or "", operation.name)
        return self.documents.prepare(operation.document, operation.name)

    async def _execute(
        self,
        prepared: Prepared,
        variables: Mapping[str, Any] | None,
        context: Context,
        told: dict[str, Any],
    ) -> ExecutionResult:
        told["operation_type"] = prepared.operation.operation.value
        told["field"] = prepared.field
        if prepared.operation.name:
            told["operation"] = prepared.operation.name.value[:LONGEST_NAME]
        bound(prepared, variables, self.document_limits)
        if context.idempotency_key is not None:
            require_one_mutation(prepared)
        with traces.operation(told["operation_type"], told["field"], told.get("operation")):
            result = await run(schema, prepared, variables, context, compiled=self.compiled)
        told |= execution_of(context)
        return result


def execution_of(context: Context) -> dict[str, str]:
    """What executed the operation: a plan, or graphql-core, and why at least once not a plan."""
    why = next((": ".join(each) for each in context.executed if each[1]), None)
    return {"executor": "plan"} if why is None else {"executor": "graphql-core", "why": why}


def idempotency_key(request: Request) -> str | None:
    """The key in the header Idempotency-Key; several lines are one value, as HTTP has it."""
    lines = request.headers.getlist("idempotency-key")
    return ", ".join(lines) if lines else None


def show(errors: Sequence[GraphQLError], request: Request) -> list[dict[str, Any]]:
    """The errors as the client may see them; what is our mistake is logged whole."""
    for error in errors:
        if is_ours(error):
            log.error("resolver failed", path=error.path, exc_info=error.original_error)
    return [masked(error, request.state.request_id) for error in errors]


def refusal(
    request: Request, status: int, code: str, message: str, media_type: str = JSON, **headers: str
) -> Response:
    """An answer to a request that did not get as far as its document."""
    request.state.log |= {"outcome": "refused", "code": code}
    extensions = {"code": code, "requestId": request.state.request_id}
    body = {"errors": [{"message": message, "extensions": extensions}]}
    return answer(body, media_type, status, headers)


def unauthenticated(request: Request, media_type: str = JSON) -> Response:
    """The answer to a request without a valid key."""
    message = "A valid key is needed: Authorization: Bearer …"
    challenge = {"WWW-Authenticate": "Bearer"}
    return refusal(request, 401, "UNAUTHENTICATED", message, media_type, **challenge)


def answer(
    body: Mapping[str, Any],
    media_type: str,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> Response:
    return Response(orjson.dumps(body), status, headers, media_type=f"{media_type}; charset=utf-8")
