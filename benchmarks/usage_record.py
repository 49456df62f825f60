"""How many events a second POST /usage records: by size of the batch, clients, and organizations."""

import argparse
import asyncio
import random
import statistics
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import product

import asyncpg
import orjson
from dataset import CORES, Served, served

BATCHES = (1, 100, 1000)
CLIENTS = (1, 32)
MODELS = ("gpt-4o", "gpt-4o-mini", "claude-sonnet-4", "gemini-2.5-pro")
chance = random.Random(0)


def batch(keys: Sequence[str], size: int) -> bytes:
    """A report of so many calls of any of the keys, made just now."""
    at = datetime.now(UTC).isoformat()
    return orjson.dumps(
        {
            "events": [
                {
                    "requestId": f"{chance.getrandbits(96):024x}",
                    "keyId": chance.choice(keys),
                    "model": chance.choice(MODELS),
                    "provider": "openai",
                    "at": at,
                    "promptTokens": chance.randrange(4000),
                    "completionTokens": chance.randrange(1000),
                    "cost": f"0.{chance.randrange(10**8):010d}",
                    "endpoint": "/v1/chat/completions",
                    "tags": ["production"],
                }
                for _ in range(size)
            ]
        }
    )


class Client:
    """One connection that sends a report after the other; a small one, to leave the cores alone."""

    def __init__(self, server: Served) -> None:
        self._port = server.port
        self._head = (
            f"POST /usage HTTP/1.1\r\nHost: bursar\r\nAuthorization: Bearer {server.gateway}\r\n"
            "Content-Type: application/json\r\nContent-Length: "
        ).encode()

    async def run(self, make: Callable[[], bytes], until: float) -> list[float]:
        """Send until then; how long each report took. All must be recorded."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        took = []
        while time.perf_counter() < until:
            body = make()
            started = time.perf_counter()
            writer.write(self._head + f"{len(body)}\r\n\r\n".encode() + body)
            status, length = await _head(reader)
            answer = await reader.readexactly(length)
            took.append(time.perf_counter() - started)
            if status != 200 or answer.count(b"RECORDED") != body.count(b"requestId"):
                raise SystemExit(f"{status}: {answer[:300]!r}")
        writer.close()
        return took


async def _head(reader: asyncio.StreamReader) -> tuple[int, int]:
    lines = (await reader.readuntil(b"\r\n\r\n")).lower().split(b"\r\n")
    (length,) = (int(line[15:]) for line in lines if line.startswith(b"content-length:"))
    return int(lines[0].split()[1]), length


async def measure(
    server: Served, keys: Sequence[str], size: int, clients: int, seconds: float
) -> tuple[float, list[float]]:
    """Events a second, and how long each report took."""
    started = time.perf_counter()
    each = (
        Client(server).run(lambda: batch(keys, size), started + seconds) for _ in range(clients)
    )
    took = [one for list_ in await asyncio.gather(*each) for one in list_]
    return len(took) * size / (time.perf_counter() - started), took


async def check(server: Served) -> None:
    """See that nothing was lost: the events are what every sum says."""
    owner = await asyncpg.connect(server.owner_url)
    said = await owner.fetchrow(
        "SELECT (SELECT sum(cost) FROM usage_events) AS events,"
        " (SELECT sum(spend) FROM usage_days) AS days,"
        " (SELECT sum(spend) FROM lifetime_spends WHERE holder_id LIKE 'key%') AS keys"
    )
    await owner.close()
    if len({*said}) != 1:
        raise SystemExit(f"the sums differ: {said}")


def main(seconds: float, sizes: Sequence[int], clients: Sequence[int]) -> None:
    with served(organizations=200, teams=200, keys_per_team=5) as server:
        everywhere = [key for keys in server.keys for key in keys]
        hot = max(server.keys, key=len)
        print(
            f"{'organizations':>14}{'clients':>9}{'batch':>7}{'events/s':>10}{'ratio':>7}"
            f"{'p50 ms':>9}{'p99 ms':>9}"
        )
        for (name, keys), number in product((("200", everywhere), ("1", hot)), clients):
            first = None
            for size in sizes:
                rate, took = asyncio.run(measure(server, keys, size, number, seconds))
                first = first or rate
                *_, p99 = statistics.quantiles(took, n=100) if len(took) > 1 else took
                print(
                    f"{name:>14}{number:>9}{size:>7}{rate:>10,.0f}{rate / first:>7.1f}"
                    f"{statistics.median(took) * 1000:>9.1f}{p99 * 1000:>9.1f}",
                    flush=True,
                )
        asyncio.run(check(server))


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seconds", type=float, default=5, help="for each line")
    options.add_argument("--batches", type=int, nargs="+", default=BATCHES)
    options.add_argument("--clients", type=int, nargs="+", default=CLIENTS)
    given = options.parse_args()
    if len(CORES) < 4:
        print(f"With {len(CORES)} cores the server shares its own: figures are not comparable.")
    main(given.seconds, given.batches, given.clients)
