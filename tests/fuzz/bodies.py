"""Requests that no client would send: good ones spoilt at random, from a seed."""

from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import Any, NamedTuple

import orjson

PATHS = ["/graphql"] * 50 + [
    "/usage",
    "/authorize",
    "/",
    "/metrics",
    "/healthz",
    "/graphql/",
    "/%00",
]
METHODS = ["POST"] * 40 + ["GET", "PUT", "DELETE", "OPTIONS", "HEAD"]
HEADERS: dict[str, Sequence[str]] = {
    "Content-Type": ["application/json; charset=utf-16", "text/plain", "", "application/json-evil"],
    "Accept": ["", "*/*;q=0", "text/html", "application/graphql-response+json", "a/b, ;;;"],
    "Idempotency-Key": ["", "x" * 129, "again", "é", "' OR 1=1 --"],
    "On-Behalf-Of": ["", "x" * 300, "ada@example.com", "\x1b[31m"],
    "X-Request-Id": ["", "x" * 65, "given", "\x1b[2J", "{}"],
    "traceparent": ["00-0-0-00", "x", "00-" + "f" * 32 + "-" + "f" * 16 + "-01"],
    "Content-Encoding": ["gzip", "identity"],
    "Authorization": ["", "Bearer", "Basic YTpi", "Bearer " + "x" * 9000, "Bearer bk_\x7f", "é"],
}
VALUES: Sequence[Any] = [
    *(None, True, 0, -1, 2**31, 2**63, 2**64 - 1, 1.5, 1e308, "", "\0", "\u202e", "x" * 70_000),
    *("1E+999999", "NaN", "%", "_", "' OR 1=1 --", "2026-02-30T25:00:00", "0001-01-01T00:00:00Z"),
    *([], {}, [[[[]]]], {"a": {"a": {}}}, ["x"] * 1_001, "9" * 400),
]
RAW = [b"null", b"1", b'"query"', b"[]", b"{", b"\xff\xfe", b"\xef\xbb\xbf{}", b"NaN", b"", b"\0"]
RAW += [
    b'{"query":"{__typename}","query":1}',
    b"[" * 20_000,
    b'{"a":' * 5_000,
    b'{"query":"\\ud800"}',
]
RAW += [
    b'{"query":"\xc3\x28"}',
    b"9" * 5_000,
    b"{" + b'"k":1,' * 2_000 + b'"query":"{__typename}"}',
]
TOKENS = [
    "{",
    "}",
    "(",
    ")",
    "[",
    "]",
    ":",
    "=",
    "!",
    "|",
    "@",
    "&",
    "$",
    "...",
    '"',
    '"""',
    "#",
    ",",
]
TOKENS += ["\0", "fragment", "on", "query", "mutation", "__schema", "9" * 5_000]


class Sent(NamedTuple):
    """One request but for its key."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


def spoilt(seed: int, documents: Sequence[tuple[str, dict[str, Any]]]) -> Iterator[Sent]:
    """Without end; each is one of the documents with its variables, or bytes that are no request."""
    random = Random(seed)  # noqa: S311 (repeatable, and no secret)
    while True:
        headers = {"Content-Type": "application/json"}
        if random.random() < 0.15:
            name = random.choice([*HEADERS])
            headers[name] = random.choice(HEADERS[name])
        body = random.choice(WAYS)(random, *random.choice(documents))
        yield Sent(random.choice(METHODS), random.choice(PATHS), headers, body)


def _raw(random: Random, *_: Any) -> bytes:
    return random.choice(RAW)


def _bytes(random: Random, document: str, variables: dict[str, Any]) -> bytes:
    """Some of its bytes are others, gone, or there again."""
    body = bytearray(_body(document, variables))
    for _ in range(random.randint(1, 8)):
        at = random.randrange(len(body) + 1)
        piece = random.choice([b"", random.randbytes(1), bytes(body[at : at + 9]), b"\0", b'"'])
        body[at : at + random.choice([0, 1, len(body) // 10])] = piece
    return bytes(body)


def _cut(random: Random, document: str, variables: dict[str, Any]) -> bytes:
    body = _body(document, variables)
    return body[: random.randrange(len(body))]


def _tokens(random: Random, document: str, variables: dict[str, Any]) -> bytes:
    """JSON, with a document that is GraphQL no more, or another's."""
    words = document.split(" ")
    for _ in range(random.randint(1, 5)):
        at = random.randrange(len(words))
        words[at] = random.choice([*TOKENS, random.choice(words), words[at] * 2])
    return _body(" ".join(words), variables)


def _members(random: Random, document: str, variables: dict[str, Any]) -> bytes:
    """A request of which a member is something else, or that has one more."""
    body: dict[str, Any] = {"query": document, "variables": variables}
    for name in random.sample(["query", "variables", "operationName", "extensions", "id", "é"], 2):
        body[name] = random.choice(VALUES)
    return orjson.dumps(body)


def _variables(random: Random, document: str, variables: dict[str, Any]) -> bytes:
    """The same document with other variables."""
    return _body(document, {name: random.choice(VALUES) for name in [*variables, "v0", "v1"]})


def _large(random: Random, document: str, _: dict[str, Any]) -> bytes:
    """Much of something that is written briefly."""
    many = random.choice([31, 500, 3_000])
    return _body(
        random.choice(
            [
                "{" + " ".join(f"a{n}: __typename" for n in range(many)) + "}",
                "{" + "viewer {" * many + "__typename" + "}" * many + "}",
                "query(" + " ".join(f"$v{n}: ID" for n in range(many)) + ") {__typename}",
                "{__typename" + " @include(if: true)" * many + "}",
                "".join(f"fragment F{n} on Query {{...F{n + 1} ...F{n + 1}}} " for n in range(many))
                + "{...F0}",
                "{node(id: " + "[" * many + "]" * many + ") {id}}",
                document * 3,
                "#" * many * 9 + document,
            ]
        ),
        {},
    )


def _body(document: str, variables: dict[str, Any]) -> bytes:
    return orjson.dumps({"query": document, "variables": variables})


WAYS: Sequence[Callable[..., bytes]] = [
    _bytes, _bytes, _bytes, _cut, _tokens, _tokens, _members, _variables, _variables, _raw, _large
]  # fmt: skip
