"""Lines of the log on their way out: those of one turn of the loop together, and the lost counted."""

import asyncio
from functools import cache
from threading import RLock
from typing import TextIO

from prometheus_client import Counter

from bursar.domain.keys import redacted

_REFUSALS = (
    OSError,  # it is full, or gone
    ValueError,  # it is closed
    RuntimeError,  # a signal's handler has lines while one is written
)


@cache
def lost() -> Counter:
    """Of this process; not made before it is known whether several count together."""
    return Counter(
        "bursar_log_lines_lost", "Lines of the log that could not be written.", registry=None
    )


class Lines:
    """Writes lines to a stream, in the order in which they come, from any thread.

    In an event loop they wait for the end of its turn, so that one write does for all of them. A stream
    that is gone or full fails nobody: what it refuses is counted.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._waiting: list[str] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lock = (
            RLock()
        )  # whatever interrupts a thread, such as a signal's handler, may log too

    def write(self, line: str) -> None:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            loop = None
        with self._lock:
            self._waiting.append(line)
            is_awaited = loop is not None and loop is self._loop
            self._loop = loop
        if loop is None:
            self.flush()
        elif not is_awaited:
            loop.call_soon(self.flush)

    debug = info = warning = error = critical = write

    def flush(self) -> None:
        """Write what waits. No secret goes out, as a client can put one where it does not belong."""
        with self._lock:
            lines, self._waiting = self._waiting, []
            self._loop = None
            try:
                self._stream.write(redacted("\n".join([*lines, ""])))
                self._stream.flush()
            except _REFUSALS:
                lost().inc(len(lines))
