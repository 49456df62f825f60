"""teamMembersAdd for whoever can be added."""

import asyncio
from typing import Any

import asyncpg
import pytest

from api_client import Api
from bursar.database.rows import Row
from bursar.domain.ids import Prefix, new_id
from bursar.domain.roles import OrganizationRole, TeamRole
from bursar.services import people
from factories import Factory, Person

MEMBER = "id role user { id email } budget { source limits { maxBudget } }"
BATCH = f"""
members {{ id }} added alreadyMembers
results {{ status member {{ {MEMBER} }} error {{ __typename code path message }} }}
"""
BEST_EFFORT = {"mode": "BEST_EFFORT"}
ROWS = "SELECT user_id, role FROM team_members WHERE team_id = $1 ORDER BY user_id"
ACTIONS = "SELECT action FROM audit_entries WHERE actor_user_id = $1 ORDER BY id"
JOIN = "INSERT INTO team_members (id, team_id, user_id, role) VALUES ($1, $2, $3, 'MEMBER')"
WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted"


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


@pytest.mark.parametrize("ending", ["ROLLBACK", "COMMIT"])
async def test_whom_somebody_else_adds_meanwhile_is_a_member_already(
    api: Api, make: Factory, owner: asyncpg.Connection, ending: str
) -> None:
    team, admin = await make.team(), await make.admin()
    person, other = await make.person(), await make.person()
    member_id = new_id(Prefix.TEAM_MEMBER)
    await owner.execute("BEGIN")
    await owner.execute(JOIN, member_id, team.id, person.id)
    asked = asyncio.create_task(add(api, admin, team, {"userId": person.id}, {"userId": other.id}))
    # PostgreSQL tells nobody that a lock is waited for.
    while not await owner.fetchval(WAITING):  # noqa: ASYNC110 (as said above)
        await asyncio.sleep(0.01)
    await owner.execute(ending)
    first, second = (await asked)["results"]
    assert first["status"] == ("ALREADY_MEMBER" if ending == "COMMIT" else "ADDED")
    assert (first["member"]["id"] == member_id) is (ending == "COMMIT")
    assert second["status"] == "ADDED"
    assert set(await stored(owner, team)) == {person.id, other.id}


async def test_who_is_made_a_user_meanwhile_is_found_and_who_has_gone_again_is_made(
    api: Api, make: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    team, admin = await make.team(), await make.admin()
    made: list[Any] = []

    async def beaten(*_: Any) -> list[Row]:
        """Somebody else makes the user: first one who has gone when looked for, then one who stays."""
        made.append(await make.person(email="new@example.com") if made else None)
        return []

    monkeypatch.setattr(people, "insert_absent", beaten)
    payload = await add(api, admin, team, {"email": "NEW@example.com"})
    assert said(payload) == [("ADDED", None, None)]
    assert payload["results"][0]["member"]["user"]["id"] == made[1].id


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
