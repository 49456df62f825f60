"""Too many requests, too long ones, and clients that hang up: each ended, with all that it held."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import httpx2
import orjson
import pytest
from starlette.applications import Starlette
from starlette.types import Message

from api_client import FINGERPRINT
from bursar.app import create_app
from bursar.database.connections import Connection
from bursar.database.embedded import EmbeddedPostgres
from bursar.http import under_way
from bursar.http.under_way import Share
from bursar.settings import Settings
from factories import PEPPER, Factory

ORGANIZATIONS = "{ organizations { nodes { name } } }"
AUDIT = "{ auditEntries { nodes { id } } }"
CREATE = """
mutation { organizationCreate(input: {name: "Acme", idempotencyKey: "k"}) {
  organization { name } errors { code }
} }
"""
RUNNING = """
SELECT count(*) FROM pg_stat_activity
WHERE application_name = 'bursar' AND datname = current_database()
  AND (state = 'active' OR state LIKE 'idle in transaction%')
"""
# At the commit, whatever was changed.
SLOW_COMMIT = """
CREATE FUNCTION pg_temp.sleep() RETURNS trigger LANGUAGE plpgsql AS
  $$ BEGIN PERFORM pg_sleep(4); RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON organizations DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION pg_temp.sleep()
"""


@dataclass
class Told:
    """What a server said of itself and of its answers to one who asks without a client's patience."""

    app: Starlette
    http: httpx2.AsyncClient
    owner: asyncpg.Connection
    secret: str = ""
    messages: list[Message] = field(default_factory=list)

    async def post(self, document: str, **headers: str) -> httpx2.Response:
        headers = {"Authorization": f"Bearer {self.secret}", **headers}
        return await self.http.post("/graphql", json={"query": document}, headers=headers)

    async def ask(self, receive: Callable[[], Awaitable[Message]]) -> None:
        """POST /graphql with a body that comes, or does not, as it is told."""
        headers = {
            "authorization": f"Bearer {self.secret}",
            "content-type": "application/json",
            "host": "bursar.test",
        }
        scope = {
            "type": "http",
            "method": "POST",
            "path": "/graphql",
            "query_string": b"",
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        }

        async def send(message: Message) -> None:
            self.messages.append(message)

        await self.app(scope, receive, send)

    async def at_rest(self) -> float:
        """See that nothing is lent or runs any more; how long that took."""
        started = time.monotonic()
        async with asyncio.timeout(5):
            while await self.owner.fetchval(RUNNING) or self.app.state.database.use.lent:
                pass
        return time.monotonic() - started

    async def fingerprint(self) -> str:
        return str(await self.owner.fetchval(FINGERPRINT))


Serve = Callable[..., Any]


@pytest.fixture
def serving(
    migrated: EmbeddedPostgres, make: Factory, owner: asyncpg.Connection
) -> Callable[..., Any]:
    """A server with these settings, asked by an admin: `async with serving(pool_size=1) as told`."""

    @asynccontextmanager
    async def serving(**settings: Any) -> AsyncIterator[Told]:
        admin = await make.admin()
        app = create_app(Settings(**settings), dsn=migrated.application_url, peppers=[PEPPER])
        transport = httpx2.ASGITransport(app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://bursar.test") as http:
            try:
                yield Told(app, http, owner, admin.secret)
            finally:
                await app.state.database.close()

    return serving


@asynccontextmanager
async def locked(postgres: EmbeddedPostgres, table: str = "organizations") -> AsyncIterator[None]:
    """Meanwhile whoever reads the table waits, up to the 2 s of the lock time-out."""
    connection = await asyncpg.connect(postgres.owner_url)
    try:
        await connection.execute(f"BEGIN; LOCK TABLE {table}")
        yield
    finally:
        await connection.close()


def body(document: str, then: Callable[[], Awaitable[Message]]) -> Callable[[], Awaitable[Message]]:
    """A client that sends this, and then what it does next."""
    sent: list[Message] = []

    async def receive() -> Message:
        if sent:
            return await then()
        message = {"type": "http.request", "body": orjson.dumps({"query": document})}
        sent.append(message)
        return message

    return receive


async def never() -> Message:
    await asyncio.Event().wait()
    raise AssertionError


def hang_up_after(seconds: float) -> Callable[[], Awaitable[Message]]:
    async def then() -> Message:
        await asyncio.sleep(seconds)
        return {"type": "http.disconnect"}

    return then


def codes(answer: httpx2.Response) -> list[str]:
    return [error["extensions"]["code"] for error in answer.json()["errors"]]


@pytest.mark.parametrize("document", [ORGANIZATIONS, CREATE])
async def test_a_request_at_its_deadline_is_ended_with_its_statement_and_changes_nothing(
    serving: Serve, migrated: EmbeddedPostgres, document: str
) -> None:
    async with serving(max_request_seconds=1) as told:
        before = await told.fingerprint()
        async with locked(migrated):
            started = time.monotonic()
            answer = await told.post(document)
            assert 1 <= time.monotonic() - started < 1.5
            assert (answer.status_code, codes(answer)) == (503, ["OVERLOADED"])
            assert answer.headers["Retry-After"] == "1"
            assert answer.json()["errors"][0]["extensions"]["requestId"]
            assert await told.at_rest() < 0.5
        assert await told.fingerprint() == before
        assert (await told.post(document)).json()["data"]


async def test_a_change_whose_commit_runs_at_the_deadline_is_made_whole_or_not_at_all(
    serving: Serve, owner: asyncpg.Connection
) -> None:
    async with serving(max_request_seconds=1) as told:
        before = await told.fingerprint()
        await owner.execute(SLOW_COMMIT)
        try:
            answer = await told.post(CREATE)
            assert (answer.status_code, codes(answer)) == (503, ["OUTCOME_UNKNOWN"])
            assert await told.at_rest() < 0.5
        finally:
            await owner.execute("DROP TRIGGER slow ON organizations")
        assert await told.fingerprint() == before  # PostgreSQL was still asked whether it may
        assert (await told.post(CREATE)).json()["data"]["organizationCreate"]["errors"] == []


async def test_a_change_that_was_committed_before_the_deadline_is_not_denied(
    serving: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(max_request_seconds=1) as told:
        before = await told.fingerprint()
        with monkeypatch.context() as patched:
            command = Connection.command

            async def slow(connection: Connection, sql: str) -> None:
                await command(connection, sql)
                if sql == "COMMIT":
                    await asyncio.sleep(5)

            patched.setattr(Connection, "command", slow)
            assert codes(await told.post(CREATE)) == ["OUTCOME_UNKNOWN"]
        done = await told.fingerprint()
        assert done != before
        again = await told.post(CREATE)
        assert again.json()["data"]["organizationCreate"]["organization"] == {"name": "Acme"}
        assert await told.fingerprint() == done


@pytest.mark.parametrize("document", [ORGANIZATIONS, CREATE])
async def test_a_client_that_hangs_up_ends_its_request_and_what_it_began_is_rolled_back(
    serving: Serve,
    migrated: EmbeddedPostgres,
    logged: Callable[[], list[dict[str, Any]]],
    document: str,
) -> None:
    async with serving() as told:
        before = await told.fingerprint()
        async with locked(migrated):
            started = time.monotonic()
            await told.ask(body(document, hang_up_after(0.1)))
            assert time.monotonic() - started < 0.7
            assert await told.at_rest() < 0.5
        assert await told.fingerprint() == before
        (line,) = [line for line in logged() if line["event"] == "request"]
        assert (line["status"], line["outcome"]) == (499, "gone")


async def test_a_body_that_does_not_come_is_not_awaited_for_ever_and_keeps_nobody_out(
    serving: Serve,
) -> None:
    async with serving(max_request_seconds=1, max_requests_under_way=1) as told:
        slow = asyncio.create_task(told.ask(never))
        await asyncio.sleep(0.3)
        assert (await told.post(ORGANIZATIONS)).status_code == 200
        await slow
        start, answer = told.messages
        assert start["status"] == 408
        assert b"The body did not come in time." in answer["body"]


async def test_of_bodies_that_come_together_only_as_many_are_taken_as_there_is_room_for(
    serving: Serve, migrated: EmbeddedPostgres
) -> None:
    async with serving(max_requests_under_way=2) as told, locked(migrated):
        come = asyncio.Event()

        async def ask() -> None:
            receive = body(ORGANIZATIONS, never)

            async def receive_late() -> Message:
                await come.wait()
                return await receive()

            await told.ask(receive_late)

        sending = [asyncio.create_task(ask()) for _ in range(4)]
        await asyncio.sleep(0.3)
        come.set()
        await asyncio.wait(sending, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.sleep(0.1)
        statuses = [each["status"] for each in told.messages if "status" in each]
        for task in sending:
            task.cancel()
        await asyncio.wait(sending)
    assert statuses == [503, 503]


async def test_one_too_many_is_refused_at_once_while_the_rest_of_the_server_answers(
    serving: Serve,
    migrated: EmbeddedPostgres,
    make: Factory,
    logged: Callable[[], list[dict[str, Any]]],
) -> None:
    gateway = await make.api_key(await make.person(), scopes=["GATEWAY"])
    async with serving(pool_size=1, max_requests_under_way=3) as told:
        async with locked(migrated, "audit_entries"):
            waiting = [asyncio.create_task(told.post(AUDIT)) for _ in range(3)]
            await asyncio.sleep(0.3)
            for kind in ("application/json", "application/graphql-response+json"):
                started = time.monotonic()
                refused = await told.post(AUDIT, Accept=kind, **{"X-Request-Id": "mine"})
                assert time.monotonic() - started < 0.1
                assert refused.status_code == 503
                assert refused.headers["Retry-After"] == "1"
                assert refused.headers["Content-Type"].startswith(kind)
                assert codes(refused) == ["OVERLOADED"]
                assert refused.json()["errors"][0]["extensions"]["requestId"] == "mine"
            started = time.monotonic()
            ready = await told.http.get("/healthz")
            metrics = await told.http.get(
                "/metrics", headers={"Authorization": f"Bearer {told.secret}"}
            )
            assert (ready.status_code, metrics.status_code) == (200, 200)
            line = (
                'bursar_requests_total{code="OVERLOADED",field="",operation="",outcome="refused"} 2'
            )
            assert line in metrics.text
            decision = await told.http.post(
                "/authorize",
                json={"key": gateway.secret, "model": "gpt-4o"},
                headers={"Authorization": f"Bearer {gateway.secret}"},
            )
            assert decision.status_code == 200
            assert time.monotonic() - started < 1  # before anything gives up
        assert [answer.status_code for answer in await asyncio.gather(*waiting)] == [200] * 3
        assert (await told.post(AUDIT)).status_code == 200
    (told_once,) = [line for line in logged() if "too many" in line["event"]]
    assert (told_once["refused"], told_once["most"]) == (1, 3)


async def test_decisions_are_refused_too_where_there_are_more_than_their_share(
    serving: Serve, make: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway = await make.api_key(await make.person(), scopes=["GATEWAY"])
    monkeypatch.setattr(Share, "is_full", True)
    async with serving() as told:
        for path in ("/authorize", "/authorize/forward", "/authorize/forward/v1", "/usage"):
            answer = await told.http.post(
                path, headers={"Authorization": f"Bearer {gateway.secret}"}, json={}
            )
            assert (answer.status_code, codes(answer)) == (503, ["OVERLOADED"])


async def test_a_cancellation_that_something_took_for_its_own_is_said_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(under_way, "AGAIN_SECONDS", 0.1)
    share, cancelled = Share(1, 0.1), 0
    place = share.enter(never)
    while cancelled < 3:
        try:
            await asyncio.sleep(5)
        except asyncio.CancelledError:
            cancelled += 1
    share.leave(place)
    assert place.ended is under_way.End.LATE
    await asyncio.sleep(0.2)  # nobody is cancelled any more


async def test_what_a_server_itself_cancels_stays_cancelled(
    serving: Serve, migrated: EmbeddedPostgres
) -> None:
    async with serving() as told, locked(migrated):
        asking = asyncio.create_task(told.ask(body(ORGANIZATIONS, never)))
        await asyncio.sleep(0.2)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        assert await told.at_rest() < 0.5
