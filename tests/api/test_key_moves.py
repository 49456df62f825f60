"""apiKeyMove: who may, what the new team has against it, and what stays of the key."""

from datetime import UTC, datetime, timedelta

import pytest

from api_client import Api
from bursar.database.rows import Row
from bursar.domain.ids import Prefix, new_id
from bursar.domain.roles import KeyScope, MemberPermission, OrganizationRole, TeamRole
from factories import Factory, Person

KEY = """
apiKey {
  id kind alias externalId lastFour scopes blocked expiresAt rotationInterval metadata version
  user { id } team { id } budget { source limits { rpmLimit } }
}
"""
CREATE, DELETE = MemberPermission.KEY_CREATE, MemberPermission.KEY_DELETE
READ = MemberPermission.KEY_READ


async def two_teams(make: Factory) -> tuple[Row, Row]:
    """Each in an organization of its own."""
    return await make.team(await make.organization()), await make.team(await make.organization())


async def admin_of(make: Factory, *teams: Row) -> Person:
    admin = await make.person()
    for team in teams:
        await make.team_member(team, admin, TeamRole.ADMIN)
    return admin


async def test_a_key_moves_with_all_that_it_has(api: Api, make: Factory) -> None:
    here, there = await two_teams(make)
    admin = await admin_of(make, here, there)
    key = await make.api_key(
        team=here,
        alias="CI",
        external_id="ci",
        blocked=False,
        metadata={"a": 1},
        rotation_interval="30d",
        expires_at=datetime(2090, 1, 1, tzinfo=UTC),
    )
    await make.budget("api_key", key.row, rpm_limit=5)
    answer = await api.mutate(admin, "apiKeyMove", KEY, id=key.id, teamId=there.id)
    assert answer.refusals == []
    assert answer.payload["apiKey"] == {
        "id": key.id,
        "kind": "SERVICE",
        "alias": "CI",
        "externalId": "ci",
        "lastFour": key.row.last_four,
        "scopes": ["INFER"],
        "blocked": False,
        "expiresAt": "2090-01-01T00:00:00Z",
        "rotationInterval": "30d",
        "metadata": {"a": 1},
        "version": 2,
        "user": None,
        "team": {"id": there.id},
        "budget": {"source": "OWN", "limits": {"rpmLimit": "5"}},
    }
    # Its secret is good as before, and reads the team where it is now.
    read = "{ viewer { key { team { id } } } }"
    assert (await api(key, read)).payload == {"key": {"team": {"id": there.id}}}


async def test_a_members_key_goes_where_the_member_is(api: Api, make: Factory) -> None:
    here, there = await two_teams(make)
    admin = await admin_of(make, here, there)
    member = await make.person(team=here)
    key = await make.api_key(member, team=here)
    answer = await api.refused(admin, "apiKeyMove", id=key.id, teamId=there.id)
    assert answer.refusals == [("CONFLICT", "input.teamId")]
    await make.team_member(there, member)
    answer = await api.mutate(admin, "apiKeyMove", KEY, id=key.id, teamId=there.id)
    moved = answer.payload["apiKey"]
    assert (moved["kind"], moved["user"]) == ("MEMBER", {"id": member.id})
    # It goes with the membership in the new team, and not with the one in the old.
    gone = {"members": [{"userId": member.id}]}
    left = await api.mutate(admin, "teamMembersRemove", teamId=here.id, **gone)
    assert left.refusals == []
    listed = f'{{ team(id: "{there.id}") {{ apiKeys {{ nodes {{ id }} }} }} }}'
    assert (await api(admin, listed)).payload == {"apiKeys": {"nodes": [{"id": key.id}]}}
    await api.mutate(admin, "teamMembersRemove", teamId=there.id, **gone)
    assert (await api(admin, listed)).payload == {"apiKeys": {"nodes": []}}


async def test_what_the_new_team_has_against_a_key_is_said_at_once(api: Api, make: Factory) -> None:
    here, there = await two_teams(make)
    admin = await admin_of(make, here, there)
    await make.budget("team", there, max_budget=5, tpm_limit=5, rpm_limit=5)
    await make.api_key(team=there, alias="Straße")
    key = await make.api_key(await make.person(team=here), team=here, alias="STRASSE")
    await make.budget("api_key", key.row, max_budget=6, tpm_limit=6, rpm_limit=5)
    answer = await api.refused(admin, "apiKeyMove", id=key.id, teamId=there.id)
    assert answer.refusals == [
        ("CONFLICT", "input.teamId"),
        ("CONFLICT", "input.teamId"),
        ("CONFLICT", "input.teamId.maxBudget"),
        ("CONFLICT", "input.teamId.tpmLimit"),
    ]
    assert [error["message"] for error in answer.payload["errors"]][:2] == [
        "This user is not a member of the team.",
        "This alias is taken.",
    ]
    assert {error["level"] for error in answer.payload["errors"][2:]} == {"team"}


async def test_a_plan_is_within_the_new_teams_limits_too(api: Api, make: Factory) -> None:
    here, there = await two_teams(make)
    admin = await admin_of(make, here, there)
    await make.budget("team", there, rpm_limit=5)
    key = await make.api_key(team=here)
    await make.attachment(await make.plan(rpm_limit=6), "api_key", key.id)
    answer = await api.refused(admin, "apiKeyMove", id=key.id, teamId=there.id)
    assert answer.refusals == [("CONFLICT", "input.teamId.rpmLimit")]


async def test_a_key_takes_no_model_where_the_new_team_has_it_not(api: Api, make: Factory) -> None:
    here, there = await make.team(), await make.team(models=["gpt-5"])
    admin = await admin_of(make, here, there)
    key = await make.api_key(team=here, models=["gpt-5", "o3"])
    answer = await api.refused(admin, "apiKeyMove", id=key.id, teamId=there.id)
    assert answer.refusals == [("CONFLICT", "input.teamId")]
    assert answer.payload["errors"][0]["message"] == "The team does not allow o3."


async def test_a_key_takes_no_guarantee_that_the_new_team_cannot_hold(
    api: Api, make: Factory
) -> None:
    here, there = await two_teams(make)
    admin = await admin_of(make, here, there)
    await make.budget("team", there, rpm_limit=5)
    key, sibling = [
        await make.api_key(team=team, rpm_limit_type="GUARANTEED") for team in (here, there)
    ]
    for each in (key, sibling):
        await make.budget("api_key", each.row, rpm_limit=3)
    answer = await api.refused(admin, "apiKeyMove", id=key.id, teamId=there.id)
    assert answer.refusals == [("CONFLICT", "input.teamId.rpmLimit")]
    assert (answer.payload["errors"][0]["limit"], answer.payload["errors"][0]["requested"]) == (
        "5",
        "6",
    )


async def test_a_personal_key_moves_to_no_team(api: Api, make: Factory) -> None:
    team = await make.team()
    admin = await admin_of(make, team)
    answer = await api.refused(admin, "apiKeyMove", id=admin.key_id, teamId=team.id)
    assert answer.refusals == [("CONFLICT", "input.id")]


async def test_a_key_that_is_there_already_stays_as_it_is(api: Api, make: Factory) -> None:
    team = await make.team()
    admin = await admin_of(make, team)
    key = await make.api_key(team=team)
    before = await api.fingerprint()
    answer = await api.mutate(admin, "apiKeyMove", "apiKey { version }", id=key.id, teamId=team.id)
    assert (answer.refusals, answer.payload["apiKey"]) == ([], {"version": 1})
    assert await api.fingerprint() == before


async def test_a_stale_move_is_refused(api: Api, make: Factory) -> None:
    here, there = await two_teams(make)
    admin = await admin_of(make, here, there)
    key = await make.api_key(team=here)
    given = {"id": key.id, "teamId": there.id, "expectedVersion": 2}
    answer = await api.refused(admin, "apiKeyMove", **given)
    assert answer.refusals == [("VERSION_CONFLICT", "input.expectedVersion")]
    assert answer.payload["errors"][0]["currentVersion"] == 1


async def test_what_the_mover_does_not_see_is_said_of_both(api: Api, make: Factory) -> None:
    here, there = await two_teams(make)
    stranger, admin = await make.person(), await admin_of(make, here)
    key = await make.api_key(team=here)
    neither = [("NOT_FOUND", "input.id"), ("NOT_FOUND", "input.teamId")]
    for id_, team_id in (
        (key.id, there.id),
        (new_id(Prefix.API_KEY), new_id(Prefix.TEAM)),
        ("", "\0"),
        ("\0", key.id),
    ):
        answer = await api.refused(stranger, "apiKeyMove", id=id_, teamId=team_id)
        assert answer.refusals == neither
    answer = await api.refused(admin, "apiKeyMove", id=key.id, teamId=there.id)
    assert answer.refusals == neither[1:]


async def test_an_admin_of_one_side_alone_moves_nothing(api: Api, make: Factory) -> None:
    here, there = await two_teams(make)
    giver, taker = await admin_of(make, here), await admin_of(make, there)
    await make.team_member(there, giver)
    await make.team_member(here, taker)
    key, own = await make.api_key(team=here), await make.api_key(taker, team=here)
    answer = await api.refused(giver, "apiKeyMove", id=key.id, teamId=there.id)
    assert answer.refusals == [("FORBIDDEN", "input.teamId")]
    answer = await api.refused(taker, "apiKeyMove", id=key.id, teamId=there.id)
    assert answer.refusals == [("NOT_FOUND", "input.id")]
    answer = await api.refused(taker, "apiKeyMove", id=own.id, teamId=there.id)
    assert answer.refusals == [("FORBIDDEN", "input.id")]


async def test_admins_of_both_organizations_move_keys_between_them(api: Api, make: Factory) -> None:
    organizations = [await make.organization() for _ in range(2)]
    here, there = [await make.team(organization) for organization in organizations]
    admin = await make.person()
    for organization in organizations:
        await make.organization_member(organization, admin, OrganizationRole.ADMIN)
    key = await make.api_key(team=here)
    assert (await api.mutate(admin, "apiKeyMove", id=key.id, teamId=there.id)).refusals == []


PERMITTED = [
    ({READ, DELETE}, {CREATE}, []),
    ({READ}, {CREATE}, ["id"]),
    ({READ, DELETE}, set(MemberPermission) - {CREATE}, ["teamId"]),
    (set(MemberPermission) - {DELETE}, {DELETE}, ["id", "teamId"]),
]


@pytest.mark.parametrize(("left", "entered", "places"), PERMITTED)
async def test_a_member_moves_their_own_key_from_where_they_may_delete_to_where_they_may_create(
    api: Api,
    make: Factory,
    left: set[MemberPermission],
    entered: set[MemberPermission],
    places: list[str],
) -> None:
    here = await make.team(member_permissions=list(left))
    there = await make.team(member_permissions=list(entered))
    me = await make.person(team=here)
    await make.team_member(there, me)
    key = await make.api_key(me, team=here)
    before = await api.fingerprint()
    answer = await api.mutate(me, "apiKeyMove", id=key.id, teamId=there.id)
    assert answer.refusals == [("FORBIDDEN", f"input.{place}") for place in places]
    assert (await api.fingerprint() == before) is bool(places)


async def test_a_mere_member_is_let_to_move_no_key_of_a_service(api: Api, make: Factory) -> None:
    everything = list(MemberPermission)
    here, there = [await make.team(member_permissions=everything) for _ in range(2)]
    me = await make.person(team=here)
    await make.team_member(there, me)
    key = await make.api_key(team=here)
    answer = await api.refused(me, "apiKeyMove", id=key.id, teamId=there.id)
    assert answer.refusals == [("FORBIDDEN", "input.id")]
    giver = await admin_of(make, here)
    await make.team_member(there, giver)
    assert (await api.mutate(giver, "apiKeyMove", id=key.id, teamId=there.id)).refusals == []


async def test_a_member_takes_no_key_where_keys_of_members_live_shorter(
    api: Api, make: Factory
) -> None:
    here = await make.team(member_permissions=list(MemberPermission))
    there = await make.team(member_permissions=list(MemberPermission), member_key_duration="10d")
    me = await make.person(team=here)
    await make.team_member(there, me)
    soon = datetime.now(UTC) + timedelta(days=9)
    lasting, brief = [await make.api_key(me, team=here, expires_at=end) for end in (None, soon)]
    answer = await api.refused(me, "apiKeyMove", id=lasting.id, teamId=there.id)
    assert answer.refusals == [("FORBIDDEN", "input.teamId")]
    assert (await api.mutate(me, "apiKeyMove", id=brief.id, teamId=there.id)).refusals == []
    admin = await admin_of(make, here, there)
    assert (await api.mutate(admin, "apiKeyMove", id=lasting.id, teamId=there.id)).refusals == []


async def test_a_member_takes_no_key_with_a_guarantee_to_another_team(
    api: Api, make: Factory
) -> None:
    here, there = [await make.team(member_permissions=list(MemberPermission)) for _ in range(2)]
    me = await make.person(team=here)
    await make.team_member(there, me)
    key = await make.api_key(me, team=here, tpm_limit_type="GUARANTEED")
    answer = await api.refused(me, "apiKeyMove", id=key.id, teamId=there.id)
    assert answer.refusals == [("FORBIDDEN", "input.teamId")]
    admin = await admin_of(make, here, there)
    assert (await api.mutate(admin, "apiKeyMove", id=key.id, teamId=there.id)).refusals == []


async def test_a_member_takes_no_service_to_a_team_that_may_spend_more_there_than_they_do(
    api: Api, make: Factory
) -> None:
    here = await make.team()
    there = await make.team(member_permissions=[MemberPermission.SERVICE_KEY_CREATE])
    me = await admin_of(make, here)
    await make.budget("team_member", await make.team_member(there, me), max_budget=5)
    keys = [await make.api_key(team=here) for _ in range(2)]
    for key, most in zip(keys, (5, 6), strict=True):
        await make.budget("api_key", key.row, max_budget=most)
    within, beyond = keys
    assert (await api.mutate(me, "apiKeyMove", id=within.id, teamId=there.id)).refusals == []
    answer = await api.refused(me, "apiKeyMove", id=beyond.id, teamId=there.id)
    assert answer.refusals == [("FORBIDDEN", "input.teamId")]


async def test_a_key_moves_itself_where_it_acts_as_its_user(api: Api, make: Factory) -> None:
    here = await make.team(member_permissions=[DELETE])
    there = await make.team(member_permissions=[CREATE])
    me = await make.person(team=here)
    await make.team_member(there, me)
    key = await make.api_key(me, team=here, scopes=[KeyScope.MANAGE])
    assert (await api.mutate(key, "apiKeyMove", id=key.id, teamId=there.id)).refusals == []


async def test_each_organization_reads_of_its_own_side_of_the_move(api: Api, make: Factory) -> None:
    organizations = [await make.organization() for _ in range(2)]
    here, there = [await make.team(organization) for organization in organizations]
    mover, key = await make.admin(), await make.api_key(team=here, alias="CI")
    readers = [
        await make.person(organization=organization, organization_role=OrganizationRole.VIEWER)
        for organization in organizations
    ]
    assert (await api.mutate(mover, "apiKeyMove", id=key.id, teamId=there.id)).refusals == []
    document = """
      { auditEntries { nodes { action objectId organizationId teamId actorUserId before after } } }
    """
    for reader, team in zip(readers, (here, there), strict=True):
        left = team is here
        assert (await api(reader, document)).payload["nodes"] == [
            {
                "action": "api_key.move",
                "objectId": key.id,
                "organizationId": team.organization_id,
                "teamId": team.id,
                "actorUserId": mover.id,
                "before": {"teamId": here.id if left else None},
                "after": {"teamId": None if left else there.id},
            }
        ]
