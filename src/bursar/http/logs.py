"""The log: JSON lines on stderr, readable ones on a terminal; no document, variable or secret."""

import json
import logging
import re
import sys
from collections.abc import Iterator
from contextlib import suppress
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import partial
from traceback import extract_tb
from typing import Any, TextIO

import orjson
import structlog
from structlog.types import EventDict, Processor, WrappedLogger

from bursar.domain.keys import redacted
from bursar.domain.names import UNSEEN

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
"""Of the request that this task answers; every line written meanwhile has it."""

_FRAMES = 20
_CONTROLS = re.compile(f"[{UNSEEN}]")


def configure(level: str, stream: TextIO | None = None, *, worker: int | None = None) -> None:
    """Send what structlog and the standard library log, from a level on, to a stream (stderr).

    Where several workers write to one stream, each says its process in every line.
    Libraries tell at `info` what nobody asked for: theirs count from `warning` on, but at `debug`.
    """
    stream = stream or sys.stderr
    fields = _fields()
    if worker is not None:
        fields.append(partial(_worker, worker))
    if stream.isatty():
        fields.append(_without_controls)
    render = _without_secrets(_console() if stream.isatty() else _json)
    structlog.configure(
        processors=[*fields, render],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: _Lines(stream),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[_first_line, *fields],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, render],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel("WARNING" if level == "info" else level.upper())
    # It writes an error with the document around it.
    logging.getLogger("strawberry.execution").disabled = True


def _fields() -> list[Processor]:
    return [_head, _exception]


def _head(_logger: WrappedLogger, level: str, line: EventDict) -> EventDict:
    """What each line begins with; one that is made outside of a request has no id of one."""
    now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    head: dict[str, Any] = {"time": now, "level": level, "event": line["event"]}
    if (current := line.get("request_id", request_id.get())) is not None:
        head["request_id"] = current
    return {**head, **line}


def _first_line(_logger: WrappedLogger, _method: str, line: EventDict) -> EventDict:
    """What asyncio adds to its message shows the exception with its values."""
    line["event"] = line["event"].partition("\n")[0]
    return line


def _worker(pid: int, _logger: WrappedLogger, _method: str, line: EventDict) -> EventDict:
    line["worker"] = pid
    return line


def _exception(_logger: WrappedLogger, _method: str, line: EventDict) -> EventDict:
    """Say what was raised and where; not its message, as PostgreSQL's quote the client's values."""
    raised = line.pop("exc_info", None)
    raised = sys.exc_info() if raised is True else raised
    error = raised[1] if isinstance(raised, tuple) else raised
    if isinstance(error, BaseException):
        line["exception"] = "\n".join(_told(error))
    return line


def _told(error: BaseException) -> Iterator[str]:
    yield f"{type(error).__module__}.{type(error).__qualname__}"
    for frame in extract_tb(error.__traceback__)[-_FRAMES:]:
        yield f"  at {frame.filename}:{frame.lineno} in {frame.name}"
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None:
        yield "caused by"
        yield from _told(cause)


def _without_secrets(render: Processor) -> Processor:
    """A client can put one where it does not belong, as into a path."""

    def rendered(logger: WrappedLogger, method: str, line: EventDict) -> str:
        return redacted(str(render(logger, method, line)))

    return rendered


def _without_controls(_logger: WrappedLogger, _method: str, line: EventDict) -> EventDict:
    """No line of a client's making on a terminal, nor an order to it."""
    for name, value in line.items():
        if isinstance(value, str) and name != "exception":
            line[name] = _CONTROLS.sub(lambda found: ascii(found[0])[1:-1], value)
    return line


def _json(_logger: WrappedLogger, _method: str, line: EventDict) -> str:
    try:
        text = orjson.dumps(line, default=str).decode()
        # orjson leaves what is not ASCII as it is, and so what ends a line or begins an order.
        return text if text.isascii() else _CONTROLS.sub(lambda c: f"\\u{ord(c[0]):04x}", text)
    except TypeError:  # a lone surrogate, which a client can put into a name
        return json.dumps(line, default=str)


def _console() -> Processor:
    return structlog.dev.ConsoleRenderer(
        timestamp_key="time", exception_formatter=structlog.dev.plain_traceback
    )


class _Lines:
    """Writes lines; a stream that is gone, as a closed terminal is, fails no request."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def msg(self, line: str) -> None:
        self._write(f"{line}\n")

    debug = info = warning = error = critical = msg

    def _write(self, text: str) -> None:
        with suppress(OSError):
            self._stream.write(text)
            self._stream.flush()
