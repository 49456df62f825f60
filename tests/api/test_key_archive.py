"""apiKeysDelete and deletedApiKeys; and the keys of teams, members and users that are deleted."""

from typing import Any

import asyncpg
import pytest

from api_client import Api
from bursar.database.rows import Row
from bursar.domain.ids import Prefix, new_id
from bursar.domain.roles import OrganizationRole, PlatformRole, TeamRole
from factories import Factory, Key, Person

DELETED = """
query Deleted($filter: DeletedApiKeyFilter) {
  deletedApiKeys(filter: $filter) {
    totalCount
    nodes {
      id externalId alias userId teamId organizationId state deletedAt deletedByUserId deletedByKeyId
    }
  }
}
"""
ENTRIES = """
{ auditEntries { nodes { action objectId before after organization { id } team { id } } } }
"""


async def deleted(api: Api, person: Person, **filter: Any) -> list[Any]:
    payload = (await api(person, DELETED, filter=filter)).payload
    assert payload["totalCount"] == len(payload["nodes"])
    return payload["nodes"]


async def kept_ids(owner: asyncpg.Connection) -> set[str]:
    return {row["id"] for row in await owner.fetch("SELECT id FROM api_keys")}


async def test_a_deleted_key_is_refused_and_archived_as_it_was(
    api: Api, make: Factory, owner: asyncpg.Connection
) -> None:
    organization = await make.organization()
    team = await make.team(organization)
    admin = await make.person(organization=organization, team=team, team_role=TeamRole.ADMIN)
    reader = await make.person(PlatformRole.VIEWER)
    key = await make.api_key(
        team=team, alias="CI", external_id="ci", metadata={"a": {"b": 1}}, rotation_interval="30d"
    )
    await make.budget("api_key", key.row, max_budget=5, rpm_limit=7)
    whole = """
      query($id: ID!) { apiKey(id: $id) {
        id kind externalId alias lastFour scopes blocked models allowNone
        expiresAt rotationInterval rotatedAt
        graceEndsAt rpmLimitType tpmLimitType metadata version createdAt updatedAt
      } }
    """
    before = (await api(reader, whole, id=key.id)).payload
    answer = await api.mutate(admin, "apiKeysDelete", "deletedIds", ids=[key.id, key.id])
    assert answer.payload == {"deletedIds": [key.id], "errors": []}
    assert (await api(key, "{ viewer { key { id } } }")).status == 401
    (gone,) = await deleted(api, reader)
    state = gone.pop("state")
    assert gone.pop("deletedAt")
    assert gone == {
        "id": key.id,
        "externalId": "ci",
        "alias": "CI",
        "userId": None,
        "teamId": team.id,
        "organizationId": organization.id,
        "deletedByUserId": admin.id,
        "deletedByKeyId": admin.key_id,
    }
    assert {name: state[name] for name in before} == before
    budget = state.pop("budget")
    assert (budget["maxBudget"], budget["rpmLimit"]) == ("5", 7)
    assert state.keys() == {*before, "userId", "teamId"}
    for table in ("deleted_api_keys", "audit_entries"):
        for row in await owner.fetch(f"SELECT t::text FROM {table} t"):
            assert key.row.secret_hash.hex() not in row[0]
            assert "hash" not in row[0].lower()
    assert await owner.fetchval("SELECT count(*) FROM budgets") == 0


async def test_deletion_is_all_or_nothing(api: Api, make: Factory) -> None:
    team, other = await make.team(), await make.team()
    admin = await make.person(team=team, team_role=TeamRole.ADMIN)
    seen, hidden = await make.api_key(team=team), await make.api_key(team=other)
    missing = new_id(Prefix.API_KEY)
    answer = await api.refused(
        admin, "apiKeysDelete", ids=[seen.id, hidden.id, missing, "\0", hidden.id]
    )
    assert answer.refusals == [("NOT_FOUND", f"input.ids.{place}") for place in (1, 2, 3)]
    for ids in ([], [seen.id] * 101):
        answer = await api.refused(admin, "apiKeysDelete", ids=ids)
        assert answer.refusals == [("BAD_INPUT", "input.ids")]
    member = await make.person(team=team)
    mine, theirs = await make.api_key(member), await make.api_key(member, team=team)
    answer = await api.refused(member, "apiKeysDelete", ids=[mine.id, theirs.id])
    assert answer.refusals == [("FORBIDDEN", "input.ids.1")]
    answer = await api.mutate(member, "apiKeysDelete", "deletedIds", ids=[mine.id, member.key_id])
    assert set(answer.payload["deletedIds"]) == {mine.id, member.key_id}


async def test_a_hundred_keys_are_deleted_in_a_fixed_number_of_statements(
    api: Api, make: Factory
) -> None:
    admin, team = await make.admin(), await make.team()
    keys = [(await make.api_key(team=team)).id for _ in range(101)]
    one = await api.mutate(admin, "apiKeysDelete", ids=keys[:1])
    many = await api.mutate(admin, "apiKeysDelete", ids=keys[1:])
    assert many.refusals == []
    assert many.statements == one.statements


async def crowd(make: Factory) -> tuple[Row, Person, dict[str, Key]]:
    """A team in an organization, a member of it, and keys of theirs, of others, and elsewhere."""
    organization = await make.organization()
    team, sister = await make.team(organization), await make.team(organization)
    member = await make.person(organization=organization, team=team)
    other = await make.person(organization=organization, team=team)
    await make.team_member(sister, member)
    keys = {
        "member": await make.api_key(member, team=team, alias="M"),
        "other": await make.api_key(other, team=team),
        "service": await make.api_key(team=team),
        "personal": await make.api_key(member),
        "sister": await make.api_key(member, team=sister),
        "sister service": await make.api_key(team=sister),
    }
    await make.budget("api_key", keys["member"].row, rpm_limit=3)
    return team, member, keys


@pytest.mark.parametrize(
    ("deed", "going", "rest"),
    [
        ("member", {"member"}, ["team_member.remove"]),
        ("team", {"member", "other", "service"}, ["team.delete"]),
        (
            "user",
            {"member", "personal", "sister", "sign-in"},
            [
                "team_member.remove",
                "team_member.remove",
                "organization_member.remove",
                "user.delete",
            ],
        ),
        (
            "organization",
            {"member", "other", "service", "sister", "sister service"},
            [*["team.delete"] * 2, *["organization_member.remove"] * 2, "organization.delete"],
        ),
    ],
)
async def test_keys_are_archived_with_what_they_belong_to(
    api: Api,
    make: Factory,
    owner: asyncpg.Connection,
    deed: str,
    going: set[str],
    rest: list[str],
) -> None:
    admin = await make.admin()
    team, member, keys = await crowd(make)
    ids = {name: key.id for name, key in keys.items()} | {"sign-in": member.key_id}
    before = await kept_ids(owner)
    name, given = {
        "member": ("teamMembersRemove", {"teamId": team.id, "members": [{"userId": member.id}]}),
        "team": ("teamsDelete", {"ids": [team.id]}),
        "user": ("userDelete", {"id": member.id}),
        "organization": ("organizationDelete", {"id": team.organization_id, "cascade": True}),
    }[deed]
    assert (await api.mutate(admin, name, **given)).refusals == []
    gone = {ids[name] for name in going}
    assert before - await kept_ids(owner) == gone
    archived = await deleted(api, admin)
    assert {key["id"] for key in archived} == gone
    state = next(key["state"] for key in archived if key["id"] == ids["member"])
    assert (state["alias"], state["budget"]["rpmLimit"]) == ("M", 3)
    entries = (await api(admin, ENTRIES)).payload["nodes"]
    keys_gone = [entry for entry in entries if entry["action"] == "api_key.delete"]
    assert {entry["objectId"] for entry in keys_gone} == gone
    assert sorted(e["action"] for e in entries if e["action"] != "api_key.delete") == sorted(rest)
    (entry,) = [entry for entry in keys_gone if entry["objectId"] == ids["member"]]
    assert (entry["before"]["budget"]["rpmLimit"], entry["after"]) == (3, None)


async def test_archive_is_read_by_the_platform_and_by_admins_of_the_organization(
    api: Api, make: Factory
) -> None:
    admin = await make.admin()
    team, member, keys = await crowd(make)
    ids = [keys[name].id for name in ("member", "service", "personal")]
    assert (await api.mutate(admin, "apiKeysDelete", ids=ids)).refusals == []
    organization = {"id": team.organization_id}
    owner, viewer, lead = (
        await make.person(organization=None),
        await make.person(organization=None),
        await make.person(team=team, team_role=TeamRole.ADMIN),
    )
    for person, role in ((owner, OrganizationRole.ADMIN), (viewer, OrganizationRole.VIEWER)):
        row = type("Organization", (), organization)
        await make.organization_member(row, person, role)
    expected = [
        (admin, set(ids)),
        (await make.person(PlatformRole.VIEWER), set(ids)),
        (owner, set(ids[:2])),  # a personal key is of no organization
        (viewer, set()),
        (lead, set()),
        (member, set()),
    ]
    for person, seen in expected:
        assert {key["id"] for key in await deleted(api, person)} == seen


async def test_archive_is_filtered_by_everything_at_once_and_alone(api: Api, make: Factory) -> None:
    admin = await make.admin()
    organization = await make.organization()
    team, other = await make.team(organization), await make.team()
    one = await make.deleted_api_key(
        organization=organization, team=team, alias="Straße", alias_key="strasse", external_id="x"
    )
    two = await make.deleted_api_key(team=other, alias="100%", alias_key="100%")
    for given, found in (
        ({}, [two, one]),
        ({"ids": [one.id]}, [one]),
        ({"externalIds": ["x", "y"]}, [one]),
        ({"aliasContains": "ASS"}, [one]),
        ({"aliasContains": "%"}, [two]),
        ({"teamId": other.id}, [two]),
        ({"organizationId": organization.id}, [one]),
        ({"ids": [one.id, two.id], "aliasContains": "s", "teamId": team.id}, [one]),
        ({"ids": [two.id], "teamId": team.id}, []),
    ):
        assert [key["id"] for key in await deleted(api, admin, **given)] == [r.id for r in found]


async def test_external_id_and_alias_of_a_deleted_key_may_be_used_again(
    api: Api, make: Factory
) -> None:
    admin, team = await make.admin(), await make.team()
    given = {"teamId": team.id, "alias": "CI", "externalId": "ci"}
    for _ in range(3):
        answer = await api.mutate(admin, "apiKeyCreate", "apiKey { id }", **given)
        assert answer.refusals == []
        ids = [answer.payload["apiKey"]["id"]]
        assert (await api.mutate(admin, "apiKeysDelete", ids=ids)).refusals == []
    assert len(await deleted(api, admin, externalIds=["ci"])) == 3
