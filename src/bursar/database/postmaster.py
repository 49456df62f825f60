"""The living PostgreSQL of a `postgres/` folder, as its pid file tells it, and how to end it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

_FAST_SHUTDOWN = (signal.SIGINT, 30)
_IMMEDIATE_SHUTDOWN = (signal.SIGQUIT, 10)


@dataclass(frozen=True)
class Postmaster:
    """PostgreSQL's parent process: its pid, where its socket is, and whether it takes clients."""

    pid: int
    sockets: Path
    ready: bool

    @classmethod
    def of(cls, postgres: Path) -> Self | None:
        """The living one, or None.

        The pid that a crash left may be anybody's by now: the process must have been started
        for `postgres/`.
        """
        pid, lines = _pid_file(postgres)
        if pid is None or os.fsencode(postgres) not in _command(pid):
            return None
        _, _, _, _, sockets, _, _, status = (*lines, *[""] * 8)[:8]
        return cls(pid, Path(sockets), ready=status.strip() == "ready")


def clear_remains(postgres: Path) -> None:
    """End the backends of a PostgreSQL that was killed, and drop pid files that would mislead.

    A backend that computes does not notice that its parent died, and the next server refuses to
    start beside it. A pid that another program has got since (usual in a restarted container) or
    a zombie would be taken for a server. All other stale pid files PostgreSQL judges itself.
    """
    pid, lines = _pid_file(postgres)
    if pid is None or Postmaster.of(postgres):
        return
    while backends := _backends(postgres):
        for backend in backends:
            with suppress(ProcessLookupError):
                os.kill(backend, signal.SIGKILL)
        time.sleep(0.005)
    with suppress(ProcessLookupError):
        with suppress(PermissionError):
            os.kill(pid, 0)
        for sockets in filter(None, lines[4:5]):
            for lock in Path(sockets).glob(".s.PGSQL.*.lock"):
                lock.unlink()
        (postgres / "postmaster.pid").unlink(missing_ok=True)


def end(pid: int, gone: Callable[[], bool]) -> bool:
    """Ask for a fast shutdown, after 30 s for an immediate one; whether it then is gone."""
    for request, seconds in (_FAST_SHUTDOWN, _IMMEDIATE_SHUTDOWN):
        if gone():
            return True
        with suppress(ProcessLookupError):
            os.kill(pid, request)
        deadline = time.monotonic() + seconds
        while not gone() and time.monotonic() < deadline:
            time.sleep(0.005)
    return gone()


def _pid_file(postgres: Path) -> tuple[int | None, list[str]]:
    try:
        lines = (postgres / "postmaster.pid").read_text().splitlines()
        return int(lines[0]), lines
    except (FileNotFoundError, ValueError, IndexError):
        return None, []


def _backends(postgres: Path) -> list[int]:
    """PostgreSQL's processes that work in `postgres/`; only Linux tells."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if (process / "cwd").readlink() == postgres:
                found.append(int(process.name))
    return [pid for pid in found if _command(pid).startswith(b"postgres:")]


def _command(pid: int) -> bytes:
    """The command line of a process; empty where there is none, and of a zombie."""
    if sys.platform != "linux":
        ps = ["/bin/ps", "-ww", "-o", "command=", "-p", str(pid)]
        return subprocess.run(ps, capture_output=True, check=False).stdout  # noqa: S603 - all fixed
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""
