"""How long a server takes from its start to `/readyz` 200: after a stop, and after a kill -9.

And how long until a worker that was killed is replaced by one that answers. Each is the median of
rounds that take turns; `listens` is when its port is open, `CPU` what all its processes worked.
"""

import argparse
import asyncio
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from dataset import CORES, PEPPER

from bursar.database.data_directory import APPLICATION
from bursar.database.embedded import EmbeddedPostgres
from bursar.database.grants import grant
from bursar.database.migrations import upgrade

PATIENCE_SECONDS = 60
ASK = b"GET /readyz HTTP/1.1\r\nHost: benchmark\r\nConnection: close\r\n\r\n"
WORKER_SECONDS = 0.7  # a replaced one is new, and not one that was just about to answer
PARTS = {
    "the interpreter": "pass",
    "with the command's modules": "import bursar.cli",
    "with the application's modules": "import gc; gc.disable(); import bursar.app",
}


class Start(NamedTuple):
    """Seconds until the port was open and until it was ready, and those that CPUs worked for it."""

    listens: float
    ready: float
    worked: float


class Server(NamedTuple):
    process: subprocess.Popen[bytes]
    port: int

    def workers(self) -> list[int]:
        """Its processes that answer, where they are several."""
        return [pid for pid in _family(self.process.pid) if _is_worker(pid)]


def await_ready(port: int, since: float) -> tuple[float, float]:
    """Seconds until the port was open, and until `/readyz` said 200 there."""
    opened = 0.0
    while time.monotonic() - since < PATIENCE_SECONDS:
        with (
            suppress(ConnectionError),
            socket.create_connection(("127.0.0.1", port), PATIENCE_SECONDS) as connection,
        ):
            opened = opened or time.monotonic() - since
            connection.sendall(ASK)
            if connection.recv(100).startswith(b"HTTP/1.1 200"):
                return opened, time.monotonic() - since
        time.sleep(0.002)
    raise SystemExit("the server is not ready")


@contextmanager
def started(settings: dict[str, str], cores: list[int]) -> Iterator[tuple[Server, Start]]:
    """A server that is ready; stopped at the end, where it was not killed before."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = os.environ | settings | {"BURSAR_PORT": str(port)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # an installation has its modules compiled
    since = time.monotonic()
    process = subprocess.Popen(
        [
            "taskset",
            "--cpu-list",
            ",".join(map(str, cores)),
            sys.executable,
            "-m",
            "bursar",
            "serve",
        ],
        env=environment,
        stdout=subprocess.DEVNULL,
    )
    try:
        opened, ready = await_ready(port, since)
        worked = sum(map(_core_seconds, [process.pid, *_family(process.pid)]))
        yield Server(process, port), Start(opened, ready, worked)
    finally:
        process.terminate()
        process.wait()


def replaced(server: Server) -> float:
    """Kill all workers but one, and hold that one: who answers then has come in place of a dead one."""
    kept, *victims = server.workers()
    os.kill(kept, signal.SIGSTOP)
    since = time.monotonic()
    for victim in victims:
        os.kill(victim, signal.SIGKILL)
    try:
        return await_ready(server.port, since)[1]
    finally:
        os.kill(kept, signal.SIGCONT)


def _family(pid: int) -> list[int]:
    """All that come from a process."""
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*"):
        with suppress(OSError):
            found += [int(child) for child in (task / "children").read_text().split()]
    return found + [each for child in found for each in _family(child)]


def _is_worker(pid: int) -> bool:
    """One that was forked by its like, where that is not PostgreSQL's."""
    with suppress(OSError):
        parent = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()[1]
        commands = {Path(f"/proc/{each}/cmdline").read_bytes() for each in (pid, parent)}
        return len(commands) == 1 and b"nursery" in commands.pop()
    return False


def _core_seconds(pid: int) -> float:
    with suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
        return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
    return 0.0


@contextmanager
def databases() -> Iterator[dict[str, dict[str, str]]]:
    """Settings for a server over a PostgreSQL that runs already, and for one that brings its own."""
    folder = Path(tempfile.mkdtemp(prefix="bursar-benchmark-"))
    folder.chmod(0o711)
    try:
        with EmbeddedPostgres(folder / "external") as postgres:
            asyncio.run(_prepare(postgres))
            yield {
                "external": {"DATABASE_URL": postgres.application_url, "BURSAR_PEPPER": PEPPER},
                "embedded": {"BURSAR_DATA_DIR": str(folder / "embedded")},
            }
    finally:
        shutil.rmtree(folder)


async def _prepare(postgres: EmbeddedPostgres) -> None:
    await upgrade(postgres.owner_url)
    await grant(postgres.owner_url, APPLICATION)


def parts(rounds: int, cores: list[int]) -> None:
    """Print what a start's modules take, each line with those of the one before."""
    for name, code in PARTS.items():
        took = []
        for _ in range(rounds):
            since = time.monotonic()
            command = ["taskset", "--cpu-list", str(cores[0]), sys.executable, "-c", code]
            subprocess.run(command, check=True)
            took.append(time.monotonic() - since)
        print(f"{name:32} {statistics.median(took):.2f} s")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rounds", type=int, default=10)
    arguments.add_argument("--workers", type=int, nargs="+", default=[1, 4])
    arguments.add_argument("--cores", type=int, default=len(CORES), help="that the server has")
    given = arguments.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # unwinds, and leaves nothing
    cores = CORES[: given.cores]
    found = defaultdict[tuple[str, int, str], list[Start]](list)
    with databases() as settings:
        kinds = [(name, workers) for name in settings for workers in given.workers]
        for round_ in range(given.rounds + 1):
            for name, workers in kinds:
                chosen = settings[name] | {
                    "BURSAR_WORKERS": str(workers),
                    "BURSAR_LOG_LEVEL": "error",
                }
                with started(chosen, cores) as (server, measured):
                    found[name, workers, "a stop"].append(measured)
                    server.process.kill()
                with started(chosen, cores) as (server, measured):
                    found[name, workers, "a kill -9"].append(measured)
                    if workers > 1:
                        time.sleep(WORKER_SECONDS)
                        again = Start(0, replaced(server), 0)
                        found[name, workers, "a worker's kill -9"].append(again)
            if round_ == 0:
                found.clear()  # the first made the database and compiled the modules
    parts(given.rounds, cores)
    print("database  workers after                 listens  ready  least-most CPU")
    for (name, workers, event), starts in found.items():
        listens, ready, worked = (statistics.median(each) for each in zip(*starts, strict=True))
        took = sorted(each.ready for each in starts)
        print(
            f"{name:9} {workers:>7} {event:20} {listens:>8.2f} {ready:>6.2f} "
            f"{took[0]:>6.2f}-{took[-1]:.2f} {worked:.2f}"
        )


if __name__ == "__main__":
    main()
