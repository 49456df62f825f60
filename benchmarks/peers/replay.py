"""The limit of PostgreSQL here: the statements that Bursar sends, through asyncpg, and nothing else.

`replay.py REQUESTS SECONDS CLIENTS [MOST]` sends requests of a file through the application, in this
process, and keeps what that asks PostgreSQL, each with its arguments. It says so and waits for a line,
by when what was written is undone; then so many connections ask again, of MOST requests each one once.
"""

import asyncio
import json
import logging
import os
import sys
import time
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from statistics import median
from typing import Any

import asyncpg
import httpx2
import structlog
import uvloop
from asking import PEPPER

from bursar.app import create_app
from bursar.database.connections import connect
from bursar.settings import Settings

Sent = list[tuple[str, Any]]
URL = os.environ["BENCHMARK_DATABASE"]
SOME = 64


async def record(lines: list[str]) -> list[Sent]:
    """What the application asks PostgreSQL for each request, by its one connection."""
    app = create_app(Settings(pool_size=1), dsn=URL, peppers=[PEPPER.encode()])
    sent: Sent = []

    def keep(query: asyncpg.connection.LoggedQuery) -> None:
        sent.append((query.query, query.args))

    async with app.state.database.connection() as connection:
        connection.raw.add_query_logger(keep)
    recorded = []
    async with httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app), base_url="http://bursar.test", timeout=60
    ) as client:
        for line in lines:
            secret, _, body = line.partition("\t")
            headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"}
            answer = await client.post("/graphql", content=body, headers=headers)
            if answer.json().get("errors"):
                raise SystemExit(answer.text)
            recorded.append([*sent])
            sent.clear()
    await app.state.database.close()
    return recorded


async def ask(raw: asyncpg.Connection, sent: Sent) -> None:
    """The statements of one request, in order."""
    for query, arguments in sent:
        if arguments is None:
            await raw.execute(query)
        elif isinstance(arguments, list):
            await raw.fetchmany(query, arguments)
        else:
            await raw.fetch(query, *arguments)


async def replay(recorded: Iterator[Sent], seconds: float, clients: int) -> list[float]:
    """Ask what was recorded again; how long each request's statements took, in seconds."""
    connections = [(await connect(URL)).raw for _ in range(clients)]
    took: list[float] = []
    until = time.perf_counter() + seconds

    async def run(raw: asyncpg.Connection) -> None:
        for sent in recorded:
            began = time.perf_counter()
            try:
                await ask(raw, sent)
            # A row was the first when it was recorded, and all were not added at one moment.
            except (asyncpg.UniqueViolationError, asyncpg.LockNotAvailableError):
                await raw.execute("ROLLBACK")
            else:
                took.append(time.perf_counter() - began)
            if time.perf_counter() > until:
                return

    await asyncio.gather(*map(run, connections))
    for raw in connections:
        await raw.close()
    return took


async def main(lines: list[str], seconds: float, clients: int, *, once: bool) -> None:
    recorded = await record(lines)
    print("recorded", flush=True)
    sys.stdin.readline()
    busy, began = time.process_time(), time.perf_counter()
    took = await replay(iter(recorded) if once else cycle(recorded), seconds, clients)
    told = {
        "requests": len(took),
        "seconds": time.perf_counter() - began,
        "busy": time.process_time() - busy,
        "p50": median(took) * 1000,
        "p99": sorted(took)[len(took) * 99 // 100] * 1000,
    }
    print(json.dumps(told), flush=True)


if __name__ == "__main__":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    file, seconds, clients, *most = sys.argv[1:]
    lines = Path(file).read_text().splitlines()[: int(most[0]) if most else SOME]
    uvloop.run(main(lines, float(seconds), int(clients), once=bool(most)))
