"""No list reads a large table from end to end, whatever it is filtered and sorted by, whoever asks."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import asyncpg
import pytest
from database.list_plans import (
    Explaining,
    Running,
    Timing,
    edges_to_one,
    listings,
    read_whole,
    requests,
)

from bursar.access.actor import Actor
from bursar.database.connections import connect
from bursar.database.embedded import EmbeddedPostgres
from bursar.database.migrations import upgrade
from bursar.database.tables import teams
from bursar.domain.roles import KeyKind, KeyScope, PlatformRole
from bursar.graphql.types.node import TYPE_NAMES
from bursar.loaders.activity import days, totals
from bursar.loaders.breakdowns import by_model, by_team
from bursar.loaders.pages import ROOT, PageRequest
from bursar.loaders.reader import Reader
from bursar.loaders.teams import teams_list
from bursar.loaders.usage import usage_events_by_id
from bursar.operations.seed.load import seed

SEED = {"organizations": 60, "teams": 5_000, "users": 8_000, "members_per_team": 4}
# What a seed does not make: audit entries, the archive, plans, what was spent in which period.
MORE = """
INSERT INTO audit_entries (id, at, actor_user_id, actor_key_id, action, object_id, organization_id,
    team_id, position, previous_hash, hash)
SELECT 'audit_' || member.id, joined_at, user_id, 'key_' || left(md5(user_id), 3),
    'action.' || ascii(right(member.id, 1)), member.id, organization_id, team_id,
    row_number() OVER (PARTITION BY organization_id), sha256('before'), sha256('after')
FROM team_members member JOIN teams ON teams.id = team_id;
INSERT INTO deleted_api_keys (id, external_id, alias, alias_key, user_id, team_id, organization_id,
    state, deleted_at)
SELECT key.id, key.external_id, alias, alias_key, user_id, team_id, organization_id, '{}',
    key.created_at FROM api_keys key JOIN teams ON teams.id = team_id;
INSERT INTO deleted_teams (id, external_id, name, name_key, organization_id, state, deleted_at)
SELECT id, external_id, name, name_key, organization_id, '{}', created_at FROM teams;
INSERT INTO budgets (id, name, name_key) SELECT 'budget_' || n, n, n FROM generate_series(1, 50) n;
INSERT INTO budget_attachments (plan_id, team_member_id)
SELECT 'budget_' || 1 + row_number() OVER (ORDER BY id) % 50, id FROM team_members
WHERE id NOT IN (SELECT team_member_id FROM budgets WHERE team_member_id IS NOT NULL);
INSERT INTO budget_schedules (team_id, starts_at, timezone)
SELECT id, date '2025-01-01' + n, 'UTC' FROM teams, generate_series(1, 2) n;
INSERT INTO spends (holder_id, model, since, starts_at, ends_at, spend)
SELECT team_id, '', starts_at, starts_at + n * interval '10 days', CASE n WHEN 2 THEN 'infinity' ELSE
    starts_at + (n + 1) * interval '10 days' END, ascii(right(team_id, 1)) FROM budget_schedules,
    generate_series(0, 2) n;
INSERT INTO lifetime_spends SELECT id, ascii(right(id, 1)) FROM team_members ON CONFLICT DO NOTHING;
UPDATE lifetime_spends SET spend = ascii(right(holder_id, 1)) WHERE starts_with(holder_id, 'team_');
ANALYZE
"""
ACTORS = {
    "platform admin": "SELECT id FROM users ORDER BY id LIMIT 1",
    "organization admin": """
        SELECT user_id FROM organization_members member WHERE role = 'ADMIN' ORDER BY (
            SELECT count(*) FROM teams WHERE teams.organization_id = member.organization_id
        ) DESC, id LIMIT 1
    """,
    "member": """
        SELECT user_id FROM team_members WHERE role = 'MEMBER' AND user_id NOT IN (
            SELECT user_id FROM organization_members WHERE role <> 'MEMBER'
        ) ORDER BY id LIMIT 1
    """,
}
TABLES = {
    "Organization": "organizations",
    "OrganizationMember": "organization_members",
    "User": "users",
    "Team": "teams",
    "TeamMember": "team_members",
    "Budget": "budgets",
    "ApiKey": "api_keys",
    "AccessGroup": "access_groups",
    "AuditEntry": "audit_entries",
    "UsageEvent": "usage_events",
    "Viewer": "users",
    "BudgetUse": "teams",
}
CONTAIN = ("id", "name", "email", "alias", "user")
LARGE = """
SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace
AND reltuples > 2000
"""
FEW = """
SELECT part.relname FROM pg_index JOIN pg_class part ON part.oid = indexrelid
JOIN pg_class whole ON whole.oid = indrelid
WHERE indpred IS NOT NULL AND part.reltuples < whole.reltuples / 10
"""


@pytest.fixture(scope="module")
async def seeded(postgres: EmbeddedPostgres) -> AsyncIterator[asyncpg.Connection]:
    """A connection to a seeded schema, which no test changes."""
    owner = await asyncpg.connect(postgres.owner_url)
    await owner.execute("CREATE SCHEMA seeded")
    url = f"{postgres.owner_url}&search_path=seeded"
    await upgrade(url)
    await seed(url, **SEED, keys_per_team=2, days=60, events_per_day=150)
    connection = await connect(url)
    await connection.command(MORE)
    yield connection.raw
    await connection.raw.close()
    await owner.execute("SET client_min_messages = warning; DROP SCHEMA seeded CASCADE")
    await owner.close()


async def column(connection: asyncpg.Connection, query: str) -> list[Any]:
    return [row[0] for row in await connection.fetch(query)]


async def some_ids(connection: asyncpg.Connection, table: str, most: int) -> list[str]:
    return await column(connection, f"SELECT id FROM {table} ORDER BY md5(id) LIMIT {most}")


async def actors(connection: asyncpg.Connection) -> dict[str, Actor]:
    roles = {"platform admin": PlatformRole.ADMIN}
    return {
        who: Actor(
            await connection.fetchval(query),
            "key_",
            roles.get(who, PlatformRole.USER),
            frozenset({KeyScope.MANAGE}),
        )
        for who, query in ACTORS.items()
    }


async def values_of_filters(connection: asyncpg.Connection) -> dict[str, list[Any]]:
    """What each filter is asked for: something that few rows have, or all that there is to choose."""
    user, team, organization, key = [
        await connection.fetchval(f"SELECT id FROM {table} ORDER BY md5(id) LIMIT 1")
        for table in ("users", "teams", "organizations", "api_keys")
    ]
    late, early = datetime(2026, 10, 28, tzinfo=UTC), datetime(2024, 11, 20, tzinfo=UTC)
    return {
        "ids": [(user, team, key)],
        "external_ids": [("seed-0/team-1", "seed-0/user-1")],
        "organization_ids": [(organization,)],
        "user_ids": [(user,)],
        "user_id": [user],
        "member_user_id": [user],
        "actor_user_id": [user],
        "actor_key_id": ["key_abc"],
        "team_id": [team],
        "organization_id": [organization],
        "object_id": [team],
        "actions": [("action.1",)],
        "api_key_id": [key],
        "models": [("gpt-5",)],
        "tags": [("batch",)],
        "kind": list(KeyKind),
        "role": ["ADMIN"],  # of everything that has roles
        **{
            name: [True, False]
            for name in ("blocked", "joinable", "expired", "over_budget", "success")
        },
        **{name: [late] for name in ("created_since", "deleted_since", "since")},
        **{name: [early] for name in ("created_before", "deleted_before", "before")},
        **{f"{what}_contains": ["zq"] for what in CONTAIN},
    }


@pytest.mark.parametrize("crossed", [False, pytest.param(True, marks=pytest.mark.soak)])
async def test_no_list_reads_a_large_table_from_end_to_end(
    seeded: asyncpg.Connection, crossed: bool
) -> None:
    values = await values_of_filters(seeded)
    large, few = set(await column(seeded, LARGE)), set(await column(seeded, FEW))
    explaining, found = Explaining(seeded), set()
    for who, actor in (await actors(seeded)).items():
        for place, listing in listings().items():
            table = TABLES.get(place.split(".")[0])
            under = [ROOT] if listing.parent is None else await some_ids(seeded, table, 3)
            for request in requests(listing, values, crossed=crossed):
                await listing.pages(Reader(explaining, actor), under, request)
                # No index knows what a text contains; the next test looks at the time.
                if not any(name.endswith("_contains") for name, _ in request.filters):
                    whole = {w for plan in explaining.plans for w in read_whole(plan, large, few)}
                    found |= {(place, who, request.filters, request.order, w) for w in whole}
    assert {"Query.teams", "Team.members", "Query.users", "Team.apiKeys"} <= listings().keys()
    assert {"users", "teams", "team_members", "api_keys", "budgets", "audit_entries"} <= large
    assert any(name.startswith("usage_events_") for name in large)
    assert not found, "\n".join(map(str, sorted(found)))


async def test_no_edge_reads_a_large_table_from_end_to_end(seeded: asyncpg.Connection) -> None:
    large, few = set(await column(seeded, LARGE)), set(await column(seeded, FEW))
    explaining, found = Explaining(seeded), set()
    for who, actor in (await actors(seeded)).items():
        for place, edge in edges_to_one().items():
            kind = place.split(".")[0]
            if kind not in TYPE_NAMES.values():
                continue  # it stands for one row, or for that of something else
            key = edge.key if isinstance(edge.key, str) else f"({', '.join(edge.key)})"
            keys = f"SELECT DISTINCT {key} FROM {TABLES[kind]} WHERE {key} IS NOT NULL LIMIT 10"
            await edge.batch(Reader(explaining, actor), await column(seeded, keys))
            whole = {w for plan in explaining.plans for w in read_whole(plan, large, few)}
            found |= {(place, who, w) for w in whole}
    assert not found, "\n".join(map(str, sorted(found)))


async def test_teams_of_a_member_are_found_before_they_are_sorted(
    seeded: asyncpg.Connection,
) -> None:
    member, explaining = (await actors(seeded))["member"], Explaining(seeded)
    await teams_list.pages(Reader(explaining, member), [ROOT], PageRequest(50))
    for plan in explaining.plans:
        assert "teams_name_key_id_idx" not in str(plan)


async def test_teams_of_a_member_look_no_cheaper_to_a_plan_that_knows_how_many_are_asked_for(
    seeded: asyncpg.Connection,
) -> None:
    member, explaining = (await actors(seeded))["member"], Explaining(seeded)
    await teams_list.pages(Reader(explaining, member), [ROOT], PageRequest(1))
    with_values, kept = explaining.plans
    assert with_values["Plan Rows"] == kept["Plan Rows"]


@pytest.mark.parametrize("who", ACTORS)
@pytest.mark.parametrize("name", ["name_contains", "id_contains"])
async def test_what_a_team_contains_is_found_in_20_ms_of_10000(
    seeded: asyncpg.Connection, who: str, name: str
) -> None:
    actor = (await actors(seeded))[who]
    timing = Timing(seeded)
    for text in ("zq", "a"):
        request = PageRequest(50, filters=((name, text),))
        await teams_list.pages(Reader(timing, actor), [ROOT], request)
        assert timing.milliseconds < 20 * SEED["teams"] / 10_000


RANGE = (("from", date(2026, 1, 1)), ("to", date(2027, 1, 1)))


@pytest.mark.parametrize("who", ["organization admin", "member"])
async def test_activity_is_added_up_from_ones_own_days_in_their_months(
    seeded: asyncpg.Connection, who: str
) -> None:
    actor = (await actors(seeded))[who]
    large, few = set(await column(seeded, LARGE)), set(await column(seeded, FEW))
    explaining = Explaining(seeded)
    reader, page = Reader(explaining, actor), PageRequest(366, filters=RANGE)
    for asked in (
        totals(reader, [ROOT], RANGE),
        days.pages(reader, [ROOT], page),
        by_model.pages(reader, [ROOT], page),
        by_team.counts(reader, [ROOT], RANGE),
    ):
        await asked
        assert not [w for plan in explaining.plans for w in read_whole(plan, large, few)]
        with_values, _ = explaining.plans
        assert "usage_days_2026_12" in str(with_values)
        assert "usage_days_2027_02" not in str(with_values)


async def test_a_call_is_looked_for_in_its_own_month(seeded: asyncpg.Connection) -> None:
    actor = (await actors(seeded))["platform admin"]
    running = Running(seeded)
    for month in ("2026_10", "2026_11"):
        call = f"SELECT id FROM usage_events_{month} ORDER BY md5(id) LIMIT 1"
        await usage_events_by_id(Reader(running, actor), await column(seeded, call))
        assert running.tables == {f"usage_events_{month}"}


def test_no_list_under_parents_has_its_few_rows_limited_together() -> None:
    with pytest.raises(ValueError, match="each parent"):
        replace(teams_list, parent=teams.c.organization_id)
