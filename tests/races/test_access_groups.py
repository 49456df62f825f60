"""Access groups changed, renamed and deleted while lists take them up: what lists promise holds."""

import asyncio
from typing import Any

import asyncpg
import pytest

from bursar.database.embedded import EmbeddedPostgres
from bursar.domain.roles import TeamRole
from factories import Factory
from live_server import LiveApi

ROUNDS = 20
# Lists and groups here have names alone, so that SQL can tell what is within them.
STRANDED = """
WITH allowed AS (
  SELECT o.id, array_agg(coalesce(model, entry)) AS models
  FROM organizations o CROSS JOIN unnest(o.models) AS entry
  LEFT JOIN access_groups g ON entry = 'group:' || g.name LEFT JOIN unnest(g.models) AS model ON true
  GROUP BY o.id
)
SELECT count(*) FROM teams t JOIN allowed ON allowed.id = t.organization_id
CROSS JOIN unnest(t.models) AS entry
LEFT JOIN access_groups g ON entry = 'group:' || g.name LEFT JOIN unnest(g.models) AS model ON true
WHERE coalesce(model, entry) <> ALL (allowed.models)
"""
DANGLING = """
WITH entries AS (
  SELECT id, unnest(models) AS entry FROM organizations
  UNION ALL SELECT id, unnest(models) FROM teams
  UNION ALL SELECT id, unnest(models) FROM users
  UNION ALL SELECT id, unnest(models) FROM api_keys
), named AS (
  SELECT coalesce(organization_id, team_id, user_id, api_key_id) AS id, 'group:' || name AS entry
  FROM access_group_uses JOIN access_groups g ON g.id = group_id
)
SELECT count(*) FROM (SELECT * FROM entries WHERE entry LIKE 'group:%') AS said
FULL JOIN named USING (id, entry) WHERE said IS NULL OR named IS NULL
"""
AT_MODELS = ("CONFLICT", "input.models")
ONE_ENTRY = ("CONFLICT", "input.models.0")


def document(name: str) -> str:
    declared = f"$input: {name[0].upper()}{name[1:]}Input!"
    return f"mutation({declared}) {{ {name}(input: $input) {{ errors {{ code path }} }} }}"


@pytest.mark.parametrize("rounds", [ROUNDS, pytest.param(500, marks=pytest.mark.soak)])
async def test_groups_changed_while_organizations_and_teams_take_them_up_strand_none(
    ask: LiveApi, make: Factory, owner: asyncpg.Connection, rounds: int
) -> None:
    admin = await make.admin()
    for number in range(rounds):
        above = await make.access_group(f"above {number}", models=["a", "b"])
        below = await make.access_group(f"below {number}", models=["a"])
        organization = await make.organization(models=[f"group:above {number}"])
        await make.access_group_use(above, "organization", organization.id)
        team, late = [await make.team(organization, models=["a"]) for _ in range(2)]
        fresh = await make.organization(models=["a", "b"])
        await make.team(fresh, models=["b"])

        def do(name: str, /, **given: Any) -> Any:
            return ask(admin, document(name), input=given)

        answers = await asyncio.gather(
            do("teamUpdate", id=team.id, models=[f"group:below {number}"]),
            do("accessGroupUpdate", id=above.id, models=["a"]),
            do("accessGroupUpdate", id=below.id, models=["a", "b"]),
            do("teamModelsAdd", id=late.id, models=["b"]),
            do("organizationUpdate", id=fresh.id, models=[f"group:above {number}"]),
            do("teamCreate", name="T", organizationId=organization.id, models=["b"]),
        )
        said = [answer.refusals for answer in answers]
        taken, shrunk, grown, added, fresh_one, created = said
        assert taken in ([], [ONE_ENTRY])
        assert shrunk in ([], [AT_MODELS])
        assert grown in ([], [AT_MODELS])
        assert fresh_one in ([], [AT_MODELS])
        assert added in ([], [ONE_ENTRY])
        assert created in ([], [ONE_ENTRY])
        assert not (shrunk == [] and [] in (added, created, fresh_one))
        assert not (shrunk == grown == taken == [])
        assert await owner.fetchval(STRANDED) == 0
        assert await owner.fetchval(DANGLING) == 0


async def test_two_groups_of_one_organization_shrunk_at_once_strand_none(
    ask: LiveApi, make: Factory, owner: asyncpg.Connection
) -> None:
    """Each of them alone may lose what the other one has too."""
    admin = await make.admin()
    for number in range(ROUNDS):
        groups = [await make.access_group(f"{side} {number}", models=["a"]) for side in "xy"]
        organization = await make.organization(models=[f"group:{group.name}" for group in groups])
        for group in groups:
            await make.access_group_use(group, "organization", organization.id)
        await make.team(organization, models=["a"])
        answers = await asyncio.gather(
            *(
                ask(admin, document("accessGroupUpdate"), input={"id": group.id, "models": []})
                for group in groups
            )
        )
        assert sorted(answer.refusals for answer in answers) == [[], [AT_MODELS]]
        assert await owner.fetchval(STRANDED) == 0


async def test_a_group_deleted_while_it_is_named_is_in_use_or_gone(
    ask: LiveApi, make: Factory, owner: asyncpg.Connection
) -> None:
    admin = await make.admin()
    for number in range(ROUNDS):
        group = await make.access_group(f"g{number}")
        things = {
            "organizationUpdate": (await make.organization()).id,
            "teamUpdate": (await make.team()).id,
            "userUpdate": (await make.person()).id,
            "apiKeyUpdate": (await make.api_key(await make.person())).id,
        }
        naming = [
            ask(admin, document(name), input={"id": id_, "models": [f"group:g{number}"]})
            for name, id_ in things.items()
        ]
        deleting = ask(admin, document("accessGroupDelete"), input={"id": group.id})
        answers = await asyncio.gather(*naming[:2], deleting, *naming[2:])
        deleted = answers.pop(2).refusals
        named = [answer.refusals for answer in answers]
        if deleted:
            assert deleted == [("CONFLICT", "input.id")]
            assert [] in named
        assert all(said == ([] if deleted else [("NOT_FOUND", "input.models.0")]) for said in named)
        assert await owner.fetchval(DANGLING) == 0


@pytest.mark.parametrize("rounds", [ROUNDS, pytest.param(500, marks=pytest.mark.soak)])
async def test_a_group_renamed_while_it_is_named_leaves_no_entry_behind(
    ask: LiveApi, make: Factory, owner: asyncpg.Connection, rounds: int
) -> None:
    admin = await make.admin()
    for number in range(rounds):
        group = await make.access_group(f"old {number}", models=["a"])
        organization = await make.organization(models=[f"group:old {number}"])
        await make.access_group_use(group, "organization", organization.id)
        person, team = await make.person(), await make.team(organization)
        things = {
            "organizationUpdate": (await make.organization()).id,
            "teamUpdate": team.id,
            "userUpdate": person.id,
            "apiKeyUpdate": (await make.api_key(person)).id,
        }
        naming = [
            ask(admin, document(name), input={"id": id_, "models": [f"group:old {number}"]})
            for name, id_ in things.items()
        ]
        renaming = [
            ask(admin, document("accessGroupUpdate"), input={"id": group.id, "name": name})
            for name in (f"new {number}", f"newer {number}")
        ]
        moving = ask(admin, document("teamsDelete"), input={"ids": [(await make.team()).id]})
        *named, first, second, moved = await asyncio.gather(*naming, *renaming, moving)
        assert [first.refusals, second.refusals, moved.refusals] == [[], [], []]
        gone = [("NOT_FOUND", "input.models.0")]
        assert all(answer.refusals in ([], gone) for answer in named)
        assert await owner.fetchval(DANGLING) == 0
        assert await owner.fetchval(STRANDED) == 0


async def test_a_group_waits_for_the_organization_that_took_it_up_meanwhile(
    ask: LiveApi, make: Factory, owner: asyncpg.Connection, migrated: EmbeddedPostgres
) -> None:
    admin, group = await make.admin(), await make.access_group("g", models=["a", "b"])
    first = await make.organization(models=["group:g"])
    second = await make.organization(models=["group:g"])
    await make.access_group_use(group, "organization", first.id)
    lock = "SELECT FROM organizations WHERE id = $1 FOR UPDATE"
    other = await asyncpg.connect(migrated.owner_url)
    try:
        async with other.transaction():
            async with owner.transaction():
                await owner.execute(lock, first.id)
                changes = {"id": group.id, "models": ["a"]}
                shrinking = asyncio.create_task(
                    ask(admin, document("accessGroupUpdate"), input=changes)
                )
                await asyncio.sleep(0.3)
                await make.access_group_use(group, "organization", second.id)
                await other.execute(lock, second.id)
            await asyncio.sleep(0.5)
            assert not shrinking.done()
        assert (await shrinking).refusals == []
    finally:
        await other.close()


async def test_no_group_is_held_by_who_waits_for_the_user_whose_list_binds_a_team(
    ask: LiveApi, make: Factory, owner: asyncpg.Connection, migrated: EmbeddedPostgres
) -> None:
    me, group = await make.person(), await make.access_group("g", models=["a"])
    team = await make.team(models=["group:g", "b"], self_service_user_id=me.id)
    await make.access_group_use(group, "team", team.id)
    await make.team_member(team, me, TeamRole.ADMIN)
    other = await asyncpg.connect(migrated.owner_url)
    try:
        for name, entry in (("teamModelsRemove", "b"), ("teamModelsAdd", "c")):
            async with owner.transaction():
                await owner.execute("SELECT FROM users WHERE id = $1 FOR UPDATE", me.id)
                given = {"id": team.id, "models": [entry]}
                changing = asyncio.create_task(ask(me, document(name), input=given))
                await asyncio.sleep(0.3)
                await other.execute("SELECT FROM access_groups FOR UPDATE NOWAIT")
            assert (await changing).refusals == []
    finally:
        await other.close()
