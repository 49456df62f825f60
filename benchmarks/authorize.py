"""How many decisions a second POST /authorize makes, beside the statement that they are made of."""

import argparse
import asyncio
import os
import random
import time
from collections.abc import Awaitable, Callable, Sequence

import asyncpg
import uvloop
from dataset import CORES, PEPPER, Served, served
from load import Measured, over_http

from bursar.database.connections import Connection, connect
from bursar.domain.decisions import decide
from bursar.domain.keys import digest, new_secret
from bursar.services.key_facts import BySecret, facts_by_secret

MODELS = ("gpt-4o", "gpt-4o-mini", "claude-sonnet-4", "gemini-2.5-pro")
chance = random.Random(0)


async def calls_of(server: Served) -> list[dict[str, str]]:
    """A call of every key, which gets a secret that is known, and has all it needs to be decided on."""
    calls = []
    owner = await asyncpg.connect(server.owner_url)
    for key_id in [key_id for ids in server.keys for key_id in ids]:
        secret = new_secret()
        await owner.execute(
            "UPDATE api_keys SET secret_hash = $2, scopes = '{INFER}' WHERE id = $1",
            key_id,
            digest(secret, PEPPER.encode()),
        )
        calls.append({"key": secret, "model": chance.choice(MODELS), "estimatedCost": "0.01"})
    await owner.execute("VACUUM ANALYZE")
    await owner.close()
    chance.shuffle(calls)
    return calls


async def by_sql(
    url: str,
    clients: int,
    seconds: float,
    each: int,
    ask: Callable[[Connection, int], Awaitable[object]],
) -> Measured:
    """From this process, on a core of its own; a call of `ask` is worth so many decisions."""
    os.sched_setaffinity(0, CORES[:1])
    connections = [await connect(url) for _ in range(clients)]
    took: list[float] = []
    began, used = time.perf_counter(), time.process_time()

    async def run(connection: Connection) -> None:
        while (at := time.perf_counter()) < began + seconds:
            await ask(connection, chance.randrange(1_000_000))
            took.append(time.perf_counter() - at)

    await asyncio.gather(*map(run, connections))
    wall, used = time.perf_counter() - began, time.process_time() - used
    for connection in connections:
        await connection.raw.close()
    p99 = sorted(took)[int(len(took) * 0.99)] * 1000
    return Measured(len(took) * each / wall, len(took) * each / used, p99)


def decisions(calls: Sequence[dict[str, str]], each: int) -> Callable[..., Awaitable[object]]:
    asked = [BySecret((digest(call["key"], PEPPER.encode()),), call["model"]) for call in calls]

    async def ask(connection: Connection, start: int) -> None:
        some = [asked[(start + number) % len(asked)] for number in range(each)]
        for one, facts in (await facts_by_secret(connection, some)).items():
            decide(facts, one.model)

    return ask


async def nothing(connection: Connection, _start: int) -> None:
    await connection.raw.fetchval("SELECT 1")


def show(what: str, clients: int, measured: Measured) -> None:
    rate, by_cpu, p99 = measured
    print(f"{what:<40} {clients:>8} {rate:>12,.0f} {by_cpu:>18,.0f} {p99:>10.2f}")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seconds", type=float, default=10, help="for each line")
    arguments.add_argument("--organizations", type=int, default=200)
    arguments.add_argument("--teams", type=int, default=2000)
    given = arguments.parse_args()
    if len(CORES) < 4:
        print(
            f"Only {len(CORES)} cores: the server shares its own, and figures are not comparable."
        )
    size = {"organizations": given.organizations, "teams": given.teams, "keys_per_team": 5}
    with served(**size) as server:
        calls = asyncio.run(calls_of(server))
        print(
            f"{'':<40} {'clients':>8} {'decisions/s':>12} {'per second of CPU':>18} {'p99 ms':>10}"
        )
        for clients in (1, 32, 64):
            measured = over_http(
                server, "/authorize", server.gateway, calls, clients, given.seconds
            )
            show("POST /authorize", clients, measured)
        for what, each, ask in (
            ("its statement for 1 key", 1, decisions(calls, 1)),
            ("its statement for 32 keys", 32, decisions(calls, 32)),
            ("SELECT 1", 1, nothing),
        ):
            measured = uvloop.run(by_sql(server.owner_url, 4, given.seconds, each, ask))
            show(what, 4, measured)


if __name__ == "__main__":
    main()
