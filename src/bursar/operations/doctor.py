"""The doctor: every rule that must always hold, checked on a live database in one snapshot."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import asyncpg

from bursar.database import migrations
from bursar.database.connections import CONNECT_SECONDS
from bursar.database.partitions import PARTITIONED
from bursar.operations import pool_size
from bursar.operations.audit_chains import CHAINS
from bursar.operations.checks.catalog import CATALOG
from bursar.operations.checks.check import Check
from bursar.operations.checks.constraints import CONSTRAINTS
from bursar.operations.checks.limits import LIMITS
from bursar.operations.checks.models import MODELS
from bursar.operations.checks.relations import RELATIONS
from bursar.operations.checks.schedules import SCHEDULES
from bursar.operations.checks.spends import SPENDS
from bursar.operations.checks.usage import USAGE
from bursar.operations.checks.values import VALUES
from bursar.operations.database import existing
from bursar.operations.external import allowed_connections
from bursar.operations.failure import Failure
from bursar.settings import Settings

CHECKS = (
    *(*CATALOG, *RELATIONS, *LIMITS, *SCHEDULES, *CONSTRAINTS, *VALUES, *MODELS),
    *(*USAGE, *SPENDS, *CHAINS),
)
_ROWS_AT_ONCE = 1000


@dataclass(frozen=True)
class Violation:
    """A row that breaks the rule of a check; of the catalog, a table."""

    check: str
    table: str
    id: str
    problem: str


@dataclass(frozen=True)
class Report:
    """`checked` has the number of rows that each check looked at; advice breaks no rule."""

    checked: dict[str, int]
    violations: list[Violation]
    advice: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        checks = [
            {"name": check.name, "rule": check.rule, "rows": self.checked[check.name]}
            for check in CHECKS
        ]
        violations = [asdict(found) for found in self.violations]
        return {"checks": checks, "violations": violations, "advice": list(self.advice)}


def examine(settings: Settings) -> Report:
    """Check the command's database. Raises Failure where it is not at this version's schema."""
    with existing(settings) as database:
        found = asyncio.run(report(database.owner_url))
        if database.embedded:  # and started with as many connections as its server wants
            return found
        allowed = asyncio.run(allowed_connections(database.application_url))
    problem = pool_size.problem_with(settings, allowed)
    return replace(found, advice=(problem,) if problem else ())


async def report(dsn: str, checks: Sequence[Check] = CHECKS) -> Report:
    """Run checks in one snapshot that changes nothing and blocks nobody."""
    if await migrations.pending(dsn):
        raise Failure("the database is not at this version's schema: run `bursar migrate`")
    connection = await asyncpg.connect(dsn, timeout=CONNECT_SECONDS)
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            await connection.execute("SET LOCAL statement_timeout = 0")
            # Before the snapshot, which would miss the closing of a month that is dropped after it.
            await connection.execute(f"LOCK TABLE {', '.join(PARTITIONED)} IN ACCESS SHARE MODE")
            counts = await _counts(connection, {check.table for check in checks})
            violations = [
                violation for check in checks for violation in await _broken(connection, check)
            ]
    finally:
        await connection.close()
    return Report({check.name: counts[check.table] for check in checks}, violations)


async def _counts(connection: asyncpg.Connection, tables: Iterable[str]) -> dict[str, int]:
    return {
        table: await connection.fetchval(f"SELECT count(*) FROM {table}")  # noqa: S608 (own names)
        for table in tables
    }


async def _broken(connection: asyncpg.Connection, check: Check) -> list[Violation]:
    if check.survey is not None:
        return [
            Violation(check.name, check.table, id_, problem)
            async for id_, problem in check.survey(connection)
        ]
    found: list[Violation] = []
    async for row in connection.cursor(check.sql, prefetch=_ROWS_AT_ONCE):
        problems = [row["problem"]] if check.judge is None else check.judge(row)
        found += (Violation(check.name, check.table, str(row["id"]), text) for text in problems)
    return found
