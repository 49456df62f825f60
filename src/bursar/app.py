"""The composition root: settings, pool, routes and middleware, put together into one application."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import RedirectResponse
from starlette.routing import Route

from bursar import traces
from bursar.database.pool import Database
from bursar.graphql.execution.library import Documents
from bursar.graphql.execution.trusted import BadManifest, Trusted, texts_in
from bursar.graphql.schema import schema
from bursar.http import graphiql_page, health
from bursar.http.authorization import Authorization
from bursar.http.endpoint import Endpoint
from bursar.http.forward import Forward
from bursar.http.metrics import Metrics
from bursar.http.requests import Requests
from bursar.http.usage import UsageReports
from bursar.services.authorization import Authorizer
from bursar.settings import Settings

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]  # refused by the endpoint


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
    database = Database(dsn, size=settings.pool_size, statement_cache=settings.statement_cache)
    longest = settings.max_gateway_body_bytes
    authorizer = Authorizer(database, peppers)
    endpoint = Endpoint(
        database,
        peppers,
        settings.max_body_bytes,
        longest,
        settings.document_limits,
        settings.new_teams,
        authorizer,
        documents(settings),
        settings.compiled,
    )
    reports = UsageReports(database, peppers, longest)
    authorization = Authorization(authorizer, settings.max_body_bytes)
    metrics = Metrics(database, peppers)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        if settings.traces:
            traces.start()
        async with metrics.sampled():
            yield
        await database.close()
        traces.stop()

    app = Starlette(
        routes=[
            # First, and an application of its own: asked for every call that is passed on.
            Route("/authorize", authorization),
            Route("/", RedirectResponse("/graphql")),
            *health.ROUTES,
            metrics.route(),
            graphiql_page.assets(),
            Route("/graphql", endpoint.respond, methods=METHODS),
            Route("/usage", reports.respond, methods=METHODS),
            *Forward(authorizer).routes(),
        ],
        middleware=[Middleware(Requests, metrics.count)],
        lifespan=lifespan,
    )
    app.state.database = database
    app.state.stopping = False
    return app
