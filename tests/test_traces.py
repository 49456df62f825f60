"""Traces: the spans of a request, whose trace they continue, and what they never hold."""

import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from api_client import Api
from bursar import traces
from bursar.environment import BadSettings, load
from factories import Factory

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
QUERY = "query Mine { viewer { user { name } } }"


@pytest.fixture
def exporter() -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    traces.start(provider)
    yield exporter
    traces.stop()


def tree(spans: tuple[ReadableSpan, ...]) -> dict[str, set[str]]:
    """The names of the spans below each."""
    names = {span.context.span_id: span.name for span in spans}
    found: dict[str, set[str]] = {}
    for span in spans:
        above = names.get(span.parent.span_id, "client") if span.parent else ""
        found.setdefault(above, set()).add(span.name)
    return found


async def test_a_request_is_a_tree_of_spans_below_the_clients(
    api: Api, make: Factory, exporter: InMemorySpanExporter
) -> None:
    person = await make.person(name="Ada Canary")
    exporter.clear()
    api.http.headers["traceparent"] = f"00-{TRACE}-{PARENT}-01"
    answer = await api(person, QUERY)
    assert answer.data == {"viewer": {"user": {"name": "Ada Canary"}}}
    spans = exporter.get_finished_spans()
    assert tree(spans) == {
        "client": {"POST /graphql"},
        "POST /graphql": {"sign-in", "query viewer"},
        "sign-in": {"SELECT"},
        "query viewer": {"SELECT"},
    }
    assert {f"{span.context.trace_id:032x}" for span in spans} == {TRACE}
    (request,) = [span for span in spans if span.kind is SpanKind.SERVER]
    assert request.parent is not None
    assert f"{request.parent.span_id:016x}" == PARENT
    assert request.attributes is not None
    assert request.attributes["http.response.status_code"] == 200
    (operation,) = [span for span in spans if span.name == "query viewer"]
    assert dict(operation.attributes or {}) == {
        "graphql.operation.type": "query",
        "graphql.operation.name": "Mine",
    }
    statements = [span for span in spans if span.kind is SpanKind.CLIENT]
    assert all("$1" in str((span.attributes or {})["db.query.text"]) for span in statements)
    everything = "".join(span.to_json() for span in spans)
    for secret in ("Canary", person.secret, person.email):
        assert secret not in everything


async def test_a_mutation_shows_its_transaction(
    api: Api, make: Factory, exporter: InMemorySpanExporter
) -> None:
    admin = await make.admin()
    exporter.clear()
    await api.mutate(admin, "organizationCreate", name="Canary")
    below = tree(exporter.get_finished_spans())["mutation organizationCreate"]
    assert {"BEGIN", "INSERT", "COMMIT"} <= below


async def test_a_failed_statement_names_its_error_but_not_the_values(
    api: Api, make: Factory, exporter: InMemorySpanExporter
) -> None:
    admin = await make.admin()
    await api.mutate(admin, "organizationCreate", name="One", externalId="canary")
    exporter.clear()
    refused = await api.mutate(admin, "organizationCreate", name="Two", externalId="canary")
    assert refused.refusals == [("CONFLICT", "input.externalId")]
    failed = [
        span
        for span in exporter.get_finished_spans()
        if span.status.status_code is StatusCode.ERROR
    ]
    assert [(span.attributes or {})["error.type"] for span in failed] == ["UniqueViolationError"]
    assert "canary" not in "".join(span.to_json() for span in exporter.get_finished_spans())


async def test_probes_are_not_traced(api: Api, exporter: InMemorySpanExporter) -> None:
    await api.http.get("/healthz")
    assert exporter.get_finished_spans() == ()


def test_without_being_asked_for_nothing_of_opentelemetry_is_imported() -> None:
    program = "import bursar.app, sys; print([n for n in sys.modules if 'opentelemetry' in n])"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


def test_an_installation_without_the_extra_refuses_to_trace(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("BURSAR_TRACES", "true")
    assert load().traces
    monkeypatch.setattr("bursar.setting_values.installed", lambda: False)
    with pytest.raises(BadSettings, match="BURSAR_TRACES: needs the extra"):
        load()


def test_the_environment_says_where_spans_go_and_as_whom(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[tuple[str, str]] = []

    class Collector:
        """Stands in for the way to the collector."""

        def __init__(self, *_: object, **__: object) -> None: ...

        def export(self, spans: tuple[ReadableSpan, ...]) -> None:
            heard.extend((str(s.resource.attributes["service.name"]), s.name) for s in spans)

        def shutdown(self) -> None: ...

        def force_flush(self, *_: object) -> bool:
            return True

    path = "opentelemetry.exporter.otlp.proto.http.trace_exporter.OTLPSpanExporter"
    monkeypatch.setattr(path, Collector)
    for name in ("bursar", "ours"):
        if name == "ours":
            monkeypatch.setenv("OTEL_SERVICE_NAME", name)
        traces.start()
        with traces.step(f"of {name}"):
            """Ends at once."""
        traces.stop()
    assert heard == [("bursar", "of bursar"), ("ours", "of ours")]


def test_a_collector_that_is_away_does_not_hold_up_a_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    traces.start()
    with traces.step("lost"):
        """Ends at once."""
    started = time.monotonic()
    traces.stop()
    assert time.monotonic() - started < 3
