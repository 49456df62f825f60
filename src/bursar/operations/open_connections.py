"""Connections of clients: one that sends no request in time, or takes no answer, is closed."""

import asyncio
import resource
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from bursar.operations.whole_writes import WholeWrites

HEAD_SECONDS = 10.0
"""How long the head of a request may take, from the connection or from its first byte."""
CROWDED_SECONDS = 1.0
"""The same where there are as many connections as there may be."""
STALLED_SECONDS = 30.0
"""How long a client may take nothing of its answer."""
MOST = 10_000
_SPARE_FILES = 256
_MOST_FILES = 65_536


def allow_files() -> int:
    """Let the process open as many files as it may; answers how many connections that is good for."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, _MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    return max(1, min(MOST, most - _SPARE_FILES))


class OpenConnection(HttpToolsProtocol):
    """Uvicorn's protocol, which waits for a request for as long as it takes, with its times taken."""

    most = MOST

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._head_since: float | None = self.loop.time()
        self._unsent = 0
        self._unsent_since = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as there
        self._writes = WholeWrites(transport, self.loop)
        super().connection_made(cast("asyncio.Transport", self._writes))
        if len(self.connections) > self.most and not close_idle(self.server_state, CROWDED_SECONDS):
            transport.abort()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._head_since = self.loop.time()

    def on_headers_complete(self) -> None:
        self._head_since = None
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        self._writes.flush()
        super().on_response_complete()

    def close_if_idle(self, now: float, patience: float) -> bool:
        """Say whether it was closed, for want of a request for so many seconds or of a reader."""
        if self._head_since is not None and now - self._head_since >= patience:
            self.transport.abort()
            return True
        unsent = self.transport.get_write_buffer_size()
        if unsent == 0 or unsent != self._unsent:
            self._unsent, self._unsent_since = unsent, now
        elif now - self._unsent_since >= STALLED_SECONDS:
            self.transport.abort()
            return True
        return False


def close_idle(state: ServerState, patience: float = HEAD_SECONDS) -> int:
    """Close the connections on which nothing comes or goes; answers how many."""
    now = asyncio.get_running_loop().time()
    return sum(
        connection.close_if_idle(now, patience)
        for connection in list(state.connections)
        if isinstance(connection, OpenConnection)
    )
