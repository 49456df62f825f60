"""Secrets and words of clients, sent everywhere: nothing that a server leaves behind has them."""

import asyncio
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import islice
from pathlib import Path
from threading import Thread
from typing import Any

import asyncpg
import httpx2
import pytest

from bursar.operations.backup import backup
from bursar.operations.database import existing
from bursar.settings import Settings
from execution.corpus import Corpus
from execution.test_same_answer import LEFT_OUT, SCHEMA, valid
from live_server import LiveServer, serving

ADMIN = "the-key-of-the-operator-which-nobody-may-read"
WORD = "canary"
BEHALF = "somebody-else"  # the one word that the log is to have
HIDDEN = f"hidden-{WORD}"  # never stored: only ever in requests that are refused
CREATE = """mutation Create($input: ApiKeyCreateInput!) {
  apiKeyCreate(input: $input) { secret apiKey { id } errors { code message } }
}"""
ROTATE = """mutation Rotate($input: ApiKeyRotateInput!) {
  apiKeyRotate(input: $input) { secret apiKey { id } errors { code message } }
}"""
DESCRIBE = """mutation($input: TeamUpdateInput!) {
  teamUpdate(input: $input) { team { id } errors { code message } }
}"""
RENAME = 'mutation Rename { teamCreate(input: {name: "B"}) { team { id } } }'
MAKE = '{teamCreate(input: {name: "A"}) { team { id } }}'


@dataclass
class Client:
    """Asks a server, mostly as its admin."""

    http: httpx2.Client
    bodies: list[str] = field(default_factory=list)

    def ask(self, document: str, /, **options: Any) -> Any:
        variables = options.pop("variables", {})
        headers = {"Authorization": f"Bearer {ADMIN}", **options.pop("headers", {})}
        json = {"query": document, "variables": variables, **options.pop("json", {})}
        answer = self.http.post("/graphql", json=json, headers=headers, **options)
        self.bodies.append(answer.text)
        return answer.json().get("data")

    def create(self, document: str, given: dict[str, Any], idempotency_key: str) -> Any:
        given = {**given, "idempotencyKey": idempotency_key}
        return next(iter(self.ask(document, variables={"input": given}).values()))


@pytest.fixture
def folder() -> Iterator[Path]:
    """Which PostgreSQL's own account can enter."""
    with tempfile.TemporaryDirectory(prefix="bursar-test-") as parent:
        Path(parent).chmod(0o711)
        yield Path(parent)


@contextmanager
def collecting() -> Iterator[tuple[str, list[bytes]]]:
    """A collector of traces: its address, and what was sent to it."""
    received: list[bytes] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Collector) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", received
        server.shutdown()


def test_no_secret_is_in_what_a_server_leaves_and_no_word_in_what_it_tells(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(data_dir=folder / "data")
    given = {"BURSAR_DATA_DIR": str(settings.data_dir), "BURSAR_ADMIN_KEY": ADMIN}
    with collecting() as (collector, traces):
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector)
        with serving(**given, BURSAR_TRACES="true") as server, httpx2.Client() as http:
            http.base_url = server.url
            client = Client(http)
            secrets = created(client)
            misplace(client, [*secrets, ADMIN])
            ask_with_words(client)
            team = team_of(client)
            asyncio.run(forget_a_column(settings))
            fail(client, team)
            told = {
                "log": server.log.read_bytes(),
                "start": server.said.read_bytes(),
                "metrics": metrics(server),
            }
            backup(settings, folder / "dump.sql")
    dump = (folder / "dump.sql").read_bytes()
    told |= {"traces": b"".join(traces)}
    told |= {"PostgreSQL's log": (settings.data_dir / "postgres.log").read_bytes()}
    pepper = (settings.data_dir / "pepper").read_text().strip()
    for where, text in {**told, "dump": dump, "answers": "".join(client.bodies).encode()}.items():
        found = [secret for secret in [*secrets, ADMIN, pepper] if secret.encode() in text]
        assert not found, where
        assert where in {"dump", "answers"} or WORD.encode() not in text.lower(), where
    assert HIDDEN.encode() not in dump
    assert WORD.encode() in dump
    assert told["traces"].count(b"POST /graphql") > 50
    assert told["log"].count(b"\n") > 100
    assert BEHALF.encode() in told["log"]
    for replaced in secrets[::2]:
        assert f'"presented":"…{replaced[-4:]}"'.encode() in told["log"]
        assert not any(replaced[at : at + 5].encode() in told["log"] for at in range(4, 48))


def created(client: Client) -> list[str]:
    """The secrets of keys, each told once: a repetition has the same key and no secret."""
    team = client.ask(f"mutation {MAKE}")["teamCreate"]["team"]["id"]
    secrets = []
    for number, scopes in enumerate([["INFER"], ["GATEWAY"], ["MANAGE"]]):
        holder = {"teamId": team} if number < 2 else {}
        one = {**holder, "alias": f"k{number}", "scopes": scopes}
        first, again = [client.create(CREATE, one, f"one {number}") for _ in range(2)]
        rotated, replayed = [
            client.create(ROTATE, {"id": first["apiKey"]["id"]}, f"two {number}") for _ in range(2)
        ]
        assert again == {**first, "secret": None}
        assert replayed == {**rotated, "secret": None}
        secrets += [first["secret"], rotated["secret"]]
    assert len({*secrets}) == len(secrets) == 6
    client.bodies.clear()  # the one answer that has them
    return secrets


def misplace(client: Client, secrets: list[str]) -> None:
    """Put each where it is read, and where it does not belong."""
    http, gateway = client.http, secrets[3]
    for secret in secrets:
        bearer = {"Authorization": f"Bearer {secret}"}
        call = {"key": secret, "model": "m"}
        event = {**call, "requestId": "1", "at": "2026-01-01T00:00:00Z", "cost": "1"}
        as_gateway = {"Authorization": f"Bearer {gateway}"}
        http.post("/authorize", json=call, headers=as_gateway)
        http.post("/usage", json={"events": [event]}, headers=as_gateway)
        http.post("/graphql", json={"query": "{ viewer { user { id } } }"}, headers=bearer)
        http.post("/graphql", json={"query": "{ __typename }"}, headers={**bearer, "X": secret})
        http.get(f"/graphql?key={secret}", headers={"Cookie": f"key={secret}"})
        # One that an operator chose can have any form, so that nothing knows it in a path.
        path = "/" if secret == ADMIN else f"/keys/{secret}"
        http.post(path, content=secret, headers={"User-Agent": secret, "Accept": secret})
        client.ask(f'{{ authorize(key: "{secret}", model: "m") {{ allowed }} }}')
        for argument in ("team(id: $it)", "userByEmail(email: $it)", "apiKey(id: $it)"):
            kind = "String!" if "mail" in argument else "ID!"
            client.ask(f"query($it: {kind}) {{ {argument} {{ id }} }}", variables={"it": secret})
        client.ask("{ __typename }", headers={"X-Api-Key": secret, "traceparent": secret})
        name = secret.replace("-", "_")
        client.ask(f"query {name} {{ __typename }}", json={"operationName": name})
        if secret != ADMIN:
            client.ask(RENAME, headers={"X-Request-Id": secret})


def ask_with_words(client: Client) -> None:
    """In every argument of every field, and wherever else a request has words."""
    words = {"String": (WORD, HIDDEN + "\0", f"{WORD}@example.com"), "JSON": ({WORD: WORD},)}
    corpus = Corpus(SCHEMA, {"Team": [HIDDEN]}, leave_out=LEFT_OUT, scalars=words)
    for operation in ("query", "mutation"):
        for case in islice(valid(corpus, 7, operation), 60):
            client.ask(case.text, variables=case.variables)
    for document in (
        f"{{ {WORD} }}",
        f'{{ team(id: "{WORD}") {{ id }} }}',
        f"{{ {WORD}",
        f'"{WORD}',
    ):
        client.ask(document, variables={WORD: WORD}, json={"extensions": {WORD: WORD}})
    client.ask("{ __typename }", headers={"On-Behalf-Of": BEHALF, "Accept-Language": WORD})
    client.http.post("/graphql", content=WORD, headers={"Content-Type": WORD})
    client.http.post(f"/graphql?{WORD}={WORD}", json=[WORD], headers={"Cookie": WORD})
    client.http.post("/usage", json={WORD: WORD}, headers={"Authorization": f"Bearer {WORD}"})
    assert client.create(DESCRIBE, {"id": team_of(client), "description": WORD}, WORD)["team"]


async def forget_a_column(settings: Settings) -> None:
    """Behind the server's back, so that PostgreSQL refuses its statements."""
    with existing(settings) as database:
        connection = await asyncpg.connect(database.owner_url)
        await connection.execute("ALTER TABLE teams RENAME description TO forgotten")
        await connection.close()


def fail(client: Client, team: str) -> None:
    for document in (DESCRIBE, f'{{ team(id: "{team}") {{ description tags }} }}'):
        given = {"input": {"id": team, "description": HIDDEN, "tags": [HIDDEN]}}
        client.ask(document, variables=given if document is DESCRIBE else {})
        assert "INTERNAL_SERVER_ERROR" in client.bodies[-1]
        assert not re.search(r"description|column \w|SELECT|Undefined|\.py", client.bodies[-1])


def team_of(client: Client) -> str:
    found: str = client.ask("{ teams(first: 1) { nodes { id } } }")["teams"]["nodes"][0]["id"]
    return found


def metrics(server: LiveServer) -> bytes:
    answer = httpx2.get(f"{server.url}/metrics", headers={"Authorization": f"Bearer {ADMIN}"})
    assert answer.status_code == 200
    return answer.content
