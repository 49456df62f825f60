"""Load: one server is asked one question for some seconds, and CPU time is read before and after."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from typing import NamedTuple

import processors
from contestants import Served
from figures import Figure
from questions import Question
from world import World

SCRIPT = Path(__file__).with_name("requests.lua")
REPLAY = Path(__file__).with_name("replay.py")
LONGEST = 20  # seconds, where none was answered before
MOST_FAILED = 100  # one of so many
REPLAYED = 500, 50  # requests that write, as they can be sent once: so many, and for each client


class Round(NamedTuple):
    """Requests that were answered, the seconds they took together, and two quantiles in ms."""

    requests: int
    seconds: float
    p50: float
    p99: float


def load(
    server: Served,
    question: Question,
    file: Path,
    world: World,
    *,
    clients: int,
    seconds: float,
    cores: Sequence[int] = processors.LOAD,
) -> Figure:
    """One round, by so many clients, each of whom asks when it was answered.

    Where the contestant is slow each asks once: of a few requests a second those that the end cuts off
    would be too many. Stops everything where requests failed, or what was to be written is not there.
    """
    if clients > 1 and question in server.contestant.slow:
        ask: Callable[[], Round] = lambda: _once_each(server, question, file, clients)  # noqa: E731
    else:
        ask = lambda: _wrk(server, question, file, clients, seconds, cores)  # noqa: E731
    served, stored = processors.seconds_of(server.process.pid), world.seconds()
    told = ask()
    served = processors.seconds_of(server.process.pid) - served
    stored = world.seconds() - stored
    server.rest()
    if question.writes and server.contestant.dialect:
        added = world.added()
        world.clean()
        if not told.requests <= added <= told.requests + clients:
            raise SystemExit(f"{server.contestant.name}: {told.requests} answered, {added} added")
    return Figure(
        rate=told.requests / told.seconds,
        p50=told.p50,
        p99=told.p99,
        server_cpu=served * 1000 / told.requests,
        postgres_cpu=stored * 1000 / told.requests,
    )


def _wrk(
    server: Served,
    question: Question,
    file: Path,
    clients: int,
    seconds: float,
    cores: Sequence[int],
) -> Round:
    command = [
        "wrk",
        "-t1",
        f"-c{clients}",
        f"-d{max(round(seconds), 1)}s",
        "--timeout",
        "60s",
        "--latency",
    ]
    said = subprocess.run(
        processors.pinned(cores, *command, "-s", str(SCRIPT), server.url(question)),
        env={**os.environ, "BENCHMARK_REQUESTS": str(file)},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout
    told = json.loads(said.splitlines()[-1])
    if not told["requests"] and seconds < LONGEST:
        return _wrk(server, question, file, clients, LONGEST, cores)
    if told["failed"] * MOST_FAILED > told["requests"] or not told["requests"]:
        raise SystemExit(f"{server.contestant.name}, {question.title}: {said}")
    if told["failed"]:
        print(f"{server.contestant.name}, {question.title}: {told['failed']} failed", flush=True)
    size = told["bytes"] / told["requests"]
    usual = server.sizes.setdefault(question.name, size)
    if abs(size - usual) > usual / 4:
        print(f"{server.contestant.name}, {question.title}: answers of another size", flush=True)
    p50, p99 = (told[name] / 1000 for name in ("p50", "p99"))
    return Round(told["requests"], told["microseconds"] / 1e6, p50, p99)


def _once_each(server: Served, question: Question, file: Path, clients: int) -> Round:
    lines = file.read_bytes().splitlines()

    def ask(place: int) -> float:
        secret, _, body = lines[place % len(lines)].partition(b"\t")
        began = time.perf_counter()
        server.ask(question, secret.decode(), body)
        return (time.perf_counter() - began) * 1000

    began = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        took = sorted(pool.map(ask, range(clients)))
    return Round(clients, time.perf_counter() - began, median(took), took[-1])


def replay(question: Question, file: Path, world: World, *, clients: int, seconds: float) -> Figure:
    """One round of the statements of Bursar's requests without Bursar, as `replay` says."""
    least, each = REPLAYED
    most = [str(least + each * clients)] if question.writes else []
    command = [sys.executable, str(REPLAY), str(file), f"{seconds:g}", str(clients), *most]
    with subprocess.Popen(
        processors.pinned(processors.SERVER, *command),
        env={**os.environ, "BENCHMARK_DATABASE": world.application_url},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        if process.stdout is None or process.stdout.readline() != "recorded\n":
            raise SystemExit(f"{question.title} cannot be recorded")
        if question.writes:
            world.clean()
        stored = world.seconds()
        said, _ = process.communicate("\n")
        stored = world.seconds() - stored
    if question.writes:
        world.clean()
    told = json.loads(said)
    done = told["requests"]
    cpu = told["busy"] * 1000 / done, stored * 1000 / done
    return Figure(done / told["seconds"], told["p50"], told["p99"], *cpu)
