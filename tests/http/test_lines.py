"""Lines on their way out: those of one turn together, in order, none lost that is not counted."""

import asyncio
import fcntl
import io
import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from select import PIPE_BUF
from typing import Any

import httpx2
import pytest
import structlog

from bursar.domain.keys import new_secret
from bursar.http import logs
from bursar.http.lines import Lines, lost
from factories import Factory

Serve = Callable[..., AbstractAsyncContextManager[httpx2.AsyncClient]]


class Stream(io.StringIO):
    """Keeps what each write brought; raises what it is given to."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[str] = []
        self.error: Exception | None = None

    def write(self, text: str) -> int:
        if self.error is not None:
            raise self.error
        self.writes.append(text)
        return len(text)


@pytest.fixture
def stream() -> Stream:
    return Stream()


@pytest.fixture
def full_disk() -> Iterator[io.TextIOWrapper]:
    with Path("/dev/full").open("w", encoding="utf-8", buffering=1) as full:
        yield full


class Pipe:
    """Takes 4,096 bytes, and more when they were read; nobody waits for it."""

    SIZE = 4096

    def __init__(self) -> None:
        self._end, end = os.pipe()
        fcntl.fcntl(end, fcntl.F_SETPIPE_SZ, self.SIZE)
        for each in (self._end, end):
            os.set_blocking(each, False)
        self.stream = os.fdopen(end, "w", encoding="utf-8")

    def read(self) -> str:
        return os.read(self._end, 2 * self.SIZE).decode()

    def close(self) -> None:
        self.stream.close()
        os.close(self._end)


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    pipe = Pipe()
    yield pipe
    pipe.close()


def lost_while(work: Callable[[], None]) -> float:
    def count() -> float:
        return next(s.value for f in lost().collect() for s in f.samples if "total" in s.name)

    before = count()
    work()
    return count() - before


def test_outside_of_a_loop_a_line_is_written_at_once(stream: Stream) -> None:
    lines = Lines(stream)
    lines.write("a")
    lines.write("b")
    assert stream.writes == ["a\n", "b\n"]


async def test_lines_of_one_turn_are_one_write_in_their_order(stream: Stream) -> None:
    lines = Lines(stream)
    for turn in ("ab", "cd"):
        await asyncio.gather(*(_write(lines, line) for line in turn))
        await asyncio.sleep(0)
    assert stream.writes == ["a\nb\n", "c\nd\n"]


async def _write(lines: Lines, line: str) -> None:
    lines.write(line)


def test_a_loop_that_ends_leaves_nothing_behind_and_the_next_begins_anew(stream: Stream) -> None:
    lines = Lines(stream)
    stopped = asyncio.new_event_loop()
    stopped.call_soon(lines.write, "a")
    stopped.call_soon(stopped.stop)
    stopped.run_forever()
    stopped.close()  # without another turn
    assert stream.writes == []
    asyncio.run(_write(lines, "b"))
    assert stream.writes == ["a\nb\n"]


async def test_what_a_thread_writes_comes_after_what_waits(stream: Stream) -> None:
    lines = Lines(stream)
    lines.write("a")
    thread = threading.Thread(target=lines.write, args=("b",))
    thread.start()
    thread.join()
    lines.write("c")
    await asyncio.sleep(0)
    assert "".join(stream.writes) == "a\nb\nc\n"


async def test_no_write_is_longer_than_a_pipe_takes_whole_nor_ends_inside_of_a_line(
    stream: Stream,
) -> None:
    lines = Lines(stream)
    written = [f"{number} {'ä' * (number * 37 % 900)}" for number in range(40)]
    written[20] = "long" * PIPE_BUF
    for line in written:
        lines.write(line)
    await asyncio.sleep(0)
    assert "".join(stream.writes) == "".join(f"{line}\n" for line in written)
    assert f"{written[20]}\n" in stream.writes
    stream.writes.remove(f"{written[20]}\n")
    assert all(piece.endswith("\n") for piece in stream.writes)
    assert max(len(piece.encode()) for piece in stream.writes) <= PIPE_BUF
    assert len(stream.writes) < 15  # of 40 lines


@pytest.mark.usefixtures("logging_as_before")
@pytest.mark.parametrize("level", ["warning", "error", "critical", "exception"])
@pytest.mark.parametrize("logger", [structlog.get_logger, logging.getLogger])
async def test_a_loop_that_is_stuck_has_told_why_and_what_was_before(
    stream: Stream, logger: Callable[[], Any], level: str
) -> None:
    logs.configure("info", stream)
    structlog.get_logger().info("1")
    getattr(logger(), level)("2")
    assert events(stream) == ["1", "2"]  # in the same turn
    structlog.get_logger().info("3")
    assert events(stream) == ["1", "2"]
    await asyncio.sleep(0)
    assert events(stream) == ["1", "2", "3"]


def events(stream: Stream) -> list[str]:
    return [json.loads(line)["event"] for line in "".join(stream.writes).splitlines()]


def test_what_interrupts_a_write_comes_after_it() -> None:
    class Interrupted(Stream):
        def write(self, text: str) -> int:
            if not self.writes:
                lines.warning("an exception was ignored")
            return super().write(text)

    interrupted = Interrupted()
    lines = Lines(interrupted)
    lines.write("a")
    assert interrupted.writes == ["a\n", "an exception was ignored\n"]


@pytest.mark.usefixtures("logging_as_before")
async def test_lines_of_both_libraries_keep_their_order(stream: Stream) -> None:
    logs.configure("debug", stream)
    structlog.get_logger().info("1")
    logging.getLogger("uvicorn.error").info("2")
    structlog.get_logger().info("3")
    await asyncio.sleep(0)
    assert len(stream.writes) == 1
    assert events(stream) == ["1", "2", "3"]


async def test_no_secret_goes_out_wherever_it_is_in_a_turn(stream: Stream) -> None:
    lines, secrets = Lines(stream), [new_secret() for _ in range(3)]
    for secret in secrets:
        lines.write(f"before {secret} after")
    lines.flush()
    assert stream.writes == ["before bk_… after\n" * 3]


@pytest.mark.parametrize(
    "error", [OSError(28, "No space left"), BrokenPipeError(), ValueError("closed")]
)
async def test_what_a_stream_refuses_is_counted_and_what_it_takes_later_is_written(
    stream: Stream, error: Exception
) -> None:
    lines = Lines(stream)

    def write() -> None:
        lines.write("a")
        lines.write("b")
        lines.flush()

    stream.error = error
    assert lost_while(write) == 2
    stream.error = None
    assert lost_while(write) == 0
    assert stream.writes == ["a\nb\n"]


def test_what_a_full_pipe_refuses_is_counted_and_never_written_later(pipe: Pipe) -> None:
    lines = Lines(pipe.stream)

    def write() -> None:
        for number in range(100):
            lines.write(f"{number:0100}")

    lost = lost_while(write)
    told = pipe.read().splitlines()
    assert lost == 100 - len(told) > 0
    assert lost_while(write) == lost
    assert pipe.read().splitlines() == told == [f"{number:0100}" for number in range(len(told))]


@pytest.mark.parametrize(
    ("length", "count"), [(Pipe.SIZE + 100, 1), (Pipe.SIZE, 0), (Pipe.SIZE - 1, 0)]
)
def test_a_line_that_was_cut_off_is_counted_unless_it_lacks_its_end_alone_and_glued_to_none(
    pipe: Pipe, length: int, count: int
) -> None:
    lines = Lines(pipe.stream)
    assert lost_while(lambda: lines.write("x" * length)) == count
    assert lost_while(lambda: lines.write("no room")) == 1
    told = pipe.read()
    assert lost_while(lambda: lines.write("next")) == 0
    lines.write("last")
    assert told + pipe.read() == f"{'x' * min(length, Pipe.SIZE)}\nnext\nlast\n"


@pytest.mark.usefixtures("logging_as_before")
def test_a_line_that_cannot_be_made_is_counted(stream: Stream) -> None:
    logs.configure("info", stream)
    wrong = logging.getLogger("uvicorn.error").warning
    assert lost_while(lambda: wrong("%s %s", "one")) == 1


@pytest.mark.usefixtures("logging_as_before")
async def test_requests_go_on_without_a_log_and_the_metrics_say_how_many_lines_are_gone(
    serve: Serve, make: Factory, full_disk: io.TextIOWrapper
) -> None:
    admin = await make.admin()
    logs.configure("info", full_disk)
    async with serve() as caller:
        caller.headers["Authorization"] = f"Bearer {admin.secret}"

        async def told() -> float:
            text = (await caller.get("/metrics")).text
            return float(text.split("\nbursar_log_lines_lost_total ")[1].split()[0])

        before = await told()
        for _ in range(3):
            asked = {"query": "{ viewer { platformRole } }"}
            assert (await caller.post("/graphql", json=asked)).status_code == 200
        logging.getLogger().handlers[0].flush()
        assert await told() - before == 3


ENDING = """
import asyncio, sys
import structlog, uvloop
from bursar.http import logs

def work():
    for number in range(3):
        structlog.get_logger().info(f"line {number}")

async def returns():
    work()

async def fails():
    work()
    raise SystemExit(1)

logs.configure("info")
if sys.argv[1] == "is stopped":
    loop = asyncio.new_event_loop()
    loop.call_soon(work)
    loop.call_soon(loop.stop)
    loop.run_forever()
else:
    uvloop.run(globals()[sys.argv[1]]())
"""


@pytest.mark.parametrize("end", ["returns", "fails", "is stopped"])
def test_a_process_that_ends_has_written_all(end: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", ENDING, end], capture_output=True, text=True, check=False
    )
    told = [json.loads(line)["event"] for line in done.stderr.splitlines()]
    assert told == ["line 0", "line 1", "line 2"]
