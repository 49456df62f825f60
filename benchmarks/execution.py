"""How much faster plans are than graphql-core, in one process: `python benchmarks/execution.py`.

An embedded PostgreSQL in a temporary folder gets 50 teams of 20 members and 10 keys, with budgets for
teams and members, and 1,000 users. Each document is executed in turn by its plan and by graphql-core,
from the parsed document to the bytes of the answer, without HTTP and sign-in; the time is that of the
process, so what PostgreSQL does meanwhile is left out, and the medians of all rounds are compared.
"""

import asyncio
import gc
import shutil
import sys
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import orjson
import uvloop

from bursar.access.actor import Actor
from bursar.database.connections import Connection
from bursar.database.embedded import EmbeddedPostgres
from bursar.database.grants import grant
from bursar.database.migrations import upgrade
from bursar.database.pool import Database
from bursar.database.tables import BUDGET_OWNERS, budgets, team_members, teams, users
from bursar.database.writes import insert_row
from bursar.domain.ids import DEFAULT_ORGANIZATION, Prefix, new_id
from bursar.domain.keys import new_secret
from bursar.domain.new_teams import NewTeams
from bursar.domain.roles import KeyScope, PlatformRole, TeamRole
from bursar.graphql.context import Context, Environment
from bursar.graphql.execution.documents import prepare
from bursar.graphql.execution.limits import DocumentLimits, RequestLimits
from bursar.graphql.execution.run import run
from bursar.graphql.schema import schema
from bursar.services.attributes import columns_of
from bursar.services.authorization import Authorizer
from bursar.services.key_creation import insert_key

PEPPER = b"a pepper for the benchmark alone"
TEAMS, MEMBERS, KEYS, PEOPLE, USERS = 50, 20, 10, 100, 1_000
ROUNDS = {"point read": 600, "dashboard": 20, "1,000 members": 60, "1,000 users": 60}

DASHBOARD = """
{
  teams(first: 50) {
    nodes {
      id name description blocked tags createdAt updatedAt
      budget { source limits { maxBudget tpmLimit rpmLimit duration } }
      organization { id name }
      members(first: 20) {
        nodes {
          id role joinedAt user { id name email }
          budget { source limits { maxBudget rpmLimit } }
        }
      }
      apiKeys(first: 10) { nodes { id alias lastFour blocked createdAt } }
    }
  }
}
"""
MEMBERSHIPS = "{ teams(first: 50) { nodes { members { nodes { id role joinedAt version } } } } }"
FLAT = "{ users(first: 1000) { nodes { id name email role blocked version createdAt updatedAt } } }"
POINT = "query($id: ID!) { team(id: $id) { id name description blocked tags version createdAt } }"


class Took(NamedTuple):
    """Seconds of the process, and of the clock."""

    processor: float
    clock: float


def main() -> None:
    folder = Path(tempfile.mkdtemp(prefix="bursar-benchmark-"))
    folder.chmod(0o711)
    try:
        with (
            EmbeddedPostgres(folder / "data", durable=False) as server,
            asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
        ):
            runner.run(compare_on(server))
    finally:
        shutil.rmtree(folder)


async def compare_on(server: EmbeddedPostgres) -> None:
    await upgrade(server.owner_url)
    await grant(server.owner_url, urlsplit(server.application_url).username or "")
    database = Database(server.application_url)
    try:
        await compare(database)
    finally:
        await database.close()


async def compare(database: Database) -> None:
    team_id = await database.write(populate)
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000)  # as a server does
    print(f"Python {sys.version.split()[0]}, milliseconds of the process (of the clock)\n")
    print(f"{'':14} {'graphql-core':>18} {'plan':>18} {'ratio':>8} {'first time':>22}")
    documents = POINT, DASHBOARD, MEMBERSHIPS, FLAT
    for name, text in zip(ROUNDS, documents, strict=True):
        variables = {"id": team_id} if "$id" in text else {}
        firsts = [await first(database, text, variables, way) for way in (False, True)]
        core, plan = await interleaved(database, text, variables, ROUNDS[name])
        print(
            f"{name:14} {shown(core):>18} {shown(plan):>18} "
            f"{core.processor / plan.processor:8.1f} "
            f"{firsts[0] * 1000:9.1f} → {firsts[1] * 1000:.1f} ms"
        )


async def interleaved(
    database: Database, text: str, variables: dict[str, Any], rounds: int
) -> tuple[Took, Took]:
    """The medians by graphql-core and by the plan, in turns, of answers that are the same."""
    prepared = prepare(schema._schema, text, None)  # noqa: SLF001 (as in execution.request)
    took: dict[bool, list[Took]] = {False: [], True: []}
    answers: dict[bool, bytes] = {}
    for _ in range(rounds):
        for way in (False, True):
            began, clock = process_time(), perf_counter()
            result = await run(schema, prepared, variables, context(database), compiled=way)
            answers[way] = orjson.dumps({"data": result.data})
            took[way].append(Took(process_time() - began, perf_counter() - clock))
    if answers[False] != answers[True] or b'"data":null' in answers[True]:
        raise SystemExit("the answers differ")
    core, plan = (Took(*map(median, zip(*took[way], strict=True))) for way in (False, True))
    return core, plan


async def first(database: Database, text: str, variables: dict[str, Any], way: bool) -> float:
    """Seconds of the process for a document that was never seen: the best of several like it."""
    best = float("inf")
    for number in range(7):
        new = text.replace("{ id ", f"{{ n{number}{way}: id id ")
        began = process_time()
        prepared = prepare(schema._schema, new, None)  # noqa: SLF001 (as in execution.request)
        result = await run(schema, prepared, variables, context(database), compiled=way)
        orjson.dumps({"data": result.data})
        best = min(best, process_time() - began)
    return best


def context(database: Database) -> Context:
    actor = Actor(ADMIN, ADMIN_KEY, PlatformRole.ADMIN, frozenset({KeyScope.MANAGE}))
    return Context(
        Environment(
            database,
            [PEPPER],
            Authorizer(database, [PEPPER]),
            NewTeams(),
            max_body_bytes=1,
            max_gateway_body_bytes=1,
            request_limits=RequestLimits(seconds=10, under_way=40),
            document_limits=DocumentLimits(),
        ),
        actor,
    )


ADMIN, ADMIN_KEY = new_id(Prefix.USER), new_id(Prefix.API_KEY)


async def populate(tx: Connection) -> str:
    """The teams with all that is in them; the id of one of them."""

    async def add(table: Any, prefix: Prefix, **columns: Any) -> str:
        return str((await insert_row(tx, table, {"id": new_id(prefix), **columns})).id)

    people = [
        await add(users, Prefix.USER, **columns_of({"name": f"User {n}", "email": f"u{n}@a.org"}))
        for n in range(USERS)
    ]
    for number in range(TEAMS):
        named = columns_of(
            {"name": f"Team {number}", "tags": ["a", "b"], "description": "What for"}
        )
        team_id = await add(teams, Prefix.TEAM, organization_id=DEFAULT_ORGANIZATION, **named)
        limits = {"max_budget": 100 + number, "tpm_limit": 1000, "duration": "1mo"}
        await add(budgets, Prefix.BUDGET, **{BUDGET_OWNERS["team"]: team_id}, **limits)
        for place in range(MEMBERS):
            user_id = people[(number * 7 + place) % PEOPLE]
            joined = {"team_id": team_id, "user_id": user_id, "role": TeamRole.MEMBER}
            member_id = await add(team_members, Prefix.TEAM_MEMBER, **joined)
            owner = {BUDGET_OWNERS["team_member"]: member_id}
            await add(budgets, Prefix.BUDGET, **owner, max_budget=place, rpm_limit=10)
            if place < KEYS:
                alias = {"alias": f"key {place}"}
                await insert_key(tx, user_id, new_secret(), PEPPER, alias, team_id=team_id)
    return team_id


def shown(took: Took) -> str:
    return f"{took.processor * 1000:.2f} ({took.clock * 1000:.2f})"


if __name__ == "__main__":
    main()
