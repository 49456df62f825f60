"""A PostgreSQL of one's own: what a start demands of it, and what each of two roles can do there."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import asyncpg
import httpx2
import pytest

from bursar.database.embedded import EmbeddedPostgres
from bursar.database.grants import grant
from bursar.database.migrations import upgrade
from bursar.database.partitions import month_of, name_of
from bursar.operations import external
from bursar.operations.failure import Failure
from live_server import LiveServer, serving

KEY = "an-operator's-choice" + "x" * 20
PEPPER = "p" * 32
CREATE = """
mutation { organizationCreate(input: {name: "Acme"}) { organization { id } errors { code } } }
"""


@dataclass(frozen=True)
class Place:
    """Somewhere empty, by the addresses of its owner and of the application's role."""

    owner: str
    application: str

    @property
    def settings(self) -> dict[str, str]:
        return {
            "DATABASE_URL": self.application,
            "BURSAR_PEPPER": PEPPER,
            "BURSAR_ADMIN_KEY": KEY,
        }


@pytest.fixture
async def place(postgres: EmbeddedPostgres, application_role: str) -> AsyncIterator[Place]:
    schema = f"s{uuid4().hex}"
    connection = await asyncpg.connect(postgres.owner_url)
    await connection.execute(
        f"CREATE SCHEMA {schema}; GRANT USAGE ON SCHEMA {schema} TO {application_role}"
    )
    yield Place(
        f"{postgres.owner_url}&search_path={schema}",
        f"{postgres.application_url}&search_path={schema}",
    )
    await connection.execute("SET client_min_messages = warning")
    await connection.execute(f"DROP SCHEMA {schema} CASCADE")
    await connection.close()


async def bursar(*arguments: str, **settings: str) -> tuple[int, str]:
    """Exit code, and what a command said."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("BURSAR_")}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bursar", *arguments),
        env={**clean, "BURSAR_PORT": "0", **settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, said.decode()


def kept_up(server: LiveServer) -> list[dict[str, Any]]:
    while not (told := [line for line in server.lines() if line["event"] == "kept up"]):
        time.sleep(0.05)
    return told


def logged(server: LiveServer) -> list[dict[str, Any]]:
    """What it logged, of a request when its answer is sent."""
    while not (told := server.lines()):
        time.sleep(0.05)
    return told


def create(server: LiveServer) -> object:
    headers = {"Authorization": f"Bearer {KEY}"}
    answer = httpx2.post(f"{server.url}/graphql", json={"query": CREATE}, headers=headers)
    return answer.json()["data"]["organizationCreate"]["errors"]


async def test_the_owner_migrates_and_the_other_role_serves_but_cannot_alter_the_audit(
    place: Place,
) -> None:
    code, said = await bursar("serve", **place.settings)
    assert (code, said.endswith("run `bursar migrate`\n")) == (1, True)

    owner = {"BURSAR_OWNER_DATABASE_URL": place.owner}
    code, said = await bursar("migrate", **place.settings, **owner)
    assert (code, said.startswith("at 0")) == (0, True)

    with serving(**place.settings) as server:
        assert create(server) == []
        assert {line["level"] for line in logged(server)} == {"info"}

    connection = await asyncpg.connect(place.application)
    assert await connection.fetchval("SELECT count(*) FROM audit_entries") > 0
    for statement in (
        "UPDATE audit_entries SET action = 'other'",
        "DELETE FROM audit_entries",
        "TRUNCATE audit_entries",
        "ALTER TABLE audit_entries ADD mine int",
        "DROP TABLE audit_entries",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement)
    await connection.close()


async def test_commands_that_load_data_do_it_as_the_owner(place: Place) -> None:
    settings = place.settings | {"BURSAR_OWNER_DATABASE_URL": place.owner}
    assert (await bursar("migrate", **settings))[0] == 0
    few = ("--organizations=1", "--teams=2", "--users=3", "--members-per-team=1", "--days=2")
    assert (await bursar("seed", *few, **settings))[0] == 0
    assert (await bursar("migrate", "--check", **settings))[0] == 0


async def test_a_role_that_was_granted_nothing_is_told_how_it_gets_it(place: Place) -> None:
    await upgrade(place.owner)
    code, said = await bursar("serve", **place.settings)
    assert code == 1
    assert "run `bursar migrate` with BURSAR_OWNER_DATABASE_URL\n" in said


async def test_one_role_for_everything_serves_with_a_warning(place: Place) -> None:
    one = place.settings | {"DATABASE_URL": place.owner}
    assert (await bursar("migrate", **one))[0] == 0
    with serving(**one) as server:
        assert create(server) == []
        (warning,) = [line for line in server.lines() if line["level"] == "warning"]
    assert "may alter the audit" in warning["event"]


async def test_a_server_that_knows_the_owner_makes_the_months_that_are_missing(
    place: Place, application_role: str
) -> None:
    await upgrade(place.owner)
    await grant(place.owner, application_role)
    connection = await asyncpg.connect(place.owner)
    last = name_of("usage_days", month_of(datetime.now(UTC).date(), 12))
    await connection.execute(f"DROP TABLE {last}")
    settings = place.settings | {"BURSAR_OWNER_DATABASE_URL": place.owner}
    with serving(**settings, BURSAR_WORKERS="2") as server:
        told = await asyncio.to_thread(kept_up, server)
    assert [line["made"] for line in told] == [[last]]
    assert await connection.fetchval("SELECT to_regclass($1)::text", last) == last
    await connection.close()


@pytest.mark.parametrize(
    ("found", "complaint"),
    [
        ("SELECT 14 AS major, 'UTF8' AS encoding", "PostgreSQL 14 is too old"),
        ("SELECT 15 AS major, 'SQL_ASCII' AS encoding", "encoded in SQL_ASCII"),
    ],
)
async def test_a_server_that_will_not_do_is_refused(
    place: Place, monkeypatch: pytest.MonkeyPatch, found: str, complaint: str
) -> None:
    monkeypatch.setattr(external, "_SERVER", found)
    with pytest.raises(Failure, match=complaint):
        await external.require(place.owner)
