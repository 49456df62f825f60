"""Where calls are counted: where their key belonged when they were made, whatever became of it."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import asyncpg
import pytest

from api_client import Api
from bursar.domain.keys import digest
from bursar.domain.roles import KeyScope
from factories import PEPPER, Factory, Key, Person
from reports import event, record, spent, statuses

COST = Decimal("0.5")


@pytest.fixture
async def gateway(make: Factory) -> Key:
    return await make.api_key(team=await make.team(), scopes=[KeyScope.GATEWAY])


@pytest.fixture
async def admin(make: Factory) -> Person:
    return await make.admin()


async def done(api: Api, who: Person, name: str, selection: str = "", /, **given: Any) -> Any:
    answer = await api.mutate(who, name, selection, **given)
    assert answer.refusals == []
    return answer.payload


def before() -> datetime:
    """Just before now, by the clock of the machine that the database is on."""
    return datetime.now(UTC) - timedelta(microseconds=1)


async def test_a_key_that_is_moved_counts_where_it_was_and_then_where_it_is(
    api: Api, make: Factory, owner: asyncpg.Connection, gateway: Key, admin: Person
) -> None:
    teams = [await make.team(await make.organization()) for _ in range(3)]
    key = await make.api_key(team=teams[0])
    calls = [event("0", keyId=key.id, at=before())]
    for place, team in enumerate(teams[1:], 1):
        await done(api, admin, "apiKeyMove", id=key.id, teamId=team.id)
        calls.append(event(str(place), keyId=key.id, at=datetime.now(UTC)))
    assert statuses(await record(api, gateway, *calls)) == ["RECORDED"] * 3
    of_teams = [id_ for team in teams for id_ in (team.id, team.organization_id)]
    assert await spent(owner) == {key.id: 3 * COST} | dict.fromkeys(of_teams, COST)


async def test_calls_of_one_day_from_before_a_key_left_and_after_it_came_back_are_recorded_at_once(
    api: Api, make: Factory, owner: asyncpg.Connection, gateway: Key, admin: Person
) -> None:
    here, there = [await make.team() for _ in range(2)]
    key = await make.api_key(team=here)
    for team in (there, here):
        await done(api, admin, "apiKeyMove", id=key.id, teamId=team.id)
    left = await owner.fetchval("SELECT min(until) FROM former_places")
    day = left.replace(hour=0, minute=0, second=0, microsecond=0)
    calls = [event("0", keyId=key.id, at=day), event("1", keyId=key.id, at=datetime.now(UTC))]
    assert statuses(await record(api, gateway, *calls)) == ["RECORDED"] * 2
    assert (await spent(owner))[here.id] == 2 * COST


async def test_keys_of_a_team_that_is_moved_count_for_the_organization_of_the_time(
    api: Api, make: Factory, owner: asyncpg.Connection, gateway: Key, admin: Person
) -> None:
    one, other = await make.organization(), await make.organization()
    team = await make.team(one)
    person = await make.person(organization=one, team=team)
    key = await make.api_key(person, team=team)
    call = event("1", keyId=key.id, at=before())
    await done(api, admin, "teamMove", id=team.id, organizationId=other.id, addToOrganization=True)
    await record(api, gateway, call, event("2", keyId=key.id, at=datetime.now(UTC)))
    said = await spent(owner)
    memberships = await owner.fetch("SELECT id FROM organization_members")
    members = await owner.fetch("SELECT id FROM team_members")
    assert len(memberships) == 2
    assert said == {
        **dict.fromkeys([one.id, other.id, *(row["id"] for row in memberships)], COST),
        **dict.fromkeys([team.id, key.id, *(row["id"] for row in members)], 2 * COST),
    }


@pytest.mark.parametrize("grace", [None, "1d"])
async def test_every_secret_a_key_ever_had_names_it(
    api: Api, make: Factory, owner: asyncpg.Connection, gateway: Key, admin: Person, grace: str
) -> None:
    key = await make.api_key(team=await make.team())
    secrets = [key.secret]
    for _ in range(3):
        rotated = await done(api, admin, "apiKeyRotate", "secret", id=key.id, gracePeriod=grace)
        secrets.append(rotated["secret"])
    await done(api, admin, "apiKeysDelete", ids=[key.id])
    calls = [event(str(place), key=secret) for place, secret in enumerate(secrets)]
    assert statuses(await record(api, gateway, *calls)) == ["RECORDED"] * 4
    assert (await spent(owner))[key.id] == 4 * COST
    assert await owner.fetchval("SELECT count(*) FROM former_secrets") == 4


async def test_a_secret_names_the_key_that_has_it_rather_than_one_that_had_it(
    api: Api, make: Factory, owner: asyncpg.Connection, gateway: Key
) -> None:
    team = await make.team()
    key, former = await make.api_key(team=team), await make.api_key(team=team)
    await owner.execute(
        "INSERT INTO former_secrets VALUES ($1, $2, now())", digest(key.secret, PEPPER), former.id
    )
    await record(api, gateway, event(key=key.secret))
    assert key.id in await spent(owner)


@pytest.mark.parametrize(
    "deed", ["apiKeysDelete", "teamsDelete", "teamMembersRemove", "userDelete"]
)
async def test_a_key_that_is_gone_counts_for_those_it_belonged_to(
    api: Api, make: Factory, owner: asyncpg.Connection, gateway: Key, admin: Person, deed: str
) -> None:
    organization = await make.organization()
    team = await make.team(organization)
    person = await make.person()
    in_organization = await make.organization_member(organization, person)
    in_team = await make.team_member(team, person)
    key = await make.api_key(person, team=team)
    call = event("1", key=key.secret, at=before())
    given = {
        "apiKeysDelete": {"ids": [key.id]},
        "teamsDelete": {"ids": [team.id]},
        "teamMembersRemove": {"teamId": team.id, "members": [{"userId": person.id}]},
        "userDelete": {"id": person.id},
    }
    await done(api, admin, deed, **given[deed])
    after = event("2", keyId=key.id, at=datetime.now(UTC))
    assert statuses(await record(api, gateway, call, after)) == ["RECORDED"] * 2
    holders = [row.id for row in (key, in_team, team, in_organization, organization)]
    assert await spent(owner) == dict.fromkeys(holders, 2 * COST)


async def test_a_key_that_is_blocked_or_has_expired_is_still_counted(
    api: Api, make: Factory, owner: asyncpg.Connection, gateway: Key
) -> None:
    team = await make.team(blocked=True)
    keys = [
        await make.api_key(team=team, blocked=True),
        await make.api_key(team=team, expires_at=datetime.now(UTC) - timedelta(days=1)),
    ]
    calls = [event(key.id, key=key.secret) for key in keys]
    assert statuses(await record(api, gateway, *calls)) == ["RECORDED"] * 2
    assert (await spent(owner))[team.id] == 2 * COST
