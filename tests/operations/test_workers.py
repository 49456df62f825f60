"""Several processes on one port: all serve, one that dies is replaced, none outlives the parent."""

import asyncio
import ctypes
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import asyncpg
import httpx2
import pytest
import structlog

from bursar.database.embedded import running
from bursar.operations import nursery, supervisor
from bursar.operations.failure import Failure
from bursar.operations.nursery import nursed
from bursar.operations.stopping import StopRequest
from bursar.operations.supervisor import Supervisor
from bursar.operations.work import Work
from bursar.settings import Settings
from live_server import LiveServer, serving

KEY = "an-operator's-choice" + "x" * 20
VIEWER = {"query": "{ viewer { user { id } } }"}
PR_SET_CHILD_SUBREAPER = 36
AUTHORIZED = {"Authorization": f"Bearer {KEY}"}
Serve = Callable[..., AbstractContextManager[LiveServer]]


@pytest.fixture(params=["embedded", pytest.param("external", marks=pytest.mark.soak)])
def serve(request: pytest.FixtureRequest) -> Serve:
    """Starts a server with one admin, whose key is KEY; in the long run on either database."""
    if request.param == "external":
        return partial(request.getfixturevalue("live_server"), BURSAR_ADMIN_KEY=KEY)

    def embedded(*, workers: int, ending: int = 0, **settings: str) -> object:
        settings |= {"BURSAR_DATA_DIR": str(request.getfixturevalue("directory"))}
        return serving(ending=ending, BURSAR_WORKERS=str(workers), BURSAR_ADMIN_KEY=KEY, **settings)

    return embedded  # type: ignore[return-value]  # what serving() returns


async def ask(server: LiveServer, times: int) -> list[int]:
    """The statuses of so many requests, each on a connection of its own, 32 at once."""
    turn = asyncio.Semaphore(32)
    limits = httpx2.Limits(max_keepalive_connections=0)
    async with httpx2.AsyncClient(base_url=server.url, limits=limits, timeout=30) as http:

        async def one() -> int:
            async with turn:
                answer = await http.post("/graphql", json=VIEWER, headers=AUTHORIZED)
                return answer.status_code

        return await asyncio.gather(*(one() for _ in range(times)))


async def settled(server: LiveServer, workers: set[int], gone: set[int]) -> None:
    """See that those are gone, and that all of so many others answer."""
    for _ in range(200):
        now = server.workers()
        if len(now) == len(workers) and not now & gone and await answered_by(server) >= now:
            return
        await asyncio.sleep(0.1)
    raise AssertionError(server.log.read_text())


def await_end(server: LiveServer) -> None:
    """A further signal, as Python ends, would be the end of a process that listens no more."""
    deadline = time.monotonic() + 60
    while lives(server.pid):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def lives(pid: int) -> bool:
    try:
        return not Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].startswith("Z")
    except (FileNotFoundError, ProcessLookupError):
        return False


async def answered_by(server: LiveServer) -> set[int]:
    """Who answers, of many requests at once."""
    seen = len(server.lines())
    assert set(await ask(server, 100)) == {200}
    return {line["worker"] for line in server.lines()[seen:] if line["event"] == "request"}


async def test_any_worker_tells_the_metrics_of_all_and_of_no_dead_one(serve: Serve) -> None:
    def told(name: str) -> float:
        text = httpx2.get(f"{server.url}/metrics", headers=AUTHORIZED).text
        return sum(
            float(line.rpartition(" ")[2]) for line in text.splitlines() if line.startswith(name)
        )

    with serve(workers=3, BURSAR_POOL_SIZE="4", BURSAR_MAX_REQUESTS_UNDER_WAY="32") as server:
        workers = server.workers()
        await settled(server, workers, gone=set())
        counted = told('bursar_requests_total{code="",field="viewer"')
        assert await ask(server, 100) == [200] * 100
        assert told('bursar_requests_total{code="",field="viewer"') == counted + 100
        assert (told("bursar_workers "), told("bursar_pool_size ")) == (3, 24)
        victim = min(workers)
        os.kill(victim, signal.SIGKILL)
        await settled(server, workers, gone={victim})
        assert told('bursar_requests_total{code="",field="viewer"') >= counted + 100
        deadline = time.monotonic() + 10
        while (told("bursar_workers "), told("bursar_pool_size ")) != (3, 24):
            assert time.monotonic() < deadline
            await asyncio.sleep(0.2)


async def test_all_workers_answer_at_one_port_and_end_with_a_signal(serve: Serve) -> None:
    with serve(workers=3) as server:
        workers = server.workers()
        assert len(workers) == 3
        await settled(server, workers, gone=set())
        assert server.says(r"Workers +(\d)") == "3"
        os.kill(server.pid, signal.SIGTERM)
        await_end(server)
    assert not any(map(lives, workers))


async def test_a_worker_that_is_killed_is_replaced_and_then_no_request_fails(serve: Serve) -> None:
    with serve(workers=2) as server:
        workers = server.workers()
        victim = min(workers)
        os.kill(victim, signal.SIGKILL)
        await settled(server, workers, gone={victim})
        assert set(await ask(server, 300)) == {200}
        (told,) = [line for line in server.lines() if line["level"] == "error"]
        assert (told["pid"], told["code"], told["pause"]) == (victim, -9, 0)


async def test_no_worker_outlives_a_parent_that_is_killed(serve: Serve) -> None:
    with serve(workers=3, ending=-signal.SIGKILL) as server:
        workers = server.workers()
        os.kill(server.pid, signal.SIGKILL)
        deadline = time.monotonic() + 20
        while any(map(lives, workers)):
            assert time.monotonic() < deadline
            await asyncio.sleep(0.02)
        with pytest.raises(httpx2.ConnectError):
            httpx2.get(f"{server.url}/healthz")


def test_a_running_request_is_answered_by_its_worker_before_the_stop(live_server: Serve) -> None:
    body = b'{"query": "{ viewer { user { id } } }"}'
    head = (
        "POST /graphql HTTP/1.1\r\nHost: bursar.test\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {KEY}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with live_server(workers=2, BURSAR_ADMIN_KEY=KEY) as server:
        port = int(server.url.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
            connection.sendall(head.encode() + body[:10])
            httpx2.get(f"{server.url}/healthz")
            os.kill(server.pid, signal.SIGTERM)
            time.sleep(0.5)
            with pytest.raises(httpx2.ConnectError):
                httpx2.get(f"{server.url}/healthz")
            connection.sendall(body[10:])
            assert connection.recv(1000).startswith(b"HTTP/1.1 200 ")
        await_end(server)


def test_stopping_workers_are_not_ready_while_they_drain(live_server: Serve) -> None:
    with live_server(workers=2, BURSAR_DRAIN_SECONDS="2") as server:
        os.kill(server.pid, signal.SIGTERM)
        time.sleep(0.8)
        answers = [httpx2.get(f"{server.url}/readyz") for _ in range(10)]
        assert {answer.status_code for answer in answers} == {503}
        await_end(server)


def test_a_second_interrupt_stops_the_workers_at_once(live_server: Serve) -> None:
    with live_server(workers=2, BURSAR_DRAIN_SECONDS="60") as server:
        started = time.monotonic()
        os.kill(server.pid, signal.SIGINT)
        time.sleep(0.3)
        os.kill(server.pid, signal.SIGINT)
        await_end(server)
        assert time.monotonic() - started < 20


async def test_the_embedded_postgres_has_connections_for_all_workers(directory: Path) -> None:
    settings = {"BURSAR_DATA_DIR": str(directory), "BURSAR_POOL_SIZE": "150"}
    with serving(BURSAR_WORKERS="2", **settings):
        server = running(directory)
        assert server is not None
        connection = await asyncpg.connect(server.application_url)
        assert await connection.fetchval("SHOW max_connections") == "328"
        await connection.close()


def test_too_few_connections_of_an_external_postgres_are_told(live_server: Serve) -> None:
    with live_server(workers=2, BURSAR_POOL_SIZE="190") as server:
        (told,) = [line for line in server.lines() if line["level"] == "warning"]
        assert "2 workers may open 388 connections" in told["event"]
        (kept,) = [line for line in server.lines() if line["event"] == "PostgreSQL"]
        assert {kept["fsync"], kept["synchronous_commit"]} <= {"on", "off"}
    with live_server(workers=2, BURSAR_POOL_SIZE="190", BURSAR_STATEMENT_CACHE="0") as server:
        assert not [line for line in server.lines() if line["level"] == "warning"]


def supervise(stop: StopRequest, announce: Callable[[], None], **settings: int) -> None:
    work = Work(Settings(**settings), "postgresql:///none", ())
    with socket.create_server(("127.0.0.1", 0)) as listener, nursed(2) as made:
        assert made is not None
        Supervisor(work, listener, stop, made).run(announce)


def acting(monkeypatch: pytest.MonkeyPatch, act: str) -> None:
    """Have workers that do this instead."""
    nurse = f"def act(listener):\n    {act}\nfrom bursar.operations.nursery import main\nmain(act)"
    monkeypatch.setattr(nursery, "_COMMAND", [sys.executable, "-c", nurse])


def test_a_worker_that_does_not_start_ends_the_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    acting(monkeypatch, "raise SystemExit(3)")
    with pytest.raises(Failure, match="a worker does not start: see the log"):
        supervise(StopRequest(), pytest.fail, workers=2)


def test_workers_that_die_one_after_the_other_are_replaced_ever_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    acting(monkeypatch, "import time; print('serving', flush=True); time.sleep(0.3)")
    stop = StopRequest()
    announced = []
    with structlog.testing.capture_logs() as lines:
        monkeypatch.setattr(supervisor, "log", structlog.get_logger())
        monkeypatch.setattr(supervisor, "_LONGEST_PAUSE_SECONDS", 1.5)

        def after_five(_seconds: float) -> None:
            real_sleep(0.01)
            if len(lines) == 4:
                stop.since = time.monotonic()

        real_sleep = time.sleep
        monkeypatch.setattr(time, "sleep", after_five)
        supervise(stop, lambda: announced.append("once"))
    assert announced == ["once"]
    assert [line["pause"] for line in lines[:4]] == [0, 1, 1.5, 1.5]


def test_a_worker_that_does_not_stop_is_killed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN)"
    acting(monkeypatch, f"{deaf}; print('serving', flush=True); time.sleep(60)")
    monkeypatch.setattr(supervisor, "_MARGIN_SECONDS", 0.2)
    stop = StopRequest()

    def announce() -> None:
        stop.since = time.monotonic()

    with structlog.testing.capture_logs() as lines:
        monkeypatch.setattr(supervisor, "log", structlog.get_logger())
        supervise(stop, announce, stop_seconds=0)
    assert [line["event"] for line in lines] == ["a worker does not stop and is killed"]
    assert not lives(lines[0]["pid"])


def test_a_stop_ends_where_the_nursery_never_forks_nor_ends(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    stuck = tmp_path / "stuck"
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN)"
    nurse = f"{deaf}; open({str(stuck)!r}, 'w').close(); time.sleep(60)"
    monkeypatch.setattr(nursery, "_COMMAND", [sys.executable, "-c", nurse])
    monkeypatch.setattr(nursery, "_END_SECONDS", 60)
    monkeypatch.setattr(supervisor, "_MARGIN_SECONDS", 0.2)
    stop = StopRequest()
    real_sleep = time.sleep

    def until_stuck(_seconds: float) -> None:
        real_sleep(0.01)
        if stuck.exists():
            stop.since = stop.since or time.monotonic()

    monkeypatch.setattr(time, "sleep", until_stuck)
    started = time.monotonic()
    with structlog.testing.capture_logs() as lines:
        monkeypatch.setattr(supervisor, "log", structlog.get_logger())
        supervise(stop, pytest.fail, workers=2, stop_seconds=0)
    assert [(line["event"], line["pid"]) for line in lines] == [
        ("a worker does not stop and is killed", None)
    ] * 2
    stuck.unlink()
    monkeypatch.setattr(nursery, "_END_SECONDS", 0.2)
    with nursed(2):
        while not stuck.exists():
            real_sleep(0.01)
    assert time.monotonic() - started < 30


def test_process_1_buries_the_workers_of_a_nursery_that_died(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    acting(monkeypatch, "import time; time.sleep(60)")
    work = Work(Settings(), "postgresql:///none", ())
    be_subreaper = partial(ctypes.CDLL(None).prctl, PR_SET_CHILD_SUBREAPER)
    assert be_subreaper(1) == 0
    try:
        with socket.create_server(("127.0.0.1", 0)) as listener, nursed(2) as made:
            assert made is not None
            worker = supervisor.Worker(work, listener.fileno(), made)
            while worker.pid is None:
                assert worker.lives()
            made.kill()
            assert worker.lives()
            worker.kill()
            while worker.lives():
                time.sleep(0.01)
            worker.bury()
        assert worker.code == -signal.SIGKILL
        assert not Path(f"/proc/{worker.pid}").exists()
    finally:
        be_subreaper(0)


def test_a_worker_that_falls_silent_is_told_of_and_then_replaced(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    acting(monkeypatch, "import time; print('serving', flush=True); time.sleep(60)")
    monkeypatch.setattr(supervisor, "_SILENT_SECONDS", 0.3)
    stop = StopRequest()
    real_sleep = time.sleep
    with structlog.testing.capture_logs() as lines:
        monkeypatch.setattr(supervisor, "log", structlog.get_logger())

        def until_replaced(_seconds: float) -> None:
            real_sleep(0.01)
            if len(lines) == 2:
                stop.since = time.monotonic()

        monkeypatch.setattr(time, "sleep", until_replaced)
        supervise(stop, lambda: None, workers=1)
    assert [line["event"] for line in lines] == [
        "a worker is stuck",
        "a worker died and is replaced",
    ]
    assert (lines[0]["pid"], lines[1]["code"]) == (lines[1]["pid"], -signal.SIGKILL)


@pytest.mark.soak
async def test_while_one_worker_is_stuck_the_others_serve_until_it_is_replaced(
    live_server: Serve,
) -> None:
    with live_server(workers=3, BURSAR_ADMIN_KEY=KEY) as server:
        workers = server.workers()
        await settled(server, workers, gone=set())
        victim = min(workers)
        os.kill(victim, signal.SIGSTOP)
        deadline = time.monotonic() + 20
        while victim in server.workers():
            assert set(await ask(server, 20)) == {200}
            assert time.monotonic() < deadline
        await settled(server, workers, gone={victim})
        told = [line for line in server.lines() if line["level"] == "error"]
        assert [line["event"] for line in told] == [
            "a worker is stuck",
            "a worker died and is replaced",
        ]
