"""What makes a start short: what it does not import, and that workers are forked and not begun anew."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from time import monotonic, sleep

import httpx2
import pytest

from live_server import LiveServer

# Each takes longer to import than all that a start asks PostgreSQL.
NOT_BY_A_SERVER = {
    "alembic",
    "bursar.database.migrations",
    "bursar.operations.seed.load",
    "httpx",
    "opentelemetry",
    "rich.progress",
    "sqlalchemy.ext.asyncio",
    "sqlalchemy.orm",
    "typer.rich_utils",
}
# The parent of several workers; it would do beside the nursery what the nursery does.
NOT_BY_A_PARENT = NOT_BY_A_SERVER | {"bursar.app", "bursar.graphql.schema", "strawberry", "uvicorn"}
LIFE = """
import atexit, os, sys
atexit.register(lambda: open(os.environ["FOUND"], "w").write("\\n".join(sys.modules)))
from bursar.cli import app
app(["serve", "--port", "0"])
"""
FORKED = """
import os
from bursar.domain.ids import Prefix, new_id
new_id(Prefix.TEAM)
for _ in range(2):
    if os.fork() == 0:
        print(*(new_id(Prefix.TEAM)[15:] for _ in range(3)), flush=True)
        os._exit(0)
    os.wait()
"""
Serve = Callable[..., AbstractContextManager[LiveServer]]


@pytest.mark.parametrize(
    ("workers", "unwanted"), [("1", NOT_BY_A_SERVER), ("2", NOT_BY_A_PARENT)], ids=["one", "two"]
)
def test_a_server_imports_only_what_it_serves_with(
    directory: Path, workers: str, unwanted: set[str]
) -> None:
    """From its start to its stop, on a database that has all tables and months."""
    found = directory.parent / "found"
    settings = {"BURSAR_DATA_DIR": str(directory), "BURSAR_WORKERS": workers, "FOUND": str(found)}
    clean = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    with subprocess.Popen(
        [sys.executable, "-c", LIFE], env=clean | settings, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        assert "is serving" in server.stdout.readline()
        server.terminate()
    imported = set(found.read_text().splitlines())
    assert "bursar.operations.serve" in imported
    assert imported & unwanted == set()


def times_woken(process: int) -> int:
    status = Path(f"/proc/{process}/status").read_text()
    return int(status.partition("\nvoluntary_ctxt_switches:")[2].split()[0])


def test_the_nursery_only_forks_and_is_replaced_as_workers_are(live_server: Serve) -> None:
    with live_server(workers=2) as server:
        (nursery,) = server.nurseries()
        assert len(list(Path(f"/proc/{nursery}/task").iterdir())) == 1
        held = [path.readlink() for path in Path(f"/proc/{nursery}/fd").iterdir()]
        assert sum(str(each).startswith("socket:") for each in held) == 1  # to its parent
        workers = server.workers()
        for process in (nursery, *workers):
            environment = Path(f"/proc/{process}/environ").read_bytes().split(b"\0")
            assert b"PATH" in {each.partition(b"=")[0] for each in environment}
            assert not [each for each in environment if each.startswith((b"BURSAR_", b"DATABASE_"))]
        woken = times_woken(nursery)
        sleep(0.5)
        assert times_woken(nursery) - woken < 3
        os.kill(nursery, signal.SIGKILL)
        for victim in workers:
            assert httpx2.get(f"{server.url}/readyz").status_code == 200
            os.kill(victim, signal.SIGKILL)
        deadline = monotonic() + 30
        while len(server.workers()) < 2:
            assert monotonic() < deadline
            sleep(0.02)
        assert server.nurseries().isdisjoint({nursery})
        assert httpx2.get(f"{server.url}/readyz").status_code == 200
        told = [line for line in server.lines() if line["level"] == "error"]
        assert {line["event"] for line in told} == {"a worker died and is replaced"}
        assert {line["pid"] for line in told} == workers


def test_ids_of_forked_processes_are_different() -> None:
    """Where the generator of one was used before, and the clock says the same."""
    made = subprocess.run(
        [sys.executable, "-c", FORKED], capture_output=True, text=True, check=True
    )
    assert len(set(made.stdout.split())) == 6
