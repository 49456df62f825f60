"""The log: one JSON object a line, in a fixed order, without what a client sent."""

import asyncio
import io
import json
import logging
import sys
import warnings
from typing import Any

import pytest
import structlog

from bursar.domain.keys import new_secret
from bursar.http import logs

pytestmark = pytest.mark.usefixtures("logging_as_before")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class ClosedTerminal(io.StringIO):
    def write(self, _text: str) -> int:
        raise OSError(5, "Input/output error")


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_begins_with_time_level_event_and_request(stream: io.StringIO) -> None:
    logs.configure("info", stream)
    structlog.get_logger().info("request", status=200, request_id="r1")
    (line,) = lines(stream)
    assert list(line) == ["time", "level", "event", "request_id", "status"]
    assert line["time"].endswith("Z")
    assert (line["level"], line["event"], line["status"]) == ("info", "request", 200)


def test_the_standard_library_logs_alike(stream: io.StringIO) -> None:
    logs.configure("info", stream)
    logging.getLogger("uvicorn.error").warning("Invalid %s", "request")
    (line,) = lines(stream)
    assert list(line) == ["time", "level", "event"]
    assert (line["level"], line["event"]) == ("warning", "Invalid request")


@pytest.mark.parametrize(
    ("level", "own", "foreign"),
    [
        ("debug", ["debug", "info", "warning"], ["debug", "info", "warning"]),
        ("info", ["info", "warning"], ["warning"]),
        ("warning", ["warning"], ["warning"]),
        ("error", [], []),
    ],
)
def test_lines_below_the_level_are_left_out_and_libraries_chatter_too(
    stream: io.StringIO, level: str, own: list[str], foreign: list[str]
) -> None:
    logs.configure(level, stream)
    for name in ("debug", "info", "warning"):
        getattr(structlog.get_logger(), name)("own")
        getattr(logging.getLogger("uvicorn.error"), name)("foreign")
    assert [line["level"] for line in lines(stream) if line["event"] == "own"] == own
    assert [line["level"] for line in lines(stream) if line["event"] == "foreign"] == foreign


async def test_a_line_names_the_request_that_it_was_written_in(stream: io.StringIO) -> None:
    logs.configure("info", stream)

    async def answer(name: str) -> None:
        logs.request_id.set(name)
        await asyncio.sleep(0)
        structlog.get_logger().info("own")
        logging.getLogger("asyncpg").warning("foreign")

    await asyncio.gather(asyncio.create_task(answer("r1")), asyncio.create_task(answer("r2")))
    assert [line["request_id"] for line in lines(stream)] == ["r1", "r1", "r2", "r2"]


def test_an_exception_is_told_by_type_and_place_but_not_by_its_message(
    stream: io.StringIO,
) -> None:
    logs.configure("info", stream)

    def find() -> None:
        try:
            {}["ada@example.com"]
        except KeyError as error:
            raise ValueError("row of ada@example.com") from error

    try:
        find()
    except ValueError as error:
        structlog.get_logger().error("given", exc_info=error)
        structlog.get_logger().exception("current")
        logging.getLogger("uvicorn.error").exception("foreign")
    assert "ada@example.com" not in stream.getvalue()
    for line in lines(stream):
        first, *frames, cause, place = line["exception"].splitlines()
        assert first == "builtins.ValueError"
        assert frames[-2].startswith(f"  at {__file__}:")
        assert frames[-2].endswith(" in find")
        assert (frames[-1], cause) == ("caused by", "builtins.KeyError")
        assert place.endswith(" in find")


def test_no_exception_leaves_no_trace(stream: io.StringIO) -> None:
    logs.configure("info", stream)
    structlog.get_logger().info("request", exc_info=None)
    assert list(lines(stream)[0]) == ["time", "level", "event"]


def test_asyncio_does_not_quote_what_a_task_raised(stream: io.StringIO) -> None:
    logs.configure("info", stream)
    logging.getLogger("asyncio").error("Task exception was never retrieved\nValueError('secret')")
    assert lines(stream)[0]["event"] == "Task exception was never retrieved"


def test_strawberry_does_not_quote_the_document(stream: io.StringIO) -> None:
    logs.configure("debug", stream)
    logging.getLogger("strawberry.execution").error("GraphQL request:1:1 { secret }")
    assert stream.getvalue() == ""


def test_text_that_json_cannot_hold_is_logged_nevertheless(stream: io.StringIO) -> None:
    logs.configure("info", stream)
    structlog.get_logger().info("request", operation="\ud800", odd=Exception)
    assert lines(stream)[0]["operation"] == "\ud800"


HOSTILE = "/\x1b[2J\r\n{}\u202e\x9b31m\u2028"


@pytest.mark.parametrize("library", ["own", "foreign"])
@pytest.mark.parametrize("made", [io.StringIO, Terminal])
def test_what_a_client_sent_can_neither_forge_a_line_nor_order_a_terminal(
    made: type[io.StringIO], library: str
) -> None:
    stream = made()
    logs.configure("warning", stream)
    if library == "own":
        structlog.get_logger().warning(HOSTILE, path=HOSTILE)
    else:
        logging.getLogger("uvicorn.error").warning("%s", HOSTILE.replace("\n", ""))
    (line,) = stream.getvalue().splitlines()
    for control in ("\x1b[2J", "\r", "\n", "\x9b"):
        assert control not in line
    assert stream.isatty() or json.loads(line)["event"].startswith("/\x1b[2J")


@pytest.mark.parametrize("made", [io.StringIO, Terminal])
def test_what_looks_like_a_secret_is_never_written(made: type[io.StringIO]) -> None:
    stream, secret = made(), new_secret()
    logs.configure("info", stream)
    structlog.get_logger().info(
        "request", path=f"/keys/{secret}/x", operation=secret, at=["a", secret]
    )
    logging.getLogger("uvicorn.error").warning("Invalid %s", secret)
    assert secret not in stream.getvalue()
    assert stream.getvalue().count("bk_…") == 4


def test_a_terminal_gets_lines_for_people() -> None:
    terminal = Terminal()
    logs.configure("info", terminal)
    try:
        int("secret")
    except ValueError:
        structlog.get_logger().exception("request", status=500)
    assert "request" in terminal.getvalue()
    assert "builtins.ValueError" in terminal.getvalue()
    assert "secret" not in terminal.getvalue()
    assert not terminal.getvalue().startswith("{")


def test_a_terminal_that_was_closed_fails_nothing() -> None:
    terminal = ClosedTerminal()
    logs.configure("info", terminal)
    structlog.get_logger().info("request")
    with pytest.raises(OSError, match="Input/output error"):
        terminal.write("")


def test_an_exception_that_can_be_raised_nowhere_is_a_line_without_its_message(
    stream: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)
    logs.configure("info", stream)
    logs.tell_ignored()

    class Held:
        def __del__(self) -> None:
            raise ValueError("a client's value")

    Held()
    (line,) = lines(stream)
    assert (line["level"], line["event"]) == ("warning", "an exception was ignored")
    assert line["exception"].startswith("builtins.ValueError\n  at ")
    assert "a client's value" not in stream.getvalue()


def test_a_warning_is_a_line_too(stream: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)
    logs.configure("info", stream)
    logs.tell_ignored()
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("a coroutine was never awaited", RuntimeWarning, stacklevel=1)
    (line,) = lines(stream)
    assert line["level"] == "warning"
    assert line["event"].endswith(": RuntimeWarning: a coroutine was never awaited")
