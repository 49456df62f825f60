"""teamCreate, teamUpdate, teamBlock, teamUnblock, teamsDelete, and teams read back."""

from typing import Any

import pytest

from api_client import Api
from bursar.domain.ids import DEFAULT_ORGANIZATION, Prefix, new_id
from bursar.domain.roles import OrganizationRole, TeamRole
from factories import Factory, Person

WHOLE = """
id externalId name description tags metadata blocked version organization { id }
budget { source limits { maxBudget softBudget duration timezone tpmLimit rpmLimit } }
memberBudget { source limits { maxBudget rpmLimit } }
members { nodes { role user { id email } } }
"""


async def read(api: Api, person: Person, team_id: str) -> Any:
    document = f"query($id: ID!) {{ team(id: $id) {{ {WHOLE} }} }}"
    return (await api(person, document, id=team_id)).payload


async def call(api: Api, person: Person, name: str, /, **given: Any) -> Any:
    answer = await api.mutate(person, name, f"team {{ {WHOLE} }}", **given)
    assert answer.refusals == []
    return answer.payload["team"]


async def test_platform_admin_creates_team_that_reads_back_as_given(
    api: Api, make: Factory
) -> None:
    admin = await make.admin()
    organization = await make.organization()
    member = await make.person(organization=organization)
    created = await call(
        api,
        admin,
        "teamCreate",
        name="Search",
        organizationId=organization.id,
        externalId="t-1",
        description="Two\nlines",
        tags=["b", "a"],
        metadata={"cost": {"center": 7}},
        budget={"maxBudget": "10.0000000001", "duration": "30d", "timezone": "Europe/Rome"},
        memberBudget={"maxBudget": "0", "rpmLimit": "9007199254740993"},
        members=[{"userId": member.id, "role": "ADMIN"}],
    )
    assert created == await read(api, admin, created["id"])
    assert created == {
        "id": created["id"],
        "externalId": "t-1",
        "name": "Search",
        "description": "Two\nlines",
        "tags": ["b", "a"],
        "metadata": {"cost": {"center": 7}},
        "blocked": False,
        "version": 1,
        "organization": {"id": organization.id},
        "budget": {
            "source": "OWN",
            "limits": {
                "maxBudget": "10.0000000001",
                "softBudget": None,
                "duration": "30d",
                "timezone": "Europe/Rome",
                "tpmLimit": None,
                "rpmLimit": None,
            },
        },
        "memberBudget": {
            "source": "TEAM_DEFAULT",
            "limits": {"maxBudget": "0", "rpmLimit": "9007199254740993"},
        },
        "members": {"nodes": [{"role": "ADMIN", "user": {"id": member.id, "email": member.email}}]},
    }


async def test_team_without_an_organization_belongs_to_the_built_in_one_and_has_no_creator_in_it(
    api: Api, make: Factory
) -> None:
    created = await call(api, await make.admin(), "teamCreate", name="Plain")
    assert created["organization"]["id"] == DEFAULT_ORGANIZATION
    assert (created["budget"], created["memberBudget"]) == (None, None)
    assert created["members"]["nodes"] == []


@pytest.mark.parametrize("naming", ["nobody", "id", "email"])
async def test_user_who_creates_a_team_becomes_its_admin(
    api: Api, make: Factory, naming: str
) -> None:
    organization = await make.organization()
    admin = await make.person(organization=organization, organization_role=OrganizationRole.ADMIN)
    members = {
        "nobody": [],
        "id": [{"userId": admin.id}],
        "email": [{"email": admin.email.upper(), "role": "MEMBER"}],
    }[naming]
    created = await call(
        api, admin, "teamCreate", name="Mine", organizationId=organization.id, members=members
    )
    assert created["members"]["nodes"] == [
        {"role": "ADMIN", "user": {"id": admin.id, "email": admin.email}}
    ]


async def test_creator_hears_of_all_that_is_wrong_with_the_input_at_once(
    api: Api, make: Factory
) -> None:
    answer = await api.refused(
        await make.person(),
        "teamCreate",
        "team { id }",
        name=" x",
        organizationId=new_id(Prefix.ORGANIZATION),
        externalId="",
        description="\0",
        tags=["a", "a"],
        budget={"rpmLimit": "-1"},
        memberBudget={"maxBudget": "1", "softBudget": "1"},
        members=[{}, {"email": "no e-mail"}, {"email": "a@b.c", "budget": {"maxBudget": "-1"}}],
    )
    assert answer.refusals == [
        ("BAD_INPUT", "input.name"),
        ("BAD_INPUT", "input.externalId"),
        ("BAD_INPUT", "input.description"),
        ("BAD_INPUT", "input.tags"),
        ("BAD_INPUT", "input.budget.rpmLimit"),
        ("BAD_INPUT", "input.memberBudget.softBudget"),
        ("BAD_INPUT", "input.members.0"),
        ("BAD_INPUT", "input.members.1.email"),
        ("BAD_INPUT", "input.members.2.budget.maxBudget"),
    ]
    assert answer.payload["team"] is None


async def test_create_in_an_organization_not_seen_is_not_found_and_in_one_not_administered_forbidden(
    api: Api, make: Factory
) -> None:
    hidden, own = await make.organization(), await make.organization()
    member = await make.person(organization=own)
    for organization_id in (hidden.id, new_id(Prefix.ORGANIZATION), "org_x", "", "\0"):
        answer = await api.refused(
            member, "teamCreate", name="Team", organizationId=organization_id
        )
        assert answer.refusals == [("NOT_FOUND", "input.organizationId")]
    for organization_id in (own.id, None):
        answer = await api.refused(
            member, "teamCreate", name="Team", organizationId=organization_id
        )
        assert answer.refusals == [("FORBIDDEN", "input.organizationId")]


async def test_create_whose_member_is_refused_leaves_no_trace(api: Api, make: Factory) -> None:
    organization = await make.organization()
    outsider = await make.person()
    answer = await api.refused(
        await make.admin(),
        "teamCreate",
        name="Team",
        organizationId=organization.id,
        members=[{"email": "new@example.com"}, {"userId": outsider.id}],
    )
    assert answer.refusals == [
        ("CONFLICT", "input.members.0.email"),
        ("CONFLICT", "input.members.1.userId"),
    ]


async def test_create_with_more_than_500_members_is_bad_input(api: Api, make: Factory) -> None:
    members = [{"email": f"new{number}@example.com"} for number in range(501)]
    answer = await api.refused(await make.admin(), "teamCreate", name="Team", members=members)
    assert answer.refusals == [("BAD_INPUT", "input.members")]


async def test_limits_above_the_organizations_are_refused_with_limit_and_request(
    api: Api, make: Factory
) -> None:
    admin = await make.admin()
    organization = await make.organization()
    await make.budget("organization", organization, max_budget=100, tpm_limit=10, rpm_limit=5)
    above = {"maxBudget": "100.01", "tpmLimit": "11", "rpmLimit": "6"}
    team = await make.team(organization)
    for name, given in (
        ("teamCreate", {"name": "Team", "organizationId": organization.id}),
        ("teamUpdate", {"id": team.id}),
    ):
        answer = await api.refused(admin, name, **given, budget=above)
        facts = [
            (e["__typename"], e["code"], e["path"][-1], e["level"], e["limit"], e["requested"])
            for e in answer.payload["errors"]
        ]
        assert facts == [
            ("LimitExceeded", "CONFLICT", "maxBudget", "organization", "100", "100.01"),
            ("LimitExceeded", "CONFLICT", "tpmLimit", "organization", "10", "11"),
            ("LimitExceeded", "CONFLICT", "rpmLimit", "organization", "5", "6"),
        ]
        within = {"maxBudget": "100", "tpmLimit": "10", "rpmLimit": None}
        team_now = await call(api, admin, name, **given, budget=within)
        assert team_now["budget"]["limits"]["maxBudget"] == "100"


async def test_default_member_budget_may_be_above_the_organizations(
    api: Api, make: Factory
) -> None:
    organization = await make.organization()
    await make.budget("organization", organization, max_budget=1)
    created = await call(
        api,
        await make.admin(),
        "teamCreate",
        name="Team",
        organizationId=organization.id,
        memberBudget={"maxBudget": "2"},
    )
    assert created["memberBudget"]["limits"]["maxBudget"] == "2"


async def test_update_changes_what_is_given_and_keeps_the_rest(api: Api, make: Factory) -> None:
    admin = await make.admin()
    created = await call(
        api,
        admin,
        "teamCreate",
        name="One",
        externalId="x",
        description="d",
        tags=["t"],
        metadata={"a": 1},
        budget={"maxBudget": "5", "rpmLimit": "3"},
        memberBudget={"maxBudget": "1"},
    )
    changed = await call(api, admin, "teamUpdate", id=created["id"], name="Two")
    assert changed == {**created, "name": "Two", "version": 2}
    changed = await call(api, admin, "teamUpdate", id=created["id"], budget={"maxBudget": "6"})
    limits = {**created["budget"]["limits"], "maxBudget": "6"}
    assert changed["budget"] == {"source": "OWN", "limits": limits}
    cleared = {"externalId": None, "description": None, "tags": [], "metadata": {}, "budget": None}
    changed = await call(api, admin, "teamUpdate", id=created["id"], **cleared)
    assert changed == {**created, "name": "Two", **cleared, "version": 4}
    assert changed == await read(api, admin, created["id"])


async def test_null_for_what_cannot_be_null_is_bad_input(api: Api, make: Factory) -> None:
    team = await make.team()
    answer = await api.refused(
        await make.admin(),
        "teamUpdate",
        id=team.id,
        name=None,
        tags=None,
        metadata=None,
        budget={"timezone": None},
    )
    assert answer.refusals == [
        ("BAD_INPUT", "input.name"),
        ("BAD_INPUT", "input.tags"),
        ("BAD_INPUT", "input.metadata"),
        ("BAD_INPUT", "input.budget.timezone"),
    ]


async def test_external_id_is_unique_and_free_again_after_deletion(api: Api, make: Factory) -> None:
    admin = await make.admin()
    first, second = await make.team(external_id="a/b@c"), await make.team()
    for name, given in (("teamCreate", {"name": "Team"}), ("teamUpdate", {"id": second.id})):
        answer = await api.refused(admin, name, **given, externalId="a/b@c")
        assert answer.refusals == [("CONFLICT", "input.externalId")]
    await make.organization(external_id="only per type")
    assert (await api.mutate(admin, "teamsDelete", ids=[first.id])).refusals == []
    changed = await call(api, admin, "teamUpdate", id=second.id, externalId="a/b@c")
    assert changed["externalId"] == "a/b@c"
    document = "query($x: String!) { teamByExternalId(externalId: $x) { id } }"
    assert (await api(admin, document, x="a/b@c")).payload == {"id": second.id}
    for other in ("A/B@C", "", "\0"):
        assert (await api(admin, document, x=other)).payload is None


async def test_checks_come_in_the_order_of_the_contract(api: Api, make: Factory) -> None:
    organization = await make.organization()
    await make.budget("organization", organization, max_budget=1)
    team = await make.team(organization)
    member = await make.person(team=team)
    stranger, admin = await make.person(), await make.admin()
    wrong = {"id": team.id, "expectedVersion": 9, "budget": {"maxBudget": "2"}}
    expected = [
        (stranger, {"name": ""}, ("BAD_INPUT", "input.name")),
        (stranger, {}, ("NOT_FOUND", "input.id")),
        (member, {}, ("FORBIDDEN", "input.budget")),
        (admin, {}, ("VERSION_CONFLICT", "input.expectedVersion")),
        (admin, {"expectedVersion": None}, ("CONFLICT", "input.budget.maxBudget")),
    ]
    for person, given, refusal in expected:
        answer = await api.refused(person, "teamUpdate", **{**wrong, **given})
        assert answer.refusals == [refusal]


async def test_update_with_a_stale_version_hears_the_current_one(api: Api, make: Factory) -> None:
    admin, team = await make.admin(), await make.team()
    await call(api, admin, "teamUpdate", id=team.id, name="Changed", expectedVersion=1)
    answer = await api.refused(admin, "teamUpdate", id=team.id, name="Again", expectedVersion=1)
    (error,) = answer.payload["errors"]
    assert (error["__typename"], error["currentVersion"]) == ("VersionConflict", 2)


async def test_team_admin_changes_the_team_but_not_its_budget_or_external_id(
    api: Api, make: Factory
) -> None:
    team = await make.team()
    admin = await make.person(team=team, team_role=TeamRole.ADMIN)
    changed = await call(api, admin, "teamUpdate", id=team.id, name="Ours", tags=["x"])
    assert (changed["name"], changed["tags"]) == ("Ours", ["x"])
    answer = await api.refused(
        admin, "teamUpdate", id=team.id, name="No", externalId="x", budget=None
    )
    assert sorted(answer.refusals) == [
        ("FORBIDDEN", "input.budget"),
        ("FORBIDDEN", "input.externalId"),
    ]
    for name, given in (("teamBlock", {"id": team.id}), ("teamsDelete", {"ids": [team.id]})):
        refusals = (await api.refused(admin, name, **given)).refusals
        assert refusals[0][0] == "FORBIDDEN"


async def test_block_and_unblock_are_idempotent(api: Api, make: Factory) -> None:
    admin, team = await make.admin(), await make.team()
    for name, blocked, version in (("teamBlock", True, 2), ("teamUnblock", False, 3)):
        changed = await call(api, admin, name, id=team.id)
        assert (changed["blocked"], changed["version"]) == (blocked, version)
        before = await api.fingerprint()
        assert await call(api, admin, name, id=team.id) == changed
        assert await api.fingerprint() == before
        assert await read(api, admin, team.id) == changed


async def test_teams_are_deleted_with_members_and_budgets_and_a_repeated_id_counts_once(
    api: Api, make: Factory
) -> None:
    admin = await make.admin()
    gone, kept = [await make.team(), await make.team()], await make.team()
    member = await make.person(team=gone[0])
    await make.team_member(kept, member)
    budgets = [
        await make.budget("team", gone[0], max_budget=1),
        await make.budget("team_default", gone[1], max_budget=1),
    ]
    ids = [gone[1].id, gone[0].id, gone[1].id]
    answer = await api.mutate(admin, "teamsDelete", "deletedIds", ids=ids)
    assert answer.refusals == []
    assert sorted(answer.payload["deletedIds"]) == [team.id for team in gone]
    document = "query($ids: [ID!]!) { nodes(ids: $ids) { id } }"
    ids = [thing.id for thing in (*gone, *budgets, kept, member)]
    found = (await api(admin, document, ids=ids)).payload
    assert found == [None, None, None, None, {"id": kept.id}, {"id": member.id}]


async def test_teams_are_deleted_all_or_none(api: Api, make: Factory) -> None:
    organization = await make.organization()
    admin = await make.person(organization=organization, organization_role=OrganizationRole.ADMIN)
    own, hidden, joined = await make.team(organization), await make.team(), await make.team()
    await make.team_member(joined, admin)
    answer = await api.refused(
        admin, "teamsDelete", "deletedIds", ids=[own.id, hidden.id, joined.id, "team_x", "\0"]
    )
    assert answer.refusals == [
        ("NOT_FOUND", "input.ids.1"),
        ("NOT_FOUND", "input.ids.3"),
        ("NOT_FOUND", "input.ids.4"),
    ]
    assert answer.payload["deletedIds"] == []
    answer = await api.refused(admin, "teamsDelete", ids=[own.id, joined.id])
    assert answer.refusals == [("FORBIDDEN", "input.ids.1")]
    for ids in ([], [own.id] * 101):
        answer = await api.refused(admin, "teamsDelete", ids=ids)
        assert answer.refusals == [("BAD_INPUT", "input.ids")]
