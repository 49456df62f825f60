"""Members added the short way: by one statement, as the long way would, if nothing is in the way."""

import asyncio
from collections.abc import Callable
from typing import Any

import asyncpg
import pytest

from api_client import Api
from bursar.domain.ids import DEFAULT_ORGANIZATION
from bursar.domain.roles import OrganizationRole
from bursar.graphql.execution.rest import RestExecutor
from bursar.services import members, members_at_once
from bursar.services.members_at_once import Call, MembersTogether
from factories import Factory

ADDED = "members { id version role joinedAt user { id name email } team { id } } results { status }"
ENTRIES = """
SELECT action, object_id, organization_id, team_id, actor_user_id, actor_key_id, on_behalf_of,
  request_id IS NULL AS unasked, before, after FROM audit_entries ORDER BY id
"""


@pytest.fixture
def ways(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Of each call, which way did it."""
    taken: list[str] = []
    add_short, add_long = MembersTogether.add, members.hold

    async def short(together: MembersTogether, call: Call) -> Any:
        rows = await add_short(together, call)
        alone = len(call.ids) > members_at_once.MOST_TOGETHER
        taken.extend(["alone" if alone else "together"] if rows else [])
        return rows

    async def long(*given: Any) -> Any:
        taken.append("long")
        return await add_long(*given)

    monkeypatch.setattr(MembersTogether, "add", short)
    monkeypatch.setattr(members, "hold", long)
    return taken


@pytest.mark.parametrize("built_in", [True, False])
async def test_all_ways_leave_the_same(
    api: Api,
    make: Factory,
    owner: asyncpg.Connection,
    ways: list[str],
    monkeypatch: pytest.MonkeyPatch,
    built_in: bool,
) -> None:
    admin = await make.admin()
    organization = None if built_in else await make.organization()
    people = [await make.person(organization=organization) for _ in range(3)]
    seen = []
    for way, more in (("together", {}), ("alone", {}), ("long", {"idempotencyKey": "1"})):
        if way == "alone":
            monkeypatch.setattr(members_at_once, "MOST_TOGETHER", 2)
        team = await make.team(organization)
        names = [
            {"userId": each.id, "role": role} for each, role in zip(people, ROLES, strict=True)
        ]
        answer = await api.mutate(
            admin,
            "teamMembersAdd",
            ADDED,
            teamId=team.id,
            members=names,
            mode="BEST_EFFORT",
            **more,
        )
        assert answer.refusals == []
        rows = await owner.fetch(
            "SELECT user_id, role, version FROM team_members WHERE team_id = $1 ORDER BY id",
            team.id,
        )
        entries = [dict(row) for row in await owner.fetch(ENTRIES)]
        await owner.execute("DELETE FROM audit_entries; DELETE FROM audit_heads")
        ids = [member.pop("id") for member in answer.payload["members"]]
        times = {member.pop("joinedAt") for member in answer.payload["members"]}
        said = str((answer.payload, rows, entries))
        for old, new in [*((id_, str(n)) for n, id_ in enumerate(ids)), *((t, "T") for t in times)]:
            assert old in said
            said = said.replace(old, new)
        seen.append(said.replace(team.id, "team"))
        assert len(entries) == 3
    assert seen[0] == seen[1] == seen[2]
    assert ways == ["together", "alone", "long"]


ROLES = ("MEMBER", "ADMIN", "MEMBER")


async def test_it_takes_one_statement(api: Api, make: Factory, ways: list[str]) -> None:
    admin, organization = await make.admin(), await make.organization()
    team = await make.team(organization)
    statements = []
    for count in (1, 50):
        people = [await make.person(organization=organization) for _ in range(count)]
        answer = await api.mutate(
            admin, "teamMembersAdd", teamId=team.id, members=[{"userId": p.id} for p in people]
        )
        assert answer.refusals == []
        statements.append(answer.statements)
    assert statements == [2, 2]  # with the sign-in
    assert ways == ["together", "alone"]


@pytest.mark.parametrize(
    ("more", "statements"), [("", 2), ("createdAt", 3), ("teams(first: 1) { totalCount }", 3)]
)
async def test_who_was_added_is_not_looked_up(
    api: Api, make: Factory, monkeypatch: pytest.MonkeyPatch, more: str, statements: int
) -> None:
    monkeypatch.delattr(RestExecutor, "after")  # so that no plan may be surprised
    admin, team = await make.admin(), await make.team()
    people = [await make.person(), await make.person(email=None)]
    selection = f"members {{ user {{ id name email {more} }} }}"
    members = [{"userId": each.id} for each in people]
    answer = await api.mutate(admin, "teamMembersAdd", selection, teamId=team.id, members=members)
    users = [member["user"] for member in answer.payload["members"]]
    assert [(user["id"], user["name"], user["email"]) for user in users] == [
        (each.id, each.row.name, each.email) for each in people
    ]
    assert answer.statements == statements


Given = Callable[[Any, Any, Any], dict[str, Any]]
ELSEWISE: dict[str, tuple[str, Given, list[tuple[str, str]]]] = {
    "an e-mail": ("admin", lambda p, _t, _s: {"members": [{"email": p.email}]}, []),
    "a budget": (
        "admin",
        lambda p, _t, _s: {"members": [{"userId": p.id, "budget": {"rpmLimit": "1"}}]},
        [],
    ),
    "an admin of the organization": (
        "organization admin",
        lambda p, _t, _s: {"members": [{"userId": p.id}]},
        [],
    ),
    "a team that is not there": (
        "admin",
        lambda p, _t, _s: {"teamId": "team_1", "members": [{"userId": p.id}]},
        [("NOT_FOUND", "input.teamId")],
    ),
    "a user who is not there": (
        "admin",
        lambda p, _t, _s: {"members": [{"userId": p.id}, {"userId": "user_1"}]},
        [("NOT_FOUND", "input.members.1.userId")],
    ),
    "a text that no id is": (
        "admin",
        lambda _p, _t, _s: {"members": [{"userId": "user_\x00"}]},
        [("NOT_FOUND", "input.members.0.userId")],
    ),
    "somebody of another organization": (
        "admin",
        lambda p, _t, s: {"members": [{"userId": p.id}, {"userId": s.id}]},
        [("CONFLICT", "input.members.1.userId")],
    ),
    "a member": (
        "admin",
        lambda p, t, _s: {"members": [{"userId": p.id}, {"userId": t.id}]},
        [("CONFLICT", "input.members.1.userId")],
    ),
}


@pytest.mark.parametrize("case", ELSEWISE)
async def test_whatever_is_else_goes_the_long_way(
    api: Api, make: Factory, ways: list[str], case: str
) -> None:
    whose, given, refusals = ELSEWISE[case]
    organization = await make.organization()
    team = await make.team(organization)
    callers = {
        "admin": await make.admin(),
        "organization admin": await make.person(
            organization=organization, organization_role=OrganizationRole.ADMIN
        ),
    }
    person = await make.person(organization=organization)
    member = await make.person(organization=organization, team=team)
    stranger = await make.person()
    input_ = {"teamId": team.id, **given(person, member, stranger)}
    ask = api.refused if refusals else api.mutate
    answer = await ask(callers[whose], "teamMembersAdd", **input_)
    assert answer.refusals == refusals
    assert ways == ["long"]


async def test_who_is_added_meanwhile_is_refused_and_told_the_path(
    api: Api, make: Factory, owner: asyncpg.Connection, ways: list[str]
) -> None:
    admin, team, person = await make.admin(), await make.team(), await make.person()
    async with owner.transaction():
        await owner.execute(
            "INSERT INTO team_members (id, team_id, user_id, role)"
            " VALUES ('member_1', $1, $2, 'ADMIN')",
            *(team.id, person.id),
        )
        asking = asyncio.create_task(
            api.mutate(admin, "teamMembersAdd", teamId=team.id, members=[{"userId": person.id}])
        )
        done, _ = await asyncio.wait([asking], timeout=0.3)
        assert not done
    assert (await asking).refusals == [("CONFLICT", "input.members.0.userId")]
    assert ways == ["long"]
    assert await owner.fetchval("SELECT count(*) FROM audit_entries") == 0


@pytest.mark.parametrize("leaves", [True, False])
async def test_who_leaves_the_organization_meanwhile_is_not_added(
    api: Api, make: Factory, owner: asyncpg.Connection, ways: list[str], leaves: bool
) -> None:
    admin, organization = await make.admin(), await make.organization()
    team = await make.team(organization)
    person = await make.person(organization=organization)
    leaving = owner.transaction()
    await leaving.start()
    await owner.execute("SELECT FROM organizations WHERE id = $1 FOR UPDATE", organization.id)
    await owner.execute("DELETE FROM organization_members WHERE user_id = $1", person.id)
    asking = asyncio.create_task(
        api.mutate(admin, "teamMembersAdd", teamId=team.id, members=[{"userId": person.id}])
    )
    done, _ = await asyncio.wait([asking], timeout=0.3)
    assert not done
    await (leaving.commit() if leaves else leaving.rollback())
    assert (await asking).refusals == ([("CONFLICT", "input.members.0.userId")] if leaves else [])
    assert ways == ["long"]


@pytest.mark.parametrize("built_in", [True, False])
async def test_a_team_that_moves_meanwhile_takes_its_members_from_where_it_is(
    api: Api, make: Factory, owner: asyncpg.Connection, built_in: bool
) -> None:
    admin, organization = await make.admin(), await make.organization()
    team = await make.team(organization)
    person = await make.person(organization=organization)
    elsewhere = DEFAULT_ORGANIZATION if built_in else (await make.organization()).id
    async with owner.transaction():
        move = "UPDATE teams SET organization_id = $2 WHERE id = $1"
        await owner.execute(move, team.id, elsewhere)
        asking = asyncio.create_task(
            api.mutate(admin, "teamMembersAdd", teamId=team.id, members=[{"userId": person.id}])
        )
        done, _ = await asyncio.wait([asking], timeout=0.3)
        assert not done
    refused = [("CONFLICT", "input.members.0.userId")]
    assert (await asking).refusals == ([] if built_in else refused)
    entries = await owner.fetch("SELECT organization_id FROM audit_entries")
    assert [entry[0] for entry in entries] == ([elsewhere] if built_in else [])


async def test_who_is_not_there_is_not_added_in_the_built_in_organization_either(
    api: Api, make: Factory, ways: list[str]
) -> None:
    admin, team, person = await make.admin(), await make.team(), await make.person()
    members = [{"userId": person.id}, {"userId": "user_1"}]
    answer = await api.refused(admin, "teamMembersAdd", teamId=team.id, members=members)
    assert answer.refusals == [("NOT_FOUND", "input.members.1.userId")]
    assert ways == ["long"]
