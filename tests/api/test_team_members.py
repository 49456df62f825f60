"""teamMembersAdd, teamMemberUpdate, teamMembersRemove."""

from decimal import Decimal
from typing import Any

import pytest

from api_client import Answer, Api
from bursar.database.rows import Row
from bursar.domain.ids import Prefix, new_id
from bursar.domain.roles import OrganizationRole, PlatformRole, TeamRole
from factories import Factory, Person

MEMBER = """
id role version user { id email } team { id }
budget { source limits { maxBudget rpmLimit } }
"""


async def add(
    api: Api, person: Person, team: Row, *members: dict[str, Any], **given: Any
) -> list[Any]:
    answer = await api.mutate(
        person,
        "teamMembersAdd",
        f"members {{ {MEMBER} }}",
        teamId=team.id,
        members=list(members),
        **given,
    )
    assert answer.refusals == []
    return list(answer.payload["members"])


async def refuse_to_add(
    api: Api, person: Person, team: Row, *members: dict[str, Any], **given: Any
) -> Answer:
    return await api.refused(
        person, "teamMembersAdd", teamId=team.id, members=list(members), **given
    )


async def members_of(api: Api, person: Person, team: Row) -> list[Any]:
    document = f"query($id: ID!) {{ team(id: $id) {{ members {{ nodes {{ {MEMBER} }} }} }} }}"
    return list((await api(person, document, id=team.id)).payload["members"]["nodes"])


async def test_team_admin_adds_members_of_the_organization_in_the_order_given(
    api: Api, make: Factory
) -> None:
    organization = await make.organization()
    team = await make.team(organization)
    admin = await make.person(organization=organization, team=team, team_role=TeamRole.ADMIN)
    first, second = [await make.person(organization=organization) for _ in range(2)]
    added = await add(
        api,
        admin,
        team,
        {"email": second.email.upper(), "role": "ADMIN"},
        {"userId": first.id, "email": first.email, "budget": {"rpmLimit": 5}},
    )
    assert [(m["user"]["id"], m["role"], m["version"]) for m in added] == [
        (second.id, "ADMIN", 1),
        (first.id, "MEMBER", 1),
    ]
    assert added[1]["budget"] == {"source": "OWN", "limits": {"maxBudget": None, "rpmLimit": "5"}}
    stored = await members_of(api, admin, team)
    assert [m for m in stored if m["user"]["id"] != admin.id] == added


async def test_team_admin_adding_somebody_outside_the_organization_finds_nobody(
    api: Api, make: Factory
) -> None:
    organization = await make.organization()
    team = await make.team(organization)
    admin = await make.person(organization=organization, team=team, team_role=TeamRole.ADMIN)
    stranger = await make.person()
    answer = await refuse_to_add(
        api,
        admin,
        team,
        {"userId": stranger.id, "email": "another@example.com"},
        {"userId": new_id(Prefix.USER)},
        {"userId": "user_x"},
        {"userId": "\0"},
        {"userId": "", "email": admin.email},
        {"email": "nobody@example.com"},
        {"email": stranger.email},
    )
    fields = ["userId"] * 5 + ["email"] * 2
    assert answer.refusals == [
        ("NOT_FOUND", f"input.members.{place}.{field}") for place, field in enumerate(fields)
    ]
    assert len({error["message"] for error in answer.payload["errors"]}) == 1


async def test_team_admin_may_not_add_to_the_organization(api: Api, make: Factory) -> None:
    organization = await make.organization()
    team = await make.team(organization)
    admin = await make.person(organization=organization, team=team, team_role=TeamRole.ADMIN)
    answer = await refuse_to_add(
        api, admin, team, {"email": "new@example.com"}, addToOrganization=True
    )
    assert answer.refusals == [("FORBIDDEN", "input.addToOrganization")]


async def test_platform_admin_is_told_who_is_outside_the_organization(
    api: Api, make: Factory
) -> None:
    team, outsider = await make.team(await make.organization()), await make.person()
    answer = await refuse_to_add(
        api, await make.admin(), team, {"userId": outsider.id}, {"email": "new@example.com"}
    )
    assert answer.refusals == [
        ("CONFLICT", "input.members.0.userId"),
        ("CONFLICT", "input.members.1.email"),
    ]


@pytest.mark.parametrize("role", ["platform admin", "organization admin"])
async def test_admin_adds_new_people_to_team_and_organization_at_once(
    api: Api, make: Factory, role: str
) -> None:
    organization = await make.organization()
    team = await make.team(organization)
    admin = await make.admin()
    if role == "organization admin":
        admin = await make.person(
            organization=organization, organization_role=OrganizationRole.ADMIN
        )
    outsider = await make.person()
    added = await add(
        api,
        admin,
        team,
        {"email": "Née.Doe@example.com", "role": "ADMIN"},
        {"userId": outsider.id},
        addToOrganization=True,
    )
    assert [m["user"]["email"] for m in added] == ["Née.Doe@example.com", outsider.email]
    document = """
      query($id: ID!, $email: String!) {
        userByEmail(email: $email) { id name }
        organization(id: $id) { members { nodes { role user { id } } } }
      }
    """
    answer = await api(admin, document, id=organization.id, email="NÉE.DOE@EXAMPLE.COM")
    assert answer.data["userByEmail"] == {"id": added[0]["user"]["id"], "name": "Née.Doe"}
    members = [
        (m["user"]["id"], m["role"]) for m in answer.data["organization"]["members"]["nodes"]
    ]
    assert members[-2:] == [(added[0]["user"]["id"], "MEMBER"), (outsider.id, "MEMBER")]


async def test_team_admin_of_the_built_in_organization_adds_anybody_who_exists(
    api: Api, make: Factory
) -> None:
    team = await make.team()
    admin = await make.person(team=team, team_role=TeamRole.ADMIN)
    anybody = await make.person()
    answer = await refuse_to_add(api, admin, team, {"email": "nobody@example.com"})
    assert answer.refusals == [("NOT_FOUND", "input.members.0.email")]
    added = await add(api, admin, team, {"email": anybody.email})
    assert added[0]["user"]["id"] == anybody.id


async def test_adding_who_is_there_already_adds_nobody(api: Api, make: Factory) -> None:
    team = await make.team()
    member, newcomer = await make.person(team=team), await make.person()
    answer = await refuse_to_add(
        api, await make.admin(), team, {"userId": newcomer.id}, {"email": member.email}
    )
    assert answer.refusals == [("CONFLICT", "input.members.1.email")]


async def test_same_person_twice_is_bad_input_however_named(api: Api, make: Factory) -> None:
    team = await make.team()
    admin, person, member = await make.admin(), await make.person(), await make.person(team=team)
    for twice in (
        [{"userId": person.id}, {"userId": person.id}],
        [{"email": person.email}, {"email": person.email.upper()}],
        [{"userId": person.id}, {"email": person.email}],
        [{"email": "new@example.com"}, {"email": "\uff2e\uff25\uff37@example.com"}],
        [{"userId": member.id}, {"email": member.email}],
    ):
        answer = await refuse_to_add(api, admin, team, *twice)
        assert answer.refusals == [("BAD_INPUT", "input.members.1")]


async def test_id_and_email_of_two_people_are_bad_input(api: Api, make: Factory) -> None:
    team = await make.team()
    one, other = [await make.person(team=team) for _ in range(2)]
    admin = await make.admin()
    both = {"userId": one.id, "email": other.email}
    answer = await refuse_to_add(api, admin, team, both)
    assert answer.refusals == [("BAD_INPUT", "input.members.0.email")]
    answer = await api.refused(admin, "teamMembersRemove", teamId=team.id, members=[both])
    assert answer.refusals == [("BAD_INPUT", "input.members.0.email")]
    answer = await api.refused(admin, "teamMemberUpdate", teamId=team.id, **both, role="ADMIN")
    assert answer.refusals == [("BAD_INPUT", "input.email")]


async def test_five_hundred_people_are_added_at_once_and_no_more(api: Api, make: Factory) -> None:
    team, admin = await make.team(), await make.admin()
    people = [{"email": f"p{number}@example.com"} for number in range(501)]
    for wrong in ([], people):
        for name in ("teamMembersAdd", "teamMembersRemove"):
            answer = await api.refused(admin, name, teamId=team.id, members=wrong)
            assert answer.refusals == [("BAD_INPUT", "input.members")]
    assert len(await add(api, admin, team, *people[:500])) == 500
    answer = await api.mutate(
        admin, "teamMembersRemove", "removedIds", teamId=team.id, members=people[:500]
    )
    assert len(answer.payload["removedIds"]) == 500
    assert await members_of(api, admin, team) == []


async def test_all_that_is_wrong_with_new_members_is_said_at_once(api: Api, make: Factory) -> None:
    answer = await refuse_to_add(
        api,
        await make.person(),
        await make.team(),
        {},
        {"userId": None, "email": "a b@example.com"},
        {"email": "a@example.com", "budget": {"maxBudget": "1", "softBudget": "2"}},
    )
    assert answer.refusals == [
        ("BAD_INPUT", "input.members.0"),
        ("BAD_INPUT", "input.members.1.email"),
        ("BAD_INPUT", "input.members.2.budget.softBudget"),
    ]


async def test_stranger_finds_no_team_and_member_is_forbidden(api: Api, make: Factory) -> None:
    team = await make.team()
    member, stranger = await make.person(team=team), await make.person()
    given = {"userId": member.id}
    for name, rest in (
        ("teamMembersAdd", {"members": [given]}),
        ("teamMemberUpdate", {**given, "role": "ADMIN"}),
        ("teamMembersRemove", {"members": [given]}),
    ):
        hidden = await api.refused(stranger, name, teamId=team.id, **rest)
        absent = await api.refused(stranger, name, teamId=new_id(Prefix.TEAM), **rest)
        assert hidden.refusals == [("NOT_FOUND", "input.teamId")]
        assert hidden.payload == absent.payload
    other = await make.person(team=team)
    for name, rest in (
        ("teamMembersAdd", {"members": [{"userId": stranger.id}]}),
        ("teamMemberUpdate", {**given, "role": "ADMIN"}),
        ("teamMembersRemove", {"members": [{"userId": other.id}]}),
    ):
        answer = await api.refused(member, name, teamId=team.id, **rest)
        assert answer.refusals == [("FORBIDDEN", "input.teamId")]


async def update(api: Api, person: Person, team: Row, **given: Any) -> Any:
    answer = await api.mutate(
        person, "teamMemberUpdate", f"member {{ {MEMBER} }}", teamId=team.id, **given
    )
    assert answer.refusals == []
    return answer.payload["member"]


async def test_role_and_limits_of_a_member_are_independent(api: Api, make: Factory) -> None:
    team = await make.team()
    admin = await make.person(team=team, team_role=TeamRole.ADMIN)
    member = await make.person(team=team)
    given = {"userId": member.id, "budget": {"maxBudget": "5", "rpmLimit": 1}}
    changed = await update(api, admin, team, **given)
    assert (changed["role"], changed["version"]) == ("MEMBER", 2)
    changed = await update(api, admin, team, email=member.email, role="ADMIN", expectedVersion=2)
    assert (changed["role"], changed["version"]) == ("ADMIN", 3)
    assert changed["budget"]["limits"] == {"maxBudget": "5", "rpmLimit": "1"}
    changed = await update(api, admin, team, userId=member.id, budget={"rpmLimit": None})
    assert changed["budget"]["limits"] == {"maxBudget": "5", "rpmLimit": None}
    assert changed["role"] == "ADMIN"
    assert changed in await members_of(api, admin, team)


async def test_member_update_says_what_is_wrong_in_the_order_of_the_contract(
    api: Api, make: Factory
) -> None:
    team, other_team = await make.team(), await make.team()
    admin = await make.person(team=team, team_role=TeamRole.ADMIN)
    elsewhere = await make.person(team=other_team)
    answer = await api.refused(
        admin, "teamMemberUpdate", teamId=team.id, role=None, budget={"timezone": None}
    )
    assert sorted(answer.refusals) == [
        ("BAD_INPUT", "input"),
        ("BAD_INPUT", "input.budget.timezone"),
        ("BAD_INPUT", "input.role"),
    ]
    for given, field in (
        ({"userId": elsewhere.id}, "userId"),
        ({"userId": "user_x"}, "userId"),
        ({"userId": "", "email": admin.email}, "userId"),
        ({"email": elsewhere.email}, "email"),
    ):
        answer = await api.refused(
            admin, "teamMemberUpdate", teamId=team.id, **given, expectedVersion=9, role="MEMBER"
        )
        assert answer.refusals == [("NOT_FOUND", f"input.{field}")]
    answer = await api.refused(
        admin,
        "teamMemberUpdate",
        teamId=team.id,
        userId=admin.id,
        expectedVersion=9,
        role="MEMBER",
    )
    assert answer.refusals == [("VERSION_CONFLICT", "input.expectedVersion")]
    assert answer.payload["errors"][0]["currentVersion"] == 1


async def test_last_admin_of_a_team_is_demoted_or_removed_only_by_a_higher_admin(
    api: Api, make: Factory
) -> None:
    organization = await make.organization()
    team = await make.team(organization)
    last = await make.person(organization=organization, team=team, team_role=TeamRole.ADMIN)
    demote = {"teamId": team.id, "userId": last.id, "role": "MEMBER"}
    remove = {"teamId": team.id, "members": [{"email": last.email}]}
    answer = await api.refused(last, "teamMemberUpdate", **demote)
    assert answer.refusals == [("CONFLICT", "input.role")]
    answer = await api.refused(last, "teamMembersRemove", **remove)
    assert answer.refusals == [("CONFLICT", "input.members.0.email")]
    higher = await make.person(organization=organization, organization_role=OrganizationRole.ADMIN)
    assert (await api.mutate(higher, "teamMemberUpdate", **demote)).refusals == []
    assert (await api.mutate(await make.admin(), "teamMembersRemove", **remove)).refusals == []
    assert await members_of(api, higher, team) == []


async def test_admin_leaves_and_is_demoted_while_another_stays(api: Api, make: Factory) -> None:
    team = await make.team()
    first, second, third = [
        await make.person(team=team, team_role=TeamRole.ADMIN) for _ in range(3)
    ]
    assert (await update(api, first, team, userId=first.id, role="MEMBER"))["role"] == "MEMBER"
    both = [{"userId": second.id}, {"userId": third.id}]
    answer = await api.refused(third, "teamMembersRemove", teamId=team.id, members=both)
    assert answer.refusals == [
        ("CONFLICT", "input.members.0.userId"),
        ("CONFLICT", "input.members.1.userId"),
    ]
    answer = await api.mutate(second, "teamMembersRemove", teamId=team.id, members=both[:1])
    assert answer.refusals == []


async def test_member_leaves_but_cannot_take_another_along(api: Api, make: Factory) -> None:
    team = await make.team()
    member, other = [await make.person(team=team) for _ in range(2)]
    people = [{"userId": member.id}, {"userId": other.id}]
    answer = await api.refused(member, "teamMembersRemove", teamId=team.id, members=people)
    assert answer.refusals == [("FORBIDDEN", "input.teamId")]
    answer = await api.mutate(member, "teamMembersRemove", teamId=team.id, members=people[:1])
    assert answer.refusals == []
    assert [m["user"]["id"] for m in await members_of(api, other, team)] == [other.id]


async def test_user_viewer_does_not_even_leave(api: Api, make: Factory) -> None:
    team = await make.team()
    viewer = await make.person(PlatformRole.USER_VIEWER, team=team, team_role=TeamRole.ADMIN)
    answer = await api.refused(
        viewer, "teamMembersRemove", teamId=team.id, members=[{"userId": viewer.id}]
    )
    assert answer.refusals == [("FORBIDDEN", "input.teamId")]


async def test_members_are_removed_all_or_none_with_their_budgets(api: Api, make: Factory) -> None:
    team = await make.team()
    admin, member, stranger = await make.admin(), await make.person(), await make.person()
    row = await make.team_member(team, member)
    budget = await make.budget("team_member", row, max_budget=1)
    people = [{"userId": member.id}, {"userId": stranger.id}, {"email": "nobody@example.com"}]
    answer = await api.refused(admin, "teamMembersRemove", teamId=team.id, members=people)
    assert answer.refusals == [
        ("NOT_FOUND", "input.members.1.userId"),
        ("NOT_FOUND", "input.members.2.email"),
    ]
    answer = await api.mutate(
        admin, "teamMembersRemove", "removedIds", teamId=team.id, members=people[:1]
    )
    assert answer.payload["removedIds"] == [row.id]
    document = "query($ids: [ID!]!) { nodes(ids: $ids) { id } }"
    ids = [row.id, budget.id, member.id]
    assert (await api(admin, document, ids=ids)).payload == [None, None, {"id": member.id}]


@pytest.mark.parametrize("model", [None, "gpt-5"], ids=["of the whole", "of a model"])
@pytest.mark.parametrize(("field", "value"), [("duration", "1s"), ("timezone", "Europe/Rome")])
async def test_team_admin_giving_oneself_the_same_money_more_often_is_forbidden(
    api: Api, make: Factory, model: str | None, field: str, value: str
) -> None:
    team = await make.team()
    admin = await make.person(team=team, team_role=TeamRole.ADMIN)
    maximum = {"max_budget": Decimal(10)}
    whole = {} if model else maximum
    default = await make.budget("team_default", team, duration="1mo", **whole)
    if model:
        await make.model_limit(default, model, **maximum)
    before = await api.fingerprint()

    answer = await api(
        admin,
        "mutation ($input: TeamMemberUpdateInput!) { teamMemberUpdate(input: $input)"
        " { member { id } errors { code path message } } }",
        input={"teamId": team.id, "userId": admin.id, "budget": {field: value}},
    )

    assert answer.refusals == [("FORBIDDEN", f"input.budget.{field}")]
    assert await api.fingerprint() == before
    same = {"teamId": team.id, "userId": admin.id, "budget": {"duration": "30d"}}
    assert (await api.mutate(admin, "teamMemberUpdate", **same)).refusals == []
