"""`bursar serve` as a process of its own, and a client that asks it over sockets."""

import asyncio
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from api_client import Answer
from factories import PEPPER, Key, Person

START_SECONDS = 60


@dataclass(frozen=True)
class LiveServer:
    """A server that listens; what it says and logs is in files until it ends."""

    pid: int
    url: str
    said: Path
    log: Path

    def workers(self) -> set[int]:
        """The living processes that serve beside the one that was started."""
        return {pid for nursery in self.nurseries() for pid in _nursed_by(nursery)}

    def nurseries(self) -> set[int]:
        """The process that its workers come from; none where it is alone."""
        return set(_nursed_by(self.pid))

    def lines(self) -> list[dict[str, Any]]:
        """What it logged so far."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def says(self, pattern: str) -> str:
        """The first group of a pattern in what the server printed when it had started."""
        return _awaited(self.said, pattern)


class LiveApi:
    """Posts documents as somebody; of requests at the same moment no two share a connection.

    A server that is too busy is asked again, as clients do, since it changed nothing. Any other fault
    in an answer fails the test; that a key is no longer good is none.
    """

    def __init__(self, http: httpx2.AsyncClient) -> None:
        self._http = http

    async def __call__(self, person: Person | Key, document: str, **variables: Any) -> Answer:
        for _ in range(10):
            answer = await self._answer(person, document, variables)
            if answer.codes != ["OVERLOADED"]:
                break
            await asyncio.sleep(0.5)
        assert (answer.status, answer.codes) in [(200, []), (401, ["UNAUTHENTICATED"])], answer
        return answer

    async def _answer(
        self, person: Person | Key, document: str, variables: dict[str, Any]
    ) -> Answer:
        response = await self._http.post(
            "/graphql",
            json={"query": document, "variables": variables},
            headers={"Authorization": f"Bearer {person.secret}"},
        )
        body = response.json()
        return Answer(response.status_code, body.get("data"), body.get("errors", []), 0)


@contextmanager
def serving(*, ending: int = 0, **settings: str) -> Iterator[LiveServer]:
    """A server with these settings and no others, on a free port; stopped at the end.

    That is its own, with the exit code `ending`, where a test does not kill it before.
    """
    clean = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("BURSAR_") and name != "DATABASE_URL"
    }
    with tempfile.TemporaryDirectory(prefix="bursar-live-") as folder:
        said, log = Path(folder, "said"), Path(folder, "log")
        with (
            said.open("w") as stdout,
            log.open("w") as stderr,
            subprocess.Popen(
                [sys.executable, "-m", "bursar", "serve"],
                env={**clean, "BURSAR_PORT": "0", **settings},
                stdout=stdout,
                stderr=stderr,
            ) as process,
        ):
            try:
                url = _awaited(said, r"(http://\S+)/graphql\b", process)
                yield LiveServer(process.pid, url, said, log)
            finally:
                process.terminate()
        assert process.returncode == ending, log.read_text()


def serving_on(
    url: str, *, workers: int = 1, ending: int = 0, **settings: str
) -> AbstractContextManager[LiveServer]:
    """A server over this database, whose keys are the factory's."""
    settings |= {"DATABASE_URL": url, "BURSAR_PEPPER": PEPPER.decode()}
    return serving(ending=ending, BURSAR_WORKERS=str(workers), **settings)


def _nursed_by(parent: int) -> Iterator[int]:
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            state, owner = (process / "stat").read_text().rpartition(") ")[2].split()[:2]
            command = (process / "cmdline").read_bytes()
            if b"operations.nursery" in command and (state != "Z", int(owner)) == (True, parent):
                yield int(process.name)


def _awaited(file: Path, pattern: str, process: subprocess.Popen[bytes] | None = None) -> str:
    deadline = time.monotonic() + START_SECONDS
    while not (found := re.search(pattern, file.read_text())):
        assert process is None or process.poll() is None, file.with_name("log").read_text()
        assert time.monotonic() < deadline, file.read_text()
        time.sleep(0.02)
    return found[1]
