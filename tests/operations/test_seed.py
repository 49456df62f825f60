"""Seeded data keeps the rules of the domain, comes out the same, and is loaded whole or not at all."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from uuid import uuid4

import asyncpg
import pytest

from bursar.database.embedded import EmbeddedPostgres
from bursar.database.migrations import upgrade
from bursar.database.tables import BUDGET_OWNERS, metadata
from bursar.domain import durations, names
from bursar.domain.ids import DEFAULT_ORGANIZATION, Prefix, id_from, is_id
from bursar.domain.keys import problem_with_scopes
from bursar.domain.metadata import problem_with_metadata
from bursar.operations.failure import Failure
from bursar.operations.seed.load import seed
from bursar.operations.seed.population import TODAY

SMALL = {"organizations": 8, "teams": 60, "users": 150, "members_per_team": 7, "keys_per_team": 6}
SEEDED = {
    "organizations": Prefix.ORGANIZATION,
    "users": Prefix.USER,
    "organization_members": Prefix.ORGANIZATION_MEMBER,
    "teams": Prefix.TEAM,
    "team_members": Prefix.TEAM_MEMBER,
    "api_keys": Prefix.API_KEY,
    "budgets": Prefix.BUDGET,
    "access_groups": Prefix.ACCESS_GROUP,
}

# Each finds the rows that break the rule.
VIOLATIONS = {
    "who is in a team is in its organization": f"""
        SELECT member.id FROM team_members member JOIN teams ON teams.id = member.team_id
        WHERE organization_id <> '{DEFAULT_ORGANIZATION}' AND NOT EXISTS (
            SELECT FROM organization_members other
            WHERE other.organization_id = teams.organization_id AND other.user_id = member.user_id)
    """,
    "a team's limits are within its organization's": """
        SELECT teams.id FROM teams JOIN budgets own ON own.team_id = teams.id
        JOIN budgets parent ON parent.organization_id = teams.organization_id
        WHERE own.max_budget > parent.max_budget
            OR own.tpm_limit > parent.tpm_limit OR own.rpm_limit > parent.rpm_limit
    """,
    "every organization but the built-in one has an ADMIN": f"""
        SELECT id FROM organizations
        WHERE id <> '{DEFAULT_ORGANIZATION}' AND NOT EXISTS (
            SELECT FROM organization_members member
            WHERE member.organization_id = organizations.id AND role = 'ADMIN')
    """,
    "every team has an ADMIN": """
        SELECT id FROM teams WHERE NOT EXISTS (
            SELECT FROM team_members WHERE team_id = teams.id AND role = 'ADMIN')
    """,
    "every organization has a budget": f"""
        SELECT id FROM organizations
        WHERE id <> '{DEFAULT_ORGANIZATION}' AND NOT EXISTS (
            SELECT FROM budgets WHERE organization_id = organizations.id)
    """,
    "a team has as many members as were asked for": """
        SELECT team_id FROM team_members GROUP BY team_id HAVING count(*) <> 7
    """,
    "a team has as many keys as were asked for": """
        SELECT team_id FROM api_keys GROUP BY team_id HAVING count(*) <> 6
    """,
    "a key's limits are within its team's": """
        SELECT own.api_key_id FROM api_keys JOIN budgets own ON own.api_key_id = api_keys.id
        JOIN budgets parent ON parent.team_id = api_keys.team_id
        WHERE own.max_budget > parent.max_budget
            OR own.tpm_limit > parent.tpm_limit OR own.rpm_limit > parent.rpm_limit
    """,
    "what a team says of a model is within its organization's, and some say something": """
        SELECT of_team.model FROM budget_model_limits of_team JOIN budgets own
            ON own.id = budget_id JOIN teams ON teams.id = own.team_id
        JOIN budgets parent ON parent.organization_id = teams.organization_id
        WHERE of_team.max_budget > parent.max_budget OR of_team.rpm_limit > parent.rpm_limit
        UNION ALL SELECT 'nothing' WHERE NOT EXISTS (SELECT FROM budget_model_limits)
    """,
    "what teams are guaranteed is within their organization's, and some are": """
        SELECT parent.organization_id FROM teams JOIN budgets own ON own.team_id = teams.id
        JOIN budgets parent ON parent.organization_id = teams.organization_id
        WHERE rpm_limit_type = 'GUARANTEED'
        GROUP BY parent.organization_id HAVING sum(own.rpm_limit) > min(parent.rpm_limit)
        UNION ALL
        SELECT 'nobody' WHERE NOT EXISTS (SELECT FROM teams WHERE rpm_limit_type = 'GUARANTEED')
    """,
    "no key is made before what it belongs to": """
        SELECT api_keys.id FROM api_keys JOIN teams ON teams.id = api_keys.team_id
        LEFT JOIN team_members USING (team_id, user_id)
        WHERE api_keys.created_at < greatest(teams.created_at, joined_at)
    """,
    "no service manages, and no seeded key is a gateway's": """
        SELECT id FROM api_keys
        WHERE 'GATEWAY' = ANY(scopes) OR user_id IS NULL AND 'MANAGE' = ANY(scopes)
    """,
    "nobody joins before they or what they join are there": """
        SELECT member.id FROM team_members member
        JOIN teams ON teams.id = member.team_id JOIN users ON users.id = member.user_id
        WHERE joined_at < greatest(teams.created_at, users.created_at)
        UNION ALL
        SELECT member.id FROM organization_members member
        JOIN organizations ON organizations.id = member.organization_id
        JOIN users ON users.id = member.user_id
        WHERE joined_at < greatest(organizations.created_at, users.created_at)
    """,
}

Place = Callable[[], AbstractAsyncContextManager[str]]


@pytest.fixture(scope="module")
def database(postgres: EmbeddedPostgres) -> Place:
    """Makes databases to seed, which end with their block; each is its owner's DSN."""

    @asynccontextmanager
    async def make() -> AsyncIterator[str]:
        schema = f"seed_{uuid4().hex}"
        connection = await asyncpg.connect(postgres.owner_url)
        await connection.execute(f"CREATE SCHEMA {schema}")
        yield f"{postgres.owner_url}&search_path={schema}"
        await connection.execute("SET client_min_messages = warning")
        await connection.execute(f"DROP SCHEMA {schema} CASCADE")
        await connection.close()

    return make


@pytest.fixture(scope="module")
async def seeded(database: Place) -> AsyncIterator[asyncpg.Connection]:
    """A small seed, to look at."""
    async with database() as dsn:
        await upgrade(dsn)
        await seed(dsn, **SMALL)
        connection = await asyncpg.connect(dsn)
        yield connection
        await connection.close()


async def rows(dsn: str) -> dict[str, list[asyncpg.Record]]:
    connection = await asyncpg.connect(dsn)
    try:
        return {
            name: await connection.fetch(
                f"SELECT * FROM {name} WHERE id <> $1 ORDER BY id", DEFAULT_ORGANIZATION
            )
            for name, table in metadata.tables.items()
            if "id" in table.c
        }
    finally:
        await connection.close()


@pytest.mark.parametrize("rule", VIOLATIONS)
async def test_in_seeded_data(seeded: asyncpg.Connection, rule: str) -> None:
    assert await seeded.fetch(VIOLATIONS[rule]) == []


async def test_there_is_as_much_seeded_data_as_was_asked_for(database: Place) -> None:
    heard: dict[str, tuple[int, int]] = {}

    def hear(table: str, done: int, total: int) -> None:
        heard[table] = (done, total)

    async with database() as dsn:
        await upgrade(dsn)
        answered = await seed(dsn, **SMALL, report=hear)
        stored = {table: len(found) for table, found in (await rows(dsn)).items()}

    assert (stored["organizations"], stored["users"], stored["teams"]) == (8, 150, 60)
    assert (stored["team_members"], stored["api_keys"]) == (60 * 7, 60 * 6)
    for partly in ("budget_model_limits", "access_group_uses", "lifetime_spends"):
        assert answered.pop(partly) > 0
        del heard[partly]
    assert answered == {table: stored[table] for table in SEEDED}
    assert heard == {table: (count, count) for table, count in answered.items()}


async def test_seeded_data_shows_every_kind_of_thing(seeded: asyncpg.Connection) -> None:
    for owner in BUDGET_OWNERS.values():
        assert await seeded.fetchval(f"SELECT count({owner}) FROM budgets") > 0, owner
    for condition in ("blocked", "external_id IS NULL", "tags = '{}'", "description IS NULL"):
        share = f"SELECT count(*) FILTER (WHERE {condition})::float / count(*) FROM teams"
        assert 0 < await seeded.fetchval(share) < 1, condition
    for table in ("organizations", "teams", "api_keys"):
        share = f"SELECT count(*) FILTER (WHERE models = '{{}}')::float / count(*) FROM {table}"
        assert 0 < await seeded.fetchval(share) < 1, table
    for condition in (
        *("blocked", "external_id IS NULL", "alias IS NULL", "user_id IS NULL"),
        *("expires_at IS NULL", "rotation_interval IS NULL", "metadata = '{}'"),
        "'MANAGE' = ANY(scopes)",
    ):
        share = f"SELECT count(*) FILTER (WHERE {condition})::float / count(*) FROM api_keys"
        assert 0 < await seeded.fetchval(share) < 1, condition
    assert await seeded.fetchval("SELECT count(*) FROM teams WHERE name !~ '^[[:ascii:]]*$'") > 0
    built_in = "SELECT count(*) FROM teams WHERE organization_id = $1"
    assert await seeded.fetchval(built_in, DEFAULT_ORGANIZATION) > 0


async def test_seeded_names_are_such_as_the_api_accepts(seeded: asyncpg.Connection) -> None:
    for table in ("organizations", "users", "teams"):
        for row in await seeded.fetch(f"SELECT * FROM {table}"):
            assert names.problem_with_name(row["name"]) is None
            assert row["name_key"] == names.key_of(row["name"])
            assert problem_with_metadata(json.loads(row["metadata"])) is None
            if row["external_id"] is not None:
                assert names.problem_with_external_id(row["external_id"]) is None
    for key in await seeded.fetch("SELECT * FROM api_keys"):
        assert names.problem_with_external_id(key["external_id"] or "x") is None
        if key["alias"] is not None:
            assert names.problem_with_name(key["alias"]) is None
            assert key["alias_key"] == names.key_of(key["alias"])
        assert problem_with_scopes(key["scopes"]) is None
        assert problem_with_metadata(json.loads(key["metadata"])) is None
    for user in await seeded.fetch("SELECT * FROM users"):
        assert names.problem_with_email(user["email"]) is None
        assert user["email_key"] == names.key_of(user["email"])
    for team in await seeded.fetch("SELECT * FROM teams"):
        assert names.problem_with_description(team["description"] or "") is None
        assert names.problem_with_tags(team["tags"]) is None


async def test_seeded_budgets_have_periods_that_the_api_accepts(seeded: asyncpg.Connection) -> None:
    for budget in await seeded.fetch("SELECT * FROM budgets"):
        assert durations.is_timezone(budget["timezone"])
        assert budget["duration"] is None or durations.parse(budget["duration"])


async def test_seeded_ids_say_what_they_name_and_when_it_was_made(
    seeded: asyncpg.Connection,
) -> None:
    for table, prefix in SEEDED.items():
        made = "joined_at" if table.endswith("_members") else "created_at"
        for row in await seeded.fetch(
            f"SELECT id, {made} AS made FROM {table} WHERE id <> $1", DEFAULT_ORGANIZATION
        ):
            milliseconds = round(row["made"].timestamp() * 1000)
            assert is_id(row["id"], prefix)
            assert id_from(prefix, milliseconds << 80) < row["id"]
            assert row["id"] < id_from(prefix, milliseconds + 1 << 80)
            assert row["made"] < TODAY


async def test_the_same_seed_gives_the_same_rows_and_another_seed_others(database: Place) -> None:
    async with database() as one, database() as same, database() as other:
        for dsn, number in ((one, 7), (same, 7), (other, 8)):
            await upgrade(dsn)
            await seed(dsn, **SMALL, seed=number)

        assert await rows(one) == await rows(same)
        assert (await rows(one))["teams"] != (await rows(other))["teams"]


async def test_a_seed_is_refused_a_second_time_and_changes_nothing(database: Place) -> None:
    async with database() as dsn:
        await upgrade(dsn)
        await seed(dsn, **SMALL, seed=3)
        before = await rows(dsn)

        with pytest.raises(Failure, match="holds data of seed 3 already"):
            await seed(dsn, **SMALL | {"organizations": 0}, seed=3)

        assert await rows(dsn) == before


async def test_a_seed_that_fails_half_way_leaves_nothing(database: Place) -> None:
    async with database() as dsn:
        await upgrade(dsn)
        connection = await asyncpg.connect(dsn)
        await connection.execute(
            "INSERT INTO teams (id, organization_id, external_id, name, name_key)"
            " SELECT 'team_' || n, $1, 'seed-0/team-' || n, 'Theirs', 'theirs'"
            " FROM generate_series(1, 60) n",
            DEFAULT_ORGANIZATION,
        )
        await connection.close()

        with pytest.raises(Failure):
            await seed(dsn, **SMALL)

        left = {table: len(found) for table, found in (await rows(dsn)).items() if found}
        assert left == {"teams": 60}


async def test_another_seed_is_loaded_beside_the_first(database: Place) -> None:
    async with database() as dsn:
        await upgrade(dsn)
        await seed(dsn, **SMALL, seed=1)
        await seed(dsn, **SMALL, seed=2)

        assert len((await rows(dsn))["teams"]) == 120


async def test_a_database_without_tables_is_refused(database: Place) -> None:
    async with database() as dsn:
        with pytest.raises(Failure, match="bursar migrate"):
            await seed(dsn, **SMALL)


async def test_teams_are_as_large_as_all_users_where_these_are_few(database: Place) -> None:
    async with database() as dsn:
        await upgrade(dsn)
        await seed(dsn, organizations=3, teams=4, users=2, members_per_team=30)

        assert len((await rows(dsn))["team_members"]) == 4 * 2


async def test_without_organizations_all_teams_are_in_the_built_in_one(database: Place) -> None:
    async with database() as dsn:
        await upgrade(dsn)
        await seed(dsn, organizations=0, teams=5, users=9, members_per_team=2)
        owners = {team["organization_id"] for team in (await rows(dsn))["teams"]}

        assert owners == {DEFAULT_ORGANIZATION}
