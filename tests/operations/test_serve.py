"""The server as a process: what a start prints and takes over, and what a stop leaves."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx2
import pytest
import structlog

from bursar.database.embedded import DataDirectoryUnusable
from bursar.environment import load
from bursar.operations import revival
from bursar.operations.database import owned

KEY = "an operator's choice".replace(" ", "-") + "x" * 20
OTHER_KEY = KEY[::-1]
VIEWER = {"query": "{ viewer { user { externalId } } }"}


class Server:
    """`bursar serve` in a data directory, on a port that was free."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.said = ""
        assert process.stdout is not None
        for line in process.stdout:
            self.said += line
            if line.startswith("  Data"):
                break
        found = re.search(r"GraphQL +http://127\.0\.0\.1:(\d+)/graphql\n", self.said)
        assert found, self.said
        self.port = int(found[1])
        self.url = f"http://127.0.0.1:{self.port}"

    def stop(self, *signals: signal.Signals) -> int:
        for number in signals:
            self.process.send_signal(number)
            time.sleep(0.05)
        assert self.process.stdout is not None
        self.said += self.process.stdout.read()
        return self.process.wait(timeout=30)

    def key(self) -> str:
        """Read after the stop: it is the last that a start prints."""
        found = re.search(r"Admin key +(\S+) \(shown only now\)\n", self.said)
        return found[1] if found else ""

    def viewer(self, key: str) -> int:
        headers = {"Authorization": f"Bearer {key}"}
        return httpx2.post(f"{self.url}/graphql", json=VIEWER, headers=headers).status_code


@pytest.fixture(autouse=True)
def _closing_the_terminal_counts() -> Iterator[None]:
    """Even where the tests run under nohup, whose ignoring of SIGHUP a server would inherit."""
    earlier = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, earlier)


def command(directory: Path, **settings: str) -> dict[str, object]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("BURSAR_")}
    clean.pop("DATABASE_URL", None)
    clean |= {f"BURSAR_{name.upper()}": value for name, value in settings.items()}
    return {
        "args": [sys.executable, "-m", "bursar", "serve", "--port", settings.get("port", "0")],
        "env": clean | {"BURSAR_DATA_DIR": str(directory)},
        "text": True,
    }


@contextmanager
def serving(directory: Path, **settings: str) -> Iterator[Server]:
    log = directory.parent / "log"
    with (
        log.open("a") as stderr,
        subprocess.Popen(
            **command(directory, **settings), stdout=subprocess.PIPE, stderr=stderr
        ) as process,
    ):
        try:
            yield Server(process)
        finally:
            if process.poll() is None:
                process.terminate()


def refusal(directory: Path, **settings: str) -> str:
    result = subprocess.run(
        **command(directory, **settings), capture_output=True, timeout=60, check=False
    )
    assert result.returncode == 1
    assert result.stdout == ""
    assert re.fullmatch(r"bursar: .+\n", result.stderr)
    return result.stderr


def postgres_of(directory: Path) -> list[int]:
    """Every process of PostgreSQL that works in the directory."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if (process / "cwd").readlink().is_relative_to(directory):
                found.append(int(process.name))
    return found


def half_a_request(server: Server) -> tuple[socket.socket, bytes]:
    """One that runs until its body is whole, and the missing half."""
    body = json.dumps(VIEWER).encode()
    head = (
        "POST /graphql HTTP/1.1\r\nHost: bursar.test\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {KEY}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=20)
    connection.sendall(head.encode() + body[:10])
    httpx2.get(f"{server.url}/healthz")
    return connection, body[10:]


def test_a_first_start_prints_endpoint_and_key_and_answers(new_directory: Path) -> None:
    with serving(new_directory) as server:
        assert httpx2.get(f"{server.url}/healthz").json() == {"status": "ok"}
        assert httpx2.get(f"{server.url}/readyz").json()["status"] == "ok"
        assert f"GraphiQL   {server.url}/graphql in a browser\n" in server.said
        assert f"Data       {new_directory}\n" in server.said
        assert server.viewer(KEY) == 401
        assert server.stop(signal.SIGTERM) == 0
    key = server.key()
    with serving(new_directory) as server:
        assert server.viewer(key) == 200
        assert server.stop(signal.SIGINT) == 0
    assert server.key() == ""


@pytest.mark.parametrize(
    "signals", [[signal.SIGINT], [signal.SIGHUP], [signal.SIGTERM, signal.SIGTERM]]
)
def test_a_signal_stops_all_of_it_cleanly(directory: Path, signals: list[signal.Signals]) -> None:
    with serving(directory) as server:
        assert postgres_of(directory)
        assert server.stop(*signals) == 0
    assert postgres_of(directory) == []
    assert not (directory / "postgres" / "postmaster.pid").exists()
    log = (directory.parent / "log").read_text()
    assert all(json.loads(line)["level"] == "info" for line in log.splitlines())


def test_a_signal_during_the_start_stops_it_cleanly(new_directory: Path) -> None:
    with subprocess.Popen(**command(new_directory), stdout=subprocess.PIPE) as process:
        while not (new_directory / "lock").exists():
            assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        said, _ = process.communicate(timeout=30)
    assert (process.returncode, said) == (0, "")
    assert postgres_of(new_directory) == []


def test_two_interrupts_during_the_start_give_it_up(new_directory: Path) -> None:
    with subprocess.Popen(
        **command(new_directory), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        while not (new_directory / "lock").exists():
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        said, complaint = process.communicate(timeout=30)
    assert (process.returncode, said) == (130, "")
    assert "Traceback" not in complaint
    assert postgres_of(new_directory) == []


def test_a_second_server_on_the_data_directory_is_refused(directory: Path) -> None:
    with serving(directory) as server:
        told = refusal(directory)
        assert told == f"bursar: {directory} is in use by process {server.process.pid}\n"
        assert server.stop(signal.SIGTERM) == 0


def test_a_port_that_is_taken_is_told_and_nothing_is_left(directory: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        told = refusal(directory, port=str(port))
    assert told == f"bursar: cannot listen on 127.0.0.1, port {port}: Address already in use\n"
    assert postgres_of(directory) == []


def test_a_host_that_is_none_of_this_machine_is_told(directory: Path) -> None:
    assert "cannot listen on nowhere.invalid" in refusal(directory, host="nowhere.invalid")


def test_a_start_after_a_kill_takes_over_and_finds_the_data(directory: Path) -> None:
    with serving(directory, admin_key=KEY) as server:
        assert server.viewer(KEY) == 200
        server.process.kill()
        server.process.wait()
    orphans = postgres_of(directory)
    assert orphans
    with serving(directory) as server:
        assert not set(orphans) & set(postgres_of(directory))
        assert server.viewer(KEY) == 200
        assert server.stop(signal.SIGTERM) == 0
    assert server.key() == ""
    assert postgres_of(directory) == []


def test_a_postgres_that_is_killed_under_the_server_is_started_again(directory: Path) -> None:
    with serving(directory, admin_key=KEY) as server:
        for death in (signal.SIGKILL, signal.SIGQUIT):
            assert server.viewer(KEY) == 200
            parent = int((directory / "postgres" / "postmaster.pid").read_text().split()[0])
            os.kill(parent, death)
            time.sleep(0.2)
            deadline = time.monotonic() + 10
            while server.viewer(KEY) != 200:
                assert time.monotonic() < deadline
                time.sleep(0.02)
            assert httpx2.get(f"{server.url}/readyz").status_code == 200
        assert server.stop(signal.SIGTERM) == 0
    assert postgres_of(directory) == []
    lines = [json.loads(line) for line in (directory.parent / "log").read_text().splitlines()]
    told = [line["event"] for line in lines if line["level"] == "error"]
    met = ["the upkeep failed"] if "the upkeep failed" in told else []  # where it ran just then
    assert sorted(told) == ["PostgreSQL died and is started again"] * 2 + met


def test_a_postgres_that_does_not_start_again_is_tried_ever_later(
    new_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Dead:
        tries, lives = 0, False

        def start_again(self) -> None:
            self.tries += 1
            self.lives = self.tries == 4
            if not self.lives:
                raise DataDirectoryUnusable(new_directory, "no disk")

    monkeypatch.setattr(revival, "_LONGEST_PAUSE_SECONDS", 0.02)
    dead = Dead()
    with structlog.testing.capture_logs() as lines:
        monkeypatch.setattr(revival, "log", structlog.get_logger())
        with revival.revived(dead):
            while not dead.lives:
                time.sleep(0.01)
    assert [line["pause"] for line in lines if "pause" in line] == [0.02] * 3
    assert "no disk" in lines[1]["reason"]


def test_a_changed_admin_key_replaces_the_earlier(directory: Path) -> None:
    for key, earlier in ((KEY, OTHER_KEY), (OTHER_KEY, KEY)):
        with serving(directory, admin_key=key) as server:
            assert (server.viewer(key), server.viewer(earlier)) == (200, 401)
            assert server.stop(signal.SIGTERM) == 0
        assert key not in server.said


def test_a_running_request_is_answered_before_the_stop(directory: Path) -> None:
    with serving(directory, admin_key=KEY) as server:
        connection, rest = half_a_request(server)
        with connection:
            server.process.send_signal(signal.SIGTERM)
            time.sleep(0.5)
            with pytest.raises(httpx2.ConnectError):
                httpx2.get(f"{server.url}/healthz")
            connection.sendall(rest)
            assert connection.recv(1000).startswith(b"HTTP/1.1 200 ")
        assert server.stop() == 0
    assert postgres_of(directory) == []


def test_a_request_that_does_not_end_is_cut_off(directory: Path) -> None:
    with serving(directory, admin_key=KEY, stop_seconds="1") as server:
        connection, _ = half_a_request(server)
        with connection:
            started = time.monotonic()
            assert server.stop(signal.SIGTERM) == 0
            assert 1 < time.monotonic() - started < 8
    assert postgres_of(directory) == []


def test_a_second_interrupt_stops_at_once(directory: Path) -> None:
    with serving(directory, admin_key=KEY, stop_seconds="300") as server:
        connection, _ = half_a_request(server)
        with connection:
            assert server.stop(signal.SIGINT, signal.SIGINT) == 0
    assert postgres_of(directory) == []


def test_a_stopping_server_is_not_ready_while_it_drains(directory: Path) -> None:
    with serving(directory, drain_seconds="2") as server:
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        ready = httpx2.get(f"{server.url}/readyz")
        assert ready.status_code == 503
        assert ready.json()["checks"]["server"] == "stopping"
        assert httpx2.get(f"{server.url}/healthz").status_code == 200
        assert server.stop() == 0


def test_a_database_of_ones_own_is_not_migrated_by_a_start(
    new_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BURSAR_DATA_DIR", str(new_directory))
    with owned(load()) as database:
        external = command(new_directory, pepper=KEY)
        external["env"] |= {"DATABASE_URL": database.owner_url}  # type: ignore[operator]  # a dict
        told = subprocess.run(**external, capture_output=True, timeout=60, check=False)
        assert told.returncode == 1
        assert told.stderr.endswith("run `bursar migrate`\n")
        external["args"] = [sys.executable, "-m", "bursar", "migrate"]
        subprocess.run(**external, capture_output=True, timeout=60, check=True)
        external["args"] = command(new_directory)["args"]
        with subprocess.Popen(**external, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert "is serving" in process.stdout.readline()
            process.terminate()
            said = process.stdout.read()
            assert process.wait(timeout=30) == 0
        assert "Data" not in said
        assert "Admin key" in said
