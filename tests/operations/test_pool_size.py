"""How many connections workers may open: what PostgreSQL has room for, and a word where it has not."""

import asyncpg
import pytest
from typer.testing import CliRunner

from bursar.cli import app
from bursar.database.embedded import EmbeddedPostgres
from bursar.operations import doctor, external
from bursar.operations.pool_size import fitted, problem_with, wanted
from bursar.settings import Settings
from factories import PEPPER

USUAL = 97  # of 100, which PostgreSQL comes with, 3 are the superuser's


@pytest.mark.parametrize(
    ("allowed", "workers", "size"),
    [(USUAL, 1, 10), (USUAL, 3, 10), (USUAL, 4, 7), (USUAL, 8, 1), (USUAL, 64, 1), (1_000, 16, 10)],
)
def test_two_servers_at_a_time_fit_into_postgres(allowed: int, workers: int, size: int) -> None:
    settings = fitted(Settings(workers=workers), allowed)
    assert settings.pool_size == size
    assert 2 * wanted(settings) + 5 <= allowed or size == 1


def test_a_size_that_is_set_stays_and_is_told_of_where_it_is_too_much() -> None:
    settings = Settings(workers=4, pool_size=30)
    assert fitted(settings, USUAL) == settings
    assert wanted(settings) == 4 * (30 + 4)
    told = problem_with(settings, USUAL)
    assert told is not None
    assert told.startswith("4 workers may open 136 connections, and PostgreSQL takes 97: ")
    assert problem_with(settings, 136) is None


def test_behind_a_pooler_nothing_is_known_of_what_postgres_takes() -> None:
    assert problem_with(Settings(pool_size=200, statement_cache=0), USUAL) is None


async def test_what_postgres_keeps_for_the_superuser_is_nobody_elses(
    migrated: EmbeddedPostgres,
) -> None:
    connection = await asyncpg.connect(migrated.application_url)
    most = int(await connection.fetchval("SHOW max_connections"))
    await connection.close()
    assert await external.allowed_connections(migrated.application_url) == most - 3
    many = Settings(workers=most // 10)
    assert 1 <= (await external.fitted(migrated.application_url, many)).pool_size < 10
    pooled = many.model_copy(update={"statement_cache": 0})
    assert await external.fitted(migrated.application_url, pooled) == pooled


@pytest.mark.parametrize(("size", "advised"), [(1, False), (200, True)])
def test_the_doctor_advises_where_the_pools_do_not_fit(
    migrated: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch, size: int, *, advised: bool
) -> None:
    settings = Settings(
        database_url=migrated.application_url, pepper=[PEPPER.decode()], workers=4, pool_size=size
    )
    monkeypatch.setattr(doctor, "report", healthy)
    report = doctor.examine(settings)
    assert bool(report.advice) == advised
    monkeypatch.setattr(doctor, "examine", lambda _: report)
    told = CliRunner().invoke(app, ["doctor"])
    assert told.exit_code == 0
    assert ("advice: 4 workers may open 816 connections" in told.stdout) == advised
    assert report.as_json()["advice"] == list(report.advice)


async def healthy(_dsn: str) -> doctor.Report:
    return doctor.Report({check.name: 1 for check in doctor.CHECKS}, [])
