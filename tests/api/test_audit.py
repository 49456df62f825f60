"""The audit: what each mutation leaves behind, who reads it, and that nothing changes without it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from api_client import Api
from bursar.domain.ids import DEFAULT_ORGANIZATION
from bursar.domain.roles import OrganizationRole, PlatformRole, TeamRole
from factories import Factory, Person

ENTRY = "action objectId organizationId teamId actorUserId actorKeyId before after"
ALL = f"""
query($filter: AuditFilter) {{ auditEntries(filter: $filter, first: 1000) {{ nodes {{ {ENTRY} }} }} }}
"""


async def entries(api: Api, person: Person, **filter_: Any) -> list[Any]:
    """The entries that fit, oldest first."""
    return list(reversed((await api(person, ALL, filter=filter_)).payload["nodes"]))


async def actions(api: Api, person: Person, **filter_: Any) -> list[str]:
    return [entry["action"] for entry in await entries(api, person, **filter_)]


async def done(api: Api, person: Person, name: str, selection: str = "", /, **given: Any) -> Any:
    answer = await api.mutate(person, name, selection, **given)
    assert answer.refusals == []
    return answer.payload


async def test_every_mutation_writes_exactly_its_entries(api: Api, make: Factory) -> None:
    admin = await make.admin()
    person = await make.person()

    async def written(name: str, selection: str = "", /, **given: Any) -> tuple[Any, list[str]]:
        before = await entries(api, admin)
        payload = await done(api, admin, name, selection, **given)
        after = await entries(api, admin)
        assert after[: len(before)] == before
        return payload, [entry["action"] for entry in after[len(before) :]]

    payload, said = await written("organizationCreate", "organization { id }", name="O")
    assert said == ["organization.create"]
    organization_id = payload["organization"]["id"]
    _, said = await written("organizationUpdate", id=organization_id, name="P")
    assert said == ["organization.update"]
    payload, said = await written(
        "teamCreate",
        "team { id }",
        name="T",
        organizationId=organization_id,
        addToOrganization=True,
        members=[{"email": "new@example.com"}, {"userId": person.id}],
    )
    assert said == [
        "team.create",
        "user.create",
        "organization_member.add",
        "organization_member.add",
        "team_member.add",
        "team_member.add",
    ]
    team_id = payload["team"]["id"]
    one = {"teamId": team_id, "members": [{"userId": person.id}]}
    member = {"organizationId": organization_id, "members": one["members"]}
    newcomer = {**member, "members": [{"email": "newer@example.com"}]}
    me = [{"userId": admin.id}]
    payload, said = await written("budgetCreate", "budget { id }", name="P")
    assert said == ["budget.create"]
    plan_id = payload["budget"]["id"]
    payload, said = await written(
        "accessGroupCreate", "accessGroup { id }", name="g", models=["gpt-5"]
    )
    assert said == ["access_group.create"]
    group_id = payload["accessGroup"]["id"]
    attach = {"budgetId": plan_id, "holderId": team_id}
    until = datetime.now(UTC) + timedelta(hours=1)
    more = {"holderId": team_id, "amount": "1", "until": until.isoformat()}
    await make.spend_of(team_id, 5)
    for name, given, expected in (
        ("budgetAttach", attach, ["budget.attach"]),
        ("budgetAttach", attach, []),
        ("budgetUpdate", {"id": plan_id, "maxBudget": "9"}, ["budget.update"]),
        ("budgetIncrease", more, ["budget.increase"]),
        ("budgetIncrease", more, []),
        ("spendReset", {"holderId": team_id}, ["spend.reset"]),
        ("spendReset", {"holderId": team_id}, []),
        ("budgetDetach", {"holderId": team_id}, ["budget.detach"]),
        ("budgetDetach", {"holderId": team_id}, []),
        ("budgetDelete", {"id": plan_id}, ["budget.delete"]),
        ("teamUpdate", {"id": team_id, "name": "U"}, ["team.update"]),
        ("teamModelsAdd", {"id": team_id, "models": ["gpt-5"]}, ["team.update"]),
        ("teamModelsAdd", {"id": team_id, "models": ["gpt-5"]}, []),
        ("teamModelsRemove", {"id": team_id, "models": ["gpt-5"]}, ["team.update"]),
        ("teamModelsRemove", {"id": team_id, "models": ["gpt-5"]}, []),
        ("teamModelsAdd", {"id": team_id, "models": ["group:g"]}, ["team.update"]),
        ("accessGroupUpdate", {"id": group_id, "models": []}, ["access_group.update"]),
        (
            "accessGroupUpdate",
            {"id": group_id, "name": "h"},
            ["access_group.update", "team.update"],
        ),
        (
            "teamModelsRemove",
            {"id": team_id, "models": ["group:h"], "allowNone": True},
            ["team.update"],
        ),
        ("accessGroupDelete", {"id": group_id}, ["access_group.delete"]),
        ("teamMemberBudgetUpdate", {"teamId": team_id, "budget": {}}, ["team.update"]),
        ("teamMemberPermissionsUpdate", {"teamId": team_id, "permissions": []}, ["team.update"]),
        ("teamBlock", {"id": team_id}, ["team.block"]),
        ("teamBlock", {"id": team_id}, []),
        ("teamUnblock", {"id": team_id}, ["team.unblock"]),
        ("teamUnblock", {"id": team_id}, []),
        (
            "teamMemberUpdate",
            {"teamId": team_id, "userId": person.id, "role": "ADMIN"},
            ["team_member.update"],
        ),
        ("teamMembersRemove", one, ["team_member.remove"]),
        ("teamUpdate", {"id": team_id, "joinable": True}, ["team.update"]),
        ("organizationMembersRemove", member, ["organization_member.remove"]),
        ("organizationMembersAdd", member, ["organization_member.add"]),
        ("organizationMembersAdd", newcomer, ["user.create", "organization_member.add"]),
        (
            "organizationMemberUpdate",
            {"organizationId": organization_id, "userId": person.id, "role": "VIEWER"},
            ["organization_member.update"],
        ),
        ("organizationMembersAdd", {**member, "members": me}, ["organization_member.add"]),
        ("teamJoin", {"teamId": team_id}, ["team_member.add"]),
        ("teamLeave", {"teamId": team_id}, ["team_member.remove"]),
        ("teamJoin", {"teamId": team_id}, ["team_member.add"]),
        (
            "organizationMembersRemove",
            {**member, "members": me},
            ["team_member.remove", "organization_member.remove"],
        ),
        ("teamMembersAdd", one, ["team_member.add"]),
        ("teamMembersAdd", {**one, "mode": "BEST_EFFORT"}, []),
        ("teamMembersAdd", {"teamId": team_id, "allUsers": True}, ["team_member.add_all"]),
        ("teamMembersAdd", {"teamId": team_id, "allUsers": True}, []),
        ("userUpdate", {"id": person.id, "name": "N"}, ["user.update"]),
        ("userBlock", {"id": person.id}, ["user.block"]),
        ("userBlock", {"id": person.id}, []),
        ("userUnblock", {"id": person.id}, ["user.unblock"]),
        ("apiKeyCreate", {"userId": person.id}, ["api_key.create"]),
        (
            "userDelete",
            {"id": person.id},
            [
                *["api_key.delete"] * 2,
                *("team_member.remove", "organization_member.remove", "user.delete"),
            ],
        ),
        (
            "teamMove",
            {"id": team_id, "organizationId": DEFAULT_ORGANIZATION},
            ["team.move", "team.move"],
        ),
        ("teamMove", {"id": team_id, "organizationId": DEFAULT_ORGANIZATION}, []),
        ("teamsDelete", {"ids": [team_id]}, ["team.delete"]),
        ("userCreate", {"name": "V"}, ["user.create"]),
        (
            "organizationDelete",
            {"id": organization_id},
            [*["organization_member.remove"] * 2, "organization.delete"],
        ),
    ):
        _, said = await written(name, **given)
        assert said == expected, name


async def test_cascade_writes_an_entry_for_each_team(api: Api, make: Factory) -> None:
    admin, organization = await make.admin(), await make.organization()
    teams = [await make.team(organization) for _ in range(2)]
    await done(api, admin, "organizationDelete", id=organization.id, cascade=True)
    written = [(e["action"], e["objectId"]) for e in await entries(api, admin)]
    assert written == [
        ("team.delete", teams[0].id),
        ("team.delete", teams[1].id),
        ("organization.delete", organization.id),
    ]


async def test_entry_says_who_what_where_and_only_what_changed(api: Api, make: Factory) -> None:
    admin, organization = await make.admin(), await make.organization()
    team = await make.team(organization, name="Old", tags=["kept"])
    await make.budget("team", team, max_budget=5, rpm_limit=1)
    await done(api, admin, "teamUpdate", id=team.id, name="New", budget={"maxBudget": "6.50"})
    (entry,) = await entries(api, admin)
    limits = {
        "maxBudget": "5",
        "softBudget": None,
        "duration": None,
        "timezone": "UTC",
        "tpmLimit": None,
        "rpmLimit": 1,
        "maxParallelRequests": None,
        "modelLimits": [],
    }
    assert entry == {
        "action": "team.update",
        "objectId": team.id,
        "organizationId": organization.id,
        "teamId": team.id,
        "actorUserId": admin.id,
        "actorKeyId": admin.key_id,
        "before": {"name": "Old", "budget": limits},
        "after": {"name": "New", "budget": {**limits, "maxBudget": "6.5"}},
    }


async def test_created_and_deleted_things_are_whole_on_one_side(api: Api, make: Factory) -> None:
    admin = await make.admin()
    payload = await done(
        api, admin, "userCreate", "user { id createdAt }", name="Ada", budget={"rpmLimit": 1}
    )
    user = payload["user"]
    await done(api, admin, "userDelete", id=user["id"])
    created, deleted = await entries(api, admin, objectId=user["id"])
    assert (created["before"], deleted["after"]) == (None, None)
    assert created["after"] == deleted["before"]
    assert created["after"].pop("budget")["rpmLimit"] == 1
    assert created["after"] == {
        "id": user["id"],
        "name": "Ada",
        "email": None,
        "externalId": None,
        "role": "USER",
        "blocked": False,
        "metadata": {},
        "models": [],
        "allowNone": False,
        "createdAt": user["createdAt"],
    }


async def test_default_budget_change_shows_both_sides(api: Api, make: Factory) -> None:
    admin, team = await make.admin(), await make.team()
    await done(api, admin, "teamMemberBudgetUpdate", teamId=team.id, budget={"maxBudget": "1"})
    await done(api, admin, "teamMemberBudgetUpdate", teamId=team.id, budget=None)
    first, second = await entries(api, admin)
    assert first["before"] == second["after"] == {"memberBudget": None}
    assert first["after"] == second["before"]
    assert first["after"]["memberBudget"]["maxBudget"] == "1"


@pytest.mark.parametrize(
    ("sent", "kept"), [("req-1.x_Y", True), ("with blank", False), ("x" * 65, False), ("", False)]
)
async def test_request_id_of_the_client_is_in_the_entry_and_the_answer(
    api: Api, make: Factory, sent: str, kept: bool
) -> None:
    admin = await make.admin()
    response = await api.http.post(
        "/graphql",
        json={"query": 'mutation { userCreate(input: {name: "Ada"}) { errors { message } } }'},
        headers={"Authorization": f"Bearer {admin.secret}", "X-Request-Id": sent},
    )
    answered = response.headers["X-Request-Id"]
    assert (answered == sent) is kept
    document = "{ auditEntries { nodes { requestId } } }"
    assert (await api(admin, document)).payload["nodes"] == [{"requestId": answered}]


@asynccontextmanager
async def unwritable_audit(owner: asyncpg.Connection, role: str) -> AsyncIterator[None]:
    await owner.execute(f"REVOKE INSERT ON audit_entries FROM {role}")
    try:
        yield
    finally:
        await owner.execute(f"GRANT INSERT ON audit_entries TO {role}")


@pytest.mark.usefixtures("no_tracebacks")
async def test_change_that_cannot_be_recorded_does_not_happen(
    api: Api, make: Factory, owner: asyncpg.Connection, application_role: str
) -> None:
    admin, organization = await make.admin(), await make.organization()
    team, person = await make.team(organization), await make.person(organization=organization)
    member = await make.person(organization=organization, team=team)
    empty = await make.organization()
    before = await api.fingerprint()
    async with unwritable_audit(owner, application_role):
        for name, given in (
            ("organizationCreate", {"name": "O"}),
            ("organizationUpdate", {"id": organization.id, "budget": {"maxBudget": "1"}}),
            ("organizationDelete", {"id": empty.id}),
            ("teamCreate", {"name": "T", "members": [{"userId": person.id}]}),
            ("teamUpdate", {"id": team.id, "name": "T"}),
            ("teamMemberBudgetUpdate", {"teamId": team.id, "budget": {"maxBudget": "1"}}),
            ("teamBlock", {"id": team.id}),
            ("teamMove", {"id": team.id, "organizationId": DEFAULT_ORGANIZATION}),
            ("teamsDelete", {"ids": [team.id]}),
            ("teamMembersAdd", {"teamId": team.id, "members": [{"userId": person.id}]}),
            ("teamMembersAdd", {"teamId": team.id, "allUsers": True}),
            ("teamMemberUpdate", {"teamId": team.id, "userId": member.id, "role": "ADMIN"}),
            ("teamMembersRemove", {"teamId": team.id, "members": [{"userId": member.id}]}),
            ("userCreate", {"name": "U"}),
            ("userUpdate", {"id": person.id, "name": "U"}),
            ("userBlock", {"id": person.id}),
            ("userDelete", {"id": person.id}),
            ("apiKeyCreate", {"userId": person.id}),
        ):
            answer = await api.mutate(admin, name, **given)
            assert answer.codes == ["UNAVAILABLE"], name
            assert answer.data is None
            assert "audit" not in str(answer.errors)
            assert await api.fingerprint() == before, name


async def test_refused_mutation_leaves_no_entry(api: Api, make: Factory) -> None:
    admin = await make.admin()
    await api.refused(admin, "userCreate", name="")
    assert await entries(api, admin) == []


async def test_entries_are_filtered_by_everything_at_once_and_alone(
    api: Api, make: Factory
) -> None:
    organization = await make.organization()
    team = await make.team(organization)
    first, second = await make.admin(), await make.admin()
    await done(api, first, "teamUpdate", id=team.id, name="A")
    await done(api, second, "teamBlock", id=team.id)
    payload = await done(api, second, "userCreate", "user { id }", name="U")
    await done(api, first, "organizationUpdate", id=organization.id, name="B")
    every = ["team.update", "team.block", "user.create", "organization.update"]
    assert await actions(api, first) == every
    (middle,) = (
        await api(
            first,
            "query($id: ID!) { auditEntries(filter: {objectId: $id}) { nodes { at } } }",
            id=payload["user"]["id"],
        )
    ).payload["nodes"]
    for filter_, expected in (
        ({"objectId": team.id}, every[:2]),
        ({"actorUserId": second.id}, every[1:3]),
        ({"actions": ["team.block", "user.create", "x"]}, every[1:3]),
        ({"actions": []}, []),
        ({"organizationId": organization.id}, [*every[:2], every[3]]),
        ({"teamId": team.id}, every[:2]),
        ({"since": middle["at"]}, every[2:]),
        ({"before": middle["at"]}, every[:2]),
        ({"teamId": team.id, "actorUserId": second.id}, ["team.block"]),
        ({"teamId": team.id, "before": None}, every[:2]),
        ({"organizationId": DEFAULT_ORGANIZATION}, []),
        ({"objectId": "nothing"}, []),
    ):
        assert await actions(api, first, **filter_) == expected, filter_


async def test_entries_are_read_by_admins_of_what_they_are_about(api: Api, make: Factory) -> None:
    organization = await make.organization()
    team, other = await make.team(organization), await make.team(organization)
    admin = await make.admin()
    for given in ({"id": team.id}, {"id": other.id}):
        await done(api, admin, "teamUpdate", **given, name="A")
    await done(api, admin, "userCreate", name="U")
    readers = {
        "viewer": (await make.person(PlatformRole.VIEWER), 3),
        "organization": (
            await make.person(organization=organization, organization_role=OrganizationRole.ADMIN),
            2,
        ),
        "team": (await make.person(team=team, team_role=TeamRole.ADMIN), 1),
        "member": (await make.person(organization=organization, team=team), 0),
        "stranger": (await make.person(), 0),
    }
    for name, (reader, count) in readers.items():
        assert len(await entries(api, reader)) == count, name


async def test_entry_leads_to_actor_organization_and_team_or_null_where_they_are_gone(
    api: Api, make: Factory
) -> None:
    admin, other = await make.admin(), await make.admin()
    organization = await make.organization()
    team = await make.team(organization)
    await done(api, admin, "teamBlock", id=team.id)
    document = """
      { auditEntries(filter: {actions: ["team.block"]}) {
        nodes { actorUserId actor { id } organization { id } team { id } } } }
    """
    expected = {
        "actorUserId": admin.id,
        "actor": {"id": admin.id},
        "organization": {"id": organization.id},
        "team": {"id": team.id},
    }
    assert (await api(other, document)).payload["nodes"] == [expected]
    await done(api, other, "organizationDelete", id=organization.id, cascade=True)
    await done(api, other, "userDelete", id=admin.id)
    gone = {"actorUserId": admin.id, "actor": None, "organization": None, "team": None}
    assert (await api(other, document)).payload["nodes"] == [gone]
