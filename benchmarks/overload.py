"""How many dashboards a second a server answers to clients who saturate it, and to ten times as many.

A client that is refused asks again when `Retry-After` says. Beside them a gateway asks for decisions.
"""

import argparse
import asyncio
import multiprocessing
import random
import statistics
import time
from collections import Counter
from multiprocessing.pool import Pool
from typing import NamedTuple

import orjson
import uvloop
from dataset import Served, served

PROCESSES = 2
DOCUMENT = """
{ teams(first: 20) { nodes { name organization { name } members(first: 10) { nodes {
  role user { name email } } } } } }
"""
DECISION = {"key": "bsk_unknown", "model": "gpt-4o"}


class Load(NamedTuple):
    """What one process of clients sends, and for how long."""

    port: int
    secret: str
    path: str
    body: bytes
    clients: int
    seconds: float


class Measured(NamedTuple):
    statuses: Counter[int]
    took_ms: list[float]


async def _client(load: Load, until: float, found: Measured) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", load.port)
    request = (
        f"POST {load.path} HTTP/1.1\r\nHost: benchmark\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {load.secret}\r\nContent-Length: {len(load.body)}\r\n\r\n"
    ).encode() + load.body
    while (started := time.monotonic()) < until:
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        await reader.readexactly(length)
        status = int(head.split(b" ", 2)[1])
        found.statuses[status] += 1
        if status == 200:
            found.took_ms.append((time.monotonic() - started) * 1000)
        else:
            await asyncio.sleep(
                random.uniform(1, 2)
            )  # of many that come back at once none is spread
            if writer.is_closing() or reader.at_eof():
                reader, writer = await asyncio.open_connection("127.0.0.1", load.port)
    writer.close()


async def _clients(load: Load) -> Measured:
    found, until = Measured(Counter(), []), time.monotonic() + load.seconds
    await asyncio.gather(*(_client(load, until, found) for _ in range(load.clients)))
    return found


def sent(load: Load) -> Measured:
    return uvloop.run(_clients(load))


def measure(pool: Pool, server: Served, clients: int, seconds: float) -> float:
    """Print a line, and answer how many were answered well a second."""
    documents = orjson.dumps({"query": DOCUMENT})
    some = Load(server.port, server.gateway, "/graphql", documents, clients // PROCESSES, seconds)
    gateway = some._replace(path="/authorize", body=orjson.dumps(DECISION), clients=1)
    *found, decisions = pool.map(sent, [*[some] * PROCESSES, gateway], chunksize=1)
    statuses = sum((each.statuses for each in found), Counter())
    took = sorted(ms for each in found for ms in each.took_ms)
    rate, p99 = len(took) / seconds, took[int(len(took) * 0.99)]
    refused = (sum(statuses.values()) - len(took)) / seconds
    asked = sorted(decisions.took_ms)
    print(
        f"{clients:>8} {rate:>10,.0f} {refused:>10,.0f} {p99:>10,.0f} "
        f"{statistics.median(asked):>14,.1f} {asked[int(len(asked) * 0.99)]:>11,.1f}"
    )
    if set(statuses) - {200, 503} or set(decisions.statuses) != {200}:
        raise SystemExit(f"{statuses} {decisions.statuses}")
    return rate


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seconds", type=float, default=10, help="for each line")
    arguments.add_argument("--clients", type=int, default=32, help="that saturate the server")
    arguments.add_argument("--times", type=int, default=3, help="how often, one after the other")
    given = arguments.parse_args()
    size = {"organizations": 20, "teams": 200, "keys_per_team": 1}
    with served(**size) as server, multiprocessing.Pool(PROCESSES + 1) as pool:
        print(
            f"{'clients':>8} {'answered/s':>10} {'refused/s':>10} {'p99 ms':>10} "
            f"{'decision p50 ms':>14} {'its p99 ms':>11}"
        )
        measure(pool, server, given.clients, 3)  # plans are made once
        rates = [
            [measure(pool, server, given.clients * factor, given.seconds) for factor in (1, 10)]
            for _ in range(given.times)
        ]
    once, ten_times = (statistics.median(each) for each in zip(*rates, strict=True))
    print(f"Ten times as many clients get {ten_times / once:.0%} of what they get who saturate it.")


if __name__ == "__main__":
    main()
