"""Traces by OpenTelemetry, for who installed the extra `otel` and asked for them; else nothing.

A span says what was done and how long it took; never a document, a variable or a value of SQL.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import Context
from importlib.metadata import PackageNotFoundError, distribution
from threading import Thread
from typing import TYPE_CHECKING

from bursar import __version__

if TYPE_CHECKING:
    from opentelemetry.context import Context as SpanContext
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span

    Trace = SpanContext | None
else:
    Trace = object

_PATIENCE_SECONDS = 2
_NOTHING: AbstractContextManager[None] = nullcontext()
_tracing: "_Tracing | None" = None


def installed() -> bool:
    """Whether the extra is."""
    try:
        return distribution("opentelemetry-exporter-otlp-proto-http") is not None
    except PackageNotFoundError:
        return False


def start(provider: "TracerProvider | None" = None) -> None:
    """Trace from now on; without a provider to where the OTEL_… variables say, over HTTP."""
    global _tracing  # noqa: PLW0603 (of the process, as the SDK's own)
    _tracing = _Tracing(provider or _exporting())


def stop() -> None:
    """Trace no more, and send what has not been sent, for at most two seconds."""
    global _tracing  # noqa: PLW0603 (as in start)
    if _tracing is not None:
        # The SDK's own patience with a collector that is away would outlast a stop.
        last = Thread(target=_tracing.provider.shutdown, daemon=True)
        last.start()
        last.join(_PATIENCE_SECONDS)
        _tracing = None


def request(
    method: str, path: str, headers: Iterable[tuple[bytes, bytes]]
) -> AbstractContextManager["Span | None"]:
    """A request; it continues the trace of the client that sends `traceparent`."""
    if _tracing is None:
        return _NOTHING
    attributes = {"http.request.method": method, "url.path": path}
    sent = {name.decode("latin-1"): value.decode("latin-1") for name, value in headers}
    return _tracing.span(f"{method} {path}", "SERVER", attributes, sent)


def operation(kind: str, field: str, name: str | None) -> AbstractContextManager["Span | None"]:
    """A GraphQL operation; it is called by what bounds names, its root field."""
    if _tracing is None:
        return _NOTHING
    attributes = {"graphql.operation.type": kind}
    if name is not None:
        attributes["graphql.operation.name"] = name
    return _tracing.span(f"{kind} {field}", "INTERNAL", attributes)


def step(name: str) -> AbstractContextManager["Span | None"]:
    """A part of a request that is worth a span."""
    return _NOTHING if _tracing is None else _tracing.span(name, "INTERNAL", {})


def statement(sql: str) -> AbstractContextManager["Span | None"]:
    """A statement sent to PostgreSQL; its text has no values, which go beside it."""
    if _tracing is None:
        return _NOTHING
    attributes = {"db.system.name": "postgresql", "db.query.text": sql}
    return _tracing.span(sql.split(None, 1)[0], "CLIENT", attributes)


def current() -> Trace:
    """Where spans are put now."""
    return None if _tracing is None else _tracing.current()


def apart(trace: Trace) -> Context:
    """A context that has nothing of the current one, but puts spans where those of a trace are."""
    context = Context()
    if _tracing is not None and trace is not None:
        context.run(_tracing.attach, trace)
    return context


class _Tracing:
    """Everything of OpenTelemetry is imported here, by who wants it."""

    def __init__(self, provider: "TracerProvider") -> None:
        from opentelemetry import context, propagate, trace  # noqa: PLC0415 (the extra may be absent)

        self.provider = provider
        self.current = context.get_current
        self.attach = context.attach
        self._tracer = provider.get_tracer("bursar", __version__)
        self._kinds = trace.SpanKind
        self._failed = trace.Status(trace.StatusCode.ERROR)
        self._extract = propagate.extract

    @contextmanager
    def span(
        self,
        name: str,
        kind: str,
        attributes: Mapping[str, str],
        headers: Mapping[str, str] | None = None,
    ) -> Iterator["Span"]:
        """A span that names the error raised in it, but not its message, which may quote values."""
        with self._tracer.start_as_current_span(
            name,
            context=None if headers is None else self._extract(headers),
            kind=self._kinds[kind],
            attributes=attributes,
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                yield span
            except BaseException as error:
                span.set_attribute("error.type", type(error).__qualname__)
                span.set_status(self._failed)
                raise


def _exporting() -> "TracerProvider":
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 (an extra)
    from opentelemetry.sdk.resources import OTELResourceDetector, Resource  # noqa: PLC0415 (an extra)
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415 (an extra)
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415 (an extra)

    own = Resource.create({"service.name": "bursar", "service.version": __version__})
    resource = own.merge(OTELResourceDetector().detect())
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider
