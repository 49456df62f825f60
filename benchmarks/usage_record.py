"""How many events a second POST /usage records: by size of the batch, clients, and organizations.

Of 200 organizations each report is about one, as where each has a gateway, or, mixed, about them all.
"""

import argparse
import asyncio
import random
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
        self.took: list[float] = []
        self.refused = 0
        self._port = server.port
        self._head = (
            f"POST /usage HTTP/1.1\r\nHost: bursar\r\nAuthorization: Bearer {server.gateway}\r\n"
            "Content-Type: application/json\r\nContent-Length: "
        ).encode()

    async def run(self, make: Callable[[], bytes], until: float) -> None:
        """Send until then; what a busy server refuses is sent again, and all must be recorded."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        while time.perf_counter() < until:
            body = make()
            started = time.perf_counter()
            status = 0
            while status != 200:
                writer.write(self._head + f"{len(body)}\r\n\r\n".encode() + body)
                status, length = await _head(reader)
                answer = await reader.readexactly(length)
                self.refused += status == 503
                if status not in {200, 503}:
                    raise SystemExit(f"{status}: {answer[:300]!r}")
            self.took.append(time.perf_counter() - started)
            if answer.count(b"RECORDED") != body.count(b"requestId"):
                raise SystemExit(f"not all is recorded: {answer[:300]!r}")
        writer.close()


async def _head(reader: asyncio.StreamReader) -> tuple[int, int]:
    lines = (await reader.readuntil(b"\r\n\r\n")).lower().split(b"\r\n")
    (length,) = (int(line[15:]) for line in lines if line.startswith(b"content-length:"))
    return int(lines[0].split()[1]), length


async def measure(
    reports: Sequence[Sequence[str]], size: int, clients: Sequence[Client], seconds: float
) -> float:
    """Events a second, of reports each of which is about one of these sets of keys."""
    started = time.perf_counter()

    def make() -> bytes:
        return batch(chance.choice(reports), size)

    await asyncio.gather(*(client.run(make, started + seconds) for client in clients))
    sent = sum(len(client.took) for client in clients)
    return sent * size / (time.perf_counter() - started)


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


def main(seconds: float, sizes: Sequence[int], clients: Sequence[int], keys_per_team: int) -> None:
    with served(organizations=200, teams=200, keys_per_team=keys_per_team) as server:
        everywhere = [key for keys in server.keys for key in keys]
        hot = max(server.keys, key=len)
        # A core-second: while the server's core worked, which others on the machine do not change.
        print(
            "organizations  clients  batch   events/s  ratio  /core-second   p50 ms   p99 ms  busy"
        )
        loads = {"200": server.keys, "200 mixed": [everywhere], "1": [hot]}
        for (name, keys), number in product(loads.items(), clients):
            first = 0.0
            for size in sizes:
                asking = [Client(server) for _ in range(number)]
                before = server.core_seconds()
                rate = asyncio.run(measure(keys, size, asking, seconds))
                first = first or rate
                took = sorted(one * 1000 for client in asking for one in client.took)
                p50, p99 = (took[len(took) * part // 100] for part in (50, 99))
                core_seconds = server.core_seconds() - before
                events = len(took) * size
                busy = sum(client.refused for client in asking)
                print(
                    f"{name:>13}{number:>9}{size:>7}{rate:>11,.0f}{rate / first:>7.1f}"
                    f"{events / core_seconds:>14,.0f}{p50:>9.1f}{p99:>9.1f}{busy:>6}",
                    flush=True,
                )
        asyncio.run(check(server))


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seconds", type=float, default=5, help="for each line")
    options.add_argument("--batches", type=int, nargs="+", default=BATCHES)
    options.add_argument("--clients", type=int, nargs="+", default=CLIENTS)
    options.add_argument("--keys", type=int, default=5, help="of each organization's team")
    given = options.parse_args()
    if len(CORES) < 4:
        print(f"With {len(CORES)} cores the server shares its own: figures are not comparable.")
    main(given.seconds, given.batches, given.clients, given.keys)
