"""The composition root: settings, pool, routes and middleware, put together into one application."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.responses import RedirectResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from bursar import traces
from bursar.database.pool import SIZE, Database
from bursar.graphql.context import Environment
from bursar.graphql.execution.library import Documents
from bursar.graphql.execution.limits import RequestLimits
from bursar.graphql.execution.trusted import BadManifest, Trusted, texts_in
from bursar.graphql.schema import schema
from bursar.http import graphiql_page, health
from bursar.http.answer import GRAPHQL, JSON
from bursar.http.authorization import Authorization
from bursar.http.cors import Cors
from bursar.http.endpoint import Endpoint
from bursar.http.forward import Forward
from bursar.http.guard import Guard
from bursar.http.metrics import Metrics
from bursar.http.requests import Count, Requests, Respond
from bursar.http.under_way import UNDER_WAY_A_CONNECTION, Share
from bursar.http.usage import UsageReports
from bursar.services.authorization import CONNECTIONS, MOST_AT_ONCE, Authorizer
from bursar.services.failed_sign_ins import FailedSignIns
from bursar.services.sign_in import SignIn
from bursar.settings import Settings


class Application(Starlette):
    """Starlette, but that `Requests` is around it: no endpoint is looked for among its routes."""

    def __init__(self, endpoints: Mapping[str, Respond], count: Count, **given: Any) -> None:
        super().__init__(**given)
        self._endpoints = endpoints
        self._count = count

    def build_middleware_stack(self) -> ASGIApp:
        return Requests(ExceptionMiddleware(self.router), self._endpoints, self._count)


def documents(settings: Settings) -> Documents:
    """What keeps documents, the trusted ones prepared. Raises BadManifest, OSError."""
    of, limits = schema._schema, settings.document_limits  # noqa: SLF001 (as in execution.request)
    if settings.trusted_documents == "off" or (file := settings.trusted_documents_file) is None:
        return Documents(of, limits)
    try:
        trusted = Trusted(of, texts_in(file.read_bytes()), limits)
    except BadManifest as error:
        raise BadManifest(f"{file}: {error}") from None
    return Documents(of, limits, trusted, only=settings.trusted_documents == "only")


def create_app(settings: Settings, *, dsn: str, peppers: Sequence[bytes]) -> Starlette:
    """The application over the database at `dsn`; its lifespan closes the pool.

    The first of the peppers hashes new secrets, all of them are tried at sign-in.
    """
    size = settings.pool_size or SIZE
    database = Database(dsn, size=size, statement_cache=settings.statement_cache)
    most = settings.max_requests_under_way or size * UNDER_WAY_A_CONNECTION
    limits = RequestLimits(settings.max_request_seconds, most)
    longest = settings.max_gateway_body_bytes
    at_once = database.beside(CONNECTIONS)
    failed = FailedSignIns(settings.max_failed_sign_ins)
    sign_in, sign_in_at_once = SignIn(database, peppers, failed), SignIn(at_once, peppers, failed)
    authorizer = Authorizer(at_once, peppers)
    environment = Environment(
        database,
        peppers,
        authorizer,
        settings.new_teams,
        settings.max_body_bytes,
        longest,
        limits,
        settings.document_limits,
    )
    endpoint = Endpoint(
        environment, sign_in, documents(settings), settings.compiled, settings.compress
    )
    reports = UsageReports(database, sign_in, peppers, longest)
    authorization = Authorization(sign_in_at_once, authorizer, settings.max_body_bytes)
    forward = Forward(sign_in_at_once, authorizer)
    metrics = Metrics(database, sign_in_at_once)
    # Decisions are not counted with the rest, which could else keep gateways from getting any.
    documents_share, reports_share = (Share(most, limits.seconds) for _ in range(2))
    decisions_share = Share(MOST_AT_ONCE, limits.seconds)
    documents_guard = Guard(documents_share, endpoint.respond, (JSON, GRAPHQL))
    forwarded = Guard(decisions_share, forward.respond).respond

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        if settings.traces:
            traces.start()
        async with metrics.sampled():
            yield
        await database.close()
        traces.stop()

    app = Application(
        {
            "/graphql": Cors(frozenset(settings.cors_origins or ())).around(
                documents_guard.respond
            ),
            "/authorize": Guard(decisions_share, authorization.respond).respond,
            "/authorize/forward": forwarded,
            "/authorize/forward/": forwarded,
            "/usage": Guard(reports_share, reports.respond).respond,
        },
        metrics.count,
        routes=[
            Route("/", RedirectResponse("/graphql")),
            *health.ROUTES,
            metrics.route(),
            graphiql_page.assets(),
        ],
        lifespan=lifespan,
    )
    app.state.database = database
    app.state.at_once = at_once
    app.state.stopping = False
    return app
