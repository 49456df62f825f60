"""Batches at the same moment: what is said of each person is what the database holds."""

import asyncio
import random
from collections import Counter

import asyncpg

from factories import Factory
from live_server import LiveApi

ADD = """
mutation Add($input: TeamMembersAddInput!) {
  teamMembersAdd(input: $input) {
    members { id } added alreadyMembers errors { code path }
    results { status member { id user { email } } error { code } }
  }
}
"""
REMOVE = """
mutation Remove($input: TeamMembersRemoveInput!) {
  teamMembersRemove(input: $input) { removedIds errors { code path } }
}
"""
ADD_TO_ORGANIZATION = """
mutation Add($input: OrganizationMembersAddInput!) {
  organizationMembersAdd(input: $input) {
    errors { code path } results { status member { id user { email } } error { code } }
  }
}
"""
LEAVE_ORGANIZATION = """
mutation Remove($input: OrganizationMembersRemoveInput!) {
  organizationMembersRemove(input: $input) { errors { code path } }
}
"""
MEMBERS = "SELECT id FROM team_members WHERE team_id = $1"
COLLEAGUES = "SELECT id FROM organization_members WHERE organization_id = $1"
ACTIONS = "SELECT action, count(*) FROM audit_entries WHERE actor_user_id = $1 GROUP BY action"


async def test_50_clients_add_overlapping_people_and_each_is_told_what_holds(
    ask: LiveApi, make: Factory, owner: asyncpg.Connection
) -> None:
    admin, organization = await make.admin(), await make.organization()
    team = await make.team(organization)
    known = [await make.person(organization=organization) for _ in range(20)]
    emails = [person.email for person in known]
    emails += [f"unknown{number}@example.com" for number in range(40)]
    chance = random.Random(7)  # noqa: S311 (no secret)

    async def client() -> list[dict[str, str]]:
        people = [{"email": email} for email in chance.sample(emails, 30)]
        given = {"teamId": team.id, "members": people, "addToOrganization": True}
        answer = await ask(admin, ADD, input={**given, "mode": "BEST_EFFORT"})
        assert answer.refusals == []
        results = answer.payload["results"]
        named = [one["member"]["user"]["email"] for one in results]
        assert named == [person["email"] for person in people]
        added = [one["member"]["id"] for one in results if one["status"] == "ADDED"]
        assert [member["id"] for member in answer.payload["members"]] == added
        return list(results)

    told = [
        one for results in await asyncio.gather(*(client() for _ in range(50))) for one in results
    ]
    assert {one["status"] for one in told} == {"ADDED", "ALREADY_MEMBER"}
    added = Counter(one["member"]["id"] for one in told if one["status"] == "ADDED")
    stored = {row["id"] for row in await owner.fetch(MEMBERS, team.id)}
    assert len(stored) == 60
    assert added == Counter(stored)
    assert {one["member"]["id"] for one in told} == stored
    written = dict(await owner.fetch(ACTIONS, admin.id))
    assert written == {"user.create": 40, "organization_member.add": 40, "team_member.add": 60}


async def test_50_clients_add_overlapping_people_to_an_organization(
    ask: LiveApi, make: Factory, owner: asyncpg.Connection
) -> None:
    admin, organization = await make.admin(), await make.organization()
    emails = [(await make.person()).email for _ in range(20)]
    emails += [f"unknown{number}@example.com" for number in range(40)]
    chance = random.Random(8)  # noqa: S311 (no secret)

    async def client() -> list[dict[str, str]]:
        people = [{"email": email} for email in chance.sample(emails, 30)]
        given = {"organizationId": organization.id, "members": people, "mode": "BEST_EFFORT"}
        answer = await ask(admin, ADD_TO_ORGANIZATION, input=given)
        assert answer.refusals == []
        return list(answer.payload["results"])

    told = [
        one for results in await asyncio.gather(*(client() for _ in range(50))) for one in results
    ]
    added = Counter(one["member"]["id"] for one in told if one["status"] == "ADDED")
    stored = {row["id"] for row in await owner.fetch(COLLEAGUES, organization.id)}
    assert len(stored) == 60
    assert added == Counter(stored)
    assert {one["member"]["id"] for one in told} == stored


async def test_everybody_joins_while_others_join_and_leave(
    ask: LiveApi, make: Factory, owner: asyncpg.Connection
) -> None:
    admin, organization = await make.admin(), await make.organization()
    people = [await make.person(organization=organization) for _ in range(30)]
    for _ in range(5):
        team = await make.team(organization)
        first = {person.id: {"userId": person.id} for person in people}
        everybody = {"teamId": team.id, "allUsers": True}
        answers = await asyncio.gather(
            *(ask(admin, ADD, input=everybody) for _ in range(4)),
            *(
                ask(
                    admin,
                    ADD,
                    input={"teamId": team.id, "members": [one], "mode": "BEST_EFFORT"},
                )
                for one in list(first.values())[:20]
            ),
            *(
                ask(admin, REMOVE, input={"teamId": team.id, "members": [one]})
                for one in list(first.values())[10:]
            ),
        )
        counts = [answer.payload for answer in answers[:4]]
        assert {one["added"] + one["alreadyMembers"] for one in counts} == {30}
        singly = [answer.payload["results"][0]["status"] for answer in answers[4:24]]
        removed = [answer.refusals for answer in answers[24:]]
        assert {code for refusals in removed for code, _ in refusals} <= {"NOT_FOUND"}
        added = sum(one["added"] for one in counts) + singly.count("ADDED")
        assert len(await owner.fetch(MEMBERS, team.id)) == added - removed.count([])
        (final,) = [(await ask(admin, ADD, input=everybody)).payload]
        assert final["added"] + final["alreadyMembers"] == 30


async def test_everybody_joins_while_one_leaves_the_organization_and_one_is_deleted(
    ask: LiveApi, make: Factory, owner: asyncpg.Connection
) -> None:
    admin = await make.admin()
    delete = (
        "mutation($input: UserDeleteInput!) { userDelete(input: $input) { errors { code path } } }"
    )
    for _ in range(10):
        organization = await make.organization()
        team = await make.team(organization)
        stays, leaves, goes = [await make.person(organization=organization) for _ in range(3)]
        left = {"organizationId": organization.id, "members": [{"userId": leaves.id}]}
        answers = await asyncio.gather(
            ask(admin, ADD, input={"teamId": team.id, "allUsers": True}),
            ask(admin, LEAVE_ORGANIZATION, input=left),
            ask(admin, delete, input={"id": goes.id}),
        )
        assert [answer.refusals for answer in answers] == [[]] * 3
        members = await owner.fetch("SELECT user_id FROM team_members WHERE team_id = $1", team.id)
        assert [member["user_id"] for member in members] == [stays.id]
