"""How many teams a second are read by their id over HTTP, each in a request of its own.

The key is of a platform admin, or of a member of teams, who reads these. Requests of the same moment
share statements, so that one connection at a time shows what a read costs alone.
"""

import argparse
import asyncio
from collections.abc import Iterable
from typing import Any, NamedTuple

import asyncpg
from dataset import CORES, PEPPER, Served, served
from load import over_http

from bursar.database.pool import Database
from bursar.domain.keys import new_secret
from bursar.domain.roles import KeyScope
from bursar.services.key_creation import insert_key

POINT = "query($id: ID!) { team(id: $id) { id name externalId description blocked createdAt } }"
MEMBER = """
SELECT member.user_id, array_agg(member.team_id) AS teams
FROM team_members member JOIN users ON users.id = member.user_id
WHERE users.role = 'USER' AND NOT users.blocked
GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1
"""


class Reader(NamedTuple):
    """Somebody who reads teams, and the bodies of their requests."""

    name: str
    secret: str
    bodies: list[dict[str, Any]]


async def readers(server: Served) -> list[Reader]:
    owner = await asyncpg.connect(server.owner_url)
    admin = await owner.fetchval("SELECT min(id) FROM users WHERE NOT blocked")
    await owner.execute("UPDATE users SET role = 'ADMIN' WHERE id = $1", admin)
    member = await owner.fetchrow(MEMBER)
    teams = await owner.fetch("SELECT id FROM teams ORDER BY random() LIMIT 512")
    await owner.close()
    database = Database(server.owner_url)
    found = [
        Reader(
            "a platform admin", await _key_of(database, admin), _bodies(row["id"] for row in teams)
        ),
        Reader("a member", await _key_of(database, member["user_id"]), _bodies(member["teams"])),
    ]
    await database.close()
    return found


async def _key_of(database: Database, user_id: str) -> str:
    secret, given = new_secret(), {"scopes": [KeyScope.MANAGE]}
    await database.write(lambda tx: insert_key(tx, user_id, secret, PEPPER.encode(), given))
    return secret


def _bodies(teams: Iterable[str]) -> list[dict[str, Any]]:
    return [{"query": POINT, "variables": {"id": team}} for team in teams]


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seconds", type=float, default=10, help="for each line")
    given = arguments.parse_args()
    if len(CORES) < 4:
        print(
            f"Only {len(CORES)} cores: the server shares its own, and figures are not comparable."
        )
    with served(organizations=200, teams=2000, keys_per_team=1) as server:
        people = asyncio.run(readers(server))
        print(f"{'':<18} {'clients':>8} {'reads/s':>10} {'per second of CPU':>18} {'p99 ms':>8}")
        for reader in people:
            for clients in (1, 32):
                rate, by_cpu, p99 = over_http(
                    server, "/graphql", reader.secret, reader.bodies, clients, given.seconds
                )
                print(f"{reader.name:<18} {clients:>8} {rate:>10,.0f} {by_cpu:>18,.0f} {p99:>8.2f}")


if __name__ == "__main__":
    main()
