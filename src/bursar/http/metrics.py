"""Metrics for Prometheus at /metrics: what was asked, how long it took, and the pool; of all workers.

Only names that the schema has become labels: what a client calls its operations has no bounds.
"""

import asyncio
import atexit
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, values
from prometheus_client.exposition import choose_encoder
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from bursar import __version__
from bursar.access.actor import Sight
from bursar.database.pool import Database
from bursar.domain.errors import Fault
from bursar.http import lines
from bursar.http.incoming import Incoming
from bursar.http.sign_in import authenticate
from bursar.services.sign_in import SignIn

_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
_SAMPLE_SECONDS = 1.0
_DURATIONS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_STATEMENTS = (1, 2, 3, 4, 5, 6, 8, 10, 15, 20, 50, 100)


def prepare(workers: int) -> Path | None:
    """Let several workers count together; called by their parent before it makes any.

    They share a private folder, which goes with the parent. For one worker there is none.
    """
    if workers == 1:
        return None
    folder, parent = tempfile.mkdtemp(prefix="bursar-metrics-"), os.getpid()

    def remove() -> None:
        if os.getpid() == parent:  # a forked worker inherits what its parent does at the end
            shutil.rmtree(folder, ignore_errors=True)

    atexit.register(remove)
    share(Path(folder))
    return Path(folder)


def share(folder: Path) -> None:
    """Count where the other workers do; called before there are any metrics."""
    os.environ[_FOLDER] = str(folder)
    # It was chosen at the import, when there was no folder.
    values.ValueClass = values.get_value_class()  # type: ignore[no-untyped-call]  # untyped there


def worker_died(pid: int) -> None:
    """Forget what a worker held, such as connections; what it counted stays. Called by the parent."""
    if _FOLDER in os.environ:
        mark_process_dead(pid)  # type: ignore[no-untyped-call]  # untyped there


class _Counters(NamedTuple):
    requests: Counter
    executions: Counter | None
    seconds: Histogram
    statements: Histogram


class Metrics:
    """Counts requests and shows them to platform admins and viewers.

    A gauge is of now: each worker samples its own when it is asked, and beside others once a second.
    """

    def __init__(self, database: Database, sign_in: SignIn) -> None:
        self._database = database
        self._sign_in = sign_in
        self._shared = _FOLDER in os.environ
        self._registry = CollectorRegistry()
        if self._shared:
            MultiProcessCollector(self._registry)  # type: ignore[no-untyped-call]  # untyped there
        else:
            ProcessCollector(registry=self._registry)
        self._requests = Counter(
            "bursar_requests",
            "Requests by what they asked and how that ended.",
            ("operation", "field", "outcome", "code"),
            registry=self._own,
        )
        self._executions = Counter(
            "bursar_executions",
            "GraphQL operations by what executed them, and why it was not their plan.",
            ("executor", "why"),
            registry=self._own,
        )
        self._seconds = Histogram(
            "bursar_request_duration_seconds",
            "How long requests took.",
            ("operation", "field"),
            buckets=_DURATIONS,
            registry=self._own,
        )
        self._statements = Histogram(
            "bursar_request_statements",
            "How many SQL statements requests sent, sign-in included.",
            ("operation", "field"),
            buckets=_STATEMENTS,
            registry=self._own,
        )
        self._decisions = Counter(
            "bursar_decisions",
            "Decisions about calls of keys.",
            ("allowed",),
            registry=self._own,
        )
        self._gauges = {
            "size": self._gauge("bursar_pool_size", "How many connections may be open at most."),
            "lent": self._gauge("bursar_pool_lent", "How many connections are in use."),
            "free": self._gauge(
                "bursar_pool_free", "How many connections are open and not in use."
            ),
            "waiting": self._gauge("bursar_pool_waiting", "How many wait for a connection."),
        }
        self._workers = self._gauge("bursar_workers", "How many processes answer requests.")
        self._info = Gauge(
            "bursar_info",
            "1, and the version as its label.",
            ("version",),
            multiprocess_mode="livemax",
            registry=self._own,
        )
        lost = lines.lost()
        if self._own is not None:
            self._own.register(lost)
        self._known: dict[tuple[str, ...], _Counters] = {}

    def count(self, told: Mapping[str, Any], seconds: float) -> None:
        """Count a request to the API by what its line in the log says of it."""
        if (outcome := told.get("outcome")) is None:
            return
        operation, field = told.get("operation_type", ""), told.get("field", "")
        code, executor, why = told.get("code", ""), told.get("executor", ""), told.get("why", "")
        known = (operation, field, outcome, code, executor, why)
        counters = self._known.get(known)
        if counters is None:
            counters = self._known[known] = _Counters(
                self._requests.labels(operation, field, outcome, code),
                self._executions.labels(executor, why) if executor else None,
                self._seconds.labels(operation, field),
                self._statements.labels(operation, field),
            )
        if "allowed" in told:
            self._decisions.labels(str(told["allowed"]).lower()).inc()
        counters.requests.inc()
        if counters.executions is not None:
            counters.executions.inc()
        counters.seconds.observe(seconds)
        counters.statements.observe(told.get("statements", 0))

    def route(self) -> Route:
        return Route("/metrics", self._respond)

    @asynccontextmanager
    async def sampled(self) -> AsyncIterator[None]:
        """Keep this worker's gauges true for the others that are asked instead of it."""
        sampling = asyncio.create_task(self._sample_on()) if self._shared else None
        try:
            yield
        finally:
            if sampling is not None:
                sampling.cancel()
                with suppress(asyncio.CancelledError):
                    await sampling

    async def _respond(self, request: Request) -> Response:
        incoming: Incoming = request.scope["incoming"]
        try:
            actor = await authenticate(incoming, self._sign_in)
        except Fault as fault:
            return _refusal(incoming, 503, fault.code, str(fault), Retry_After="1")
        if actor is None:
            words = "A valid key is needed."
            return _refusal(incoming, 401, "UNAUTHENTICATED", words, WWW_Authenticate="Bearer")
        if actor.sight is not Sight.ALL:
            words = "A platform ADMIN or VIEWER may read this."
            return _refusal(incoming, 403, "FORBIDDEN", words)
        self._sample()
        encode, media_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(self._registry), headers={"Content-Type": media_type})

    async def _sample_on(self) -> None:
        while True:
            self._sample()
            await asyncio.sleep(_SAMPLE_SECONDS)

    def _sample(self) -> None:
        for name, count in self._database.use._asdict().items():
            self._gauges[name].set(count)
        self._workers.set(1)
        self._info.labels(__version__).set(1)

    def _gauge(self, name: str, meaning: str) -> Gauge:
        """Of several workers the sum, but of those that have died."""
        return Gauge(name, meaning, multiprocess_mode="livesum", registry=self._own)

    @property
    def _own(self) -> CollectorRegistry | None:
        """Workers that share a folder are collected from there."""
        return None if self._shared else self._registry


def _refusal(
    incoming: Incoming, status: int, code: str, words: str, **headers: str
) -> PlainTextResponse:
    incoming.told |= {"field": "metrics", "outcome": "refused", "code": code}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return PlainTextResponse(f"{words}\n", status, named)
