"""The audit's chains: every way to tamper with them is found, and nothing else is."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from typer.testing import CliRunner

from bursar.cli import app
from bursar.database.chains import append
from bursar.database.connections import Connection
from bursar.database.embedded import EmbeddedPostgres
from bursar.database.pool import Database
from bursar.domain.chains import NOTHING, PLATFORM, Finding, Head, Verification, hash_of
from bursar.domain.errors import Unavailable
from bursar.domain.ids import Prefix, id_from, new_id
from bursar.operations import audit_chains
from bursar.operations.audit_chains import findings, heads_of, line_of
from bursar.operations.failure import Failure

ORGANIZATIONS = [None, *(id_from(Prefix.ORGANIZATION, number) for number in range(3))]
LENGTH = 12
# What is hard to write as text in one way only.
STATES: list[Any] = [
    None,
    {},
    {"name": 'a "quoted" \\ name', "tags": ["\n\t\b\f\r\x01\x1f\x7f", "é\u2028😀"]},
    {"long name": "1.50", "b": 1.50, "a": [1e-7, 12345678901234567890, -0.0, True, None]},
]
AS_HASHED = f"""
SELECT COALESCE(organization_id, '{PLATFORM}') AS chain, position, id, actor_user_id, actor_key_id,
  to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS at, on_behalf_of, action,
  object_id, organization_id, team_id, request_id, before::text, after::text
FROM audit_entries WHERE COALESCE(organization_id, '{PLATFORM}') = $1 ORDER BY position
"""


def entry(organization_id: str | None, number: int) -> dict[str, Any]:
    some = {
        "team_id": "team_1",
        "actor_key_id": "key_1",
        "request_id": 'r"1',
        "on_behalf_of": "é\n",
    }
    return {
        "id": new_id(Prefix.AUDIT_ENTRY),
        "action": "team.update",
        "object_id": "team_1",
        "organization_id": organization_id,
        "actor_user_id": "user_1",
        "before": STATES[number % len(STATES)],
        "after": STATES[number // 2 % len(STATES)],
        **{name: value for place, (name, value) in enumerate(some.items()) if number >> place & 1},
    }


@pytest.fixture
async def chains(database: Database) -> Database:
    """Four chains of a dozen entries, several and of several chains in one transaction."""
    for number in range(0, LENGTH, 3):
        entries = [entry(id_, number + more) for more in range(3) for id_ in ORGANIZATIONS]
        await database.write(lambda tx, entries=entries: append(tx, entries))
    return database


@pytest.fixture
async def tampering(
    chains: Database,  # noqa: ARG001 (what is tampered with)
    migrated: EmbeddedPostgres,
) -> AsyncIterator[asyncpg.Connection]:
    """As who may do anything."""
    connection = await asyncpg.connect(migrated.owner_url)
    yield connection
    await connection.close()


async def found(connection: asyncpg.Connection, anchors: Sequence[Head] = ()) -> list[Finding]:
    async with connection.transaction():
        verification = Verification(await heads_of(connection), anchors)
        return [finding async for finding in findings(connection, verification)]


class Stage:
    """Chains that are tampered with, and the dice."""

    def __init__(self, connection: asyncpg.Connection, dice: random.Random) -> None:
        self._connection = connection
        self.dice = dice

    async def do(self, sql: str, *values: Any) -> None:
        await self._connection.execute(sql, *values)

    async def some(self, number: int = 1, *, but_last: bool = False) -> list[asyncpg.Record]:
        """Entries of different chains."""
        rows = await self._connection.fetch(
            "SELECT *, COALESCE(organization_id, 'platform') AS chain FROM audit_entries"
            " WHERE position < $1 ORDER BY id",
            LENGTH if but_last else LENGTH + 1,
        )
        chosen = self.dice.sample(sorted({row["chain"] for row in rows}), number)
        return [
            self.dice.choice([row for row in rows if row["chain"] == chain]) for chain in chosen
        ]

    async def hash_anew(self, chain: str, first: int, last: int = LENGTH) -> None:
        """Write the hashes of a chain anew, and its head if they go up to that."""
        previous = await self._connection.fetchval(
            "SELECT hash FROM audit_entries"
            " WHERE COALESCE(organization_id, 'platform') = $1 AND position = $2",
            *(chain, first - 1),
        )
        previous = previous or NOTHING
        rows = await self._connection.fetch(AS_HASHED, chain)
        for row in rows[first - 1 : last]:
            hash_ = hash_of({**row, "previous_hash": previous})
            await self.do(
                "UPDATE audit_entries SET previous_hash = $2, hash = $3 WHERE id = $1",
                *(row["id"], previous, hash_),
            )
            previous = hash_
        if last >= len(rows):
            await self.move_head(chain)

    async def move_head(self, chain: str) -> None:
        """To the last entry there is."""
        await self.do(
            "UPDATE audit_heads SET (position, hash) = (SELECT position, hash FROM audit_entries"
            " WHERE COALESCE(organization_id, 'platform') = chain ORDER BY position DESC LIMIT 1)"
            " WHERE chain = $1",
            chain,
        )


Where = tuple[str, str | None]
"""The chain and the entry that must be named, or none for the end of the chain."""
EDITS = {
    "id": "id || 'x'",
    "at": "at + interval '1 microsecond'",
    "actor_user_id": "NULL",
    "actor_key_id": "coalesce(actor_key_id, '') || 'x'",
    "on_behalf_of": "coalesce(on_behalf_of, '') || 'x'",
    "action": "'team.block'",
    "object_id": "'team_2'",
    "team_id": "coalesce(team_id, '') || 'x'",
    "request_id": "coalesce(request_id, '') || 'x'",
    "before": "coalesce(before, '{}') || '{\"x\": 1}'",
    "after": "CASE WHEN after IS NULL THEN '{}'::jsonb END",
    "previous_hash": "sha256(previous_hash)",
    "hash": "sha256(hash)",
}


async def edit(stage: Stage) -> Where:
    column, value = stage.dice.choice(list(EDITS.items()))
    (row,) = await stage.some()
    await stage.do(f"UPDATE audit_entries SET {column} = {value} WHERE id = $1", row["id"])
    return row["chain"], row["id"] + ("x" if column == "id" else "")


async def edit_with_its_hash(stage: Stage) -> Where:
    (row,) = await stage.some(but_last=True)
    await stage.do("UPDATE audit_entries SET action = 'other' WHERE id = $1", row["id"])
    await stage.hash_anew(row["chain"], row["position"], row["position"])
    return row["chain"], await _at(stage, row, row["position"] + 1)


async def delete(stage: Stage) -> Where:
    (row,) = await stage.some(but_last=True)
    after = await _at(stage, row, row["position"] + 1)
    await stage.do("DELETE FROM audit_entries WHERE id = $1", row["id"])
    return row["chain"], after


async def delete_and_close_the_gap(stage: Stage) -> Where:
    (row,) = await stage.some(but_last=True)
    after = await _at(stage, row, row["position"] + 1)
    await stage.do("DELETE FROM audit_entries WHERE id = $1", row["id"])
    await _shift(stage, row, -1)
    return row["chain"], after


async def insert(stage: Stage) -> Where:
    (row,) = await stage.some()
    await _shift(stage, row, 1)
    await stage.do(
        "INSERT INTO audit_entries (id, action, object_id, organization_id, position, previous_hash,"
        " hash) VALUES ('audit_new', 'team.update', 'team_1', $1, $2, $3, sha256('new'))",
        *(row["organization_id"], row["position"] + 1, row["hash"]),
    )
    return row["chain"], "audit_new"


async def insert_at_the_end(stage: Stage) -> Where:
    (row,) = await stage.some()
    await stage.do(
        "INSERT INTO audit_entries (id, action, object_id, organization_id, position, previous_hash,"
        " hash) SELECT 'audit_new', 'team.update', 'team_1', $2, position + 1, hash, $3"
        " FROM audit_heads WHERE chain = $1",
        *(row["chain"], row["organization_id"], NOTHING),
    )
    await stage.hash_anew(row["chain"], LENGTH + 1, LENGTH)
    return row["chain"], "audit_new"


async def reorder(stage: Stage) -> Where:
    (row,) = await stage.some(but_last=True)
    swap = "UPDATE audit_entries SET position = $2 WHERE id = $1"
    other = await _at(stage, row, row["position"] + 1)
    for id_, position in ((other, 0), (row["id"], row["position"] + 1), (other, row["position"])):
        await stage.do(swap, id_, position)
    return row["chain"], other


async def swap_between_organizations(stage: Stage) -> Where:
    one, other = await stage.some(2)
    move = "UPDATE audit_entries SET organization_id = $2, position = $3 WHERE id = $1"
    await stage.do(move, one["id"], None, 0)
    for row, place in ((other, one), (one, other)):
        await stage.do(move, row["id"], place["organization_id"], place["position"])
    return one["chain"], other["id"]


async def cut_the_tail(stage: Stage) -> Where:
    (row,) = await stage.some(but_last=True)
    await _cut(stage, row)
    return row["chain"], None


async def take_the_head(stage: Stage) -> Where:
    (row,) = await stage.some()
    await stage.do("DELETE FROM audit_heads WHERE chain = $1", row["chain"])
    return row["chain"], None


async def move_the_head(stage: Stage) -> Where:
    (row,) = await stage.some(but_last=True)
    await stage.do(
        "UPDATE audit_heads SET position = $2, hash = $3 WHERE chain = $1",
        *(row["chain"], row["position"], row["hash"]),
    )
    return row["chain"], None


async def change_the_head(stage: Stage) -> Where:
    (row,) = await stage.some()
    await stage.do("UPDATE audit_heads SET hash = sha256(hash) WHERE chain = $1", row["chain"])
    return row["chain"], None


async def take_all_entries(stage: Stage) -> Where:
    (row,) = await stage.some()
    await _cut(stage, row, 0)
    return row["chain"], None


async def cut_the_tail_and_move_the_head(stage: Stage) -> Where:
    (row,) = await stage.some(but_last=True)
    await _cut(stage, row)
    await stage.move_head(row["chain"])
    return row["chain"], None


async def rewrite_the_chain(stage: Stage) -> Where:
    (row,) = await stage.some()
    await stage.do("UPDATE audit_entries SET action = 'other' WHERE id = $1", row["id"])
    await stage.hash_anew(row["chain"], 1)
    return row["chain"], await _at(stage, row, LENGTH)


async def take_the_whole_chain(stage: Stage) -> Where:
    (row,) = await stage.some()
    await _cut(stage, row, 0)
    await stage.do("DELETE FROM audit_heads WHERE chain = $1", row["chain"])
    return row["chain"], None


async def restore_an_old_backup(stage: Stage) -> Where:
    await stage.do("DELETE FROM audit_entries WHERE position > 9")
    rows = await stage.some(len(ORGANIZATIONS))
    for row in rows:
        await stage.move_head(row["chain"])
    return rows[0]["chain"], None


async def _at(stage: Stage, row: asyncpg.Record, position: int) -> str:
    return str(
        await stage._connection.fetchval(  # noqa: SLF001 (a part of it)
            "SELECT id FROM audit_entries"
            " WHERE COALESCE(organization_id, 'platform') = $1 AND position = $2",
            *(row["chain"], position),
        )
    )


async def _shift(stage: Stage, row: asyncpg.Record, by: int) -> None:
    """Move what is after an entry, over a place where nothing is, as positions are unique."""
    for step in (1000, by - 1000):
        await stage.do(
            "UPDATE audit_entries SET position = position + $3"
            " WHERE COALESCE(organization_id, 'platform') = $1 AND position > $2",
            *(row["chain"], row["position"], step),
        )


async def _cut(stage: Stage, row: asyncpg.Record, after: int | None = None) -> None:
    await stage.do(
        "DELETE FROM audit_entries WHERE COALESCE(organization_id, 'platform') = $1 AND position > $2",
        *(row["chain"], row["position"] if after is None else after),
    )


Tampering = Callable[[Stage], Awaitable[Where]]
SEEN: list[Tampering] = [
    *[edit] * 6,
    edit_with_its_hash,
    delete,
    delete_and_close_the_gap,
    insert,
    insert_at_the_end,
    reorder,
    swap_between_organizations,
    cut_the_tail,
    take_the_head,
    move_the_head,
    change_the_head,
    take_all_entries,
]
TOLD = {
    edit: "",
    edit_with_its_hash: "does not follow the entry before it",
    delete: "is after a gap",
    delete_and_close_the_gap: "does not follow the entry before it",
    insert: "is not what was written",
    insert_at_the_end: "is not what was written",
    reorder: "does not follow the entry before it",
    swap_between_organizations: "is not what was written",
    cut_the_tail: "gone from the end",
    take_the_head: "its head is at 0",
    move_the_head: "its head is at",
    change_the_head: "its head is not its last entry",
    take_all_entries: "entries 1 to 12 are gone from the end",
    cut_the_tail_and_move_the_head: "gone since it was anchored",
    rewrite_the_chain: "is not the entry that was anchored",
    take_the_whole_chain: "entries 1 to 12 are gone since it was anchored",
    restore_an_old_backup: "entries 10 to 12 are gone since it was anchored",
}
SEEN_BY_ANCHORS: list[Tampering] = [
    cut_the_tail_and_move_the_head,
    rewrite_the_chain,
    take_the_whole_chain,
    restore_an_old_backup,
]


@pytest.mark.parametrize("rounds", [500, pytest.param(10_000, marks=pytest.mark.soak)])
async def test_each_tampering_is_found_and_names_the_entry(
    tampering: asyncpg.Connection,
    record_property: Callable[[str, object], None],
    rounds: int,
) -> None:
    dice = random.Random(rounds)  # noqa: S311 (no secret)
    anchors = await heads_of(tampering)
    assert len(anchors) == len(ORGANIZATIONS)
    ways = [*SEEN, *SEEN_BY_ANCHORS]
    for number in range(rounds):
        tamper = ways[number % len(ways)]
        attempt = tampering.transaction()
        await attempt.start()
        chain, entry_id = await tamper(Stage(tampering, dice))
        told = await found(tampering, anchors)
        assert any(
            (each.chain, each.entry_id) == (chain, entry_id) and TOLD[tamper] in each.problem
            for each in told
        ), (tamper, told)
        if tamper in SEEN:
            assert await found(tampering) != [], tamper
        else:  # so it is the anchor that finds it
            assert await found(tampering) == [], tamper
        await attempt.rollback()
        assert await found(tampering, anchors) == []
    record_property("audits tampered with, all found", rounds)


@pytest.mark.parametrize("rounds", [100, pytest.param(500, marks=pytest.mark.soak)])
async def test_no_alarm_is_false_while_entries_are_written_and_connections_die(
    chains: Database,
    tampering: asyncpg.Connection,
    record_property: Callable[[str, object], None],
    rounds: int,
) -> None:
    dice = random.Random(rounds)  # noqa: S311 (no secret)
    written, lost, ended = [], [], asyncio.Event()
    turns = asyncio.Semaphore(
        0
    )  # or else the longer one verifies, the more there would be to verify

    async def write() -> None:
        while await turns.acquire() and not ended.is_set():
            entries = [
                entry(dice.choice(ORGANIZATIONS), number) for number in range(dice.choice((1, 3)))
            ]

            async def work(tx: Connection, entries: list[Any] = entries) -> None:
                await append(tx, entries)
                if dice.random() < 0.05:
                    await tx.raw.fetchval("SELECT pg_terminate_backend(pg_backend_pid())")

            try:
                await chains.write(work)
            except (Unavailable, asyncpg.AdminShutdownError, asyncpg.ConnectionDoesNotExistError):
                lost.append(entries)
            else:
                written.extend(entries)

    writers = [asyncio.create_task(write()) for _ in range(4)]
    anchors: list[Head] = []
    for _ in range(rounds):
        for _ in writers * 2:
            turns.release()
        async with tampering.transaction(isolation="repeatable_read", readonly=True):
            heads = await heads_of(tampering)
            assert await found(tampering, anchors) == []
        anchors = heads
        await asyncio.sleep(0.005)
    ended.set()
    for _ in writers:
        turns.release()
    await asyncio.gather(*writers)
    assert written
    assert lost
    assert await found(tampering, anchors) == []
    stored = {row["id"] for row in await tampering.fetch("SELECT id FROM audit_entries")}
    assert {each["id"] for each in written} <= stored
    assert not {each["id"] for entries in lost for each in entries} & stored
    record_property("audits verified without an alarm", rounds)


async def test_two_who_begin_a_chain_at_once_both_write_to_it(
    database: Database, owner: asyncpg.Connection
) -> None:
    entries = [entry(id_, 0) for id_ in ORGANIZATIONS for _ in range(8)]
    await asyncio.gather(
        *(database.write(lambda tx, each=each: append(tx, [each])) for each in entries)
    )
    assert [head.position for head in await heads_of(owner)] == [8] * len(ORGANIZATIONS)
    assert await found(owner) == []


async def test_more_entries_than_a_statement_takes_are_one_chain(
    database: Database, owner: asyncpg.Connection
) -> None:
    entries = [entry(ORGANIZATIONS[number % 2], number) for number in range(2200)]
    await database.write(lambda tx: append(tx, entries))
    assert await found(owner) == []
    rows = await owner.fetch("SELECT id FROM audit_entries ORDER BY organization_id, position")
    assert [row["id"] for row in rows] == [
        each["id"]
        for id_ in (ORGANIZATIONS[1], None)
        for each in entries
        if each["organization_id"] == id_
    ]


async def test_an_id_that_is_taken_is_no_race(database: Database) -> None:
    one = entry(None, 0)
    await database.write(lambda tx: append(tx, [one]))
    with pytest.raises(asyncpg.UniqueViolationError):
        await database.write(lambda tx: append(tx, [one]))


@pytest.mark.usefixtures("chains")
async def test_the_commands_tell_what_is_wrong_and_keep_heads(
    migrated: EmbeddedPostgres,
    owner: asyncpg.Connection,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DATABASE_URL", migrated.application_url)
    monkeypatch.setenv("BURSAR_PEPPER", "pepper" * 8)
    kept = tmp_path / "heads"

    async def run(*command: str) -> tuple[int, list[str]]:
        done = await asyncio.to_thread(CliRunner().invoke, app, ["audit", *command])
        return done.exit_code, done.output.splitlines()

    code, lines = await run("heads")
    assert code == 0, lines
    assert lines == [line_of(head) for head in await heads_of(owner)]
    kept.write_text("\n".join(lines))
    well = "48 entries in 4 chains: all is as it was written"
    assert await run("verify") == await run("verify", "--heads", str(kept)) == (0, [well])

    await owner.execute("UPDATE audit_entries SET action = 'x' WHERE position = 3")
    rows = await owner.fetch(
        "SELECT id FROM audit_entries WHERE action = 'x' ORDER BY organization_id"
    )
    names = [*ORGANIZATIONS[1:], PLATFORM]
    assert await run("verify") == (
        1,
        [
            *(
                f"{name} 3, {row['id']}: is not what was written"
                for name, row in zip(names, rows, strict=True)
            ),
            "48 entries in 4 chains: 4 problems",
        ],
    )
    await owner.execute("DELETE FROM audit_entries; DELETE FROM audit_heads")
    code, lines = await run("verify", "--heads", str(kept))
    assert (code, len(lines)) == (1, 5)
    assert lines[0] == f"{names[0]} 0, after it: entries 1 to 12 are gone since it was anchored"


def test_a_file_without_heads_is_refused(tmp_path: Path) -> None:
    (file := tmp_path / "heads").touch()
    with pytest.raises(Failure, match=r"heads holds no head$"):
        audit_chains.anchors_in(file)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "{",
        "[]",
        '{"chain": "platform", "position": 1}',
        '{"chain": "platform", "position": 0, "hash": "' + "0" * 64 + '"}',
        '{"chain": "platform", "position": 1, "hash": "' + "0" * 63 + '"}',
        '{"chain": "", "position": 1, "hash": "' + "0" * 64 + '"}',
    ],
)
def test_a_file_of_other_lines_is_refused(tmp_path: Path, line: str) -> None:
    file = tmp_path / "heads"
    file.write_text(f"{line_of(Head(PLATFORM, 1, NOTHING))}\n{line}\n")
    with pytest.raises(Failure, match=r"^line 2 of .*heads is no head that `bursar audit heads`"):
        audit_chains.anchors_in(file)
