"""A request as it comes in: its head, read in one pass, and what is told of it in the log."""

import re
from typing import Any

from starlette.types import Receive, Scope
from uuid_utils import uuid7

_REQUEST_ID = re.compile(r"(?!bk_)[A-Za-z0-9._-]{1,64}")  # a secret would be written everywhere


class Incoming:
    """The head of a request; `receive` brings its body.

    `id` is the client's own `X-Request-Id` where that is short and plain; `told` is what whoever
    answers adds to the request's line in the log, and `is_quiet` that there is to be none.
    """

    __slots__ = (
        "_headers",
        "_last",
        "_repeats",
        "id",
        "is_quiet",
        "method",
        "path",
        "receive",
        "scope",
        "told",
    )

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self.scope = scope
        self.receive = receive
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.told: dict[str, Any] = {}
        self.is_quiet = False
        self._headers: list[tuple[bytes, bytes]] = scope["headers"]
        self._last = dict(self._headers)
        self._repeats = len(self._last) < len(self._headers)
        given = self.header(b"x-request-id")
        self.id = given if given and _REQUEST_ID.fullmatch(given) else uuid7().hex

    def header(self, name: bytes) -> str | None:
        """The value of a header, by its name in lower case; its first line's where it has several."""
        if self._repeats:
            return next(iter(self.lines(name)), None)
        value = self._last.get(name)
        return None if value is None else value.decode("latin-1")

    def lines(self, name: bytes) -> list[str]:
        """The value of each line of a header, by its name in lower case."""
        value = self._last.get(name)
        if value is None:
            return []
        if not self._repeats:
            return [value.decode("latin-1")]
        return [value.decode("latin-1") for header, value in self._headers if header == name]

    def joined(self, name: bytes) -> str | None:
        """The value of a header, several lines of which are one value, as HTTP has it."""
        lines = self.lines(name)
        return ", ".join(lines) if lines else None
