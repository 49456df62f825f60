"""apiKeyCreate of personal keys, what is kept of a secret, and what a key is good for."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from api_client import Api
from bursar.database import tables
from bursar.domain.ids import Prefix, new_id
from bursar.domain.keys import looks_like_secret
from bursar.domain.roles import PlatformRole
from factories import Factory, Person

KEY = "id alias lastFour scopes expiresAt version user { id }"
WHO = "{ viewer { user { id } key { id } } }"


def in_hours(hours: float) -> str:
    return (datetime.now(UTC) + timedelta(hours=hours)).isoformat()


async def create(api: Api, person: Person, **given: Any) -> tuple[Any, Person]:
    """The new key, and the caller as whoever presents it."""
    answer = await api.mutate(person, "apiKeyCreate", f"secret apiKey {{ {KEY} }}", **given)
    assert answer.refusals == []
    key = answer.payload["apiKey"]
    return key, replace(person, secret=answer.payload["secret"], key_id=key["id"])


async def test_user_creates_a_key_of_their_own_that_signs_in(api: Api, make: Factory) -> None:
    person = await make.person()
    key, presented = await create(api, person, alias="Laptop", scopes=["MANAGE"])
    assert looks_like_secret(presented.secret)
    assert key == {
        "id": key["id"],
        "alias": "Laptop",
        "lastFour": presented.secret[-4:],
        "scopes": ["MANAGE"],
        "expiresAt": None,
        "version": 1,
        "user": {"id": person.id},
    }
    answer = await api(presented, WHO)
    assert answer.payload == {"user": {"id": person.id}, "key": {"id": key["id"]}}
    document = f"query($id: ID!) {{ apiKey(id: $id) {{ {KEY} }} }}"
    assert (await api(person, document, id=key["id"])).payload == key


async def test_platform_admin_creates_a_key_for_somebody_else(api: Api, make: Factory) -> None:
    admin, person = await make.admin(), await make.person()
    key, presented = await create(api, admin, userId=person.id)
    assert key["user"]["id"] == person.id
    assert (await api(presented, WHO)).payload["user"]["id"] == person.id


async def test_secret_is_in_no_table_and_in_no_answer_but_the_first(
    api: Api, make: Factory, owner: asyncpg.Connection
) -> None:
    admin = await make.admin()
    key, presented = await create(api, admin, alias="Laptop")
    for table in tables.metadata.tables:
        for row in await owner.fetch(f"SELECT t::text FROM {table} t"):
            assert presented.secret not in row[0]
    stored = await owner.fetchval("SELECT secret_hash FROM api_keys WHERE id = $1", key["id"])
    assert len(stored) == 32
    document = "query($id: ID!) { auditEntries(filter: {objectId: $id}) { nodes { after } } }"
    (entry,) = (await api(admin, document, id=key["id"])).payload["nodes"]
    assert entry["after"]["alias"] == "Laptop"
    assert not any("secret" in name.lower() or "hash" in name.lower() for name in entry["after"])
    assert stored.hex() not in str(entry)


async def test_alias_is_unique_among_the_keys_of_one_user_in_every_case(
    api: Api, make: Factory
) -> None:
    person, other = await make.person(), await make.person()
    await create(api, person, alias="Laptop")
    answer = await api.refused(person, "apiKeyCreate", "secret apiKey { id }", alias="LAPTOP")
    assert answer.refusals == [("CONFLICT", "input.alias")]
    assert (answer.payload["secret"], answer.payload["apiKey"]) == (None, None)
    await create(api, other, alias="Laptop")
    await create(api, person)
    await create(api, person)


async def test_creator_hears_of_all_that_is_wrong_before_anything_else(
    api: Api, make: Factory
) -> None:
    answer = await api.refused(
        await make.person(),
        "apiKeyCreate",
        userId=new_id(Prefix.USER),
        alias="",
        scopes=[],
        expiresAt=in_hours(-1),
    )
    assert answer.refusals == [
        ("BAD_INPUT", "input.alias"),
        ("BAD_INPUT", "input.scopes"),
        ("BAD_INPUT", "input.expiresAt"),
    ]


async def test_scope_named_twice_is_bad_input(api: Api, make: Factory) -> None:
    answer = await api.refused(await make.person(), "apiKeyCreate", scopes=["MANAGE", "MANAGE"])
    assert answer.refusals == [("BAD_INPUT", "input.scopes")]


async def test_key_for_somebody_else_is_not_found_or_forbidden(api: Api, make: Factory) -> None:
    team = await make.team()
    person, colleague = [await make.person(team=team) for _ in range(2)]
    stranger = await make.person()
    answer = await api.refused(person, "apiKeyCreate", userId=colleague.id)
    assert answer.refusals == [("FORBIDDEN", "input.userId")]
    for user_id in (stranger.id, new_id(Prefix.USER), "user_x", "", "\0"):
        answer = await api.refused(person, "apiKeyCreate", userId=user_id)
        assert answer.refusals == [("NOT_FOUND", "input.userId")]


@pytest.mark.parametrize("role", [PlatformRole.VIEWER, PlatformRole.USER_VIEWER])
async def test_who_changes_nothing_creates_no_key(
    api: Api, make: Factory, role: PlatformRole
) -> None:
    answer = await api.refused(await make.person(role), "apiKeyCreate")
    assert answer.refusals == [("FORBIDDEN", "input.userId")]


async def test_key_that_expires_makes_none_that_outlives_it(api: Api, make: Factory) -> None:
    person = await make.person()
    expires_at = in_hours(1)
    key, temporary = await create(api, person, expiresAt=expires_at)
    assert datetime.fromisoformat(key["expiresAt"]) == datetime.fromisoformat(expires_at)
    for later in (in_hours(2), None):
        answer = await api.refused(temporary, "apiKeyCreate", expiresAt=later)
        assert answer.refusals == [("FORBIDDEN", "input.expiresAt")]
    assert (await api.refused(temporary, "apiKeyCreate")).refusals == [
        ("FORBIDDEN", "input.expiresAt")
    ]
    await create(api, temporary, expiresAt=expires_at)


async def test_expired_key_is_refused(api: Api, make: Factory, owner: asyncpg.Connection) -> None:
    _, presented = await create(api, await make.person(), expiresAt=in_hours(1))
    assert (await api(presented, WHO)).status == 200
    await owner.execute("UPDATE api_keys SET expires_at = now() WHERE id = $1", presented.key_id)
    answer = await api(presented, WHO)
    assert (answer.status, answer.codes) == (401, ["UNAUTHENTICATED"])


async def test_all_keys_of_a_blocked_user_are_refused_at_once_and_accepted_after_unblock(
    api: Api, make: Factory
) -> None:
    admin, person = await make.admin(), await make.person()
    _, second = await create(api, person)
    for name, status in (("userBlock", 401), ("userUnblock", 200)):
        assert (await api.mutate(admin, name, id=person.id)).refusals == []
        for presented in (person, second):
            assert (await api(presented, WHO)).status == status


async def test_keys_are_seen_by_their_user_and_platform_admins_alone(
    api: Api, make: Factory
) -> None:
    team = await make.team()
    person, colleague = [await make.person(team=team) for _ in range(2)]
    document = """
      query($key: ID!, $user: ID!) {
        apiKey(id: $key) { id }
        user(id: $user) { apiKeys { totalCount nodes { id } } }
      }
    """
    keys = {"totalCount": 1, "nodes": [{"id": person.key_id}]}
    for reader in (person, await make.admin(), await make.person(PlatformRole.VIEWER)):
        answer = await api(reader, document, key=person.key_id, user=person.id)
        assert answer.data == {"apiKey": {"id": person.key_id}, "user": {"apiKeys": keys}}
    answer = await api(colleague, document, key=person.key_id, user=person.id)
    nothing = {"totalCount": 0, "nodes": []}
    assert answer.data == {"apiKey": None, "user": {"apiKeys": nothing}}
