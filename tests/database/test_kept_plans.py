"""PostgreSQL keeps the plan of what every request asks: to plan anew would take longer than to read."""

from functools import partial

import pytest
from conftest import PEPPER

from bursar.database.connections import Connection
from bursar.database.given import repeated
from bursar.database.pool import Database
from bursar.domain.roles import TeamRole
from bursar.loaders.pages import PageRequest
from bursar.loaders.reader import Reader
from bursar.loaders.teams import teams_by_id, teams_by_organization
from bursar.services import members
from bursar.services.members import MemberAttributes
from bursar.services.members_at_once import MembersTogether, call_of
from bursar.services.memberships import NewMember
from bursar.services.people import Person
from bursar.services.sign_in import keys_by_secret
from factories import Factory

UNTIL_KEPT = 5  # plans for their values are made first, to compare with
TIMES = UNTIL_KEPT + 5
PLANNED = """
    SELECT generic_plans, custom_plans FROM pg_prepared_statements WHERE statement LIKE '%' || $1 || '%'
        AND statement NOT LIKE '%pg_prepared_statements%'
"""


async def planned(connection: Connection, part: str) -> list[tuple[int, int]]:
    return [tuple(row) for row in await connection.raw.fetch(PLANNED, part)]


async def test_who_signs_in_is_looked_up_by_a_plan_that_is_kept(
    database: Database, make: Factory
) -> None:
    admin = await make.admin()
    fresh = Database(database._dsn, size=1)  # noqa: SLF001 (whose one session has planned nothing)
    async with fresh.connection() as connection:
        for _ in range(TIMES):
            found = await keys_by_secret(connection, [admin.secret], peppers=[PEPPER])
            assert list(found) == [admin.secret]
        assert await planned(connection, "previous_hash") == [(TIMES - UNTIL_KEPT, UNTIL_KEPT)]
    await fresh.close()


async def test_one_team_is_read_by_a_plan_that_is_kept(database: Database, make: Factory) -> None:
    admin, team = await make.admin(), await make.team()
    fresh = Database(database._dsn, size=1)  # noqa: SLF001 (as above)
    async with fresh.connection() as connection:
        for _ in range(TIMES):
            assert list(await teams_by_id(Reader(connection, admin.actor), [team.id])) == [team.id]
        assert await planned(connection, "batch_key") == [(TIMES - UNTIL_KEPT, UNTIL_KEPT)]
    await fresh.close()


async def test_teams_of_one_organization_are_listed_and_counted_by_plans_that_are_kept(
    database: Database, make: Factory
) -> None:
    admin, team = await make.admin(), await make.team()
    under = [team.organization_id]
    fresh = Database(database._dsn, size=1)  # noqa: SLF001 (as above)
    async with fresh.connection() as connection:
        for _ in range(TIMES):
            reader = Reader(connection, admin.actor)
            pages = await teams_by_organization.pages(reader, under, PageRequest(50))
            counts = await teams_by_organization.counts(reader, under, ())
            assert counts == {each: len(page.rows) for each, page in pages.items()}
        for part in ("batch_place", "batch_parent"):
            assert await planned(connection, part) == [(TIMES - UNTIL_KEPT, UNTIL_KEPT)], part
    await fresh.close()


async def test_a_member_is_added_and_changed_by_plans_that_are_kept(
    database: Database, make: Factory
) -> None:
    admin, team = await make.admin(), await make.team()
    people = [await make.person() for _ in range(TIMES)]
    fresh = Database(database._dsn, size=1)  # noqa: SLF001 (as above)
    together = MembersTogether(fresh)
    for each in people:
        person = Person(each.id, None)
        call = call_of(admin.actor, team.id, [NewMember(person, TeamRole.MEMBER)])
        assert call is not None
        assert await together.add(call)
        change = partial(
            members.update,
            actor=admin.actor,
            team_id=team.id,
            person=person,
            attributes=MemberAttributes(role=TeamRole.ADMIN),
        )
        await fresh.write(change)
    async with fresh.connection() as connection:
        for part in ("judged", "OF teams", "OF users", "UPDATE team_members", "jsonb_to_recordset"):
            assert await planned(connection, part) == [(TIMES - UNTIL_KEPT, UNTIL_KEPT)], part
    await fresh.close()


@pytest.mark.parametrize(
    ("values", "given"),
    [([], []), (["a"], ["a"] * 10), (["a", "b"], ["a", "b", *["a"] * 8]), (["a"] * 11, ["a"] * 11)],
)
def test_few_values_are_given_several_times(values: list[str], given: list[str]) -> None:
    assert repeated(values) == given
