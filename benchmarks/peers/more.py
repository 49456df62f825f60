"""What else there is to know: whether cost grows with what is stored, and what more workers bring."""

import asyncio
import tempfile
from pathlib import Path
from statistics import median

import agreement
import processors
from asking import asked_of
from contestants import BURSAR, serving
from figures import middle
from load import load
from questions import QUESTIONS
from world import SIZE, world

SMALL = {
    "organizations": 200,
    "teams": 10_000,
    "users": 10_000,
    "members_per_team": 3,
    "keys_per_team": 1,
}
TIMES = 100  # as many teams, in as many organizations
WORKERS = (1, 2, 4)
CLIENTS = 32


def growth(folder: Path | None, seconds: float, rounds: int) -> None:
    """What a request costs with 10,000 teams and with 1,000,000: CPU of server and PostgreSQL."""
    large = SMALL | {name: SMALL[name] * TIMES for name in ("organizations", "teams", "users")}
    costs: dict[str, list[float]] = {}
    for size in (SMALL, large):
        place = folder and folder / str(size["teams"])
        with world(place, size) as stored, tempfile.TemporaryDirectory() as name:
            asked = asyncio.run(asked_of(stored))
            with serving(BURSAR, stored, Path(name)) as server:
                for question in QUESTIONS:
                    file = agreement.write_requests(Path(name), server, asked, question)
                    each = [
                        load(server, question, file, stored, clients=CLIENTS, seconds=seconds)
                        for _ in range(rounds + 1)
                    ]
                    figure = middle(each[1:])  # the first warms up
                    cost = figure.server_cpu + figure.postgres_cpu
                    costs.setdefault(question.title, []).append(cost)
                    print(
                        f"{size['teams']:>9,} teams  {question.title:24} {figure.rate:9.1f}/s  CPU ms"
                        f" {figure.server_cpu:.3f} + {figure.postgres_cpu:.3f} of PostgreSQL",
                        flush=True,
                    )
    for title, (small, large_) in costs.items():
        print(f"{title:24} costs {large_ / small:.2f} times as much with {TIMES} times the teams")


def workers(folder: Path | None, seconds: float, rounds: int) -> None:
    """Requests a second and memory with several workers, on all cores, as load and PostgreSQL are."""
    with world(folder, SIZE) as stored, tempfile.TemporaryDirectory() as name:
        asked = asyncio.run(asked_of(stored))
        for number in WORKERS:
            settings = {"BURSAR_WORKERS": str(number)}
            with serving(
                BURSAR, stored, Path(name), cores=processors.CORES, more=settings
            ) as server:
                for question in QUESTIONS:
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
                    print(
                        f"{number} workers  {question.title:24} {median(rates):9.1f}/s", flush=True
                    )
                memory = [
                    processors.memory_of(pid) for pid in processors.family(server.process.pid)
                ]
                print(f"{number} workers  memory of each process, MiB:", flush=True)
                for each in memory:
                    print(f"  RSS {each['rss'] / 1024:.0f}, PSS {each['pss'] / 1024:.0f}")
