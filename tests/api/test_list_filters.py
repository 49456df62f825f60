"""What users, members, keys, the archive and the audit are filtered and sorted by, and for whom."""

from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
from database.list_plans import listings

from api_client import Api
from bursar.access.visibility import SORTABLE
from bursar.database.tables import organizations, users
from bursar.domain.roles import OrganizationRole, PlatformRole, TeamRole
from bursar.graphql.connections import Connection, connection_field
from bursar.graphql.lists.team import TeamOrder
from bursar.graphql.lists.user import UserFilter
from bursar.loaders.organizations import organizations_list
from bursar.loaders.teams import joinable_teams_list, teams_list
from bursar.loaders.users import users_list
from factories import Factory, Key, Person

START = datetime(2026, 1, 1, tzinfo=UTC)


async def found(
    api: Api, person: Person | Key, field: str, filter: str = "{}", order: str = ""
) -> list[str]:
    """The ids on the first page of a root list, which counts as many."""
    by = f", orderBy: [{order}]" if order else ""
    document = f"{{ {field}(filter: {filter}{by}) {{ totalCount nodes {{ id }} }} }}"
    payload = (await api(person, document)).payload
    assert payload["totalCount"] == len(payload["nodes"])
    return [node["id"] for node in payload["nodes"]]


async def members(api: Api, person: Person, place: str, id_: str, arguments: str) -> list[str]:
    """The ids of the users of those members of a team or an organization that the arguments ask for."""
    document = f"""
      query($id: ID!) {{
        {place}(id: $id) {{ members{arguments} {{ totalCount nodes {{ user {{ id }} }} }} }}
      }}
    """
    payload = (await api(person, document, id=id_)).payload["members"]
    assert payload["totalCount"] == len(payload["nodes"])
    return [node["user"]["id"] for node in payload["nodes"]]


async def test_users_are_found_by_role_and_email_and_where_they_belong(
    api: Api, make: Factory
) -> None:
    admin, organization = await make.admin(), await make.organization()
    team = await make.team(organization)
    ann = await make.person(email="Ann_100%@Straße.example", organization=organization)
    bob = await make.person(PlatformRole.USER_VIEWER, team=team, email=None)
    for filter_, expected in (
        ("{ role: ADMIN }", [admin]),
        ("{ role: USER_VIEWER }", [bob]),
        ("{ role: VIEWER }", []),
        ('{ emailContains: "STRASSE" }', [ann]),
        ('{ emailContains: "_100%@" }', [ann]),
        ('{ emailContains: "n%1" }', []),
        (f'{{ teamId: "{team.id}" }}', [bob]),
        (f'{{ organizationId: "{organization.id}" }}', [ann]),
        (f'{{ organizationId: "{organization.id}", teamId: "{team.id}" }}', []),
        ('{ teamId: "team_none" }', []),
    ):
        assert await found(api, admin, "users", filter_) == [user.id for user in expected], filter_


async def test_users_are_found_where_they_belong_only_by_who_sees_that(
    api: Api, make: Factory
) -> None:
    organization, elsewhere = await make.organization(), await make.organization()
    team, hidden = await make.team(organization), await make.team(elsewhere)
    mate = await make.person(PlatformRole.USER_VIEWER, organization=organization, team=team)
    await make.organization_member(elsewhere, mate)
    await make.team_member(hidden, mate)
    me = await make.person(organization=organization, team=team)
    reader = await make.person(PlatformRole.VIEWER)
    lead = await make.person(organization=organization, organization_role=OrganizationRole.ADMIN)
    for filter_, mine, of_lead in (
        (f'{{ teamId: "{team.id}" }}', {mate.id, me.id}, {mate.id, me.id}),
        (f'{{ teamId: "{hidden.id}" }}', set(), set()),
        (f'{{ organizationId: "{elsewhere.id}" }}', set(), set()),
        (f'{{ organizationId: "{organization.id}" }}', {me.id}, {mate.id, me.id, lead.id}),
        ("{ role: USER_VIEWER }", set(), set()),
    ):
        assert set(await found(api, me, "users", filter_)) == mine, filter_
        assert set(await found(api, lead, "users", filter_)) == of_lead, filter_
        assert mate.id in await found(api, reader, "users", filter_)
    assert mate.id in await found(api, me, "users")


async def test_the_key_of_a_service_is_not_told_who_is_in_its_team(api: Api, make: Factory) -> None:
    team = await make.team()
    member, service = await make.person(team=team), await make.api_key(team=team)
    filter_ = f'{{ memberUserId: "{member.id}" }}'
    assert await found(api, service, "teams") == [team.id]
    assert await found(api, service, "teams", filter_) == []
    assert await found(api, member, "teams", filter_) == [team.id]


async def test_teams_are_found_by_a_part_of_their_id(api: Api, make: Factory) -> None:
    admin = await make.admin()
    one, _ = await make.team(), await make.team()
    assert await found(api, admin, "teams", f'{{ idContains: "{one.id[7:]}" }}') == [one.id]
    assert await found(api, admin, "teams", '{ idContains: "%" }') == []


async def test_members_are_filtered_and_sorted_by_what_they_and_their_users_are(
    api: Api, make: Factory
) -> None:
    organization = await make.organization()
    team = await make.team(organization)
    lead = await make.person(
        name="bea",
        email="z@example.com",
        organization=organization,
        organization_role=OrganizationRole.ADMIN,
        team=team,
        team_role=TeamRole.ADMIN,
    )
    ann, cid = [
        await make.person(
            name=name, email=f"{name}@example.com", organization=organization, team=team
        )
        for name in ("Ann", "Cid")
    ]
    for place, id_ in (("team", team.id), ("organization", organization.id)):
        for arguments, expected in (
            ("", [lead, ann, cid]),
            ("filter: { role: ADMIN }", [lead]),
            ("filter: { role: MEMBER }", [ann, cid]),
            (f'filter: {{ userIds: ["{cid.id}", "{lead.id}"] }}', [lead, cid]),
            ('filter: { userContains: "AN" }', [ann]),
            ('filter: { userContains: "@EXAMPLE" }', [lead, ann, cid]),
            ('filter: { userContains: "%" }', []),
            ('filter: { role: MEMBER, userContains: "CID" }', [cid]),
            ("orderBy: [{ field: USER_NAME }]", [ann, lead, cid]),
            ("orderBy: [{ field: USER_NAME, direction: DESC }]", [cid, lead, ann]),
            ("orderBy: [{ field: JOINED_AT, direction: DESC }]", [cid, ann, lead]),
            (
                "filter: { role: MEMBER }, orderBy: [{ field: USER_NAME, direction: DESC }]",
                [cid, ann],
            ),
        ):
            ids = await members(api, lead, place, id_, arguments and f"({arguments})")
            assert ids == [person.id for person in expected], arguments


async def test_teams_and_keys_of_one_place_are_filtered_and_sorted(api: Api, make: Factory) -> None:
    organization, admin = await make.organization(), await make.admin()
    team = await make.team(organization, name="b")
    await make.team(organization, name="a", blocked=True)
    await make.team(name="b")
    for alias in ("b", "A"):
        await make.api_key(team=team, alias=alias)
    await make.api_key(team=team)
    document = """
      query($id: ID!, $down: OrderDirection!) { organization(id: $id) {
        teams(filter: { blocked: false }) { nodes {
          name apiKeys(orderBy: [{ field: ALIAS, direction: $down }]) { nodes { alias } }
          services: apiKeys(filter: { aliasContains: "a", kind: SERVICE }) { totalCount }
        } }
        all: teams(orderBy: [{ field: NAME, direction: DESC }]) { nodes { name } }
      } }
    """
    for direction, expected in (("ASC", [None, "A", "b"]), ("DESC", ["b", "A", None])):
        seen = (await api(admin, document, id=organization.id, down=direction)).payload
        (node,) = seen["teams"]["nodes"]
        assert (node["name"], node["services"]) == ("b", {"totalCount": 1})
        assert [key["alias"] for key in node["apiKeys"]["nodes"]] == expected
        assert [each["name"] for each in seen["all"]["nodes"]] == ["b", "a"]


async def test_deleted_keys_are_found_by_when_they_were_deleted(api: Api, make: Factory) -> None:
    admin = await make.admin()
    old, new = [
        (await make.deleted_api_key(deleted_at=START + timedelta(days=days))).id for days in (0, 1)
    ]
    for filter_, expected in (
        ('{ deletedSince: "2026-01-02T00:00:00Z" }', [new]),
        ('{ deletedBefore: "2026-01-02T00:00:00Z" }', [old]),
        ('{ deletedSince: "2026-01-01T00:00:00Z" }', [new, old]),
    ):
        assert await found(api, admin, "deletedApiKeys", filter_) == expected
    assert await found(api, admin, "deletedApiKeys", order="{ field: DELETED_AT }") == [old, new]


async def test_audit_entries_are_found_by_the_key_that_was_used(
    api: Api, make: Factory, owner: asyncpg.Connection
) -> None:
    admin = await make.admin()
    early, late = [
        (await make.audit_entry(admin.row, actor_key_id=key)).id for key in ("key_1", "key_2")
    ]
    assert await found(api, admin, "auditEntries", '{ actorKeyId: "key_1" }') == [early]
    assert await found(api, admin, "auditEntries") == [late, early]
    assert await found(api, admin, "auditEntries", order="{ field: AT }") == [early, late]
    assert await owner.fetchval("SELECT count(*) FROM audit_entries") == 2


def test_nothing_is_sorted_by_what_not_every_reader_sees() -> None:
    partly_seen = {organizations, users}
    for place, listing in listings().items():
        for name, column in listing.orders.items():
            if getattr(column, "table", None) in partly_seen:
                assert name in SORTABLE, place
    assert {*users_list.orders, *organizations_list.orders} <= SORTABLE


def test_a_list_whose_arguments_are_not_what_it_offers_does_not_start() -> None:
    kind = Connection[int]
    with pytest.raises(TypeError, match="email_contains"):
        connection_field("teams", teams_list, kind, filter=UserFilter, description="Teams.")
    with pytest.raises(TypeError, match="created_at"):
        connection_field("teams", joinable_teams_list, kind, order=TeamOrder, description="Teams.")
