"""Whatever is sent to a server that listens: no fault of ours, nothing told, in time and in memory."""

import asyncio
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, AsyncExitStack
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import orjson
import pytest

from access.scene import FOR_GATEWAYS, LAST, Scene, enter
from api_client import Api
from bursar.http.body import BadBody, json_object
from execution.corpus import SCALARS, Case, Corpus
from execution.test_same_answer import SCHEMA
from factories import Factory, Key, Person
from fuzz.bodies import Sent, spoilt
from fuzz.wire import Reply, Wire
from live_server import LiveServer

DEADLINE_SECONDS = 10 + 1  # the second to say so
LONGEST_BODY = 262_144
CLIENTS = 4
WARM = 25  # percent of all requests, after which the room for documents and forms is filled
VALID = 0.8  # of the documents, at least; the server finds which are not
REFUSED = re.compile(rb"GRAPHQL_VALIDATION_FAILED|LIMIT_EXCEEDED")
HOSTILE: dict[str, Sequence[Any]] = {
    "Int": (0, -1, 1, 50, 1_000, 1_001, 2**31 - 1),
    "String": ("", "\0", "\u202eA", "e\u0301", "%", "_", "' OR 1=1 --", "x" * 129, "x" * 5_000),
    "DateTime": ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2026-02-30T00:00:00Z", "now"),
    "Date": ("0001-01-01", "9999-12-31", "2026-02-30", "2026-11-22"),
    "Decimal": ("0", "-1", "1E+999999", "1E-999999", "NaN", "9" * 40, "0.00000000001", "12.50"),
    "BigInt": (0, -1, 2**53, str(2**62), str(2**63), "1.0", "NaN"),
    "Duration": ("0s", "1d", "99999y", "-1d", "1", "1mo", "30d"),
    "JSON": ({}, {"a": [1, None, {"b": "\0"}]}, {"x" * 200: 1}, {"n": 1e308}, [], "text"),
}
WORDS = {name: [*SCALARS[name], *values] for name, values in HOSTILE.items()}
# What only our side knows: code, SQL, places and programs.
INTERNAL = re.compile(
    rb"Traceback|site-packages|\.py\b|asyncpg|sqlalchemy|pg_|psql|postgres|SELECT |INSERT |UPDATE "
    rb"|object at 0x|<class |/(src|home|root|tmp|usr|var)/|INTERNAL|Exception",
    re.IGNORECASE,
)


class Asked(NamedTuple):
    """A request, and who sends it; what an admin is told is no secret."""

    sent: Sent
    caller: Person | Key
    stranger: bool
    is_document: bool


@pytest.mark.parametrize(
    ("bodies", "documents"),
    [
        (600, 200),
        pytest.param(100_000, 62_500, marks=[pytest.mark.soak, pytest.mark.timeout(4 * 3600)]),
    ],
)
async def test_nothing_that_is_sent_is_answered_by_a_fault_or_tells_anything(
    api: Api,
    make: Factory,
    live_server: Callable[..., AbstractContextManager[LiveServer]],
    record_property: Callable[[str, object], None],
    bodies: int,
    documents: int,
) -> None:
    scene = await enter(make, api)
    admin = await make.admin()
    shares = bodies // 100, documents // 100
    counted: Counter[str] = Counter()
    memory: list[int] = []
    with live_server() as server:
        requests = alternating(fuzzed(scene, admin), ruled(scene, admin), *shares)
        async with AsyncExitStack() as stack:
            address = urlsplit(server.url)
            host, port = address.hostname or "", address.port or 0
            wires = [await stack.enter_async_context(Wire(host, port)) for _ in range(CLIENTS)]
            for _ in range(100):
                some = islice(requests, sum(shares))
                await asyncio.gather(*(_ask_all(wire, some, scene, counted) for wire in wires))
                memory.append(resident(server.pid))
        levels = {line["level"] for line in server.lines()}
    assert "error" not in levels
    assert counted["fuzz: requests"] == bodies + documents
    assert counted["fuzz: documents that were valid"] >= documents * VALID
    grown = memory[-1] / memory[WARM] - 1
    assert grown < 0.05 or bodies < 10_000, f"memory grew by {grown:.1%}: {memory}"
    for what, count in counted.items():
        record_property(what, count)
    for percent in (10, WARM, 50, 75, 99):
        record_property(f"fuzz: kibibytes of memory after {percent} % of it", memory[percent])


async def _ask_all(wire: Wire, asked: Iterator[Asked], scene: Scene, counted: Counter[str]) -> None:
    for each in asked:
        reply = await wire.ask(each.sent, each.caller.secret)
        check(each, reply, scene)
        counted["fuzz: requests"] += 1
        if each.is_document and REFUSED.search(reply.text) is None:
            counted["fuzz: documents that were valid"] += 1
        counted[f"fuzz: answers {reply.status or 'none, as the body was too long'}"] += 1
        slowest = "fuzz: ms that the slowest took"
        counted[slowest] = max(counted[slowest], round(reply.seconds * 1000))


def check(asked: Asked, reply: Reply, scene: Scene) -> None:
    sent = asked.sent
    assert reply.status or len(sent.body) > LONGEST_BODY, sent
    assert reply.status < 500 or b"OVERLOADED" in reply.text, (sent, reply)
    assert reply.seconds < DEADLINE_SECONDS, (sent, reply)
    if b"text/html" not in reply.text:
        internal = INTERNAL.search(reply.text)
        assert internal is None or internal[0].lower() in sent.body.lower(), (sent, reply)
    if asked.stranger and scene.told(reply.text, ""):  # rarely, and the body takes long to read
        assert not scene.told(reply.text, meant(sent.body)), (sent, reply)


def meant(body: bytes) -> str:
    """A body as the server reads it, escapes undone."""
    try:
        return str(json_object(body, 1_000_000)) + body.decode(errors="replace")
    except BadBody:
        return body.decode(errors="replace")


def fuzzed(scene: Scene, admin: Person) -> Iterator[Asked]:
    """Bodies that were spoilt."""
    streams = [
        spoilt(1, [(case.text, case.variables) for case in islice(asked(ids), 400)])
        for ids in (scene.ids, scene.own)
    ]
    return _by_all(scene, admin, *streams, is_document=False)


def ruled(scene: Scene, admin: Person) -> Iterator[Asked]:
    """Documents by the rules but for a few, with values that are hostile."""
    headers = {"Content-Type": "application/json"}
    streams = [
        (
            Sent(
                "POST",
                "/graphql",
                headers,
                orjson.dumps({"query": case.text, "variables": case.variables}),
            )
            for case in asked(ids, scalars=WORDS, cursors=scene.cursors)
        )
        for ids in (scene.ids, scene.own)
    ]
    return _by_all(scene, admin, *streams, is_document=True)


def asked(ids: Mapping[str, Sequence[str]], **known: Any) -> Iterator[Case]:
    """Queries and mutations by turns. What a gateway is told of any key is no leak, and left out."""
    corpus = Corpus(SCHEMA, ids, leave_out=[*LAST, *FOR_GATEWAYS], **known)
    pairs = zip(corpus.cases(2, "query"), corpus.cases(3, "mutation"), strict=True)
    return chain.from_iterable(pairs)


def _by_all(
    scene: Scene, admin: Person, foreign: Iterator[Sent], own: Iterator[Sent], *, is_document: bool
) -> Iterator[Asked]:
    """By each stranger in turn, and by an admin, who brings nothing of the one to the other."""
    while True:
        for caller in scene.callers.values():
            yield from (Asked(sent, caller, True, is_document) for sent in islice(foreign, 2))
        yield from (Asked(sent, admin, False, is_document) for sent in islice(own, 2))


def alternating(
    fuzzed: Iterator[Asked], ruled: Iterator[Asked], bodies: int, documents: int
) -> Iterator[Asked]:
    while True:
        yield from islice(fuzzed, bodies)
        yield from islice(ruled, documents)


def resident(pid: int) -> int:
    """KiB of memory that a process has."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status)[1])
