"""What else there is to know: whether cost grows with what is stored, and what more workers bring."""

import asyncio
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import agreement
import processors
from asking import Asked, asked_of
from contestants import BURSAR, Served, serving
from figures import Figure, head, middle
from load import load
from questions import Question
from world import SIZE, World, world

SMALL = {
    "organizations": 200,
    "teams": 10_000,
    "users": 10_000,
    "members_per_team": 3,
    "keys_per_team": 1,
}
TIMES = 100  # as many teams, in as many organizations
LARGE = SMALL | {name: SMALL[name] * TIMES for name in ("organizations", "teams", "users")}
MEMORY = "4GB"  # of PostgreSQL, for both: it is not about what is read from files again
WORKERS = (1, 2, 4)
CLIENTS = 32


def growth(
    folder: Path | None, seconds: float, rounds: int, questions: Sequence[Question]
) -> Iterator[str]:
    """A table of what a request costs with 10,000 teams and with 1,000,000: CPU of both servers.

    Both are asked in turn, round by round, and the same number of different things, as many as there
    are in the smaller one.
    """
    yield from head(("CPU ms, 10,000 teams", "CPU ms, 1,000,000 teams", "times as much"))
    with ExitStack() as stack:
        sizes = [stack.enter_context(_served(folder, size)) for size in (SMALL, LARGE)]
        for question in questions:
            files = [size.write(question) for size in sizes]
            figures: list[list[Figure]] = [[] for _ in sizes]
            for round_ in range(rounds + 1):
                for size, file, found in zip(sizes, files, figures, strict=True):
                    figure = load(
                        *(size.server, question, file, size.stored),
                        clients=CLIENTS,
                        seconds=seconds,
                    )
                    if round_:  # the first warms up
                        found.append(figure)
            costs = [middle(found) for found in figures]
            both = [f"{each.server_cpu:.2f} + {each.postgres_cpu:.2f}" for each in costs]
            times = median(_cpu(large) / _cpu(small) for small, large in zip(*figures, strict=True))
            print(f"{question.title:24} {' | '.join(both)} ms of CPU, {times:.2f}", flush=True)
            yield f"| {question.title} | {' | '.join(both)} | {times:.2f} |"


class _Size(NamedTuple):
    """A server of Bursar on a database of one size."""

    stored: World
    asked: Asked
    server: Served
    folder: Path

    def write(self, question: Question) -> Path:
        """The file of the requests to it."""
        if not question.writes:  # nobody can be added twice
            self.asked[question.name] = self.asked[question.name][: SMALL["organizations"]]
        return agreement.write_requests(self.folder, self.server, self.asked, question)


@contextmanager
def _served(folder: Path | None, size: Mapping[str, Any]) -> Iterator[_Size]:
    place = folder and folder / str(size["teams"])
    with world(place, size, MEMORY) as stored, tempfile.TemporaryDirectory() as name:
        asked = asyncio.run(asked_of(stored))
        with serving(BURSAR, stored, Path(name)) as server:
            yield _Size(stored, asked, server, Path(name))


def _cpu(figure: Figure) -> float:
    return figure.server_cpu + figure.postgres_cpu


def workers(
    folder: Path | None, seconds: float, rounds: int, questions: Sequence[Question]
) -> Iterator[str]:
    """A table of requests a second and memory, on all cores, as load and PostgreSQL are."""
    titles = [f"{question.title}, /s" for question in questions]
    yield from head((*titles, "RSS and PSS of each process, MiB"))
    with world(folder, SIZE) as stored, tempfile.TemporaryDirectory() as name:
        asked = asyncio.run(asked_of(stored))
        for number in WORKERS:
            settings = {"BURSAR_WORKERS": str(number)}
            cells = []
            with serving(
                BURSAR, stored, Path(name), cores=processors.CORES, more=settings
            ) as server:
                for question in questions:
                    file = agreement.write_requests(Path(name), server, asked, question)
                    rates = [
                        load(
                            *(server, question, file, stored),
                            clients=CLIENTS * number,
                            seconds=seconds,
                            cores=processors.CORES,
                        ).rate
                        for _ in range(rounds + 1)
                    ][1:]  # the first warms up
                    cells.append(f"{median(rates):,.0f}")
                family = processors.family(server.process.pid)
                memory = [processors.memory_of(pid) for pid in family]
                cells.append(
                    ", ".join(f"{m['rss'] / 1024:.0f} ({m['pss'] / 1024:.0f})" for m in memory)
                )
            print(f"{number} workers", *cells, sep="  ", flush=True)
            yield f"| {number} {'worker' if number == 1 else 'workers'} | {' | '.join(cells)} |"
