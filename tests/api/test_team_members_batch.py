"""teamMembersAdd for whoever can be added, and for everybody of an organization."""

from typing import Any

import asyncpg
import pytest

from api_client import Api
from bursar.database.rows import Row
from bursar.domain.ids import DEFAULT_ORGANIZATION, Prefix, new_id
from bursar.domain.roles import OrganizationRole, TeamRole
from factories import Factory, Person

MEMBER = "id role user { id email } budget { source limits { maxBudget } }"
BATCH = f"""
members {{ id }} added alreadyMembers
results {{ status member {{ {MEMBER} }} error {{ __typename code path message }} }}
"""
BEST_EFFORT = {"mode": "BEST_EFFORT"}
ROWS = "SELECT user_id, role FROM team_members WHERE team_id = $1 ORDER BY user_id"
ACTIONS = "SELECT action FROM audit_entries WHERE actor_user_id = $1 ORDER BY id"
MANY = """
INSERT INTO users (id, name, name_key)
SELECT 'user_' || lpad(n::text, 26, '0'), 'U', 'u' FROM generate_series(1, $1::int) n
"""


async def add(
    api: Api, person: Person, team: Row, *members: dict[str, Any], **given: Any
) -> dict[str, Any]:
    """The payload of a batch that was not refused as a whole."""
    answer = await api.mutate(
        person,
        "teamMembersAdd",
        BATCH,
        **{"teamId": team.id, "members": list(members), **BEST_EFFORT, **given},
    )
    assert answer.refusals == []
    return dict(answer.payload)


def said(payload: dict[str, Any]) -> list[tuple[str, str | None, str | None]]:
    """Of each of the results the status, the code and the path within the input."""
    return [
        (one["status"], None, None)
        if one["error"] is None
        else (one["status"], one["error"]["code"], ".".join(one["error"]["path"][2:]))
        for one in payload["results"]
    ]


async def stored(owner: asyncpg.Connection, team: Row) -> dict[str, str]:
    """The roles of a team's members."""
    return dict(await owner.fetch(ROWS, team.id))


async def test_who_can_be_added_is_and_of_each_it_is_said_what_became(
    api: Api, make: Factory, owner: asyncpg.Connection
) -> None:
    admin, organization = await make.admin(), await make.organization()
    team = await make.team(organization)
    await make.budget("team_default", team, max_budget=5)
    colleague, another, third = [await make.person(organization=organization) for _ in range(3)]
    member = await make.person(organization=organization, team=team, team_role=TeamRole.ADMIN)
    outsider = await make.person()
    payload = await add(
        api,
        admin,
        team,
        {"email": "new@example.com"},
        {"userId": colleague.id, "role": "ADMIN", "budget": {"maxBudget": "3"}},
        {"email": member.email, "budget": {"maxBudget": "1"}},
        {"userId": outsider.id},
        {"userId": new_id(Prefix.USER), "email": outsider.email},
        {"userId": another.id, "email": "other@example.com"},
        {"email": colleague.email.upper()},
        {"userId": third.id, "budget": {"softBudget": "5"}},
        {"email": another.email},
        {"userId": "\0"},
    )
    assert said(payload) == [
        ("FAILED", "CONFLICT", "0.email"),
        ("ADDED", None, None),
        ("ALREADY_MEMBER", None, None),
        ("FAILED", "CONFLICT", "3.userId"),
        ("FAILED", "NOT_FOUND", "4.userId"),
        ("FAILED", "BAD_INPUT", "5.email"),
        ("FAILED", "BAD_INPUT", "6"),
        ("FAILED", "BAD_INPUT", "7.budget.softBudget"),
        ("FAILED", "BAD_INPUT", "8"),
        ("FAILED", "NOT_FOUND", "9.userId"),
    ]
    results = payload["results"]
    assert [one["error"]["path"][:2] for one in results if one["error"]] == [
        ["input", "members"]
    ] * 8
    members = [one["member"] for one in results]
    assert [m["user"]["id"] for m in members if m] == [colleague.id, member.id]
    assert members[1]["role"] == "ADMIN"
    assert members[1]["budget"] == {"source": "OWN", "limits": {"maxBudget": "3"}}
    assert members[2]["budget"] == {"source": "TEAM_DEFAULT", "limits": {"maxBudget": "5"}}
    assert payload["members"] == [{"id": members[1]["id"]}]
    assert payload["added"] is payload["alreadyMembers"] is None
    assert await stored(owner, team) == {colleague.id: "ADMIN", member.id: "ADMIN"}
    assert [row[0] for row in await owner.fetch(ACTIONS, admin.id)] == ["team_member.add"]


async def test_who_fails_becomes_neither_a_user_nor_a_colleague(
    api: Api, make: Factory, owner: asyncpg.Connection
) -> None:
    organization = await make.organization()
    team = await make.team(organization)
    await make.budget("team_default", team, max_budget=5)
    admin = await make.person(organization=organization, organization_role=OrganizationRole.ADMIN)
    outsider, other = await make.person(), await make.person()
    wrong = {"softBudget": "9"}
    payload = await add(
        api,
        admin,
        team,
        {"email": "Good@example.com"},
        {"email": "bad@example.com", "budget": wrong},
        {"userId": outsider.id},
        {"userId": other.id, "budget": wrong},
        addToOrganization=True,
    )
    assert [status for status, _, _ in said(payload)] == ["ADDED", "FAILED"] * 2
    new = payload["results"][0]["member"]["user"]
    assert new["email"] == "Good@example.com"
    emails = await owner.fetch("SELECT email_key FROM users WHERE email_key ~ '(good|bad)@'")
    assert [row[0] for row in emails] == ["good@example.com"]
    colleagues = "SELECT user_id FROM organization_members WHERE organization_id = $1"
    ids = {row[0] for row in await owner.fetch(colleagues, organization.id)}
    assert ids == {admin.id, new["id"], outsider.id}
    assert set(await stored(owner, team)) == {new["id"], outsider.id}


@pytest.mark.parametrize("role", ["team admin", "organization admin"])
async def test_a_failure_says_nothing_of_who_is_not_to_be_seen(
    api: Api, make: Factory, role: str
) -> None:
    organization = await make.organization()
    team = await make.team(organization)
    admin = await make.person(organization=organization, team=team, team_role=TeamRole.ADMIN)
    if role == "organization admin":
        admin = await make.person(
            organization=organization, organization_role=OrganizationRole.ADMIN
        )
    hidden = await make.person(organization=await make.organization(), team=await make.team())
    before = await api.fingerprint()
    for field, names in (
        ("userId", [hidden.id, new_id(Prefix.USER), "user_x", "\0"]),
        ("email", [hidden.email, "nobody@example.com"]),
    ):
        also = {"email": hidden.email} if field == "userId" else {}
        payloads = [await add(api, admin, team, {field: name}) for name in names]
        payloads += [await add(api, admin, team, {**also, field: name}) for name in names]
        assert all(payload == payloads[0] for payload in payloads)
        assert said(payloads[0]) == [("FAILED", "NOT_FOUND", f"0.{field}")]
    assert await api.fingerprint() == before


async def test_what_concerns_the_whole_call_refuses_it(api: Api, make: Factory) -> None:
    organization = await make.organization()
    team = await make.team(organization)
    admin = await make.person(organization=organization, team=team, team_role=TeamRole.ADMIN)
    member = await make.person(organization=organization, team=team)
    good = {"userId": (await make.person(organization=organization)).id}
    for person, given, refusals in (
        (admin, {"members": []}, [("BAD_INPUT", "input.members")]),
        (admin, {}, [("BAD_INPUT", "input.members")]),
        (
            admin,
            {"members": [good, good, {}, {"email": "a b@example.com"}]},
            [
                ("BAD_INPUT", "input.members.1"),
                ("BAD_INPUT", "input.members.2"),
                ("BAD_INPUT", "input.members.3.email"),
            ],
        ),
        (
            admin,
            {"members": [{**good, "budget": {"maxBudget": "1", "softBudget": "1"}}]},
            [("BAD_INPUT", "input.members.0.budget.softBudget")],
        ),
        (member, {"members": [good]}, [("FORBIDDEN", "input.teamId")]),
        (await make.person(), {"members": [good]}, [("NOT_FOUND", "input.teamId")]),
        (
            admin,
            {"members": [good], "addToOrganization": True},
            [("FORBIDDEN", "input.addToOrganization")],
        ),
    ):
        answer = await api.refused(
            person, "teamMembersAdd", BATCH, teamId=team.id, **given, **BEST_EFFORT
        )
        assert answer.refusals == refusals
        assert (answer.payload["members"], answer.payload["results"]) == ([], [])


async def test_all_or_nothing_is_what_is_meant_if_nothing_is_said(api: Api, make: Factory) -> None:
    team, admin = await make.team(), await make.admin()
    member, newcomer = await make.person(team=team), await make.person()
    people = [{"userId": newcomer.id}, {"userId": member.id}]
    for mode in ({}, {"mode": "ALL_OR_NOTHING"}):
        answer = await api.refused(
            admin, "teamMembersAdd", BATCH, teamId=team.id, members=people, **mode
        )
        assert answer.refusals == [("CONFLICT", "input.members.1.userId")]
    payload = await add(api, admin, team, people[0], mode="ALL_OR_NOTHING")
    assert len(payload["members"]) == 1
    assert payload["results"] == []


async def test_500_people_take_as_many_statements_as_one(api: Api, make: Factory) -> None:
    admin, statements = await make.admin(), []
    default = {"budget": {"rpmLimit": "1"}}
    for count in (1, 250):
        organization = await make.organization()
        team = await make.team(organization)
        unknown = [
            {"email": f"p{count}-{number}@example.com", **default} for number in range(count)
        ]
        await add(api, admin, team, *unknown, addToOrganization=True)
        new = [{"email": f"q{count}-{number}@example.com", **default} for number in range(count)]
        answer = await api.mutate(
            admin,
            "teamMembersAdd",
            BATCH,
            teamId=team.id,
            members=[*unknown, *new],
            addToOrganization=True,
            **BEST_EFFORT,
        )
        expected = ["ALREADY_MEMBER"] * count + ["ADDED"] * count
        assert [status for status, _, _ in said(answer.payload)] == expected
        statements.append(answer.statements)
    assert statements[0] == statements[1]


async def test_results_are_answered_again_of_the_members_as_they_are_now(
    api: Api, make: Factory
) -> None:
    team, admin = await make.team(), await make.admin()
    member = await make.person(team=team)
    stays, goes = await make.person(), await make.person()
    given = {
        "teamId": team.id,
        "members": [{"userId": p} for p in (stays.id, goes.id, member.id, new_id(Prefix.USER))],
        "idempotencyKey": "batch",
        **BEST_EFFORT,
    }
    first = (await api.mutate(admin, "teamMembersAdd", BATCH, **given)).payload
    assert first["results"][3]["error"]["__typename"] == "Refusal"
    assert (await api.mutate(admin, "teamMembersAdd", BATCH, **given)).payload == first
    for name, rest in (
        ("teamMembersRemove", {"members": [{"userId": goes.id}]}),
        ("teamMemberUpdate", {"userId": stays.id, "role": "ADMIN"}),
    ):
        assert (await api.mutate(admin, name, teamId=team.id, **rest)).refusals == []
    again = (await api.mutate(admin, "teamMembersAdd", BATCH, **given)).payload
    assert said(again) == said(first)
    roles = [one["member"] and one["member"]["role"] for one in again["results"]]
    assert roles == ["ADMIN", None, "MEMBER", None]
    assert again["members"] == first["members"][:1]
    assert again["results"][2:] == first["results"][2:]


async def test_everybody_of_the_organization_becomes_a_member(
    api: Api, make: Factory, owner: asyncpg.Connection
) -> None:
    organization = await make.organization()
    team = await make.team(organization)
    await make.person(organization=await make.organization())
    lead = await make.person(organization=organization, team=team, team_role=TeamRole.ADMIN)
    blocked = await make.person(organization=organization, blocked=True)
    admin = await make.person(organization=organization, organization_role=OrganizationRole.ADMIN)
    nobody: dict[str, Any] = {"members": [], "results": []}
    payload = await add(api, admin, team, allUsers=True)
    assert payload == nobody | {"added": 2, "alreadyMembers": 1, "errors": []}
    expected = {lead.id: "ADMIN", blocked.id: "MEMBER", admin.id: "MEMBER"}
    assert await stored(owner, team) == expected
    (entry,) = await owner.fetch("SELECT * FROM audit_entries WHERE team_id = $1", team.id)
    assert (entry["action"], entry["object_id"]) == ("team_member.add_all", team.id)
    assert (entry["organization_id"], entry["before"]) == (organization.id, None)
    document = '{ auditEntries(filter: {actions: ["team_member.add_all"]}) { nodes { after } } }'
    (told,) = (await api(admin, document)).payload["nodes"]
    ids = sorted([blocked.id, admin.id])
    assert told["after"] == {"role": "MEMBER", "added": 2, "alreadyMembers": 1, "userIds": ids}
    before = await api.fingerprint()
    payload = await add(api, admin, team, allUsers=True)
    assert payload == nobody | {"added": 0, "alreadyMembers": 3, "errors": []}
    assert await api.fingerprint() == before


async def test_everybody_in_the_built_in_organization_is_every_user(
    api: Api, make: Factory, owner: asyncpg.Connection
) -> None:
    team, admin = await make.team(), await make.admin()
    everybody = {admin.id, (await make.person(organization=await make.organization())).id}
    payload = await add(api, admin, team, allUsers=True, mode="ALL_OR_NOTHING")
    assert (payload["added"], payload["alreadyMembers"]) == (2, 0)
    assert set(await stored(owner, team)) == everybody
    assert team.organization_id == DEFAULT_ORGANIZATION


async def test_everybody_is_added_with_nothing_else_and_by_admins_above_the_team(
    api: Api, make: Factory
) -> None:
    organization = await make.organization()
    team = await make.team(organization)
    lead = await make.person(organization=organization, team=team, team_role=TeamRole.ADMIN)
    member = await make.person(organization=organization, team=team)
    some = {"members": [{"userId": member.id, "role": "ADMIN"}], "addToOrganization": True}
    for person, given, refusals in (
        (
            await make.admin(),
            some,
            [("BAD_INPUT", "input.members"), ("BAD_INPUT", "input.addToOrganization")],
        ),
        (lead, {}, [("FORBIDDEN", "input.allUsers")]),
        (member, {}, [("FORBIDDEN", "input.teamId"), ("FORBIDDEN", "input.allUsers")]),
        (await make.person(), {}, [("NOT_FOUND", "input.teamId")]),
    ):
        answer = await api.refused(
            person, "teamMembersAdd", BATCH, teamId=team.id, allUsers=True, **given
        )
        assert answer.refusals == refusals
        assert answer.payload["added"] is answer.payload["alreadyMembers"] is None


async def test_ten_thousand_people_are_everybody_at_most_in_as_many_statements_as_one(
    api: Api, make: Factory, owner: asyncpg.Connection
) -> None:
    admin, team = await make.admin(), await make.team()
    few = await api.mutate(admin, "teamMembersAdd", BATCH, teamId=team.id, allUsers=True)
    await owner.execute(MANY, 9_999)
    many = await api.mutate(admin, "teamMembersAdd", BATCH, teamId=team.id, allUsers=True)
    assert (few.payload["added"], few.payload["alreadyMembers"]) == (1, 0)
    assert (many.payload["added"], many.payload["alreadyMembers"]) == (9_999, 1)
    assert many.statements == few.statements
    await make.person()
    answer = await api.refused(admin, "teamMembersAdd", teamId=team.id, allUsers=True)
    assert answer.refusals == [("BAD_INPUT", "input.allUsers")]
