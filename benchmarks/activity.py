"""How long activity takes to add up a year of 10,000 teams, for who sees all of it or a part.

    python benchmarks/activity.py --data-dir DIRECTORY --runs 15

An empty directory is seeded first, which takes minutes; one that was is used again. Requests go through
the whole application, without a socket. Of each the median and the worst are told, beside how many rows
of `usage_days` are added up.
"""

import argparse
import asyncio
import logging
import statistics
import time
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import httpx2
import structlog
from starlette.applications import Starlette

from bursar.app import create_app
from bursar.database.data_directory import APPLICATION
from bursar.database.embedded import EmbeddedPostgres
from bursar.database.grants import grant
from bursar.database.migrations import upgrade
from bursar.database.pool import Database
from bursar.domain.keys import new_secret
from bursar.domain.roles import KeyScope
from bursar.operations.seed.load import seed
from bursar.services.key_creation import insert_key
from bursar.settings import Settings

PEPPER = b"a pepper for benchmarks of 32 bytes or more"
POPULATION = {
    "organizations": 200,
    "teams": 10_000,
    "users": 20_000,
    "members_per_team": 5,
    "keys_per_team": 3,
    "days": 366,
    "events_per_day": 10_000,
}
# The admin of the organization with about so many teams.
ADMIN = """
SELECT member.user_id, count(DISTINCT teams.id) AS teams, member.organization_id
FROM teams JOIN organization_members member USING (organization_id)
JOIN users ON users.id = member.user_id
WHERE member.role = 'ADMIN' AND users.role = 'USER' AND NOT users.blocked
GROUP BY 1, 3 ORDER BY abs(count(DISTINCT teams.id) - $1), 1 LIMIT 1
"""
GROUPS = " ".join(
    f"by{what}(first: 10) {{ nodes {{ totals {{ spend requests }} }} }}"
    for what in ("Model", "Provider", "ApiKey", "Team", "User", "Endpoint")
)
TOTALS = "totals { spend promptTokens completionTokens totalTokens requests successes failures }"
SELECTIONS = {
    "totals": TOTALS,
    "366 days": "days(first: 366) { nodes { date totals { spend requests failures } } }",
    "by model": "byModel(first: 10) { nodes { model totals { spend requests } } }",
    "by team": "byTeam(first: 50) { nodes { name totals { spend requests } } }",
    "all of it": f"{TOTALS} {GROUPS} days(first: 366) {{ nodes {{ date totals {{ spend }} }} }}",
}
COUNT = "SELECT count(*) FROM usage_days WHERE day > $1 AND ($2 OR organization_id = $3)"


async def fill(dsn: str) -> None:
    """Seed what is empty, and give an admin to the platform."""
    await upgrade(dsn)
    await grant(dsn, APPLICATION)
    owner = await asyncpg.connect(dsn)
    if not await owner.fetchval("SELECT EXISTS (SELECT FROM usage_days)"):
        began = time.monotonic()
        counted = await seed(dsn, **POPULATION)
        took = time.monotonic() - began
        print(f"seeded {counted['usage_events']:,} calls in {took:.0f} s")
        await owner.execute("VACUUM ANALYZE")
    await owner.close()


async def key_of(app: Starlette, user_id: str) -> str:
    secret, scopes = new_secret(), {"scopes": [KeyScope.MANAGE]}
    database: Database = app.state.database
    await database.write(lambda tx: insert_key(tx, user_id, secret, PEPPER, scopes))
    return secret


async def measure(
    client: httpx2.AsyncClient, secret: str, selection: str, runs: int
) -> list[float]:
    """Milliseconds of each run, after two that are not counted."""
    today = date.today()  # noqa: DTZ011 (either day will do)
    range_ = f'{{ from: "{today - timedelta(days=365)}", to: "{today}" }}'
    body: Any = {"query": f"{{ activity(range: {range_}) {{ {selection} }} }}"}
    took = []
    for _ in range(runs + 2):
        began = time.perf_counter()
        response = await client.post(
            "/graphql", json=body, headers={"Authorization": f"Bearer {secret}"}
        )
        took.append((time.perf_counter() - began) * 1000)
        if "errors" in response.json():
            return []  # a statement took more than its time
    return sorted(took[2:])


async def run(postgres: EmbeddedPostgres, runs: int) -> None:
    await fill(postgres.owner_url)
    owner = await asyncpg.connect(postgres.owner_url)
    first_day = date.today() - timedelta(days=366)  # noqa: DTZ011 (as above)
    app = create_app(Settings(), dsn=postgres.application_url, peppers=[PEPPER])
    admin = await owner.fetchval("SELECT id FROM users WHERE role = 'VIEWER' ORDER BY id LIMIT 1")
    who = {}
    for teams in (50, 500):
        user_id, count, organization = await owner.fetchrow(ADMIN, teams)
        who[f"organization admin, {count} teams"] = (user_id, organization)
    who["platform viewer"] = (admin, None)
    async with httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app), base_url="http://bursar.test", timeout=60
    ) as client:
        for name, (user_id, organization) in who.items():
            secret = await key_of(app, user_id)
            rows = await owner.fetchval(COUNT, first_day, organization is None, organization)
            print(f"{name}: {rows:,} rows")
            for selected, selection in SELECTIONS.items():
                took = await measure(client, secret, selection, runs)
                told = f"{statistics.median(took):7.1f} {took[-1]:7.1f} ms" if took else "refused"
                print(f"    {selected:10} {told}")
    await app.state.database.close()
    await owner.close()


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--data-dir", type=Path, required=True)
    arguments.add_argument("--runs", type=int, default=15)
    given = arguments.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    with EmbeddedPostgres(given.data_dir) as postgres:
        asyncio.run(run(postgres, given.runs))


if __name__ == "__main__":
    main()
