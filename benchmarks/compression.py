"""From which length on it pays to compress an answer, and by what: `python benchmarks/compression.py`.

The answers are a real server's: points, dashboards of more and more teams, flat rows, introspection.
It pays where the time to compress and to take apart again is less than what the shorter answer saves
on the network; below how many Mbit/s that is so is what is printed. zlib is Python's own, the others
are compared where they are installed (`pip install brotli zstandard`).
"""

import argparse
import asyncio
import zlib
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from importlib.util import find_spec
from time import perf_counter
from typing import Any, NamedTuple

import httpx2
from dataset import CORES, Served, served
from graphql import get_introspection_query
from isal import isal_zlib
from point_read import readers

from bursar.http.graphiql_page import BUILT
from execution import DASHBOARD, FLAT

GZIP = 31  # window bits of zlib for its format
NETWORKS = {"1 Gbit/s": 1e9, "100 Mbit/s": 1e8, "10 Mbit/s": 1e7}
REPEATS = 200

Way = tuple[Callable[[bytes], bytes], Callable[[bytes], bytes]]


class Pressed(NamedTuple):
    """What became of an answer, and the seconds it took to compress it and to take it apart."""

    length: int
    smaller: int
    seconds: float
    apart: float

    @property
    def pays_below(self) -> float:
        """Bits a second of a network on which sending it so takes as long as sending it as it is."""
        return 8 * (self.length - self.smaller) / (self.seconds + self.apart)

    def gain(self, bits: float) -> float:
        """Seconds that a client on such a network has the answer earlier."""
        return 8 * (self.length - self.smaller) / bits - self.seconds - self.apart


def ways() -> Iterator[tuple[str, Way]]:
    """The ways to compress, with their levels; the first is Bursar's."""

    def apart(packed: bytes) -> bytes:
        return zlib.decompress(packed, GZIP)

    yield "isal 1", (lambda body: isal_zlib.compress(body, 1, GZIP), apart)
    yield "isal 3", (lambda body: isal_zlib.compress(body, 3, GZIP), apart)
    yield "zlib 1", (lambda body: zlib.compress(body, 1, GZIP), apart)
    yield "zlib 6", (lambda body: zlib.compress(body, 6, GZIP), apart)
    if find_spec("brotli"):
        brotli: Any = import_module("brotli")
        yield "brotli 1", (lambda body: brotli.compress(body, quality=1), brotli.decompress)
        yield "brotli 4", (lambda body: brotli.compress(body, quality=4), brotli.decompress)
    if find_spec("zstandard"):
        zstandard: Any = import_module("zstandard")
        yield "zstd 1", (zstandard.ZstdCompressor(1).compress, zstandard.decompress)


def pressed(body: bytes, way: Way) -> Pressed:
    """The best of many times, as what else the machine does only adds to them."""
    compress, apart = way
    smaller = compress(body)
    if apart(smaller) != body:
        raise SystemExit("what was taken apart is another answer")
    return Pressed(
        len(body), len(smaller), best(lambda: compress(body)), best(lambda: apart(smaller))
    )


def best(work: Callable[[], object]) -> float:
    took = []
    for _ in range(REPEATS):
        began = perf_counter()
        work()
        took.append(perf_counter() - began)
    return min(took)


async def answers(server: Served) -> Mapping[str, bytes]:
    """What a server answers to each question, shortest first."""
    admin, _ = await readers(server)
    asked: dict[str, dict[str, Any]] = {"point": admin.bodies[0]}
    for count in (1, 2, 4, 8, 16, 32, 50):
        asked[f"dashboard of {count}"] = {
            "query": DASHBOARD.replace("first: 50", f"first: {count}")
        }
    for count in (10, 30, 100, 300, 1000):
        asked[f"{count:,} flat rows"] = {"query": FLAT.replace("1000", str(count))}
    asked["introspection"] = {"query": get_introspection_query()}
    async with client(server, admin.secret) as http:
        got = {name: await ask(http, body) for name, body in asked.items()}
        told = "point", "1,000 flat rows", "dashboard of 50"
        await tell_cpu(server, http, {name: asked[name] for name in told})
    return dict(sorted(got.items(), key=lambda item: len(item[1])))


def client(server: Served, secret: str) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(
        base_url=f"http://127.0.0.1:{server.port}", headers={"Authorization": f"Bearer {secret}"}
    )


async def ask(http: httpx2.AsyncClient, body: dict[str, Any], encoding: str = "gzip") -> bytes:
    answer = await http.post("/graphql", json=body, headers={"Accept-Encoding": encoding})
    if answer.status_code != 200 or "errors" in answer.json():
        raise SystemExit(answer.text[:1000])
    return bytes(answer.content)


async def tell_cpu(
    server: Served, http: httpx2.AsyncClient, asked: Mapping[str, dict[str, Any]], times: int = 300
) -> None:
    """What an answer takes of the server's core as it is and compressed, in turns."""
    for name, body in asked.items():
        used = {"identity": 0.0, "gzip": 0.0}
        for _ in range(5):
            for encoding in used:
                before = server.core_seconds()
                for _ in range(times // 5):
                    await ask(http, body, encoding)
                used[encoding] += server.core_seconds() - before
        plain, gzip = (seconds / times * 1000 for seconds in used.values())
        print(f"{name}: {plain:.2f} ms of the server's core, compressed {gzip:.2f}")


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    if len(CORES) < 4:
        print(
            f"Only {len(CORES)} cores: the server shares its own, and figures are not comparable."
        )
    with served(organizations=20, teams=1000, keys_per_team=10) as server:
        bodies = dict(asyncio.run(answers(server)))
    if BUILT.is_dir():
        largest = max(BUILT.glob("assets/*.js"), key=lambda file: file.stat().st_size)
        bodies["GraphiQL's largest file"] = largest.read_bytes()
    known = dict(ways())
    print(f"\n{'by isal 1':<24} {'bytes':>9} {'gzip':>9} {'ms':>7} {'apart':>7} ", end="")
    print(f"{'pays below':>13}  ms earlier at " + ", ".join(NETWORKS))
    for name, body in bodies.items():
        one = pressed(body, known["isal 1"])
        gains = ", ".join(f"{one.gain(bits) * 1000:.2f}" for bits in NETWORKS.values())
        print(
            f"{name:<24} {one.length:>9,} {one.smaller:>9,} {one.seconds * 1000:>7.3f} "
            f"{one.apart * 1000:>7.3f} {one.pays_below / 1e6:>7,.0f} Mbit/s  {gains}"
        )
    dashboard = bodies["dashboard of 50"]
    print(f"\nThe dashboard of 50 teams, {len(dashboard):,} bytes:")
    for name, way in known.items():
        one = pressed(dashboard, way)
        print(
            f"{name:<24} {one.smaller:>9,} {one.seconds * 1000:>7.3f} {one.apart * 1000:>7.3f} "
            f"{one.pays_below / 1e6:>7,.0f} Mbit/s"
        )


if __name__ == "__main__":
    main()
