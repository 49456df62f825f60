"""The log: JSON lines on stderr, readable ones on a terminal; no document, variable or secret."""

import json
import logging
import re
import sys
from collections.abc import Iterator
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import partial
from traceback import extract_tb
from typing import Any, TextIO

import orjson
import structlog
from structlog.types import EventDict, Processor, WrappedLogger

from bursar.domain.names import UNSEEN
from bursar.http.lines import Lines, lost

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
    lines = Lines(stream)
    fields: list[Processor] = [_head, _exception]
    if worker is not None:
        fields.append(partial(_worker, worker))
    if stream.isatty():
        fields.append(_without_controls)
    render = _console() if stream.isatty() else _json
    structlog.configure(
        processors=[*fields, render],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: lines,
        cache_logger_on_first_use=True,
    )
    handler = _Handler(lines)
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


def tell_ignored() -> None:
    """Have lines say what Python itself would write: warnings, and exceptions it can raise nowhere.

    As where a coroutine that nobody awaits is closed, maybe while another line goes out. Its own words
    may have a client's values.
    """

    def tell(ignored: "sys.UnraisableHookArgs") -> None:
        structlog.get_logger().warning("an exception was ignored", exc_info=ignored.exc_value)

    sys.unraisablehook = tell
    logging.captureWarnings(capture=True)


def _head(_logger: WrappedLogger, level: str, line: EventDict) -> EventDict:
    """What each line begins with; one that is made outside of a request has no id of one.

    `whole` brings many fields at once, as structlog copies each argument of a call four times.
    """
    head: dict[str, Any] = {"time": datetime.now(UTC), "level": level, "event": line["event"]}
    if (current := line.get("request_id", request_id.get())) is not None:
        head["request_id"] = current
    whole = line.pop("whole", {})
    head |= line
    head |= whole
    return head


def _first_line(_logger: WrappedLogger, _method: str, line: EventDict) -> EventDict:
    """What asyncio adds to its message shows the exception with its values."""
    line["event"] = line["event"].partition("\n")[0]
    return line


def _worker(pid: int, _logger: WrappedLogger, _method: str, line: EventDict) -> EventDict:
    line["worker"] = pid
    return line


def _exception(_logger: WrappedLogger, _method: str, line: EventDict) -> EventDict:
    """Say what was raised and where; not its message, as PostgreSQL's quote the client's values."""
    if not (raised := line.pop("exc_info", None)):
        return line
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


def _without_controls(_logger: WrappedLogger, _method: str, line: EventDict) -> EventDict:
    """No line of a client's making on a terminal, nor an order to it."""
    for name, value in line.items():
        if isinstance(value, str) and name != "exception":
            line[name] = _CONTROLS.sub(lambda found: ascii(found[0])[1:-1], value)
    return line


def _json(_logger: WrappedLogger, _method: str, line: EventDict) -> str:
    try:
        text = orjson.dumps(line, default=str, option=orjson.OPT_UTC_Z).decode()
        # orjson leaves what is not ASCII as it is, and so what ends a line or begins an order.
        return text if text.isascii() else _CONTROLS.sub(lambda c: f"\\u{ord(c[0]):04x}", text)
    except TypeError:  # a lone surrogate, which a client can put into a name
        time = line["time"].isoformat().replace("+00:00", "Z")
        return json.dumps({**line, "time": time}, default=str)


def _console() -> Processor:
    return structlog.dev.ConsoleRenderer(
        timestamp_key="time", exception_formatter=structlog.dev.plain_traceback
    )


class _Handler(logging.Handler):
    """Puts what the standard library logs among the other lines."""

    def __init__(self, lines: Lines) -> None:
        super().__init__()
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = self.format(record)
            if record.levelno < logging.WARNING:
                self._lines.write(line)
            else:
                self._lines.write_at_once(line)
        except Exception:  # noqa: BLE001 - a line that cannot be made is no reason to fail
            lost().inc()

    def flush(self) -> None:
        """Also called when the process ends."""
        self._lines.flush()
