"""Lines of the log on their way out: those of one turn of the loop together, and the lost counted."""

import asyncio
import io
import os
from functools import cache
from select import PIPE_BUF
from threading import RLock
from typing import TextIO

from prometheus_client import Counter

from bursar.domain.keys import redacted

_REFUSALS = (
    OSError,  # it is full, or gone
    ValueError,  # it is closed
)


@cache
def lost() -> Counter:
    """Of this process; not made before it is known whether several count together."""
    return Counter(
        "bursar_log_lines_lost", "Lines of the log that could not be written.", registry=None
    )


class Lines:
    """Writes lines to a stream, in the order in which they come, from any thread.

    In an event loop they wait for the end of its turn, so that few writes do for all of them. A warning
    or worse goes out at once, after what waits, as it may be the last word of a loop that is stuck.
    A stream that is gone or full fails nobody: what it refuses is counted.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._waiting: list[str] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        # An exception that Python ignores is logged from wherever this thread is, as from in here.
        self._lock = RLock()
        self._is_writing = False
        self._is_torn = False

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

    def write_at_once(self, line: str) -> None:
        with self._lock:
            self._waiting.append(line)
            self.flush()

    # structlog calls what is named like the level.
    debug = info = write
    warning = error = critical = write_at_once

    def flush(self) -> None:
        """Write what waits. No secret goes out, as a client can put one where it does not belong."""
        with self._lock:
            if self._is_writing:  # and takes along what came meanwhile
                return
            self._is_writing = True
            try:
                while self._waiting:
                    lines, self._waiting = self._waiting, []
                    lines.append("")
                    self._send(redacted("\n".join(lines)))
            finally:
                self._is_writing = False
                self._loop = None

    def _send(self, text: str) -> None:
        """In pieces of whole lines that a pipe takes whole, whoever else writes to it.

        A longer line is a piece of its own. After one that was cut off the next begins anew.
        """
        if self._is_torn:
            text = "\n" + text
        data, sent = text.encode("utf-8", "backslashreplace"), 0
        try:
            while sent < len(data):
                end = data.rfind(b"\n", sent, sent + PIPE_BUF) + 1 or data.index(b"\n", sent) + 1
                sent += self._take(data[sent:end])
        except _REFUSALS:
            lost().inc(data.count(b"\n", sent + 1))  # one that lacks its end alone is not lost
        if sent:
            self._is_torn = not data.endswith(b"\n", 0, sent)

    def _take(self, piece: bytes) -> int:
        """Say how much of it the stream took; past Python's buffer, which keeps what was refused."""
        try:
            descriptor = self._stream.fileno()
        except io.UnsupportedOperation:  # it is in memory
            self._stream.write(piece.decode())
            self._stream.flush()
            return len(piece)
        return os.write(descriptor, piece)
