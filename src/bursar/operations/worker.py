"""A worker: one of the processes that serve one listener, gone at once when their parent is.

Its standard input brings what it works with and then stays open for as long as the parent lives;
on its standard output it says that it serves, and every second that it still does.
"""

import os
import pickle
import socket
import sys
from contextlib import suppress
from threading import Thread

from bursar.app import create_app
from bursar.http import logs
from bursar.operations.server import Server
from bursar.operations.stopping import StopRequest
from bursar.settings import Settings

Work = tuple[Settings, str, tuple[bytes, ...], int]
"""Settings, DSN, peppers, and the number of the inherited listener."""


def main() -> None:
    """Serve until a signal asks to stop, or the parent is gone."""
    stop = StopRequest()
    stop.listen()
    work: Work = pickle.load(sys.stdin.buffer)  # noqa: S301 (the parent wrote it)
    settings, dsn, peppers, number = work
    os.set_blocking(sys.stdout.fileno(), False)
    Thread(target=_leave_with_the_parent, daemon=True).start()
    logs.configure(settings.log_level, worker=os.getpid())
    app = create_app(settings, dsn=dsn, peppers=peppers)
    with socket.socket(fileno=number) as listener:
        Server(settings, app, stop, _say_so, _say_so).run([listener])


def _say_so() -> None:
    with suppress(OSError):  # a parent that is gone, or that has not listened for hours
        os.write(sys.stdout.fileno(), b"serving\n")


def _leave_with_the_parent() -> None:
    """In a thread, so that nothing that the worker does can keep it; not through the buffer above.

    Its lock, held by a thread that waits, would abort the interpreter's end.
    """
    os.read(sys.stdin.fileno(), 1)
    os._exit(1)


if __name__ == "__main__":
    main()
