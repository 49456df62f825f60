"""A worker: one of the processes that serve one listener, gone at once when their parent is.

Its standard input brings what it works with and then stays open for as long as the parent lives;
on its standard output it says that it serves, and every second that it still does.
"""

import os
import pickle
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from threading import Thread

from bursar.app import create_app
from bursar.http import logs, metrics
from bursar.operations.server import Server
from bursar.operations.stopping import StopRequest
from bursar.operations.work import Work


def main(listener: int) -> None:
    """Serve until a signal asks to stop, or the parent is gone."""
    stop = StopRequest()
    stop.listen()
    work: Work = pickle.load(sys.stdin.buffer)  # noqa: S301 (the parent wrote it)
    os.set_blocking(sys.stdout.fileno(), False)
    Thread(target=_leave_with_the_parent, daemon=True).start()
    logs.configure(work.settings.log_level, worker=os.getpid())
    logs.tell_ignored()
    if work.metrics is not None:
        metrics.share(work.metrics)
    with socket.socket(fileno=listener) as inherited:
        run(work, inherited, stop, _say_so, _say_so)


def run(
    work: Work,
    listener: socket.socket,
    stop: StopRequest,
    started: Callable[[], None],
    beat: Callable[[], None] = lambda: None,
) -> None:
    """Serve in this process until a stop was asked for; tell that it started, and every second."""
    app = create_app(work.settings, dsn=work.dsn, peppers=work.peppers)
    Server(work.settings, app, stop, started, beat).run([listener])


def _say_so() -> None:
    with suppress(OSError):  # a parent that is gone, or that has not listened for hours
        os.write(sys.stdout.fileno(), b"serving\n")


def _leave_with_the_parent() -> None:
    """In a thread, so that nothing that the worker does can keep it; not through the buffer above.

    Its lock, held by a thread that waits, would abort the interpreter's end.
    """
    os.read(sys.stdin.fileno(), 1)
    os._exit(1)
