"""apiKeyCreate for teams: kinds, scopes, owners, limits, and that nobody grants more than they hold."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from api_client import Api
from bursar.domain.ids import Prefix, new_id
from bursar.domain.roles import KeyScope, OrganizationRole, TeamRole
from factories import Factory, Key, Person

KEY = """
id kind alias externalId scopes blocked expiresAt rotationInterval rotatedAt graceEndsAt metadata
user { id } team { id } budget { source limits { maxBudget rpmLimit } }
"""


async def create(api: Api, person: Person, **given: Any) -> Any:
    answer = await api.mutate(person, "apiKeyCreate", f"secret apiKey {{ {KEY} }}", **given)
    assert answer.refusals == []
    return answer.payload["apiKey"]


async def test_team_admin_creates_the_key_of_a_service(api: Api, make: Factory) -> None:
    team = await make.team()
    admin = await make.person(team=team, team_role=TeamRole.ADMIN)
    given = {
        "teamId": team.id,
        "alias": "CI",
        "externalId": "ci/main",
        "rotationInterval": "90d",
        "metadata": {"repository": "main"},
        "budget": {"maxBudget": "12.5", "rpmLimit": "60"},
    }
    answer = await api.mutate(admin, "apiKeyCreate", f"secret apiKey {{ {KEY} }}", **given)
    assert answer.refusals == []
    key, secret = answer.payload["apiKey"], answer.payload["secret"]
    assert key == {
        "id": key["id"],
        "kind": "SERVICE",
        "alias": "CI",
        "externalId": "ci/main",
        "scopes": ["INFER"],
        "blocked": False,
        "expiresAt": None,
        "rotationInterval": "90d",
        "rotatedAt": None,
        "graceEndsAt": None,
        "metadata": {"repository": "main"},
        "user": None,
        "team": {"id": team.id},
        "budget": {"source": "OWN", "limits": {"maxBudget": "12.5", "rpmLimit": "60"}},
    }
    viewer = "{ viewer { platformRole scopes permissions user { id } key { id } } }"
    assert (await api(replace(admin, secret=secret), viewer)).payload == {
        "platformRole": None,
        "scopes": ["INFER"],
        "permissions": [],
        "user": None,
        "key": {"id": key["id"]},
    }


async def test_organization_admin_creates_the_key_of_a_member(api: Api, make: Factory) -> None:
    organization = await make.organization()
    team = await make.team(organization)
    admin = await make.person(organization=organization, organization_role=OrganizationRole.ADMIN)
    member = await make.person(organization=organization, team=team)
    key = await create(api, admin, teamId=team.id, userId=member.id)
    assert (key["kind"], key["scopes"]) == ("MEMBER", ["INFER"])
    assert (key["user"], key["team"]) == ({"id": member.id}, {"id": team.id})


async def test_a_key_of_nobody_named_is_ones_own_and_personal(api: Api, make: Factory) -> None:
    person = await make.person()
    key = await create(api, person)
    assert (key["kind"], key["scopes"]) == ("PERSONAL", ["MANAGE"])
    assert (key["user"], key["team"]) == ({"id": person.id}, None)


async def test_the_owner_of_a_teams_key_is_a_member_of_the_team(api: Api, make: Factory) -> None:
    organization = await make.organization()
    team = await make.team(organization)
    admin = await make.person(organization=organization, organization_role=OrganizationRole.ADMIN)
    colleague = await make.person(organization=organization)
    given = {"teamId": team.id, "userId": colleague.id}
    answer = await api.refused(admin, "apiKeyCreate", **given)
    assert answer.refusals == [("CONFLICT", "input.userId")]
    for nobody in ((await make.person()).id, new_id(Prefix.USER)):
        answer = await api.refused(admin, "apiKeyCreate", teamId=team.id, userId=nobody)
        assert answer.refusals == [("NOT_FOUND", "input.userId")]


async def test_the_key_of_a_service_cannot_manage(api: Api, make: Factory) -> None:
    admin, team = await make.admin(), await make.team()
    given = {"teamId": team.id, "scopes": ["INFER", "MANAGE"], "alias": ""}
    answer = await api.refused(admin, "apiKeyCreate", **given)
    assert answer.refusals == [("BAD_INPUT", "input.alias"), ("BAD_INPUT", "input.scopes")]
    key = await create(api, admin, teamId=team.id)
    answer = await api.refused(admin, "apiKeyUpdate", id=key["id"], scopes=["MANAGE"])
    assert answer.refusals == [("BAD_INPUT", "input.scopes")]


@pytest.mark.parametrize("scopes", [["MANAGE"], ["GATEWAY"], ["INFER", "MANAGE"]])
async def test_an_admin_gets_no_secret_that_can_do_more_than_they_may(
    api: Api, make: Factory, scopes: list[str]
) -> None:
    team = await make.team()
    admin = await make.person(team=team, team_role=TeamRole.ADMIN)
    member = await make.person(team=team)
    given = {"teamId": team.id, "userId": member.id}
    answer = await api.refused(admin, "apiKeyCreate", **given, scopes=scopes)
    assert answer.refusals == [("FORBIDDEN", "input.scopes")]
    key = await make.api_key(member, team=team)
    answer = await api.refused(admin, "apiKeyUpdate", id=key.id, scopes=scopes)
    assert answer.refusals == [("FORBIDDEN", "input.scopes")]
    powerful = await make.api_key(member, team=team, scopes=scopes)
    answer = await api.refused(admin, "apiKeyRotate", id=powerful.id)
    assert answer.refusals == [("FORBIDDEN", "input.id")]
    assert (await api.mutate(admin, "apiKeyBlock", id=powerful.id)).refusals == []
    answer = await api.refused(admin, "apiKeyUnblock", id=powerful.id)
    assert answer.refusals == [("FORBIDDEN", "input.id")]
    assert (await api.mutate(admin, "apiKeyUpdate", id=powerful.id, alias="A")).refusals == []
    narrowed = await api.mutate(admin, "apiKeyUpdate", id=powerful.id, scopes=["INFER"])
    assert narrowed.refusals == []


async def test_an_admin_holds_a_managing_key_of_their_own_in_the_team(
    api: Api, make: Factory
) -> None:
    team = await make.team()
    admin = await make.person(team=team, team_role=TeamRole.ADMIN)
    key = await create(api, admin, teamId=team.id, userId=admin.id, scopes=["MANAGE"])
    assert key["scopes"] == ["MANAGE"]
    assert (await api.mutate(admin, "apiKeyRotate", id=key["id"])).refusals == []


async def test_gateway_is_granted_by_platform_admins_alone(api: Api, make: Factory) -> None:
    admin, person, team = await make.admin(), await make.person(), await make.team()
    answer = await api.refused(person, "apiKeyCreate", scopes=["GATEWAY"])
    assert answer.refusals == [("FORBIDDEN", "input.scopes")]
    key = await create(api, admin, userId=person.id, scopes=["MANAGE"])
    answer = await api.refused(person, "apiKeyUpdate", id=key["id"], scopes=["MANAGE", "GATEWAY"])
    assert answer.refusals == [("FORBIDDEN", "input.scopes")]
    assert (await create(api, admin, teamId=team.id, scopes=["GATEWAY"]))["scopes"] == ["GATEWAY"]
    given = await create(api, admin, userId=person.id, scopes=["GATEWAY", "INFER"])
    assert (await api.mutate(person, "apiKeyRotate", id=given["id"])).refusals == []
    kept = await api.mutate(person, "apiKeyUpdate", id=given["id"], scopes=["GATEWAY"])
    assert kept.refusals == []


async def test_limits_of_a_key_are_within_its_teams(api: Api, make: Factory) -> None:
    team = await make.team()
    admin = await make.person(team=team, team_role=TeamRole.ADMIN)
    await make.budget("team", team, max_budget=100, tpm_limit=1000, rpm_limit=10)
    above = {"maxBudget": "100.01", "tpmLimit": "1001", "rpmLimit": "11"}
    paths = [("CONFLICT", f"input.budget.{name}") for name in above]
    answer = await api.refused(admin, "apiKeyCreate", teamId=team.id, budget=above)
    assert answer.refusals == paths
    assert {error["level"] for error in answer.payload["errors"]} == {"team"}
    key = await create(
        api, admin, teamId=team.id, budget={"maxBudget": "100", "tpmLimit": None, "rpmLimit": "10"}
    )
    assert (await api.refused(admin, "apiKeyUpdate", id=key["id"], budget=above)).refusals == paths
    answer = await api.refused(
        admin, "apiKeyCreate", teamId=team.id, budget={"maxBudget": "1", "softBudget": "1"}
    )
    assert answer.refusals == [("BAD_INPUT", "input.budget.softBudget")]


async def test_limits_of_a_personal_key_are_within_its_users(api: Api, make: Factory) -> None:
    person = await make.person()
    await make.budget("user", person.row, rpm_limit=10)
    answer = await api.refused(person, "apiKeyCreate", budget={"rpmLimit": "11"})
    assert answer.refusals == [("CONFLICT", "input.budget.rpmLimit")]
    assert answer.payload["errors"][0]["level"] == "user"
    await create(api, person, budget={"rpmLimit": "10"})


async def test_alias_is_unique_among_the_keys_of_a_team_in_every_case(
    api: Api, make: Factory
) -> None:
    admin, team, other = await make.admin(), await make.team(), await make.team()
    member = await make.person(team=team)
    await create(api, admin, teamId=team.id, alias="Straße")
    for given in ({"userId": member.id}, {}):
        answer = await api.refused(admin, "apiKeyCreate", teamId=team.id, alias="STRASSE", **given)
        assert answer.refusals == [("CONFLICT", "input.alias")]
    await create(api, admin, teamId=other.id, alias="Straße")
    mine = await create(api, admin, userId=member.id, alias="Straße")
    answer = await api.refused(member, "apiKeyCreate", alias="strasse")
    assert answer.refusals == [("CONFLICT", "input.alias")]
    assert (await api.mutate(admin, "apiKeysDelete", ids=[mine["id"]])).refusals == []
    await create(api, member, alias="strasse")


async def test_external_id_is_unique_among_all_keys(api: Api, make: Factory) -> None:
    admin, team = await make.admin(), await make.team()
    await create(api, admin, teamId=team.id, externalId="one")
    answer = await api.refused(admin, "apiKeyCreate", externalId="one")
    assert answer.refusals == [("CONFLICT", "input.externalId")]
    assert (await api.refused(admin, "apiKeyCreate", externalId="ä")).refusals == [
        ("BAD_INPUT", "input.externalId")
    ]


async def test_a_key_is_found_by_its_external_id_exactly(api: Api, make: Factory) -> None:
    admin, key = await make.admin(), await make.api_key(team=await make.team(), external_id="a/b")
    document = "query($x: String!) { apiKeyByExternalId(externalId: $x) { id } }"
    assert (await api(admin, document, x="a/b")).payload == {"id": key.id}
    for who, other in ((admin, "A/B"), (admin, ""), (admin, "\0"), (await make.person(), "a/b")):
        assert (await api(who, document, x=other)).payload is None


async def test_a_key_that_expires_gives_nobody_a_longer_life(api: Api, make: Factory) -> None:
    team = await make.team()
    admin = await make.person(team=team, team_role=TeamRole.ADMIN)
    soon, later = [datetime.now(UTC) + timedelta(hours=hours) for hours in (1, 2)]
    temporary = await make.api_key(admin, expires_at=soon)
    lasting = await make.api_key(team=team)
    for expires in (None, later.isoformat()):
        answer = await api.refused(temporary, "apiKeyCreate", teamId=team.id, expiresAt=expires)
        assert answer.refusals == [("FORBIDDEN", "input.expiresAt")]
    short = await create(api, temporary, teamId=team.id, expiresAt=soon.isoformat())
    answer = await api.refused(temporary, "apiKeyUpdate", id=short["id"], expiresAt=None)
    assert answer.refusals == [("FORBIDDEN", "input.expiresAt")]
    answer = await api.refused(temporary, "apiKeyRotate", id=lasting.id)
    assert answer.refusals == [("FORBIDDEN", "input.id")]
    assert (await api.mutate(temporary, "apiKeyRotate", id=short["id"])).refusals == []
    for given in ({"alias": "A"}, {"expiresAt": later.isoformat()}):  # shorter than for ever
        assert (await api.mutate(temporary, "apiKeyUpdate", id=lasting.id, **given)).refusals == []
    answer = await api.refused(temporary, "apiKeyUpdate", id=lasting.id, expiresAt=None)
    assert answer.refusals == [("FORBIDDEN", "input.expiresAt")]


async def test_creation_tells_all_of_the_key_but_its_secret_to_the_audit(
    api: Api, make: Factory
) -> None:
    admin, organization = await make.admin(), await make.organization()
    team = await make.team(organization)
    key = await create(api, admin, teamId=team.id, alias="CI", budget={"rpmLimit": "1"})
    document = """
      query($id: ID!) {
        auditEntries(filter: {objectId: $id}) {
          nodes { action before after organization { id } team { id } }
        }
      }
    """
    (entry,) = (await api(admin, document, id=key["id"])).payload["nodes"]
    assert (entry["action"], entry["before"]) == ("api_key.create", None)
    assert (entry["organization"], entry["team"]) == ({"id": organization.id}, {"id": team.id})
    after = entry["after"]
    assert (after["kind"], after["alias"], after["teamId"]) == ("SERVICE", "CI", team.id)
    assert after["budget"]["rpmLimit"] == 1
    assert not {name for name in after if "secret" in name.lower() or "hash" in name.lower()}


KINDS = ["personal", "member", "service"]
ACTORS = [
    (kind, scope)
    for kind in KINDS
    for scope in KeyScope
    if (kind, scope) != ("service", KeyScope.MANAGE)
]
READ = """
query($key: ID!, $other: ID!, $team: ID!, $organization: ID!, $stranger: ID!) {
  viewer { scopes user { id } key { id } teams { nodes { team { id } } } }
  own: apiKey(id: $key) { id team { id name } user { id } }
  other: apiKey(id: $other) { id }
  apiKeys { nodes { id } }
  team(id: $team) { id budget { limits { rpmLimit } } members { nodes { id } } }
  node(id: $team) { id }
  organization(id: $organization) { id }
  stranger: user(id: $stranger) { id }
  teams { nodes { id } }
  users { nodes { id } }
  auditEntries { nodes { id } }
  deletedApiKeys { nodes { id } }
}
"""


async def arrive(make: Factory, kind: str, scope: KeyScope) -> tuple[Any, Person, Person, Key, Key]:
    """A team, an admin of it, a colleague in it, their key, and the key of the admin or a service."""
    organization = await make.organization()
    team = await make.team(organization)
    await make.budget("team", team, rpm_limit=9)
    person = await make.person(
        organization=organization,
        organization_role=OrganizationRole.ADMIN,
        team=team,
        team_role=TeamRole.ADMIN,
    )
    colleague = await make.person(organization=organization, team=team)
    other = await make.api_key(colleague, team=team)
    await make.audit_entry(team, organization=organization, team=team)
    await make.deleted_api_key(organization=organization, team=team)
    key = await make.api_key(
        None if kind == "service" else person,
        team=None if kind == "personal" else team,
        scopes=[scope],
    )
    return team, person, colleague, other, key


@pytest.mark.parametrize(("kind", "scope"), ACTORS)
async def test_a_key_reads_as_its_user_or_only_itself_and_its_team(
    api: Api, make: Factory, kind: str, scope: KeyScope
) -> None:
    team, person, colleague, other, key = await arrive(make, kind, scope)
    answer = await api(
        key,
        READ,
        key=key.id,
        other=other.id,
        team=team.id,
        organization=team.organization_id,
        stranger=colleague.id,
    )
    assert answer.errors == []
    seen = answer.data
    manages, in_team, has_user = scope is KeyScope.MANAGE, kind != "personal", kind != "service"
    assert seen["viewer"]["scopes"] == [scope]
    assert seen["viewer"]["key"] == {"id": key.id}
    assert seen["viewer"]["user"] == ({"id": person.id} if has_user else None)
    sees_team = manages or in_team
    assert len(seen["viewer"]["teams"]["nodes"]) == (sees_team and has_user)
    assert seen["own"]["team"] == ({"id": team.id, "name": team.name} if in_team else None)
    assert seen["node"] == ({"id": team.id} if sees_team else None)
    assert len(seen["teams"]["nodes"]) == sees_team
    assert (seen["team"] is not None) is sees_team
    if sees_team:
        assert seen["team"]["budget"] == {"limits": {"rpmLimit": "9"}}
        assert len(seen["team"]["members"]["nodes"]) == (2 if manages else has_user)
    assert (seen["organization"] is not None) is sees_team
    assert (seen["other"] is not None, seen["stranger"] is not None) == (manages, manages)
    keys = [node["id"] for node in seen["apiKeys"]["nodes"]]
    assert keys == ([person.key_id, other.id, key.id] if manages else [key.id])
    assert len(seen["users"]["nodes"]) == (2 if manages else has_user)
    for name in ("auditEntries", "deletedApiKeys"):
        assert len(seen[name]["nodes"]) == manages


@pytest.mark.parametrize("kind", ["personal", "member"])
async def test_a_key_with_manage_changes_what_its_user_may(
    api: Api, make: Factory, kind: str
) -> None:
    team, _, _, other, key = await arrive(make, kind, KeyScope.MANAGE)
    for thing in (key, other):
        given = {"id": thing.id, "alias": thing.id}
        assert (await api.mutate(key, "apiKeyUpdate", **given)).refusals == []
    assert (await api.mutate(key, "teamUpdate", id=team.id, name="New")).refusals == []


@pytest.mark.parametrize("scope", [KeyScope.INFER, KeyScope.GATEWAY])
@pytest.mark.parametrize("kind", KINDS)
async def test_a_key_without_manage_changes_nothing(
    api: Api, make: Factory, kind: str, scope: KeyScope
) -> None:
    team, _, colleague, other, key = await arrive(make, kind, scope)
    seen = "NOT_FOUND" if kind == "personal" else "FORBIDDEN"  # the team, and what it belongs to
    named = "input.id" if kind == "personal" else "input.name"
    removed = {"teamId": team.id, "members": [{"userId": colleague.id}]}
    for name, given, refusal in (
        ("apiKeyUpdate", {"id": key.id, "alias": "New"}, ("FORBIDDEN", "input.alias")),
        ("apiKeyUpdate", {"id": other.id, "alias": "New"}, ("NOT_FOUND", "input.id")),
        ("apiKeyBlock", {"id": key.id}, ("FORBIDDEN", "input.id")),
        ("apiKeyBlock", {"id": other.id}, ("NOT_FOUND", "input.id")),
        ("apiKeyRotate", {"id": key.id}, ("FORBIDDEN", "input.id")),
        ("apiKeyRotate", {"id": other.id}, ("NOT_FOUND", "input.id")),
        ("apiKeysDelete", {"ids": [key.id]}, ("FORBIDDEN", "input.ids.0")),
        ("apiKeysDelete", {"ids": [key.id, other.id]}, ("NOT_FOUND", "input.ids.1")),
        ("apiKeyCreate", {}, ("FORBIDDEN", "input.userId")),
        ("apiKeyCreate", {"teamId": team.id}, (seen, "input.teamId")),
        ("teamMembersRemove", removed, (seen, "input.teamId")),
        ("teamUpdate", {"id": team.id, "name": "New"}, (seen, named)),
        ("organizationUpdate", {"id": team.organization_id, "name": "New"}, (seen, named)),
        ("userCreate", {"name": "New"}, ("FORBIDDEN", "input")),
    ):
        assert (await api.refused(key, name, **given)).refusals == [refusal], name
