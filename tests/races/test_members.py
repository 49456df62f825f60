"""People added to teams at the same moment: different ones all get in, of the same one call wins."""

import asyncio
from collections import Counter

import asyncpg
import pytest

from factories import Factory
from live_server import LiveApi

ADD = """
mutation Add($input: TeamMembersAddInput!) {
  teamMembersAdd(input: $input) { members { id } errors { code path } }
}
"""
PLACES = {
    "team": ("team_members", "teamId", "teamMembersAdd", "teamMembersRemove"),
    "organization": (
        "organization_members",
        "organizationId",
        "organizationMembersAdd",
        "organizationMembersRemove",
    ),
}
ACTIONS = "SELECT action, count(*) FROM audit_entries WHERE actor_user_id = $1 GROUP BY action"


async def test_64_clients_add_2000_people_to_8_teams_and_all_are_in(
    ask: LiveApi, make: Factory, owner: asyncpg.Connection
) -> None:
    admin = await make.admin()
    teams = [await make.team() for _ in range(8)]
    waiting = iter(range(2000))
    refusals = []

    async def client() -> None:
        for number in waiting:
            members = [{"email": f"person{number}@example.com"}]
            answer = await ask(
                admin, ADD, input={"teamId": teams[number % 8].id, "members": members}
            )
            refusals.extend(answer.refusals)

    await asyncio.gather(*(client() for _ in range(64)))
    assert refusals == []
    members = await owner.fetch("SELECT team_id, user_id FROM team_members")
    assert len({member["user_id"] for member in members}) == len(members) == 2000
    assert Counter(member["team_id"] for member in members) == {team.id: 250 for team in teams}
    written = dict(await owner.fetch(ACTIONS, admin.id))
    assert written == {"user.create": 2000, "team_member.add": 2000}


async def test_50_clients_add_the_same_person_and_one_wins(
    ask: LiveApi, make: Factory, owner: asyncpg.Connection
) -> None:
    admin = await make.admin()
    team = await make.team()
    person = await make.person()
    names = [{"email": person.email}, {"userId": person.id}]
    answers = await asyncio.gather(
        *(
            ask(admin, ADD, input={"teamId": team.id, "members": [names[number % 2]]})
            for number in range(50)
        )
    )
    outcomes = Counter(tuple(code for code, _ in answer.refusals) for answer in answers)
    assert outcomes == {(): 1, ("CONFLICT",): 49}
    assert await owner.fetchval("SELECT count(*) FROM team_members") == 1
    written = dict(await owner.fetch(ACTIONS, admin.id))
    assert written == {"team_member.add": 1}


async def test_somebody_unknown_added_to_5_teams_at_once_becomes_one_user(
    ask: LiveApi, make: Factory, owner: asyncpg.Connection
) -> None:
    admin = await make.admin()
    organization = await make.organization()
    teams = [await make.team(organization) for _ in range(5)]
    for number in range(20):
        email = f"newcomer{number}@example.com"
        spellings = [email, email.upper(), email.title(), email.swapcase(), email.capitalize()]
        answers = await asyncio.gather(
            *(
                ask(
                    admin,
                    ADD,
                    input={
                        "teamId": team.id,
                        "members": [{"email": spelling}],
                        "addToOrganization": True,
                    },
                )
                for team, spelling in zip(teams, spellings, strict=True)
            )
        )
        assert [answer.refusals for answer in answers] == [[]] * 5
    people = "FROM users WHERE email_key LIKE 'newcomer%'"
    assert await owner.fetchval(f"SELECT count(*) {people}") == 20
    for table, count in (("organization_members", 20), ("team_members", 100)):
        query = f"SELECT count(*) FROM {table} WHERE user_id IN (SELECT id {people})"
        assert await owner.fetchval(query) == count
    written = dict(await owner.fetch(ACTIONS, admin.id))
    assert written == {"user.create": 20, "organization_member.add": 20, "team_member.add": 100}


@pytest.mark.parametrize("rounds", [20, pytest.param(1000, marks=pytest.mark.soak)])
@pytest.mark.parametrize("place", PLACES)
async def test_one_is_added_while_another_is_removed_and_both_are_done(
    ask: LiveApi, make: Factory, owner: asyncpg.Connection, place: str, rounds: int
) -> None:
    admin, people = await make.admin(), [await make.person() for _ in range(2)]
    table, name, add, remove = PLACES[place]
    if place == "team":
        whole = await make.team()
        await make.team_member(whole, people[1])
    else:
        whole = await make.organization()
        await make.organization_member(whole, people[1])
    for _ in range(rounds):
        x, y = people
        answers = await asyncio.gather(
            *(
                ask(
                    admin,
                    f"""
                    mutation Change($input: {deed[0].upper()}{deed[1:]}Input!) {{
                      {deed}(input: $input) {{ errors {{ code path }} }}
                    }}
                    """,
                    input={name: whole.id, "members": [{"userId": person.id}]},
                )
                for deed, person in ((add, x), (remove, y))
            )
        )
        assert [answer.refusals for answer in answers] == [[], []]
        members = f"SELECT user_id FROM {table} WHERE {place}_id = $1"
        assert [row["user_id"] for row in await owner.fetch(members, whole.id)] == [x.id]
        people.reverse()
    written = dict(await owner.fetch(ACTIONS, admin.id))
    assert written == {f"{place}_member.add": rounds, f"{place}_member.remove": rounds}
