"""How fast is Bursar beside other servers? `python benchmarks/peers` measures, and writes the pages.

It starts a durable PostgreSQL and seeds it, installs the peers, starts each server on one core, sees
that all give equal answers, and asks them in turn, round by round.
"""

import argparse
import asyncio
import json
import os
import platform
import tempfile
import time
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import agreement
import contestants
import more
import page
import processors
import tried
from asking import asked_of
from contestants import CONSTANT, CONTESTANTS, POOL, Served, serving
from figures import MANY, ONE, Results
from load import load, replay
from questions import QUESTIONS, Question
from world import SIZE, World, world

SQL = "asyncpg"
TITLES = {SQL: "Bursar's SQL by asyncpg, no HTTP"}


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=4, help="for each round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--warm-up", type=float, default=2, help="seconds before the rounds")
    parser.add_argument("--contestants", nargs="+", choices=[each.name for each in CONTESTANTS])
    parser.add_argument("--questions", nargs="+", choices=[each.name for each in QUESTIONS])
    parser.add_argument("--data-dir", type=Path, help="a folder to seed once and use again")
    parser.add_argument("--dry", action="store_true", help="print, and leave the pages alone")
    parser.add_argument("--growth", action="store_true", help="10,000 against 1,000,000 teams")
    parser.add_argument("--workers", action="store_true", help="1, 2 and 4 workers, and memory")
    parser.add_argument("--redraw", action="store_true", help="the pages, from the last results")
    parser.add_argument("--tried", action="store_true", help="the peers with other settings")
    return parser.parse_args()


def main() -> None:
    given = options()
    asks = [one for one in QUESTIONS if one.name in (given.questions or [one.name])]
    warning = processors.warning()
    if warning:
        print(warning, flush=True)
    measured = (given.data_dir, given.seconds, given.rounds, asks)
    if given.redraw:
        page.publish(Results.read(page.RESULTS))
    elif given.growth:
        publish("growth", more.growth(*measured), dry=given.dry)
    elif given.workers:
        publish("workers", more.workers(*measured), dry=given.dry)
    elif given.tried:
        publish("tried", tried.tried(given), dry=given.dry)
    else:
        compare(given, asks, warning)


def publish(mark: str, lines: Iterable[str], *, dry: bool) -> None:
    """Print the lines of a table, or put them between the marks of this name on the page."""
    if dry:
        print(*lines, sep="\n")
    else:
        page.replace(page.PAGE, mark, lines)


def compare(given: argparse.Namespace, asks: Sequence[Question], warning: str) -> None:
    began = time.monotonic()
    chosen = [one for one in CONTESTANTS if one.name in (given.contestants or [one.name])]
    contestants.install()
    with ExitStack() as stack:
        stored = stack.enter_context(world(given.data_dir, SIZE))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        asked = asyncio.run(asked_of(stored))
        servers = [
            stack.enter_context(serving(one, stored, folder))
            for one in chosen
            if one is not CONSTANT
        ]
        agreement.compare(servers, stored, asked, asks)
        answers = agreement.answers(servers[0], stored, asked, asks, folder / "answers")
        if CONSTANT in chosen:
            said = {"BENCHMARK_ANSWERS": str(answers)}
            servers.append(stack.enter_context(serving(CONSTANT, stored, folder, more=said)))
        titles = {one.name: one.title for one in chosen} | {one.name: one.title for one in asks}
        peers = [one.name for one in chosen if one.peer]
        results = Results(about(given, stored) | {"warning": warning}, titles | TITLES, peers)
        for question in asks:
            files = {
                server.contestant.name: agreement.write_requests(folder, server, asked, question)
                for server in servers
                if question in server.contestant.only
            }
            measure(given, stored, servers, question, files, results)
    print(f"\nIt took {(time.monotonic() - began) / 60:.0f} minutes.")
    if given.dry:
        print("\n".join(page.tables(results)))
    else:
        page.publish(results)
        print(f"Written: {page.README.name}, {page.PAGE.name}, {page.PICTURE.name}.")


def measure(
    given: argparse.Namespace,
    stored: World,
    servers: Sequence[Served],
    question: Question,
    files: dict[str, Path],
    results: Results,
) -> None:
    """Ask all of them in turn, round by round; first to warm up, and at last one client alone."""
    able = [server for server in servers if server.contestant.name in files]
    own = next((files[name] for name in files if name == contestants.BURSAR.name), None)

    def one_round(clients: str, seconds: float, *, counts: bool = True) -> None:
        for server in able:
            name = server.contestant.name
            figure = load(
                server, question, files[name], stored, clients=int(clients), seconds=seconds
            )
            if counts:
                results.add(question.name, name, clients, figure)
                print(
                    f"{question.name:11} {name:20} {clients:>2} {figure.rate:10.1f}/s", flush=True
                )
        if own is not None and clients == MANY and counts:
            figure = replay(question, own, stored, clients=int(clients), seconds=seconds / 2)
            results.add(question.name, SQL, clients, figure)

    one_round(MANY, given.warm_up, counts=False)
    for _ in range(given.rounds):
        one_round(MANY, given.seconds)
    for _ in range((given.rounds + 1) // 2):
        one_round(ONE, given.seconds / 2)


def about(given: argparse.Namespace, stored: World) -> dict[str, Any]:
    package = json.loads((contestants.HERE / "package.json").read_text())
    node = Path(contestants.node()).resolve()
    packages = {"PostGraphile": "postgraphile", "Mercurius": "mercurius", "graphql-js": "graphql"}
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    said = [f"{title} {package['dependencies'][name]}" for title, name in packages.items()]
    said += [f"Strawberry {version('strawberry-graphql')}", f"SQLAlchemy {version('sqlalchemy')}"]
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "model": processors.model(),
        "slowed": processors.slowed(),
        "cores": len(processors.CORES),
        "memory": round(memory),
        "postgres": stored.version,
        "python": platform.python_version(),
        "node": contestants.version_of(str(node)),
        "packages": ", ".join(said),
        "clients": MANY,
        "pool": POOL,
        "rounds": given.rounds,
        "seconds": given.seconds,
    }


if __name__ == "__main__":
    main()
