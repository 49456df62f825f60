"""Answers that go out whole: what is written in one turn of the loop is one call to the system.

Uvicorn writes the head of an answer and its body apart, and uvloop sends each at once: two packets, for
which the kernel takes as long as all of Bursar's layers together take for a small answer.
"""

import asyncio
from typing import Any


class WholeWrites:
    """A transport that holds what is written until `flush`, or the end of the loop's turn."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._held: list[bytes] = []
        self.is_closing = transport.is_closing  # asked for each request

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        if not self._held:
            self._loop.call_soon(self.flush)
        self._held.append(data)

    def flush(self) -> None:
        """Send what is held; nothing where the client is gone."""
        if self._held:
            held, self._held = self._held, []
            if not self.is_closing():
                self._transport.write(b"".join(held))

    def close(self) -> None:
        self.flush()
        self._transport.close()
