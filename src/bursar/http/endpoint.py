"""The GraphQL endpoint: GraphQL over HTTP, by the working draft of its specification.

Specification: https://graphql.github.io/graphql-over-http/draft/
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import structlog
from graphql import ExecutionResult, GraphQLError
from starlette.requests import Request

from bursar import traces
from bursar.database.connections import statements_sent
from bursar.domain.errors import Fault
from bursar.domain.keys import redacted
from bursar.graphql.context import Context, Environment
from bursar.graphql.errors import capped, is_ours, masked
from bursar.graphql.execution.documents import (
    SEVERAL,
    Prepared,
    RequestError,
    cost_of,
    require_one_mutation,
)
from bursar.graphql.execution.library import Documents
from bursar.graphql.execution.run import run
from bursar.graphql.schema import schema
from bursar.graphql.shared import Shared
from bursar.http import graphiql_page, trail
from bursar.http.answer import GRAPHQL, JSON, Answer, answer, refusal, unauthenticated, unavailable
from bursar.http.body import BadBody, operation_of, read_body
from bursar.http.compression import LEAST, compressed
from bursar.http.incoming import Incoming
from bursar.http.media_types import preferred
from bursar.http.query_string import operation_in, require_query
from bursar.http.sign_in import authenticate
from bursar.http.spending import Spending
from bursar.services.sign_in import SignIn

LONGEST_NAME = 200  # characters of an operation's name in the log
log = structlog.get_logger()


@dataclass(frozen=True)
class Endpoint:
    """Answers the requests to /graphql: a browser with GraphiQL, a POST with what it asks.

    Unless `compiled`, graphql-core executes all documents; with `compress` long answers to queries are
    compressed.
    """

    environment: Environment
    sign_in: SignIn
    documents: Documents
    compiled: bool = True
    compress: bool = True

    @cached_property
    def _shared(self) -> Shared:
        return Shared(self.environment.database)

    @cached_property
    def _spending(self) -> Spending:
        return Spending(self.environment.document_limits)

    async def respond(self, incoming: Incoming) -> Answer:
        if incoming.method != "POST":
            if graphiql_page.asks_for_page(request := Request(incoming.scope)):
                return _page(request)
            if incoming.method != "GET" or not self.documents.trusts:
                return refusal(incoming, 405, "BAD_USER_INPUT", "Use POST.", Allow="POST")
        media_type = preferred(incoming.joined(b"accept"), (JSON, GRAPHQL))
        if media_type is None:
            message = f"The answer is {GRAPHQL} or {JSON}."
            return refusal(incoming, 406, "BAD_USER_INPUT", message)
        try:
            return await self._answer(incoming, media_type)
        except BadBody as error:
            return refusal(
                incoming, error.status, error.code, str(error), media_type, **error.headers
            )
        except Fault as fault:
            return unavailable(incoming, fault, media_type)

    async def _answer(self, incoming: Incoming, media_type: str) -> Answer:
        statements_sent.set(sent := [0])
        told = incoming.told
        with traces.step("sign-in"):
            actor = await authenticate(incoming, self.sign_in)
        if actor is None:
            return unauthenticated(incoming, media_type)
        self._spending.admit(actor)
        longest = (
            self.environment.max_gateway_body_bytes
            if actor.is_gateway
            else self.environment.max_body_bytes
        )
        most_values = self.environment.document_limits.most_values(is_gateway=actor.is_gateway)
        if incoming.method == "GET":
            operation = operation_in(incoming.scope["query_string"], longest, most_values)
        else:
            operation = operation_of(await read_body(incoming, longest), most_values)
        context = Context(
            self.environment,
            actor,
            shared=self._shared,
            idempotency_key=incoming.joined(b"idempotency-key"),
        )
        try:
            prepared = self._spending.prepare(actor, self.documents, operation)
            if incoming.method == "GET":
                require_query(prepared)
            result = await self._execute(prepared, operation.variables, context, told)
        except RequestError as error:
            told |= {"outcome": "refused", "code": error.code}
            status = 400 if media_type == GRAPHQL else 200
            return answer({"errors": self._shown(error.errors, incoming)}, media_type, status)
        finally:
            told["statements"] = sent[0]
            if context.refusals:
                told["refusals"] = trail.refusals(context.refusals)
            if context.denied:
                told["reasons"] = trail.reasons(context.denied)
        body: dict[str, Any] = {"data": result.data}
        told["outcome"] = "ok"
        if context.refused:
            told |= {"outcome": "refused", "code": context.refused[0]}
        if result.errors:
            body["errors"] = self._shown(result.errors, incoming)
            told |= {"outcome": "errors", "code": body["errors"][0]["extensions"]["code"]}
        whole = answer(body, media_type)
        if len(whole.body) < LEAST or not self.compress or told["operation_type"] != "query":
            return whole
        return await compressed(incoming, whole)

    def _shown(self, errors: Sequence[GraphQLError], incoming: Incoming) -> list[dict[str, Any]]:
        """The errors as the client may see them; what is our mistake is logged whole."""
        errors = capped(errors, self.environment.document_limits.errors)
        for error in errors:
            if is_ours(error):
                log.error("resolver failed", path=error.path, exc_info=error.original_error)
        return [masked(error, incoming.id) for error in errors]

    async def _execute(
        self,
        prepared: Prepared,
        variables: Mapping[str, Any] | None,
        context: Context,
        told: dict[str, Any],
    ) -> ExecutionResult:
        told["operation_type"] = prepared.operation.operation.value
        told["field"] = prepared.field
        if prepared.field == SEVERAL:
            told["fields"] = sorted(set(prepared.fields.values()))
        if prepared.operation.name:
            told["operation"] = redacted(prepared.operation.name.value[:LONGEST_NAME])
        actor, limits = context.actor, self.environment.document_limits
        cost = cost_of(prepared, variables, limits, is_gateway=actor.is_gateway)
        self._spending.run(actor, cost)
        if context.idempotency_key is not None:
            require_one_mutation(prepared)
        with traces.operation(told["operation_type"], told["field"], told.get("operation")):
            result = await run(schema, prepared, variables, context, compiled=self.compiled)
        told |= execution_of(context)
        return result


def execution_of(context: Context) -> dict[str, str]:
    """What executed the operation: a plan, or graphql-core, and why at least once not a plan."""
    for how, why in context.executed:
        if why:
            return {"executor": "graphql-core", "why": f"{how}: {why}"}
    return {"executor": "plan"}


def _page(request: Request) -> Answer:
    page = graphiql_page.page(request)
    headers = [header for header in page.raw_headers if header[0] != b"content-length"]
    return Answer(page.status_code, bytes(page.body), headers)
