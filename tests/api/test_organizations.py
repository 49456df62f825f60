"""organizationCreate, organizationUpdate, organizationDelete, and organizations read back."""

from typing import Any

import pytest

from api_client import Api
from bursar.domain.ids import DEFAULT_ORGANIZATION, Prefix, new_id
from bursar.domain.roles import OrganizationRole
from factories import Factory, Person

WHOLE = """
id externalId name metadata version
budget { source limits { maxBudget softBudget duration timezone tpmLimit rpmLimit } }
"""


async def read(api: Api, person: Person, organization_id: str) -> Any:
    document = f"query($id: ID!) {{ organization(id: $id) {{ {WHOLE} }} }}"
    return (await api(person, document, id=organization_id)).payload


async def create(api: Api, person: Person, **given: Any) -> Any:
    answer = await api.mutate(person, "organizationCreate", f"organization {{ {WHOLE} }}", **given)
    assert answer.refusals == []
    return answer.payload["organization"]


async def update(api: Api, person: Person, organization_id: str, **given: Any) -> Any:
    answer = await api.mutate(
        person, "organizationUpdate", f"organization {{ {WHOLE} }}", id=organization_id, **given
    )
    assert answer.refusals == []
    return answer.payload["organization"]


async def test_platform_admin_creates_organization_that_reads_back_as_given(
    api: Api, make: Factory
) -> None:
    admin = await make.admin()
    created = await create(
        api,
        admin,
        name="Ærø & Søn",
        externalId="erp:42/a@b",
        metadata={"cost center": [1, None, "x"]},
        budget={"maxBudget": "100.50", "softBudget": "0", "duration": "1mo", "rpmLimit": 0},
    )
    assert created == await read(api, admin, created["id"])
    limits = {
        "maxBudget": "100.5",
        "softBudget": "0",
        "duration": "1mo",
        "timezone": "UTC",
        "tpmLimit": None,
        "rpmLimit": "0",
    }
    assert created == {
        "id": created["id"],
        "externalId": "erp:42/a@b",
        "name": "Ærø & Søn",
        "metadata": {"cost center": [1, None, "x"]},
        "version": 1,
        "budget": {"source": "OWN", "limits": limits},
    }


async def test_platform_admin_creates_organization_with_a_name_alone(
    api: Api, make: Factory
) -> None:
    created = await create(api, await make.admin(), name="Plain")
    assert (created["externalId"], created["metadata"], created["budget"]) == (None, {}, None)


async def test_creator_hears_of_all_that_is_wrong_with_the_input_at_once(
    api: Api, make: Factory
) -> None:
    answer = await api.refused(
        await make.admin(),
        "organizationCreate",
        "organization { id }",
        name="",
        externalId="with blank",
        metadata=None,
        budget={"maxBudget": "-1", "softBudget": "3", "timezone": "Mars/Olympus", "tpmLimit": -1},
    )
    assert sorted(answer.refusals) == [
        ("BAD_INPUT", "input.budget.maxBudget"),
        ("BAD_INPUT", "input.budget.softBudget"),
        ("BAD_INPUT", "input.budget.timezone"),
        ("BAD_INPUT", "input.budget.tpmLimit"),
        ("BAD_INPUT", "input.externalId"),
        ("BAD_INPUT", "input.metadata"),
        ("BAD_INPUT", "input.name"),
    ]
    assert answer.payload["organization"] is None


async def test_plain_user_creating_an_organization_is_forbidden(api: Api, make: Factory) -> None:
    answer = await api.refused(await make.person(), "organizationCreate", name="Mine")
    assert answer.refusals == [("FORBIDDEN", "input")]


async def test_bad_input_is_said_before_forbidden(api: Api, make: Factory) -> None:
    answer = await api.refused(await make.person(), "organizationCreate", name="")
    assert answer.refusals == [("BAD_INPUT", "input.name")]


async def test_external_id_of_another_organization_is_taken_until_that_is_deleted(
    api: Api, make: Factory
) -> None:
    admin = await make.admin()
    first = await create(api, admin, name="First", externalId="erp-1")
    answer = await api.refused(admin, "organizationCreate", name="Second", externalId="erp-1")
    assert answer.refusals == [("CONFLICT", "input.externalId")]
    other = await create(api, admin, name="Other spelling", externalId="ERP-1")
    answer = await api.refused(admin, "organizationUpdate", id=other["id"], externalId="erp-1")
    assert answer.refusals == [("CONFLICT", "input.externalId")]
    assert (await api.mutate(admin, "organizationDelete", id=first["id"])).refusals == []
    assert (await create(api, admin, name="Second", externalId="erp-1"))["externalId"] == "erp-1"


async def test_update_changes_what_is_given_and_keeps_the_rest(api: Api, make: Factory) -> None:
    admin = await make.admin()
    created = await create(
        api, admin, name="One", externalId="x", metadata={"a": 1}, budget={"maxBudget": "5"}
    )
    changed = await update(api, admin, created["id"], name="Two")
    assert changed == {**created, "name": "Two", "version": 2}
    changed = await update(api, admin, created["id"], externalId=None, metadata={}, budget=None)
    assert changed == {
        **created,
        "name": "Two",
        "externalId": None,
        "metadata": {},
        "budget": None,
        "version": 3,
    }
    assert changed == await read(api, admin, created["id"])


async def test_update_of_one_limit_keeps_the_others(api: Api, make: Factory) -> None:
    admin = await make.admin()
    organization = await make.organization()
    given = {"maxBudget": "9", "duration": "1w", "timezone": "Europe/Rome", "rpmLimit": "7"}
    await update(api, admin, organization.id, budget=given)
    changed = await update(api, admin, organization.id, budget={"rpmLimit": None, "tpmLimit": "1"})
    assert changed["budget"]["limits"] == {
        "maxBudget": "9",
        "softBudget": None,
        "duration": "1w",
        "timezone": "Europe/Rome",
        "tpmLimit": "1",
        "rpmLimit": None,
    }


async def test_null_for_what_cannot_be_null_is_bad_input(api: Api, make: Factory) -> None:
    organization = await make.organization()
    answer = await api.refused(
        await make.admin(),
        "organizationUpdate",
        id=organization.id,
        name=None,
        metadata=None,
        budget={"timezone": None},
    )
    assert answer.refusals == [
        ("BAD_INPUT", "input.name"),
        ("BAD_INPUT", "input.metadata"),
        ("BAD_INPUT", "input.budget.timezone"),
    ]


async def test_update_with_a_stale_version_hears_the_current_one(api: Api, make: Factory) -> None:
    admin = await make.admin()
    organization = await make.organization()
    await update(api, admin, organization.id, name="Changed", expectedVersion=1)
    answer = await api.refused(
        admin, "organizationUpdate", id=organization.id, name="Again", expectedVersion=1
    )
    assert answer.refusals == [("VERSION_CONFLICT", "input.expectedVersion")]
    (error,) = answer.payload["errors"]
    assert (error["__typename"], error["currentVersion"]) == ("VersionConflict", 2)


async def test_organization_admin_renames_their_own_but_does_not_limit_it(
    api: Api, make: Factory
) -> None:
    organization = await make.organization()
    admin = await make.person(organization=organization, organization_role=OrganizationRole.ADMIN)
    changed = await update(api, admin, organization.id, name="Ours", metadata={"a": 1})
    assert (changed["name"], changed["metadata"]) == ("Ours", {"a": 1})
    answer = await api.refused(
        admin,
        "organizationUpdate",
        id=organization.id,
        name="Not even this",
        externalId="x",
        budget={"maxBudget": "1"},
    )
    assert sorted(answer.refusals) == [
        ("FORBIDDEN", "input.budget"),
        ("FORBIDDEN", "input.externalId"),
    ]


async def test_stranger_does_not_find_the_organization(api: Api, make: Factory) -> None:
    organization, stranger = await make.organization(), await make.person()
    assert await read(api, stranger, organization.id) is None
    for name in ("organizationUpdate", "organizationDelete"):
        hidden = await api.refused(stranger, name, id=organization.id)
        absent = await api.refused(stranger, name, id=new_id(Prefix.ORGANIZATION))
        assert hidden.refusals == [("NOT_FOUND", "input.id")]
        assert hidden.payload == absent.payload


async def test_member_changing_the_organization_is_forbidden(api: Api, make: Factory) -> None:
    organization = await make.organization()
    member = await make.person(organization=organization)
    for name in ("organizationUpdate", "organizationDelete"):
        answer = await api.refused(member, name, id=organization.id)
        assert answer.refusals == [("FORBIDDEN", "input.id")]


@pytest.mark.parametrize("limit", ["maxBudget", "tpmLimit", "rpmLimit"])
async def test_lowering_a_limit_below_what_teams_hold_names_the_teams(
    api: Api, make: Factory, limit: str
) -> None:
    admin = await make.admin()
    organization = await make.organization()
    column = {"maxBudget": "max_budget", "tpmLimit": "tpm_limit", "rpmLimit": "rpm_limit"}[limit]
    above = [await make.team(organization) for _ in range(2)]
    equal, unlimited, elsewhere = (
        await make.team(organization),
        await make.team(organization),
        await make.team(),
    )
    for team, value in [*((team, 11) for team in above), (equal, 10), (elsewhere, 99)]:
        await make.budget("team", team, **{column: value})
    answer = await api.refused(
        admin, "organizationUpdate", id=organization.id, budget={limit: "10"}
    )
    assert answer.refusals == [("CONFLICT", f"input.budget.{limit}")]
    (error,) = answer.payload["errors"]
    assert error["__typename"] == "TeamsExceedLimits"
    assert [team["id"] for team in error["teams"]] == [team.id for team in above]
    assert unlimited.id not in str(error)
    changed = await update(api, admin, organization.id, budget={limit: "11"})
    assert changed["budget"]["limits"][limit] == "11"


async def test_built_in_organization_is_not_deleted_nor_given_another_external_id(
    api: Api, make: Factory
) -> None:
    admin = await make.admin()
    for cascade in (False, True):
        answer = await api.refused(
            admin, "organizationDelete", id=DEFAULT_ORGANIZATION, cascade=cascade
        )
        assert answer.refusals == [("CONFLICT", "input.id")]
    for external_id in ("other", None):
        answer = await api.refused(
            admin, "organizationUpdate", id=DEFAULT_ORGANIZATION, externalId=external_id
        )
        assert answer.refusals == [("CONFLICT", "input.externalId")]
    assert (await update(api, admin, DEFAULT_ORGANIZATION, name="Everybody"))["name"] == "Everybody"


async def test_organization_with_teams_is_deleted_only_with_cascade(
    api: Api, make: Factory
) -> None:
    admin = await make.admin()
    organization = await make.organization(external_id="gone")
    team = await make.team(organization, external_id="gone too")
    await make.budget("organization", organization, max_budget=1)
    member = await make.person(organization=organization, team=team)
    answer = await api.refused(admin, "organizationDelete", "deletedId", id=organization.id)
    assert answer.refusals == [("CONFLICT", "input.id")]
    assert answer.payload["deletedId"] is None
    answer = await api.mutate(
        admin, "organizationDelete", "deletedId", id=organization.id, cascade=True
    )
    assert (answer.refusals, answer.payload["deletedId"]) == ([], organization.id)
    document = """
      query($organization: ID!, $team: ID!, $user: ID!) {
        organization(id: $organization) { id }
        organizationByExternalId(externalId: "gone") { id }
        team(id: $team) { id }
        user(id: $user) { id teams { totalCount } organizations { totalCount } }
      }
    """
    answer = await api(admin, document, organization=organization.id, team=team.id, user=member.id)
    assert answer.data == {
        "organization": None,
        "organizationByExternalId": None,
        "team": None,
        "user": {
            "id": member.id,
            "teams": {"totalCount": 0},
            "organizations": {"totalCount": 0},
        },
    }


async def test_organization_without_teams_is_deleted_at_once(api: Api, make: Factory) -> None:
    organization = await make.organization()
    admin = await make.admin()
    answer = await api.mutate(admin, "organizationDelete", "deletedId", id=organization.id)
    assert (answer.refusals, answer.payload["deletedId"]) == ([], organization.id)
    assert await read(api, admin, organization.id) is None


async def test_organization_is_found_by_its_external_id_exactly(api: Api, make: Factory) -> None:
    admin = await make.admin()
    organization = await make.organization(external_id="erp-7")
    document = "query($x: String!) { organizationByExternalId(externalId: $x) { id } }"
    assert (await api(admin, document, x="erp-7")).payload == {"id": organization.id}
    for other in ("ERP-7", "erp-7 ", "", "\0"):
        assert (await api(admin, document, x=other)).payload is None
