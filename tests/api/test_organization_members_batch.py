"""organizationMembersAdd for whoever can be added."""

from typing import Any

import asyncpg

from api_client import Answer, Api
from bursar.domain.ids import Prefix, new_id
from bursar.domain.roles import OrganizationRole
from factories import Factory, Person

BATCH = """
members { id }
results {
  status error { code path }
  member { id role user { id email } budget { limits { rpmLimit } } }
}
"""
ROLES = "SELECT user_id, role FROM organization_members WHERE organization_id = $1"
ACTIONS = "SELECT action FROM audit_entries WHERE actor_user_id = $1 ORDER BY id"


async def add(api: Api, person: Person, organization_id: str, *members: dict[str, Any]) -> Answer:
    answer = await api.mutate(
        person,
        "organizationMembersAdd",
        BATCH,
        organizationId=organization_id,
        members=list(members),
        mode="BEST_EFFORT",
    )
    assert answer.refusals == []
    return answer


async def test_who_can_be_added_is_and_of_each_it_is_said_what_became(
    api: Api, make: Factory, owner: asyncpg.Connection
) -> None:
    organization = await make.organization()
    admin = await make.person(organization=organization, organization_role=OrganizationRole.ADMIN)
    member = await make.person(organization=organization)
    outsider, other = await make.person(), await make.person()
    answer = await add(
        api,
        admin,
        organization.id,
        {"email": "new@example.com", "role": "VIEWER", "budget": {"rpmLimit": "1"}},
        {"userId": outsider.id},
        {"email": member.email, "role": "ADMIN"},
        {"userId": new_id(Prefix.USER)},
        {"userId": other.id, "email": "wrong@example.com"},
        {"email": outsider.email},
    )
    results = answer.payload["results"]
    said = [(one["status"], one["error"]) for one in results]
    assert said == [
        ("ADDED", None),
        ("ADDED", None),
        ("ALREADY_MEMBER", None),
        ("FAILED", {"code": "NOT_FOUND", "path": ["input", "members", "3", "userId"]}),
        ("FAILED", {"code": "BAD_INPUT", "path": ["input", "members", "4", "email"]}),
        ("FAILED", {"code": "BAD_INPUT", "path": ["input", "members", "5"]}),
    ]
    new, added, there = [one["member"] for one in results[:3]]
    assert [one["member"] for one in results[3:]] == [None] * 3
    assert (new["role"], new["budget"]["limits"]["rpmLimit"]) == ("VIEWER", "1")
    assert answer.payload["members"] == [{"id": new["id"]}, {"id": added["id"]}]
    assert dict(await owner.fetch(ROLES, organization.id)) == {
        admin.id: "ADMIN",
        there["user"]["id"]: "MEMBER",
        new["user"]["id"]: "VIEWER",
        outsider.id: "MEMBER",
    }
    written = [row[0] for row in await owner.fetch(ACTIONS, admin.id)]
    assert written == ["user.create", *["organization_member.add"] * 2]


async def test_500_people_take_as_many_statements_as_one(api: Api, make: Factory) -> None:
    admin, statements = await make.admin(), []
    for count in (1, 250):
        organization = await make.organization()
        people = [{"email": f"p{count}-{number}@example.com"} for number in range(count * 2)]
        await add(api, admin, organization.id, *people[:count])
        answer = await add(api, admin, organization.id, *people)
        expected = ["ALREADY_MEMBER"] * count + ["ADDED"] * count
        assert [one["status"] for one in answer.payload["results"]] == expected
        statements.append(answer.statements)
    assert statements[0] == statements[1]


async def test_what_concerns_the_whole_call_refuses_it(api: Api, make: Factory) -> None:
    organization = await make.organization()
    member = await make.person(organization=organization)
    good = {"userId": (await make.person()).id}
    for person, members, refusals in (
        (await make.admin(), [], [("BAD_INPUT", "input.members")]),
        (await make.admin(), [good, good], [("BAD_INPUT", "input.members.1")]),
        (member, [good], [("FORBIDDEN", "input.organizationId")]),
        (await make.person(), [good], [("NOT_FOUND", "input.organizationId")]),
    ):
        answer = await api.refused(
            person,
            "organizationMembersAdd",
            BATCH,
            organizationId=organization.id,
            members=members,
            mode="BEST_EFFORT",
        )
        assert answer.refusals == refusals
        assert answer.payload["results"] == []
