"""apiKeyUpdate, apiKeyBlock, apiKeyUnblock, apiKeyRotate."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from api_client import Api
from bursar.domain.ids import Prefix, new_id
from bursar.domain.roles import KeyScope, TeamRole
from factories import Factory, Key, Person

WHO = "{ viewer { key { id } } }"
KEY = """
id alias externalId scopes blocked expiresAt rotationInterval rotatedAt graceEndsAt lastFour metadata
version budget { limits { maxBudget rpmLimit } }
"""


async def update(api: Api, person: Person, **given: Any) -> Any:
    answer = await api.mutate(person, "apiKeyUpdate", f"apiKey {{ {KEY} }}", **given)
    assert answer.refusals == []
    return answer.payload["apiKey"]


async def rotate(api: Api, person: Person, key: Key, **given: Any) -> tuple[Any, Key]:
    """The key as it is answered, and as it is presented from now on."""
    answer = await api.mutate(
        person, "apiKeyRotate", f"secret apiKey {{ {KEY} }}", id=key.id, **given
    )
    assert answer.refusals == []
    return answer.payload["apiKey"], replace(key, secret=answer.payload["secret"])


async def status(api: Api, key: Key | Person) -> int:
    return (await api(key, WHO)).status


async def test_update_sets_clears_and_keeps(api: Api, make: Factory) -> None:
    admin, team = await make.admin(), await make.team()
    key = await make.api_key(team=team, alias="Old", external_id="old", metadata={"a": 1})
    until = "2090-01-01T00:00:00Z"
    changed = await update(
        api,
        admin,
        id=key.id,
        alias="New",
        expiresAt=until,
        rotationInterval="30d",
        budget={"maxBudget": "5", "rpmLimit": "2"},
    )
    assert changed == {
        "id": key.id,
        "alias": "New",
        "externalId": "old",
        "scopes": ["INFER"],
        "blocked": False,
        "expiresAt": until,
        "rotationInterval": "30d",
        "rotatedAt": None,
        "graceEndsAt": None,
        "lastFour": key.secret[-4:],
        "metadata": {"a": 1},
        "version": 2,
        "budget": {"limits": {"maxBudget": "5", "rpmLimit": "2"}},
    }
    changed = await update(api, admin, id=key.id, budget={"maxBudget": None}, metadata={})
    assert changed["budget"] == {"limits": {"maxBudget": None, "rpmLimit": "2"}}
    assert (changed["alias"], changed["metadata"], changed["version"]) == ("New", {}, 3)
    cleared = dict.fromkeys(["alias", "externalId", "expiresAt", "rotationInterval", "budget"])
    changed = await update(api, admin, id=key.id, **cleared)
    assert {name: changed[name] for name in cleared} == cleared


async def test_null_for_what_cannot_be_null_is_bad_input(api: Api, make: Factory) -> None:
    admin, team = await make.admin(), await make.team()
    key = await make.api_key(team=team)
    answer = await api.refused(admin, "apiKeyUpdate", id=key.id, scopes=None, metadata=None)
    assert answer.refusals == [
        ("BAD_INPUT", "input.scopes"),
        ("BAD_INPUT", "input.metadata"),
    ]
    answer = await api.refused(admin, "apiKeyCreate", teamId=team.id, scopes=None)
    assert answer.refusals == [("BAD_INPUT", "input.scopes")]


async def test_update_of_another_version_is_refused_with_the_current_one(
    api: Api, make: Factory
) -> None:
    person = await make.person()
    await update(api, person, id=person.key_id, alias="A", expectedVersion=1)
    answer = await api.refused(
        person, "apiKeyUpdate", id=person.key_id, alias="B", expectedVersion=1
    )
    assert answer.refusals == [("VERSION_CONFLICT", "input.expectedVersion")]
    assert answer.payload["errors"][0]["currentVersion"] == 2


async def test_update_to_a_taken_name_is_a_conflict(api: Api, make: Factory) -> None:
    admin, team = await make.admin(), await make.team()
    await make.api_key(team=team, alias="One", external_id="one")
    key = await make.api_key(team=team)
    answer = await api.refused(admin, "apiKeyUpdate", id=key.id, alias="ONE")
    assert answer.refusals == [("CONFLICT", "input.alias")]
    answer = await api.refused(admin, "apiKeyUpdate", id=key.id, externalId="one")
    assert answer.refusals == [("CONFLICT", "input.externalId")]


async def test_member_reads_their_own_key_of_the_team_and_changes_nothing_of_it(
    api: Api, make: Factory
) -> None:
    team = await make.team()
    member = await make.person(team=team)
    key = await make.api_key(member, team=team)
    document = "query($id: ID!) { apiKey(id: $id) { id team { id } } }"
    seen = (await api(member, document, id=key.id)).payload
    assert seen == {"id": key.id, "team": {"id": team.id}}
    for name, given, path in (
        ("apiKeyUpdate", {"alias": "Mine", "metadata": {}}, ["alias", "metadata"]),
        ("apiKeyBlock", {}, ["id"]),
        ("apiKeyRotate", {}, ["id"]),
    ):
        answer = await api.refused(member, name, id=key.id, **given)
        assert answer.refusals == [("FORBIDDEN", f"input.{field}") for field in path]
    answer = await api.refused(member, "apiKeysDelete", ids=[key.id])
    assert answer.refusals == [("FORBIDDEN", "input.ids.0")]
    answer = await api.refused(member, "apiKeyCreate", teamId=team.id, userId=member.id)
    assert answer.refusals == [("FORBIDDEN", "input.teamId")]


async def test_block_and_unblock_are_idempotent_and_recorded_once(api: Api, make: Factory) -> None:
    admin, team = await make.admin(), await make.team()
    key = await make.api_key(team=team)
    for name, blocked, expected in (
        ("apiKeyUnblock", False, 200),
        ("apiKeyBlock", True, 401),
        ("apiKeyBlock", True, 401),
        ("apiKeyUnblock", False, 200),
    ):
        answer = await api.mutate(admin, name, "apiKey { blocked }", id=key.id)
        assert answer.refusals == []
        assert answer.payload["apiKey"] == {"blocked": blocked}
        assert await status(api, key) == expected
    document = (
        "query($id: ID!) { auditEntries(filter: {objectId: $id}) { nodes { action after } } }"
    )
    assert (await api(admin, document, id=key.id)).payload["nodes"] == [
        {"action": "api_key.unblock", "after": {"blocked": False}},
        {"action": "api_key.block", "after": {"blocked": True}},
    ]


async def test_no_key_of_a_blocked_team_signs_in(api: Api, make: Factory) -> None:
    admin, team = await make.admin(), await make.team()
    member = await make.person(team=team)
    keys = [await make.api_key(member, team=team), await make.api_key(team=team)]
    for name, expected in (("teamBlock", 401), ("teamUnblock", 200)):
        assert (await api.mutate(admin, name, id=team.id)).refusals == []
        assert {await status(api, key) for key in keys} == {expected}
        assert await status(api, member) == 200


async def test_member_key_of_a_blocked_user_does_not_sign_in(api: Api, make: Factory) -> None:
    admin, team = await make.admin(), await make.team()
    member = await make.person(team=team)
    key, service = await make.api_key(member, team=team), await make.api_key(team=team)
    assert (await api.mutate(admin, "userBlock", id=member.id)).refusals == []
    assert (await status(api, key), await status(api, service)) == (401, 200)


async def test_rotation_gives_a_new_secret_at_once_and_ends_the_old_one(
    api: Api, make: Factory
) -> None:
    team = await make.team()
    admin = await make.person(team=team, team_role=TeamRole.ADMIN)
    key = await make.api_key(team=team, alias="CI", external_id="ci")
    await make.budget("api_key", key.row, rpm_limit=7)
    answered, rotated = await rotate(api, admin, key)
    assert rotated.secret != key.secret
    assert (await status(api, key), await status(api, rotated)) == (401, 200)
    assert answered["rotatedAt"] is not None
    kept = {"id": key.id, "alias": "CI", "externalId": "ci", "graceEndsAt": None, "version": 2}
    assert {name: answered[name] for name in kept} == kept
    assert answered["budget"] == {"limits": {"maxBudget": None, "rpmLimit": "7"}}
    assert answered["lastFour"] == rotated.secret[-4:]


async def test_old_secret_stays_good_for_the_grace_and_no_longer(
    api: Api, make: Factory, owner: asyncpg.Connection
) -> None:
    person = await make.person()
    key = await make.api_key(person)
    answered, rotated = await rotate(api, person, key, gracePeriod="2h")
    ends = datetime.fromisoformat(answered["graceEndsAt"])
    assert ends == datetime.fromisoformat(answered["rotatedAt"]) + timedelta(hours=2)
    for presented in (key, rotated):
        assert (await api(presented, WHO)).data == {"viewer": {"key": {"id": key.id}}}
    await owner.execute("UPDATE api_keys SET previous_until = now() WHERE id = $1", key.id)
    assert (await status(api, key), await status(api, rotated)) == (401, 200)


@pytest.mark.parametrize("grace", ["30d", None])
async def test_rotation_within_a_grace_ends_the_earlier_one(
    api: Api, make: Factory, grace: str | None
) -> None:
    person = await make.person()
    first = await make.api_key(person)
    _, second = await rotate(api, person, first, gracePeriod="30d")
    _, third = await rotate(api, person, second, gracePeriod=grace)
    assert [await status(api, key) for key in (first, second, third)] == [
        401,
        200 if grace else 401,
        200,
    ]


async def test_grace_is_at_most_30_days(api: Api, make: Factory) -> None:
    person = await make.person()
    for longest in ("30d", "720h", "43200m", "4w", "1mo"):
        await rotate(api, person, await make.api_key(person), gracePeriod=longest)
    for longer in ("31d", "721h", "43201m", "5w", "2mo", "1y"):
        answer = await api.refused(person, "apiKeyRotate", id=person.key_id, gracePeriod=longer)
        assert answer.refusals == [("BAD_INPUT", "input.gracePeriod")]


async def test_blocked_key_is_rotated_and_stays_blocked(api: Api, make: Factory) -> None:
    person = await make.person()
    key = await make.api_key(person, blocked=True)
    answered, rotated = await rotate(api, person, key, gracePeriod="1d")
    assert answered["blocked"] is True
    assert (await status(api, key), await status(api, rotated)) == (401, 401)
    assert (await api.mutate(person, "apiKeyUnblock", id=key.id)).refusals == []
    assert (await status(api, key), await status(api, rotated)) == (200, 200)


async def test_expired_key_is_refused_by_its_graced_secret_too(
    api: Api, make: Factory, owner: asyncpg.Connection
) -> None:
    person = await make.person()
    key = await make.api_key(person, expires_at=datetime.now(UTC) + timedelta(hours=1))
    _, rotated = await rotate(api, person, key, gracePeriod="1d")
    await owner.execute("UPDATE api_keys SET expires_at = now() WHERE id = $1", key.id)
    assert (await status(api, key), await status(api, rotated)) == (401, 401)


async def test_no_secret_before_or_after_a_rotation_is_told_to_anybody(
    api: Api, make: Factory, owner: asyncpg.Connection
) -> None:
    admin, person = await make.admin(), await make.person()
    key = await make.api_key(person)
    _, rotated = await rotate(api, person, key, gracePeriod="1d")
    hashes = await owner.fetchrow(
        "SELECT secret_hash, previous_hash FROM api_keys WHERE id = $1", key.id
    )
    document = """
      query($id: ID!) { auditEntries(filter: {objectId: $id}) { nodes { action before after } } }
    """
    (entry,) = (await api(admin, document, id=key.id)).payload["nodes"]
    assert entry["action"] == "api_key.rotate"
    assert entry["after"].keys() == {"lastFour", "rotatedAt", "graceEndsAt"}
    for secret in (key.secret, rotated.secret, *(digest.hex() for digest in hashes)):
        assert secret not in str(entry)


async def test_changing_a_key_that_is_not_there_is_not_found(api: Api, make: Factory) -> None:
    admin, stranger = await make.admin(), await make.person()
    hidden = await make.api_key(await make.person())
    for person, id_ in ((admin, new_id(Prefix.API_KEY)), (admin, "\0"), (stranger, hidden.id)):
        for name in ("apiKeyUpdate", "apiKeyBlock", "apiKeyUnblock", "apiKeyRotate"):
            given = {"budget": {"rpmLimit": "1"}} if name == "apiKeyUpdate" else {}
            answer = await api.refused(person, name, id=id_, **given)
            assert answer.refusals == [("NOT_FOUND", "input.id")]


async def test_who_may_not_grant_the_scopes_of_a_key_lets_it_live_no_longer(
    api: Api, make: Factory
) -> None:
    team = await make.team()
    lead = await make.person(team=team, team_role=TeamRole.ADMIN)
    member = await make.person(team=team)
    soon, later = (datetime.now(UTC) + timedelta(days=days) for days in (1, 9))
    forbidden = [("FORBIDDEN", "input.expiresAt")]
    for user, scope in ((None, KeyScope.GATEWAY), (member, KeyScope.MANAGE)):
        key = await make.api_key(user, team=team, scopes=[scope], expires_at=soon)
        for longer in (later.isoformat(), None):
            answer = await api.refused(lead, "apiKeyUpdate", id=key.id, expiresAt=longer)
            assert answer.refusals == forbidden
        for given in (
            {"alias": "A", "expiresAt": (soon - timedelta(hours=1)).isoformat()},
            {"scopes": ["INFER"], "expiresAt": later.isoformat()},
        ):
            assert (await api.mutate(lead, "apiKeyUpdate", id=key.id, **given)).refusals == []
        await api.mutate(lead, "apiKeysDelete", ids=[key.id])


async def test_a_key_that_expires_lets_none_that_outlives_it_do_more(
    api: Api, make: Factory
) -> None:
    me = await make.person()
    soon, later = (datetime.now(UTC) + timedelta(days=days) for days in (1, 9))
    mine = await make.api_key(me, scopes=[KeyScope.MANAGE], expires_at=soon)
    more = {"scopes": ["INFER", "MANAGE"]}
    for end in (later, None):
        key = await make.api_key(me, scopes=[KeyScope.INFER], expires_at=end)
        answer = await api.refused(mine, "apiKeyUpdate", id=key.id, **more)
        assert answer.refusals == [("FORBIDDEN", "input.scopes")]
        brief = {**more, "expiresAt": soon.isoformat()}
        assert (await api.mutate(mine, "apiKeyUpdate", id=key.id, **brief)).refusals == []
    assert (await api.mutate(me, "apiKeyUpdate", id=key.id, scopes=["INFER"])).refusals == []
    answer = await api.mutate(me, "apiKeyUpdate", id=key.id, expiresAt=None, **more)
    assert answer.refusals == []
    assert (await api.mutate(mine, "apiKeyUpdate", id=key.id, scopes=["INFER"])).refusals == []


@pytest.mark.parametrize("scope", [KeyScope.GATEWAY, KeyScope.MANAGE])
async def test_nobody_unblocks_a_key_that_they_could_not_give_to_whom_it_is(
    api: Api, make: Factory, scope: KeyScope
) -> None:
    team = await make.team()
    lead, member = (
        await make.person(team=team, team_role=TeamRole.ADMIN),
        await make.person(team=team),
    )
    key = await make.api_key(member, team=team, scopes=[scope], blocked=True)
    before = await api.fingerprint()

    answer = await api.mutate(lead, "apiKeyUnblock", id=key.id)

    assert answer.refusals == [("FORBIDDEN", "input.id")]
    assert await api.fingerprint() == before
    assert (await api.mutate(await make.admin(), "apiKeyUnblock", id=key.id)).refusals == []
    assert (await api.mutate(lead, "apiKeyBlock", id=key.id)).refusals == []
