"""organizationMembersAdd, organizationMemberUpdate, organizationMembersRemove."""

from typing import Any

import pytest

from api_client import Answer, Api
from bursar.database.rows import Row
from bursar.domain.ids import DEFAULT_ORGANIZATION, Prefix, new_id
from bursar.domain.roles import OrganizationRole, PlatformRole, TeamRole
from factories import Factory, Person

MEMBER = """
id role version user { id email } organization { id }
budget { source limits { maxBudget rpmLimit } }
"""
IN_TEAMS = "query($id: ID!) { user(id: $id) { teams { nodes { team { id } } } } }"
ENTRIES = "{ auditEntries { nodes { action objectId organizationId teamId before after } } }"


async def admin_of(make: Factory, organization: Row) -> Person:
    return await make.person(organization=organization, organization_role=OrganizationRole.ADMIN)


async def add(
    api: Api, person: Person, organization_id: str, *members: dict[str, Any]
) -> list[Any]:
    answer = await api.mutate(
        person,
        "organizationMembersAdd",
        f"members {{ {MEMBER} }}",
        organizationId=organization_id,
        members=list(members),
    )
    assert answer.refusals == []
    return list(answer.payload["members"])


async def refuse_to_add(
    api: Api, person: Person, organization: Row, *members: dict[str, Any]
) -> Answer:
    return await api.refused(
        person, "organizationMembersAdd", organizationId=organization.id, members=list(members)
    )


async def update(api: Api, person: Person, organization: Row, **given: Any) -> Any:
    answer = await api.mutate(
        person,
        "organizationMemberUpdate",
        f"member {{ {MEMBER} }}",
        organizationId=organization.id,
        **given,
    )
    assert answer.refusals == []
    return answer.payload["member"]


async def remove(api: Api, person: Person, organization_id: str, *members: Any) -> list[str]:
    answer = await api.mutate(
        person,
        "organizationMembersRemove",
        "removedIds",
        organizationId=organization_id,
        members=list(members),
    )
    assert answer.refusals == []
    return list(answer.payload["removedIds"])


async def refuse_to_remove(api: Api, person: Person, organization: Row, *members: Any) -> Answer:
    return await api.refused(
        person, "organizationMembersRemove", organizationId=organization.id, members=list(members)
    )


async def members_of(api: Api, person: Person, organization: Row) -> list[Any]:
    document = (
        f"query($id: ID!) {{ organization(id: $id) {{ members {{ nodes {{ {MEMBER} }} }} }} }}"
    )
    return list((await api(person, document, id=organization.id)).payload["members"]["nodes"])


async def teams_of(api: Api, person: Person) -> list[str]:
    teams = (await api(person, IN_TEAMS, id=person.id)).payload["teams"]["nodes"]
    return [node["team"]["id"] for node in teams]


@pytest.mark.parametrize("role", ["platform admin", "organization admin"])
async def test_admin_adds_people_seen_or_not_or_new_in_the_order_given(
    api: Api, make: Factory, role: str
) -> None:
    organization = await make.organization()
    platform = role == "platform admin"
    admin = await make.admin() if platform else await admin_of(make, organization)
    one, other = [await make.person() for _ in range(2)]
    added = await add(
        api,
        admin,
        organization.id,
        {"email": "Née.Doe@example.com", "role": "ADMIN"},
        {"email": other.email.upper(), "role": "VIEWER", "budget": {"rpmLimit": 5}},
        {"userId": one.id, "email": one.email},
    )
    assert [(m["user"]["email"], m["role"], m["version"]) for m in added] == [
        ("Née.Doe@example.com", "ADMIN", 1),
        (other.email, "VIEWER", 1),
        (one.email, "MEMBER", 1),
    ]
    own = {"source": "OWN", "limits": {"maxBudget": None, "rpmLimit": "5"}}
    assert [m["budget"] for m in added] == [None, own, None]
    assert (await members_of(api, admin, organization))[-3:] == added
    document = "query($email: String!) { userByEmail(email: $email) { name role } }"
    answer = await api(await make.admin(), document, email="NÉE.DOE@EXAMPLE.COM")
    assert answer.payload == {"name": "Née.Doe", "role": "USER"}


async def test_who_is_there_already_or_is_nobody_keeps_all_out(api: Api, make: Factory) -> None:
    organization = await make.organization()
    admin, newcomer = await admin_of(make, organization), await make.person()
    member = await make.person(organization=organization)
    answer = await refuse_to_add(
        api, admin, organization, {"userId": newcomer.id}, {"email": member.email}
    )
    assert answer.refusals == [("CONFLICT", "input.members.1.email")]
    nobody = [new_id(Prefix.USER), "user_x", "\0", ""]
    answer = await refuse_to_add(
        api, admin, organization, {"userId": member.id}, *({"userId": id_} for id_ in nobody)
    )
    assert answer.refusals == [
        ("NOT_FOUND", f"input.members.{place}.userId") for place in range(1, 5)
    ]


async def test_same_person_twice_and_two_people_as_one_are_bad_input(
    api: Api, make: Factory
) -> None:
    organization, admin = await make.organization(), await make.admin()
    one, other = [await make.person() for _ in range(2)]
    for twice in (
        [{"userId": one.id}, {"userId": one.id}],
        [{"userId": one.id}, {"email": one.email}],
        [{"email": "new@example.com"}, {"email": "NEW@example.com"}],
    ):
        answer = await refuse_to_add(api, admin, organization, *twice)
        assert answer.refusals == [("BAD_INPUT", "input.members.1")]
    both = {"userId": one.id, "email": other.email}
    answer = await refuse_to_add(api, admin, organization, both)
    assert answer.refusals == [("BAD_INPUT", "input.members.0.email")]
    await add(api, admin, organization.id, {"userId": one.id}, {"userId": other.id})
    answer = await refuse_to_remove(api, admin, organization, both)
    assert answer.refusals == [("BAD_INPUT", "input.members.0.email")]
    answer = await refuse_to_remove(
        api, admin, organization, {"userId": one.id}, {"email": one.email}
    )
    assert answer.refusals == [("BAD_INPUT", "input.members.1")]


async def test_five_hundred_people_are_added_and_removed_at_once_and_no_more(
    api: Api, make: Factory
) -> None:
    organization, admin = await make.organization(), await make.admin()
    people = [{"email": f"p{number}@example.com"} for number in range(501)]
    for wrong in ([], people):
        for refuse in (refuse_to_add, refuse_to_remove):
            answer = await refuse(api, admin, organization, *wrong)
            assert answer.refusals == [("BAD_INPUT", "input.members")]
    added = await add(api, admin, organization.id, *people[:500])
    assert [{"email": member["user"]["email"]} for member in added] == people[:500]
    removed = await remove(api, admin, organization.id, *people[:500])
    assert removed == [member["id"] for member in added]
    assert await members_of(api, admin, organization) == []


async def test_all_that_is_wrong_with_new_members_is_said_at_once(api: Api, make: Factory) -> None:
    answer = await refuse_to_add(
        api,
        await make.person(),
        await make.organization(),
        {},
        {"email": "a b@example.com"},
        {"email": "a@example.com", "budget": {"maxBudget": "1", "softBudget": "2"}},
    )
    assert answer.refusals == [
        ("BAD_INPUT", "input.members.0"),
        ("BAD_INPUT", "input.members.1.email"),
        ("BAD_INPUT", "input.members.2.budget.softBudget"),
    ]


async def test_stranger_finds_no_organization_and_member_is_forbidden_before_any_look_up(
    api: Api, make: Factory
) -> None:
    organization = await make.organization()
    member, other = [await make.person(organization=organization) for _ in range(2)]
    stranger = await make.person()
    for target in (other.id, new_id(Prefix.USER)):
        for name, rest in (
            ("organizationMembersAdd", {"members": [{"userId": target}]}),
            ("organizationMemberUpdate", {"userId": target, "role": "ADMIN"}),
            ("organizationMembersRemove", {"members": [{"userId": target}]}),
        ):
            hidden = await api.refused(stranger, name, organizationId=organization.id, **rest)
            absent = await api.refused(
                stranger, name, organizationId=new_id(Prefix.ORGANIZATION), **rest
            )
            assert hidden.refusals == [("NOT_FOUND", "input.organizationId")]
            assert hidden.payload == absent.payload
            answer = await api.refused(member, name, organizationId=organization.id, **rest)
            assert answer.refusals == [("FORBIDDEN", "input.organizationId")]


async def test_admin_finds_no_member_in_who_belongs_elsewhere(api: Api, make: Factory) -> None:
    organization = await make.organization()
    admin = await admin_of(make, organization)
    elsewhere = await make.person(organization=await make.organization())
    for name in ({"userId": elsewhere.id}, {"email": elsewhere.email}):
        (field,) = name
        answer = await refuse_to_remove(api, admin, organization, name)
        assert answer.refusals == [("NOT_FOUND", f"input.members.0.{field}")]
        answer = await api.refused(
            admin, "organizationMemberUpdate", organizationId=organization.id, **name, role="ADMIN"
        )
        assert answer.refusals == [("NOT_FOUND", f"input.{field}")]


async def test_role_and_limits_of_a_member_are_independent(api: Api, make: Factory) -> None:
    organization = await make.organization()
    admin = await admin_of(make, organization)
    member = await make.person(organization=organization)
    given = {"userId": member.id, "budget": {"maxBudget": "5", "rpmLimit": 1}}
    changed = await update(api, admin, organization, **given)
    assert (changed["role"], changed["version"]) == ("MEMBER", 2)
    changed = await update(
        api, admin, organization, email=member.email, role="VIEWER", expectedVersion=2
    )
    assert (changed["role"], changed["version"]) == ("VIEWER", 3)
    assert changed["budget"]["limits"] == {"maxBudget": "5", "rpmLimit": "1"}
    changed = await update(api, admin, organization, userId=member.id, budget={"rpmLimit": None})
    assert changed["budget"]["limits"] == {"maxBudget": "5", "rpmLimit": None}
    assert changed["role"] == "VIEWER"
    assert changed in await members_of(api, admin, organization)
    changed = await update(api, admin, organization, userId=member.id, budget=None)
    assert (changed["budget"], changed["role"]) == (None, "VIEWER")


async def test_update_says_what_is_wrong_in_the_order_of_the_contract(
    api: Api, make: Factory
) -> None:
    organization = await make.organization()
    admin = await admin_of(make, organization)
    given = {"organizationId": organization.id}
    answer = await api.refused(
        admin, "organizationMemberUpdate", **given, role=None, budget={"timezone": None}
    )
    assert sorted(answer.refusals) == [
        ("BAD_INPUT", "input"),
        ("BAD_INPUT", "input.budget.timezone"),
        ("BAD_INPUT", "input.role"),
    ]
    given |= {"userId": admin.id, "role": "MEMBER"}
    answer = await api.refused(admin, "organizationMemberUpdate", **given, expectedVersion=9)
    assert answer.refusals == [("VERSION_CONFLICT", "input.expectedVersion")]
    assert answer.payload["errors"][0]["currentVersion"] == 1
    member = await make.person(organization=organization)
    await update(api, admin, organization, userId=member.id, budget={"maxBudget": "1"})
    answer = await api.refused(
        admin,
        "organizationMemberUpdate",
        organizationId=organization.id,
        userId=member.id,
        budget={"softBudget": "1"},
    )
    assert answer.refusals == [("BAD_INPUT", "input.budget.softBudget")]


async def test_last_admin_of_an_organization_goes_only_by_a_platform_admin(
    api: Api, make: Factory
) -> None:
    organization = await make.organization()
    last = await admin_of(make, organization)
    demote = {"organizationId": organization.id, "userId": last.id, "role": "VIEWER"}
    answer = await api.refused(last, "organizationMemberUpdate", **demote)
    assert answer.refusals == [("CONFLICT", "input.role")]
    for name in ({"email": last.email}, {"userId": last.id}):
        answer = await refuse_to_remove(api, last, organization, name)
        assert answer.refusals == [("CONFLICT", f"input.members.0.{next(iter(name))}")]
    other = await admin_of(make, organization)
    both = [{"userId": last.id}, {"userId": other.id}]
    answer = await refuse_to_remove(api, last, organization, *both)
    assert answer.refusals == [
        ("CONFLICT", "input.members.0.userId"),
        ("CONFLICT", "input.members.1.userId"),
    ]
    assert len(await remove(api, other, organization.id, {"userId": last.id})) == 1
    platform = await make.admin()
    await update(api, platform, organization, userId=other.id, role="MEMBER")
    await update(api, platform, organization, userId=other.id, role="ADMIN")
    await remove(api, platform, organization.id, {"userId": other.id})
    assert await members_of(api, platform, organization) == []


async def test_who_leaves_an_organization_leaves_its_teams_and_no_others(
    api: Api, make: Factory
) -> None:
    organization, elsewhere = await make.organization(), await make.organization()
    teams = [await make.team(organization) for _ in range(2)]
    for team in teams:
        await make.person(organization=organization, team=team, team_role=TeamRole.ADMIN)
    member = await make.person(organization=organization)
    colleague = await make.person(organization=organization, team=teams[0])
    membership = await make.organization_member(elsewhere, member)
    kept = [await make.team(elsewhere), await make.team()]
    rows = [await make.team_member(team, member) for team in (*teams, *kept)]
    budget = await make.budget("team_member", rows[0], max_budget=1)
    removed = await remove(api, member, organization.id, {"userId": member.id})
    assert await teams_of(api, member) == [team.id for team in kept]
    assert await teams_of(api, colleague) == [teams[0].id]
    admin = await make.admin()
    document = "query($ids: [ID!]!) { nodes(ids: $ids) { id } }"
    ids = [*removed, rows[0].id, rows[1].id, budget.id, membership.id]
    assert (await api(admin, document, ids=ids)).payload == [None] * 4 + [{"id": membership.id}]
    assert (await api(member, document, ids=[organization.id])).payload == [None]


async def test_leaving_leaves_an_audit_entry_for_each_membership(api: Api, make: Factory) -> None:
    organization, admin = await make.organization(), await make.admin()
    teams = [await make.team(organization) for _ in range(2)]
    member = await make.person(organization=organization)
    rows = [await make.team_member(team, member) for team in teams]
    await make.budget("team_member", rows[0], rpm_limit=1)
    await update(api, admin, organization, userId=member.id, budget={"rpmLimit": 2})
    (left,) = await remove(api, admin, organization.id, {"userId": member.id})
    last, second, first, changed = (await api(admin, ENTRIES)).payload["nodes"]
    assert changed["action"] == "organization_member.update"
    assert (changed["before"], changed["after"]["budget"]["rpmLimit"]) == ({"budget": None}, 2)
    assert [
        (e["action"], e["objectId"], e["organizationId"], e["teamId"])
        for e in (first, second, last)
    ] == [
        ("team_member.remove", rows[0].id, organization.id, teams[0].id),
        ("team_member.remove", rows[1].id, organization.id, teams[1].id),
        ("organization_member.remove", left, organization.id, None),
    ]
    assert [e["after"] for e in (first, second, last)] == [None] * 3
    assert [(e["before"]["userId"], e["before"]["role"]) for e in (first, second, last)] == [
        (member.id, "MEMBER")
    ] * 3
    limits = [e["before"]["budget"] and e["before"]["budget"]["rpmLimit"] for e in (first, last)]
    assert limits == [1, 2]
    assert second["before"]["budget"] is None


async def test_last_admin_of_a_team_does_not_leave_its_organization_but_is_removed(
    api: Api, make: Factory
) -> None:
    organization = await make.organization()
    alone = [await make.team(organization) for _ in range(2)]
    shared = await make.team(organization)
    other_admin = await make.person(
        organization=organization, team=shared, team_role=TeamRole.ADMIN
    )
    built_in = await make.team()
    lead = await make.person(organization=organization, team=built_in, team_role=TeamRole.ADMIN)
    for team in (*alone, shared):
        await make.team_member(team, lead, TeamRole.ADMIN)
    answer = await refuse_to_remove(api, lead, organization, {"userId": lead.id})
    assert answer.refusals == [("CONFLICT", "input.members.0.userId")] * 2
    messages = sorted(error["message"] for error in answer.payload["errors"])
    assert messages == sorted(f"This is the last admin of the team {team.id}." for team in alone)
    await remove(api, other_admin, organization.id, {"userId": other_admin.id})
    higher = await admin_of(make, organization)
    await remove(api, higher, organization.id, {"userId": lead.id})
    assert await teams_of(api, lead) == [built_in.id]


async def test_member_leaves_by_id_but_cannot_take_another_along(api: Api, make: Factory) -> None:
    organization = await make.organization()
    member, other = [await make.person(organization=organization) for _ in range(2)]
    people = [{"userId": member.id}, {"userId": other.id}]
    answer = await refuse_to_remove(api, member, organization, *people)
    assert answer.refusals == [("FORBIDDEN", "input.organizationId")]
    await remove(api, member, organization.id, people[0])
    assert [m["user"]["id"] for m in await members_of(api, await make.admin(), organization)] == [
        other.id
    ]


@pytest.mark.parametrize("role", [PlatformRole.VIEWER, PlatformRole.USER_VIEWER])
async def test_who_only_reads_does_not_even_leave(
    api: Api, make: Factory, role: PlatformRole
) -> None:
    organization = await make.organization()
    viewer = await make.person(
        role, organization=organization, organization_role=OrganizationRole.ADMIN
    )
    answer = await refuse_to_remove(api, viewer, organization, {"userId": viewer.id})
    assert answer.refusals == [("FORBIDDEN", "input.organizationId")]


async def test_built_in_organization_has_admins_whose_going_leaves_no_team(
    api: Api, make: Factory
) -> None:
    platform, team = await make.admin(), await make.team()
    person = await make.person(team=team, team_role=TeamRole.ADMIN)
    answer = await api.refused(person, "teamBlock", id=team.id)
    assert answer.refusals == [("FORBIDDEN", "input.id")]
    await add(api, platform, DEFAULT_ORGANIZATION, {"userId": person.id, "role": "ADMIN"})
    assert (await api.mutate(person, "teamBlock", id=team.id)).refusals == []
    await remove(api, platform, DEFAULT_ORGANIZATION, {"userId": person.id})
    assert await teams_of(api, person) == [team.id]
    answer = await api.refused(
        platform,
        "organizationMembersRemove",
        organizationId=DEFAULT_ORGANIZATION,
        members=[{"userId": person.id}],
    )
    assert answer.refusals == [("NOT_FOUND", "input.members.0.userId")]


async def test_member_sees_the_own_budget_in_the_organization_and_no_others(
    api: Api, make: Factory
) -> None:
    organization = await make.organization()
    one, other = await make.person(), await make.person()
    for person in (one, other):
        member = await make.organization_member(organization, person)
        await make.budget("organization_member", member, rpm_limit=7)
    own = {"source": "OWN", "limits": {"maxBudget": None, "rpmLimit": "7"}}
    assert [(m["user"]["id"], m["budget"]) for m in await members_of(api, one, organization)] == [
        (one.id, own)
    ]
    admin = await admin_of(make, organization)
    seen = {m["user"]["id"]: m["budget"] for m in await members_of(api, admin, organization)}
    assert seen == {one.id: own, other.id: own, admin.id: None}


async def test_budgets_of_50_members_take_as_many_statements_as_of_one(
    api: Api, make: Factory
) -> None:
    statements = []
    for size in (1, 50):
        organization = await make.organization()
        for number in range(size):
            member = await make.organization_member(organization, await make.person())
            await make.budget("organization_member", member, rpm_limit=number)
        document = (
            "query($id: ID!) { organization(id: $id) { members { nodes { budget { source } } } } }"
        )
        answer = await api(await make.admin(), document, id=organization.id)
        nodes = answer.payload["members"]["nodes"]
        assert nodes == [{"budget": {"source": "OWN"}}] * size
        statements.append(answer.statements)
    assert statements[0] == statements[1] == 4
