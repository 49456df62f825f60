"""The audit's chains: read from the first entry to the last, and their heads, to be kept elsewhere."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import orjson

from bursar.database.chains import AT
from bursar.domain.chains import PLATFORM, SAID, Finding, Head, Verification
from bursar.operations.checks.check import Check
from bursar.operations.database import existing
from bursar.operations.external import connected
from bursar.operations.failure import Failure
from bursar.settings import Settings

_ROWS_AT_ONCE = 2000
_HEADS = "SELECT chain, position, hash FROM audit_heads ORDER BY chain"
_CHAIN = f"COALESCE(organization_id, '{PLATFORM}')"
_AS_SAID = {
    "chain": f"{_CHAIN} AS chain",
    "at": f"{AT.format(at='at')} AS at",
    "before": "before::text",
    "after": "after::text",
}
_ENTRIES = f"""
    SELECT {", ".join(_AS_SAID.get(name, name) for name in SAID)}, previous_hash, hash
    FROM audit_entries ORDER BY {_CHAIN}, audit_entries.position, audit_entries.id
"""  # noqa: S608 (own names)
_HASH = re.compile("[0-9a-f]{64}")


def verify(
    settings: Settings, anchors: Sequence[Head], tell: Callable[[Finding], object]
) -> Verification:
    """Read all chains of the command's database, and tell each finding as soon as it is made.

    One snapshot is read, so that what is written meanwhile is no finding, and never more than some
    entries of it at a time.
    """

    async def run(dsn: str) -> Verification:
        async with _snapshot(dsn) as connection:
            verification = Verification(await heads_of(connection), anchors)
            async for finding in findings(connection, verification):
                tell(finding)
            return verification

    with existing(settings) as database:
        return asyncio.run(run(database.owner_url))


def heads(settings: Settings) -> list[Head]:
    """The heads of all chains, by the order of the chains."""

    async def run(dsn: str) -> list[Head]:
        async with _snapshot(dsn) as connection:
            return await heads_of(connection)

    with existing(settings) as database:
        return asyncio.run(run(database.owner_url))


async def heads_of(connection: asyncpg.Connection) -> list[Head]:
    """The heads as the transaction of the connection sees them."""
    return [Head(*row) for row in await connection.fetch(_HEADS)]


async def findings(
    connection: asyncpg.Connection, verification: Verification
) -> AsyncIterator[Finding]:
    """What is wrong with the chains, as the transaction of the connection sees them."""
    async for row in connection.cursor(_ENTRIES, prefetch=_ROWS_AT_ONCE):
        for finding in verification.read(row):
            yield finding
    for finding in verification.end():
        yield finding


def line_of(head: Head) -> str:
    """A head as `anchors_in` reads it."""
    shown = {"chain": head.chain, "position": head.position, "hash": head.hash.hex()}
    return orjson.dumps(shown).decode()


def anchors_in(file: Path) -> list[Head]:
    """The heads that were kept in a file, a line for each.

    Raises Failure for any other line, and for a file of none: to compare with nothing shows nothing.
    """
    lines = file.read_bytes().splitlines()
    if not lines:
        raise Failure(f"{file} holds no head")
    return [_anchor(file, number, line) for number, line in enumerate(lines, start=1)]


def _anchor(file: Path, number: int, line: bytes) -> Head:
    try:
        said = orjson.loads(line)
    except orjson.JSONDecodeError:
        said = None
    match said:
        case {"chain": str(chain), "position": int(position), "hash": str(hash_)} if (
            chain and position > 0 and _HASH.fullmatch(hash_)
        ):
            return Head(chain, position, bytes.fromhex(hash_))
    raise Failure(f"line {number} of {file} is no head that `bursar audit heads` printed")


async def _survey(connection: asyncpg.Connection) -> AsyncIterator[tuple[str, str]]:
    async for finding in findings(connection, Verification(await heads_of(connection))):
        yield finding.entry_id or finding.chain, finding.problem


CHAINS = (
    Check(
        "audit-chain",
        "Every audit entry is as it was written, and follows the one before it; no entry is gone.",
        "audit_entries",
        survey=_survey,
    ),
)


@asynccontextmanager
async def _snapshot(dsn: str) -> AsyncIterator[asyncpg.Connection]:
    async with (
        connected(dsn) as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        await connection.execute("SET LOCAL statement_timeout = 0")
        yield connection
