"""What a team lets its members do with keys: each permission by each deed, and what they then see."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pytest

from api_client import Answer, Api
from bursar.database.rows import Row
from bursar.domain.roles import KeyScope, MemberPermission, OrganizationRole, PlatformRole, TeamRole
from factories import Factory, Key, Person

READ = MemberPermission.KEY_READ


class Deed(NamedTuple):
    """What a member does in their team, the permission that it takes, and where it is refused."""

    permission: MemberPermission
    name: str
    input: Callable[[Row, Person, Key, Row], dict[str, Any]]
    place: str

    @property
    def to_a_key(self) -> bool:
        return self.name != "apiKeyCreate"


DEEDS = {
    "create": Deed(
        MemberPermission.KEY_CREATE,
        "apiKeyCreate",
        lambda team, me, _, __: {"teamId": team.id, "userId": me.id},
        "teamId",
    ),
    "create of a service": Deed(
        MemberPermission.SERVICE_KEY_CREATE,
        "apiKeyCreate",
        lambda team, _, __, ___: {"teamId": team.id},
        "teamId",
    ),
    "update": Deed(
        MemberPermission.KEY_UPDATE,
        "apiKeyUpdate",
        lambda _, __, key, ___: {"id": key.id, "alias": "New"},
        "alias",
    ),
    "block": Deed(
        MemberPermission.KEY_BLOCK, "apiKeyBlock", lambda _, __, key, ___: {"id": key.id}, "id"
    ),
    "unblock": Deed(
        MemberPermission.KEY_BLOCK, "apiKeyUnblock", lambda _, __, key, ___: {"id": key.id}, "id"
    ),
    "rotate": Deed(
        MemberPermission.KEY_ROTATE, "apiKeyRotate", lambda _, __, key, ___: {"id": key.id}, "id"
    ),
    "delete": Deed(
        MemberPermission.KEY_DELETE,
        "apiKeysDelete",
        lambda _, __, key, ___: {"ids": [key.id]},
        "ids.0",
    ),
    "move": Deed(
        MemberPermission.KEY_DELETE,
        "apiKeyMove",
        lambda _, __, key, other: {"id": key.id, "teamId": other.id},
        "id",
    ),
}


async def arrive(
    make: Factory, deed: Deed, *permissions: MemberPermission
) -> tuple[Person, dict[str, Any]]:
    """A member of a team with these permissions, and what they ask for; the key is their own."""
    team = await make.team(member_permissions=list(permissions))
    other = await make.team(member_permissions=[MemberPermission.KEY_CREATE])
    me = await make.person(team=team)
    await make.team_member(other, me)
    key = await make.api_key(me, team=team, blocked=deed.name == "apiKeyUnblock")
    return me, deed.input(team, me, key, other)


@pytest.mark.parametrize("permission", MemberPermission)
@pytest.mark.parametrize("deed", DEEDS.values(), ids=list(DEEDS))
async def test_a_member_does_what_the_permission_is_for_and_nothing_else(
    api: Api, make: Factory, deed: Deed, permission: MemberPermission
) -> None:
    me, given = await arrive(make, deed, *{READ, permission})
    if permission is deed.permission:
        assert (await api.mutate(me, deed.name, **given)).refusals == []
    else:
        answer = await api.refused(me, deed.name, **given)
        assert answer.refusals == [("FORBIDDEN", f"input.{deed.place}")]


@pytest.mark.parametrize("deed", DEEDS.values(), ids=list(DEEDS))
async def test_all_permissions_but_the_one_are_not_enough(
    api: Api, make: Factory, deed: Deed
) -> None:
    me, given = await arrive(make, deed, *(set(MemberPermission) - {deed.permission}))
    answer = await api.refused(me, deed.name, **given)
    assert answer.refusals == [("FORBIDDEN", f"input.{deed.place}")]


@pytest.mark.parametrize("deed", DEEDS.values(), ids=list(DEEDS))
async def test_without_key_read_no_key_is_found_to_do_anything_to(
    api: Api, make: Factory, deed: Deed
) -> None:
    me, given = await arrive(make, deed, *(set(MemberPermission) - {READ}))
    if deed.to_a_key:
        answer = await api.refused(me, deed.name, **given)
        place = "ids.0" if deed.place == "ids.0" else "id"
        assert answer.refusals == [("NOT_FOUND", f"input.{place}")]
    else:
        assert (await api.mutate(me, deed.name, **given)).refusals == []


async def two_teams(make: Factory) -> tuple[Row, Row, Person, Person]:
    """One that lets its members do everything and one that says nothing; two members of both."""
    lets, says = await make.team(member_permissions=list(MemberPermission)), await make.team()
    me, mate = await make.person(team=lets), await make.person(team=lets)
    for person in (me, mate):
        await make.team_member(says, person)
    return lets, says, me, mate


@pytest.mark.parametrize("name", [name for name, deed in DEEDS.items() if deed.to_a_key])
async def test_permissions_reach_no_key_of_others_nor_of_another_team(
    api: Api, make: Factory, name: str
) -> None:
    deed = DEEDS[name]
    lets, says, me, mate = await two_teams(make)
    for key, team, seen in (
        (await make.api_key(me, team=says), says, True),
        (await make.api_key(team=lets), lets, True),
        (await make.api_key(mate, team=lets), lets, False),
    ):
        answer = await api.refused(me, deed.name, **deed.input(team, me, key, lets))
        unseen = deed.place.replace("alias", "id")
        assert answer.refusals == [
            ("FORBIDDEN", f"input.{deed.place}") if seen else ("NOT_FOUND", f"input.{unseen}")
        ]


async def test_permissions_make_no_key_for_others_nor_in_another_team(
    api: Api, make: Factory
) -> None:
    lets, says, me, mate = await two_teams(make)
    for given in (
        {"teamId": lets.id, "userId": mate.id},
        {"teamId": says.id, "userId": me.id},
        {"teamId": says.id},
    ):
        answer = await api.refused(me, "apiKeyCreate", **given)
        assert answer.refusals == [("FORBIDDEN", "input.teamId")]


@pytest.mark.parametrize("role", [PlatformRole.VIEWER, PlatformRole.USER_VIEWER])
async def test_permissions_do_not_lift_the_cap_of_who_only_reads(
    api: Api, make: Factory, role: PlatformRole
) -> None:
    team = await make.team(member_permissions=list(MemberPermission))
    me = await make.person(role, team=team)
    answer = await api.refused(me, "apiKeyCreate", teamId=team.id, userId=me.id)
    assert answer.refusals == [("FORBIDDEN", "input.teamId")]


async def test_a_member_grants_their_key_no_more_than_they_hold(api: Api, make: Factory) -> None:
    team = await make.team(member_permissions=list(MemberPermission))
    await make.budget("team", team, rpm_limit=10)
    me = await make.person(team=team)
    mine = {"teamId": team.id, "userId": me.id}
    answer = await api.refused(me, "apiKeyCreate", **mine, scopes=["MANAGE", "GATEWAY"])
    assert answer.refusals == [("FORBIDDEN", "input.scopes")]
    answer = await api.refused(me, "apiKeyCreate", **mine, budget={"rpmLimit": "11"})
    assert answer.refusals == [("CONFLICT", "input.budget.rpmLimit")]
    made = await api.mutate(
        me, "apiKeyCreate", "secret apiKey { id scopes }", **mine, scopes=["MANAGE"]
    )
    assert made.refusals == []
    assert made.payload["secret"].startswith("bk_")
    assert made.payload["apiKey"]["scopes"] == ["MANAGE"]


async def test_who_makes_a_key_gets_its_secret_even_where_they_do_not_see_keys(
    api: Api, make: Factory
) -> None:
    team = await make.team(member_permissions=["KEY_CREATE", "SERVICE_KEY_CREATE"])
    me = await make.person(team=team)
    for given in ({"teamId": team.id, "userId": me.id}, {"teamId": team.id}):
        made = (await api.mutate(me, "apiKeyCreate", "secret apiKey { id }", **given)).payload
        assert made["secret"].startswith("bk_")
        assert (
            await api(me, f'{{ apiKey(id: "{made["apiKey"]["id"]}") {{ id }} }}')
        ).payload is None


SEEN = """
query Seen($team: ID!, $user: ID!, $key: ID!, $ids: [ID!]!) {
  apiKeys { totalCount nodes { id } }
  byTeam: apiKeys(filter: {teamId: $team}) { totalCount nodes { id } }
  byUser: apiKeys(filter: {userId: $user}) { nodes { id } }
  byIds: apiKeys(filter: {ids: $ids}) { nodes { id } }
  services: apiKeys(filter: {kind: SERVICE}) { nodes { id } }
  team(id: $team) { apiKeys { totalCount nodes { id } } members { nodes { apiKeys { nodes { id } } } } }
  user(id: $user) { apiKeys { nodes { id } } }
  apiKey(id: $key) { id budget { source } }
  nodes(ids: $ids) { id }
  viewer { key { id } }
}
"""


async def seen_by(
    api: Api, person: Person | Key, team: Row, user: Person, ids: list[str]
) -> set[str]:
    """Which of these ids somebody finds, the same in whatever way they ask."""
    answer = await api(person, SEEN, team=team.id, user=user.id, key=ids[0], ids=ids)
    assert answer.errors == []
    data = answer.data
    found = {node["id"] for node in data["nodes"] if node}
    mine, of_team = set(ids[:2]), set(ids[1:])

    def listed(connection: Any) -> set[str]:
        nodes = [node["id"] for node in connection["nodes"]]
        assert connection.get("totalCount", len(nodes)) == len(nodes)
        return set(nodes) & set(ids)

    assert listed(data["apiKeys"]) == listed(data["byIds"]) == found
    assert listed(data["byTeam"]) == listed(data["team"]["apiKeys"]) == found & of_team
    assert listed(data["services"]) == found - mine
    assert listed(data["byUser"]) == listed(data["user"]["apiKeys"]) == found & mine
    under_members = [listed(member["apiKeys"]) for member in data["team"]["members"]["nodes"]]
    assert set().union(*under_members) == found & mine & of_team
    assert (data["apiKey"] is not None) is (ids[0] in found)
    assert data["viewer"]["key"] is not None
    return found


@pytest.mark.parametrize(
    ("permissions", "sees_own", "sees_services"),
    [
        (None, True, False),
        ([], False, False),
        (["KEY_READ"], True, False),
        (["SERVICE_KEY_READ"], False, True),
        (["KEY_READ", "SERVICE_KEY_READ"], True, True),
        ([p for p in MemberPermission if not p.endswith("KEY_READ")], False, False),
    ],
    ids=["default", "none", "own", "services", "both", "all but these"],
)
async def test_a_member_sees_what_the_team_lets_them_see_however_they_ask(
    api: Api,
    make: Factory,
    permissions: list[str] | None,
    sees_own: bool,
    sees_services: bool,
) -> None:
    team = await make.team(member_permissions=permissions)
    me, mate, lead = await make.person(team=team), await make.person(team=team), await make.person()
    await make.team_member(team, lead, TeamRole.ADMIN)
    personal, own, service = (
        me.key_id,
        (await make.api_key(me, team=team)).id,
        (await make.api_key(team=team)).id,
    )
    await make.budget("api_key", (await make.api_key(mate, team=team)).row, rpm_limit=1)
    ids = [personal, own, service]
    visible = {personal} | ({own} if sees_own else set()) | ({service} if sees_services else set())
    assert await seen_by(api, me, team, me, ids) == visible
    assert await seen_by(api, lead, team, me, ids) == {own, service}
    # A key that acts as its user sees as much, and itself.
    acting = await make.api_key(me, team=team, scopes=[KeyScope.MANAGE])
    assert await seen_by(api, acting, team, me, ids) == visible
    document = f'{{ apiKey(id: "{acting.id}") {{ id }} }}'
    assert (await api(acting, document)).payload == {"id": acting.id}
    assert (await api(me, document)).payload == ({"id": acting.id} if sees_own else None)


async def test_the_budget_of_a_key_is_hidden_with_it(api: Api, make: Factory) -> None:
    team = await make.team(member_permissions=[])
    me = await make.person(team=team)
    budget = await make.budget("api_key", (await make.api_key(me, team=team)).row, rpm_limit=1)
    document = f'{{ budget(id: "{budget.id}") {{ id }} }}'
    assert (await api(me, document)).payload is None
    assert (await api(await make.admin(), document)).payload == {"id": budget.id}


TEAM = "team { memberPermissions version members { nodes { role permissions } } }"
EVERYTHING = list(MemberPermission)


@pytest.mark.parametrize(
    ("given", "stored", "of_members"),
    [
        (None, None, ["KEY_READ"]),
        ([], [], []),
        (
            ["ACTIVITY_READ", "KEY_READ"],
            ["ACTIVITY_READ", "KEY_READ"],
            ["ACTIVITY_READ", "KEY_READ"],
        ),
    ],
)
async def test_a_team_admin_sets_what_members_may_do(
    api: Api, make: Factory, given: Any, stored: Any, of_members: list[str]
) -> None:
    team = await make.team(member_permissions=["KEY_DELETE"])
    admin = await make.person(team=team, team_role=TeamRole.ADMIN)
    member = await make.person(team=team)
    answer = await api.mutate(
        admin, "teamMemberPermissionsUpdate", TEAM, teamId=team.id, permissions=given
    )
    assert answer.refusals == []
    changed = {
        "memberPermissions": stored,
        "version": 2,
        "members": {
            "nodes": [
                {"role": "ADMIN", "permissions": EVERYTHING},
                {"role": "MEMBER", "permissions": of_members},
            ]
        },
    }
    assert answer.payload["team"] == changed
    # Whoever sees the members knows it, as it is the same for all of them.
    document = f'{{ team(id: "{team.id}") {{ {TEAM[7:-2]} }} }}'
    assert (await api(member, document)).payload == changed


async def test_permissions_keep_where_nothing_is_said_and_refuse_what_is_stale_or_twice(
    api: Api, make: Factory
) -> None:
    admin, team = await make.admin(), await make.team(member_permissions=["KEY_DELETE"])
    name = "teamMemberPermissionsUpdate"
    kept = await api.mutate(admin, name, TEAM, teamId=team.id, expectedVersion=1)
    assert kept.payload["team"]["memberPermissions"] == ["KEY_DELETE"]
    answer = await api.refused(admin, name, teamId=team.id, permissions=[], expectedVersion=2)
    assert answer.refusals == [("VERSION_CONFLICT", "input.expectedVersion")]
    twice = ["KEY_READ", "KEY_READ"]
    answer = await api.refused(admin, name, teamId=team.id, permissions=twice)
    assert answer.refusals == [("BAD_INPUT", "input.permissions")]
    answer = await api.refused(admin, "teamCreate", name="T", memberPermissions=twice)
    assert answer.refusals == [("BAD_INPUT", "input.memberPermissions")]
    unknown = await api.mutate(admin, name, teamId=team.id, permissions=["KEY_EAT"])
    assert unknown.codes == ["BAD_USER_INPUT"]


async def test_permissions_are_audited_with_both_sides(api: Api, make: Factory) -> None:
    admin, team = await make.admin(), await make.team()
    given = {"teamId": team.id, "permissions": ["KEY_READ", "KEY_ROTATE"]}
    assert (await api.mutate(admin, "teamMemberPermissionsUpdate", **given)).refusals == []
    document = "{ auditEntries { nodes { action objectId before after } } }"
    (entry,) = (await api(admin, document)).payload["nodes"]
    assert entry == {
        "action": "team.update",
        "objectId": team.id,
        "before": {"memberPermissions": None},
        "after": {"memberPermissions": given["permissions"]},
    }


async def test_a_team_is_made_with_permissions_and_a_key_duration(api: Api, make: Factory) -> None:
    admin, organization = await make.admin(), await make.organization()
    given = {"memberPermissions": ["KEY_CREATE"], "memberKeyDuration": "30d"}
    answer = await api.mutate(
        admin,
        "teamCreate",
        "team { memberPermissions memberKeyDuration }",
        name="T",
        organizationId=organization.id,
        **given,
    )
    assert answer.payload["team"] == given


async def test_an_organization_admin_who_is_a_mere_member_does_all(api: Api, make: Factory) -> None:
    organization = await make.organization()
    team = await make.team(organization, member_permissions=[])
    me = await make.person(
        organization=organization, organization_role=OrganizationRole.ADMIN, team=team
    )
    for deed in DEEDS.values():
        key = await make.api_key(me, team=team, blocked=deed.name == "apiKeyUnblock")
        other = await make.team(organization)
        await make.team_member(other, me)
        answer = await api.mutate(me, deed.name, **deed.input(team, me, key, other))
        assert answer.refusals == [], deed


@pytest.mark.parametrize("source", ["team_default", "team_member", "plan"])
async def test_a_member_gives_a_service_no_more_than_their_own_limits_which_do_not_bind_it(
    api: Api, make: Factory, source: str
) -> None:
    team = await make.team(member_permissions=[MemberPermission.SERVICE_KEY_CREATE])
    me, lead = await make.person(), await make.person(team=team, team_role=TeamRole.ADMIN)
    member = await make.team_member(team, me)
    own = {"max_budget": 10, "duration": "1mo", "rpm_limit": 5}
    if source == "plan":
        await make.attachment(await make.plan(**own), "team_member", member.id)
    else:
        await make.budget(source, member if source == "team_member" else team, **own)
    if source != "team_default":
        await make.budget("team_default", team, max_budget=99, duration="1mo")
    within = {"maxBudget": "10", "duration": "1mo", "rpmLimit": "5"}
    for budget, fields in (
        ({**within, "maxBudget": "11"}, ["maxBudget"]),
        ({**within, "rpmLimit": None, "duration": "1d"}, ["rpmLimit", "duration"]),
        (None, ["maxBudget", "rpmLimit", "duration"]),
    ):
        answer = await api.refused(me, "apiKeyCreate", teamId=team.id, budget=budget)
        assert answer.refusals == [("FORBIDDEN", f"input.budget.{field}") for field in fields]
    for person, budget in ((me, within), (lead, None)):
        answer = await api.mutate(person, "apiKeyCreate", teamId=team.id, budget=budget)
        assert answer.refusals == []


async def test_a_member_guarantees_no_key_of_theirs_anything(api: Api, make: Factory) -> None:
    permissions = [READ, MemberPermission.KEY_CREATE, MemberPermission.KEY_UPDATE]
    team = await make.team(member_permissions=permissions)
    await make.budget("team", team, rpm_limit=100)
    member = await make.person(team=team)
    key = await make.api_key(member, team=team)
    guaranteed = {"rpmLimitType": "GUARANTEED", "budget": {"rpmLimit": "1"}}
    before = await api.fingerprint()

    for name, given in (
        ("apiKeyCreate", {"teamId": team.id, "userId": member.id}),
        ("apiKeyUpdate", {"id": key.id}),
    ):
        answer = await api.mutate(member, name, **given, **guaranteed)
        assert answer.refusals == [("FORBIDDEN", "input.rpmLimitType")]
    assert await api.fingerprint() == before

    lead = await make.person(team=team, team_role=TeamRole.ADMIN)
    assert (await api.mutate(lead, "apiKeyUpdate", id=key.id, **guaranteed)).refusals == []
    answer = await api.mutate(member, "apiKeyUpdate", id=key.id, rpmLimitType="BEST_EFFORT")
    assert answer.refusals == []


async def test_a_member_raises_nothing_that_is_guaranteed_to_their_key(
    api: Api, make: Factory
) -> None:
    team = await make.team(member_permissions=[READ, MemberPermission.KEY_UPDATE])
    await make.budget("team", team, rpm_limit=100, tpm_limit=100)
    member = await make.person(team=team)
    key = await make.api_key(member, team=team, rpm_limit_type="GUARANTEED")
    budget = await make.budget("api_key", key.row, rpm_limit=10, tpm_limit=10)
    await make.model_limit(budget, "gpt-5", rpm_limit=5)

    async def asked(name: str, person: Person, /, **budget: Any) -> Answer:
        call = api.refused if name == "refused" else api.mutate
        return await call(person, "apiKeyUpdate", id=key.id, budget=budget)

    answer = await asked("refused", member, rpmLimit="11")
    assert answer.refusals == [("FORBIDDEN", "input.budget.rpmLimit")]
    for model, limit in (("gpt-5", "6"), ("gpt-6", "1")):
        answer = await asked("refused", member, modelLimits=[{"model": model, "rpmLimit": limit}])
        assert answer.refusals == [("FORBIDDEN", "input.budget.modelLimits.0.rpmLimit")]
    lower = {"rpmLimit": "9", "tpmLimit": "99", "modelLimits": [{"model": "gpt-5"}]}
    assert (await asked("done", member, **lower)).refusals == []
    assert (await asked("done", await make.admin(), rpmLimit="11")).refusals == []
    free = {"rpmLimitType": "BEST_EFFORT", "budget": {"rpmLimit": "50"}}
    assert (await api.mutate(member, "apiKeyUpdate", id=key.id, **free)).refusals == []


async def test_what_a_member_does_not_hold_is_said_beside_what_the_team_does_not_allow(
    api: Api, make: Factory
) -> None:
    permissions = [READ, MemberPermission.KEY_CREATE, MemberPermission.KEY_UPDATE]
    team = await make.team(
        member_permissions=permissions, member_key_duration="1d", models=["gpt-5"]
    )
    await make.budget("team", team, max_budget=5)
    member = await make.person(team=team)
    ends = datetime.now(UTC) + timedelta(hours=1)
    key = await make.api_key(member, team=team, expires_at=ends)
    asked = {
        "scopes": ["GATEWAY"],
        "rpmLimitType": "GUARANTEED",
        "expiresAt": None,
        "models": ["gpt-6"],
        "budget": {"maxBudget": "6"},
    }
    for name, given in (
        ("apiKeyCreate", {"teamId": team.id, "userId": member.id}),
        ("apiKeyUpdate", {"id": key.id}),
    ):
        answer = await api.refused(member, name, **given, **asked)
        assert answer.refusals == [
            ("FORBIDDEN", "input.scopes"),
            ("FORBIDDEN", "input.rpmLimitType"),
            ("FORBIDDEN", "input.expiresAt"),
            ("CONFLICT", "input.models.0"),
            ("CONFLICT", "input.budget.maxBudget"),
        ]
