"""What else there is to know: whether cost grows with what is stored, and what more workers bring."""

import asyncio
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import agreement
import processors
from asking import asked_of
from contestants import BURSAR, serving
from figures import Figure, head, middle
from load import load
from questions import Question
from world import SIZE, world

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

    Both are asked of the same number of different things, as many as there are in the smaller one.
    """
    small, large = (
        _figures_of(folder, size, seconds, rounds, questions) for size in (SMALL, LARGE)
    )
    yield from head(("CPU ms, 10,000 teams", "CPU ms, 1,000,000 teams", "times as much"))
    for question in questions:
        costs = [figures[question.name] for figures in (small, large)]
        both = [f"{each.server_cpu:.2f} + {each.postgres_cpu:.2f}" for each in costs]
        times = _cpu(costs[1]) / _cpu(costs[0])
        yield f"| {question.title} | {' | '.join(both)} | {times:.2f} |"


def _figures_of(
    folder: Path | None,
    size: Mapping[str, Any],
    seconds: float,
    rounds: int,
    questions: Sequence[Question],
) -> dict[str, Figure]:
    figures = {}
    place = folder and folder / str(size["teams"])
    with world(place, size, MEMORY) as stored, tempfile.TemporaryDirectory() as name:
        asked = asyncio.run(asked_of(stored))
        with serving(BURSAR, stored, Path(name)) as server:
            for question in questions:
                if not question.writes:  # nobody can be added twice
                    asked[question.name] = asked[question.name][: SMALL["organizations"]]
                file = agreement.write_requests(Path(name), server, asked, question)
                each = [
                    load(server, question, file, stored, clients=CLIENTS, seconds=seconds)
                    for _ in range(rounds + 1)
                ]
                figures[question.name] = found = middle(each[1:])  # the first warms up
                cost = f"{_cpu(found):.2f} ms of CPU"
                print(f"{size['teams']:>9,} teams  {question.title:24} {cost}", flush=True)
    return figures


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
