"""Budgets of members that are read without the members are those that are read with them."""

import pytest

from bursar.database.pool import Database
from bursar.loaders.budgets import budgets_by_team_member, budgets_of_members
from bursar.loaders.narrowing import as_text
from bursar.loaders.reader import Reader
from factories import Factory, Person

LIMITS = frozenset({"id", "source", "rpm_limit", as_text("max_budget"), as_text("created_at")})


async def pairs_of(make: Factory) -> list[tuple[str, str]]:
    """Members of teams with a default, own or a plan, or none: with an own budget, a plan, or none."""
    plan, default = await make.plan(rpm_limit=1), await make.plan(rpm_limit=2)
    teams = [await make.team() for _ in range(3)]
    await make.budget("team_default", teams[0], rpm_limit=3, max_budget=12)
    await make.attachment(default, "team_default", teams[1].id)
    pairs = []
    for team in teams:
        members = [await make.team_member(team, await make.person()) for _ in range(3)]
        await make.budget("team_member", members[0], rpm_limit=4)
        await make.attachment(plan, "team_member", members[1].id)
        pairs += [(member.id, team.id) for member in members]
    return pairs


@pytest.mark.parametrize("is_admin", [True, False])
@pytest.mark.parametrize("wanted", [LIMITS, LIMITS | {"spend"}, None])
async def test_budgets_of_members_are_the_same_by_pairs(
    database: Database, make: Factory, is_admin: bool, wanted: frozenset[str] | None
) -> None:
    pairs = await pairs_of(make)
    person: Person = await make.admin() if is_admin else await make.person()
    reader = Reader(database, person.actor)
    members = [member for member, _ in pairs]
    by_member, by_pair = (
        source if wanted is None else source.only(wanted)
        for source in (budgets_by_team_member, budgets_of_members)
    )
    expected = await by_member(reader, members)
    found = await by_pair(reader, pairs)
    assert len(expected) == (8 if is_admin else 0)
    shown = LIMITS if wanted else {"id", "source", "rpm_limit", "max_budget"}
    assert {pair[0]: [row[name] for name in shown] for pair, row in found.items()} == {
        member: [row[name] for name in shown] for member, row in expected.items()
    }
