"""teamMove: who may take a team from one organization to another, and what has to fit there."""

from typing import Any

import asyncpg
import pytest

from api_client import Api
from bursar.database.rows import Row
from bursar.domain.ids import DEFAULT_ORGANIZATION, Prefix, new_id
from bursar.domain.roles import OrganizationRole, TeamRole
from factories import Factory, Person

TEAM = "team { id version organization { id } }"
ENTRIES = """
query($filter: AuditFilter) {
  auditEntries(filter: $filter) { nodes { action organizationId teamId before after } }
}
"""


async def moved(api: Api, person: Person, team: Row, organization_id: str, **given: Any) -> Any:
    answer = await api.mutate(
        person, "teamMove", TEAM, id=team.id, organizationId=organization_id, **given
    )
    assert answer.refusals == []
    return answer.payload["team"]


async def admin_of(make: Factory, *organizations: Row) -> Person:
    person = await make.person()
    for organization in organizations:
        await make.organization_member(organization, person, OrganizationRole.ADMIN)
    return person


async def test_who_administers_both_organizations_moves_a_team_with_all_that_is_its(
    api: Api, make: Factory, owner: asyncpg.Connection
) -> None:
    one, other = await make.organization(), await make.organization()
    me = await admin_of(make, one, other)
    team = await make.team(one, joinable=True, external_id="t")
    member = await make.person(organization=one, team=team)
    await make.organization_member(other, member)
    key = await make.api_key(member, team=team)
    await make.budget("team", team, max_budget=5)
    await make.budget("team_default", team, max_budget=1)
    answer = await moved(api, me, team, other.id)
    assert answer == {"id": team.id, "version": 2, "organization": {"id": other.id}}
    stored = await owner.fetchrow("SELECT * FROM teams")
    kept = {name for name, value in stored.items() if value == team[name]}
    changed = {"organization_id", "version", "updated_at"}
    as_text = {"metadata", "model_aliases"}  # which are JSON, to this connection
    assert {*stored.keys()} - kept == changed | as_text
    for table, count in (("budgets", 2), ("team_members", 1), ("organization_members", 4)):
        assert await owner.fetchval(f"SELECT count(*) FROM {table}") == count
    document = "{ viewer { key { team { organization { id } } } } }"
    seen = (await api(key, document)).payload["key"]["team"]
    assert seen == {"organization": {"id": other.id}}


async def test_each_organization_is_told_its_own_side_and_the_team_both(
    api: Api, make: Factory
) -> None:
    one, other = await make.organization(), await make.organization()
    team = await make.team(one)
    lead = await make.person(organization=one, team=team, team_role=TeamRole.ADMIN)
    await make.organization_member(other, lead)
    admin = await make.admin()
    await moved(api, admin, team, other.id)
    left = {
        "action": "team.move",
        "organizationId": one.id,
        "teamId": team.id,
        "before": {"organizationId": one.id},
        "after": {"organizationId": None},
    }
    came = {
        "action": "team.move",
        "organizationId": other.id,
        "teamId": team.id,
        "before": {"organizationId": None},
        "after": {"organizationId": other.id},
    }
    for reader, entries in (
        (await admin_of(make, one), [left]),
        (await admin_of(make, other), [came]),
        (lead, [came, left]),
        (admin, [came, left]),
    ):
        assert (await api(reader, ENTRIES)).payload["nodes"] == entries


async def test_to_move_a_team_to_where_it_is_does_nothing(api: Api, make: Factory) -> None:
    organization = await make.organization()
    team, me = await make.team(organization), await admin_of(make, organization)
    before = await api.fingerprint()
    assert (await moved(api, me, team, organization.id))["version"] == 1
    assert await api.fingerprint() == before


async def test_who_administers_only_one_of_the_two_may_not(api: Api, make: Factory) -> None:
    one, other = await make.organization(), await make.organization()
    team = await make.team(one)
    given = {"id": team.id, "organizationId": other.id}

    async def refusals(person: Person, **more: Any) -> list[tuple[str, str]]:
        return (await api.refused(person, "teamMove", **{**given, **more})).refusals

    at_team, at_organization = ("FORBIDDEN", "input.id"), ("FORBIDDEN", "input.organizationId")
    adding = ("FORBIDDEN", "input.addToOrganization")
    me = await admin_of(make, one)
    await make.organization_member(other, me, OrganizationRole.VIEWER)
    assert await refusals(me) == [at_organization]
    assert await refusals(me, addToOrganization=True) == [at_organization, adding]
    assert await refusals(me, expectedVersion=9) == [at_organization]
    you = await admin_of(make, other)
    await make.organization_member(one, you, OrganizationRole.VIEWER)
    assert await refusals(you, addToOrganization=True) == [at_team]
    lead = await make.person(organization=one, team=team, team_role=TeamRole.ADMIN)
    await make.organization_member(other, lead)
    assert await refusals(lead) == [at_team, at_organization]


async def test_what_one_does_not_see_is_not_found_each_of_the_two(api: Api, make: Factory) -> None:
    one, other = await make.organization(), await make.organization()
    team = await make.team(one)
    no_team, no_organization = ("NOT_FOUND", "input.id"), ("NOT_FOUND", "input.organizationId")
    here, there = await admin_of(make, one), await admin_of(make, other)
    for person, team_id, organization_id, refusals in (
        (here, team.id, other.id, [no_organization]),
        (there, team.id, other.id, [no_team]),
        (await make.person(), team.id, other.id, [no_team, no_organization]),
        (await make.admin(), new_id(Prefix.TEAM), "\0", [no_team, no_organization]),
        (await make.admin(), "\0", new_id(Prefix.ORGANIZATION), [no_team, no_organization]),
    ):
        answer = await api.refused(person, "teamMove", id=team_id, organizationId=organization_id)
        assert answer.refusals == refusals


async def test_another_version_is_refused_before_what_does_not_fit(api: Api, make: Factory) -> None:
    team, organization = await make.team(), await make.organization()
    await make.person(team=team)
    given = {"id": team.id, "organizationId": organization.id, "expectedVersion": 2}
    answer = await api.refused(await make.admin(), "teamMove", **given)
    assert answer.refusals == [("VERSION_CONFLICT", "input.expectedVersion")]


async def test_members_outside_and_limits_above_are_said_all_at_once(
    api: Api, make: Factory
) -> None:
    admin, organization = await make.admin(), await make.organization()
    await make.budget("organization", organization, max_budget=10, tpm_limit=10, rpm_limit=10)
    team = await make.team()
    plan = await make.plan(max_budget=11, tpm_limit=10, rpm_limit=11)
    await make.attachment(plan, "team", team.id)
    stranger, member = await make.person(), await make.person(organization=organization)
    outside = await make.team_member(team, stranger)
    await make.team_member(team, member)
    answer = await api.refused(admin, "teamMove", id=team.id, organizationId=organization.id)
    limits = [
        ("CONFLICT", "input.organizationId.maxBudget"),
        ("CONFLICT", "input.organizationId.rpmLimit"),
    ]
    assert answer.refusals == [*limits, ("CONFLICT", "input.organizationId")]
    first, _, last = answer.payload["errors"]
    assert (first["level"], first["limit"], first["requested"]) == ("organization", "10", "11")
    assert last["__typename"] == "MembersOutsideOrganization"
    assert last["members"] == [{"id": outside.id, "user": {"id": stranger.id}}]
    answer = await api.refused(
        admin, "teamMove", id=team.id, organizationId=organization.id, addToOrganization=True
    )
    assert answer.refusals == limits


async def test_members_are_added_to_the_organization_and_stay_in_the_one_they_were_in(
    api: Api, make: Factory, owner: asyncpg.Connection
) -> None:
    one, other = await make.organization(), await make.organization()
    team, me = await make.team(one), await admin_of(make, one, other)
    people = [await make.person(organization=one, team=team) for _ in range(3)]
    await make.organization_member(other, people[0], OrganizationRole.VIEWER)
    await moved(api, me, team, other.id, addToOrganization=True)
    roles = "SELECT user_id, role FROM organization_members WHERE organization_id = $1"
    expected = dict(zip((p.id for p in people), ("VIEWER", "MEMBER", "MEMBER"), strict=True))
    assert dict(await owner.fetch(roles, other.id)) == {**expected, me.id: "ADMIN"}
    assert len(await owner.fetch(roles, one.id)) == 4
    entries = (await api(me, ENTRIES, filter={"organizationId": other.id})).payload["nodes"]
    said = ["team.move", "organization_member.add", "organization_member.add"]
    assert [entry["action"] for entry in entries] == said


@pytest.mark.parametrize("adding", [True, False])
async def test_to_the_built_in_organization_everybody_belongs(
    api: Api, make: Factory, owner: asyncpg.Connection, adding: bool
) -> None:
    organization = await make.organization()
    team = await make.team(organization)
    await make.person(organization=organization, team=team)
    admin = await make.admin()
    await moved(api, admin, team, DEFAULT_ORGANIZATION, addToOrganization=adding)
    assert await owner.fetchval("SELECT count(*) FROM organization_members") == 1


async def test_a_hundred_of_the_members_outside_are_named(api: Api, make: Factory) -> None:
    admin, team, organization = await make.admin(), await make.team(), await make.organization()
    for _ in range(101):
        await make.person(team=team)
    given = {"id": team.id, "organizationId": organization.id}
    answer = await api.refused(admin, "teamMove", **given)
    (error,) = answer.payload["errors"]
    assert len(error["members"]) == 100


async def test_the_number_of_statements_is_that_of_one_member(api: Api, make: Factory) -> None:
    admin, organization = await make.admin(), await make.organization()
    counts = set()
    for size in (1, 50):
        team = await make.team()
        for _ in range(size):
            await make.person(team=team)
        given = {"id": team.id, "organizationId": organization.id, "addToOrganization": True}
        answer = await api.mutate(admin, "teamMove", **given)
        assert answer.refusals == []
        counts.add(answer.statements)
    assert len(counts) == 1
