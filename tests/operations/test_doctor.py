"""The doctor finds each row that breaks a rule, by name, and nothing in a healthy database."""

import itertools
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import orjson
import pytest
from operations.breaks import BREAKS, HEALTHY
from typer.testing import CliRunner

from api_client import Api
from bursar.cli import app
from bursar.database.data_directory import APPLICATION
from bursar.database.embedded import EmbeddedPostgres
from bursar.database.grants import grant
from bursar.database.migrations import downgrade, upgrade
from bursar.domain.roles import KeyScope
from bursar.operations import doctor
from bursar.operations.checks.constraints import CONSTRAINTS
from bursar.operations.doctor import CHECKS, Violation, report
from bursar.operations.failure import Failure
from bursar.operations.seed.load import seed
from factories import Factory


@pytest.fixture
async def healthy(postgres: EmbeddedPostgres) -> AsyncIterator[str]:
    """The owner's DSN of a migrated schema of its own that holds a bit of everything."""
    schema = f"doctor_{uuid4().hex}"
    connection = await asyncpg.connect(postgres.owner_url)
    await connection.execute(f"CREATE SCHEMA {schema}")
    dsn = f"{postgres.owner_url}&search_path={schema}"
    await upgrade(dsn)
    await grant(dsn, APPLICATION)
    await run(dsn, HEALTHY)
    yield dsn
    await connection.execute("SET client_min_messages = warning")
    await connection.execute(f"DROP SCHEMA {schema} CASCADE")
    await connection.close()


async def run(dsn: str, sql: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(sql)
    finally:
        await connection.close()


async def test_a_healthy_database_has_no_violation_and_its_rows_are_counted(healthy: str) -> None:
    found = await report(healthy)
    assert found.violations == []
    assert found.checked.keys() == {check.name for check in CHECKS}
    assert found.checked["team-members-in-organization"] == 1
    assert found.checked["teams-texts"] == 2


async def test_seeded_data_is_healthy(healthy: str) -> None:
    population = {"organizations": 5, "teams": 40, "users": 100, "members_per_team": 6}
    await seed(healthy, **population, keys_per_team=4, days=70, events_per_day=20)
    found = await report(healthy)
    assert found.violations == []
    assert found.checked["events-once"] > 70 * 20 - 2
    assert found.checked["team-members-in-organization"] == 1 + 40 * 6


@pytest.mark.parametrize("broken", BREAKS)
async def test_the_doctor_finds(healthy: str, broken: str) -> None:
    sql, expected = BREAKS[broken]
    await run(healthy, sql)
    violations = (await report(healthy)).violations
    by_row = sorted(violations, key=lambda found: (found.check, found.id, found.problem))
    told = [(found.check, found.id) for found in by_row]
    assert told == sorted((check, id_) for check, id_, _ in expected)
    for check, id_, part in expected:
        assert any(
            (found.check, found.id) == (check, id_) and part in found.problem for found in by_row
        ), violations


async def test_what_is_recorded_reset_and_deleted_by_the_api_adds_up(
    api: Api, make: Factory, migrated: EmbeddedPostgres, owner: asyncpg.Connection
) -> None:
    admin = await make.admin()
    organization = await make.organization()
    team, other = await make.team(organization), await make.team(organization)
    person = await make.person(organization=organization, team=team)
    of_member = await make.api_key(person, team=team)
    keys = [of_member, await make.api_key(team=team), await make.api_key(person)]
    gateway = await make.api_key(admin, scopes=[KeyScope.GATEWAY])
    calls = itertools.count()

    async def call() -> None:
        """One of each key just now, in another period, on another day, and before all changes."""
        now = datetime.now(UTC)
        hours = [timedelta(hours=hours) for hours in (0, 1, 26, 70)]
        events = [
            {"requestId": f"{next(calls)}", "keyId": key.id, "model": model, "cost": "0.0000000007"}
            | {"at": (now - ago).isoformat(), "tags": ["b", "a"]}
            for key, ago, model in itertools.product(keys, hours, ("gpt-5", "o1"))
        ]
        answer = await api.mutate(gateway, "usageRecord", "results { status }", events=events)
        told = [result["status"] for result in answer.payload["results"]]
        assert told == ["RECORDED"] * len(events)
        assert (await report(migrated.owner_url)).violations == []

    async def do(name: str, **given: Any) -> None:
        assert (await api.mutate(admin, name, **given)).refusals == []

    gpt = {"model": "gpt-5", "maxBudget": "1"}
    await call()
    hourly = {"maxBudget": "9", "duration": "1h", "modelLimits": [gpt]}
    await do("teamUpdate", id=team.id, budget=hourly)
    await do("teamMemberBudgetUpdate", teamId=team.id, budget={"maxBudget": "9", "duration": "1d"})
    await call()
    await do("spendReset", holderId=team.id)
    await do("spendReset", holderId=team.id, model="gpt-5")
    await do("spendReset", holderId=organization.id)
    await call()
    await do("teamUpdate", id=team.id, budget=hourly | {"timezone": "Asia/Kathmandu"})
    await do("organizationUpdate", id=organization.id, budget={"maxBudget": "9", "duration": "1mo"})
    await do("apiKeyMove", id=keys[1].id, teamId=other.id)
    await call()
    await do("apiKeysDelete", ids=[of_member.id])
    await do("teamMembersRemove", teamId=team.id, members=[{"userId": person.id}])
    await call()
    await do("teamsDelete", ids=[team.id])
    await call()
    assert await owner.fetchval("SELECT count(*) FROM spends WHERE model <> ''") > 0


def test_every_check_of_a_relation_a_value_or_the_catalog_is_shown_to_find_something() -> None:
    """Those of constraints come from the tables, a check like the next; a sample is enough."""
    shown = {check for _, expected in BREAKS.values() for check, _, _ in expected}
    generated = {check.name for check in CONSTRAINTS}
    by_kind = {check.name for check in CHECKS} - generated - shown
    assert {name.rpartition("-")[2] for name in by_kind} <= {
        "ids",
        "metadata",
        "models",
        "remembered",
    }


def test_no_two_checks_have_one_name() -> None:
    assert len({check.name for check in CHECKS}) == len(CHECKS)


async def test_a_database_of_another_version_is_not_examined(healthy: str) -> None:
    await downgrade(healthy, "-1")
    with pytest.raises(Failure, match="run `bursar migrate`"):
        await report(healthy)


def test_the_command_tells_each_row_and_exits_with_1(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = Violation("teams-ids", "teams", "t1", "is no id of its kind")
    checked = {check.name: 1000 for check in CHECKS}
    for violations, code in (([], 0), ([broken], 1)):
        found = doctor.Report(checked, violations)
        monkeypatch.setattr(doctor, "examine", lambda _settings, found=found: found)
        told = CliRunner().invoke(app, ["doctor"])
        as_json = CliRunner().invoke(app, ["doctor", "--json"])
        assert (told.exit_code, as_json.exit_code) == (code, code)
        assert ("teams t1: is no id of its kind [teams-ids]\n" in told.stdout) == bool(code)
        *_, last = told.stdout.splitlines()
        assert last.startswith(f"{len(CHECKS)} checks of {len(CHECKS)},000 rows: ")
        answer = orjson.loads(as_json.stdout)
        assert len(answer["checks"]) == len(CHECKS)
        assert answer["violations"] == [
            {"check": each.check, "table": each.table, "id": each.id, "problem": each.problem}
            for each in violations
        ]
