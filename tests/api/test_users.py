"""userCreate, userUpdate, userDelete, userBlock, userUnblock, and users read back."""

from typing import Any

import pytest

from api_client import Api
from bursar.domain.ids import Prefix, new_id
from bursar.domain.roles import OrganizationRole, PlatformRole, TeamRole
from factories import Factory, Person

WHOLE = """
id externalId name email role blocked metadata version
budget { source limits { maxBudget softBudget rpmLimit } }
"""


async def read(api: Api, person: Person, user_id: str) -> Any:
    document = f"query($id: ID!) {{ user(id: $id) {{ {WHOLE} }} }}"
    return (await api(person, document, id=user_id)).payload


async def call(api: Api, person: Person, name: str, /, **given: Any) -> Any:
    answer = await api.mutate(person, name, f"user {{ {WHOLE} }}", **given)
    assert answer.refusals == []
    return answer.payload["user"]


async def test_platform_admin_creates_user_that_reads_back_as_given(
    api: Api, make: Factory
) -> None:
    admin = await make.admin()
    created = await call(
        api,
        admin,
        "userCreate",
        name="Ada",
        email="Ada@Example.com",
        externalId="sso:1",
        role="VIEWER",
        metadata={"a": [{}]},
        budget={"maxBudget": "3", "softBudget": "2.5"},
    )
    assert created == await read(api, admin, created["id"])
    assert created == {
        "id": created["id"],
        "externalId": "sso:1",
        "name": "Ada",
        "email": "Ada@Example.com",
        "role": "VIEWER",
        "blocked": False,
        "metadata": {"a": [{}]},
        "version": 1,
        "budget": {
            "source": "OWN",
            "limits": {"maxBudget": "3", "softBudget": "2.5", "rpmLimit": None},
        },
    }


async def test_user_without_more_than_a_name_is_a_plain_user(api: Api, make: Factory) -> None:
    created = await call(api, await make.admin(), "userCreate", name="Robot")
    assert (created["email"], created["role"], created["budget"]) == (None, "USER", None)


async def test_creator_hears_of_all_that_is_wrong_with_the_input_at_once(
    api: Api, make: Factory
) -> None:
    answer = await api.refused(
        await make.person(),
        "userCreate",
        name="x" * 129,
        email="nobody",
        externalId="ä",
        metadata=None,
        budget={"maxBudget": "-0.1", "maxParallelRequests": -1},
    )
    assert answer.refusals == [
        ("BAD_INPUT", "input.name"),
        ("BAD_INPUT", "input.email"),
        ("BAD_INPUT", "input.externalId"),
        ("BAD_INPUT", "input.metadata"),
        ("BAD_INPUT", "input.budget.maxBudget"),
        ("BAD_INPUT", "input.budget.maxParallelRequests"),
    ]


async def test_plain_user_administers_no_users_not_even_themself(api: Api, make: Factory) -> None:
    person = await make.person()
    answer = await api.refused(person, "userCreate", name="Mine")
    assert answer.refusals == [("FORBIDDEN", "input")]
    for name in ("userUpdate", "userBlock", "userUnblock", "userDelete"):
        answer = await api.refused(person, name, id=person.id)
        assert answer.refusals == [("FORBIDDEN", "input.id")]
        stranger = await make.person()
        hidden = await api.refused(person, name, id=stranger.id)
        assert hidden.refusals == [("NOT_FOUND", "input.id")]
        for absent in (new_id(Prefix.USER), "user_x", "", "\0"):
            assert (await api.refused(person, name, id=absent)).payload == hidden.payload


@pytest.mark.parametrize(
    "spelling", ["ADA@STRASSE.EXAMPLE", "ada@straße.example", "\uff41da@strasse.example"]
)
async def test_email_is_unique_in_every_case_and_unicode_form(
    api: Api, make: Factory, spelling: str
) -> None:
    admin, other = await make.admin(), await make.person()
    first = await call(api, admin, "userCreate", name="Ada", email="Ada@strasse.example")
    for name, given in (("userCreate", {"name": "Other"}), ("userUpdate", {"id": other.id})):
        answer = await api.refused(admin, name, **given, email=spelling)
        assert answer.refusals == [("CONFLICT", "input.email")]
    document = "query($email: String!) { userByEmail(email: $email) { id } }"
    assert (await api(admin, document, email=spelling)).payload == {"id": first["id"]}
    changed = await call(api, admin, "userUpdate", id=first["id"], email=spelling)
    assert changed["email"] == spelling
    assert (await api.mutate(admin, "userDelete", id=first["id"])).refusals == []
    assert (await call(api, admin, "userUpdate", id=other.id, email=spelling))["email"] == spelling


async def test_external_id_is_unique_and_free_again_after_deletion(api: Api, make: Factory) -> None:
    admin, first = await make.admin(), await make.person(external_id="x")
    answer = await api.refused(admin, "userCreate", name="Other", externalId="x")
    assert answer.refusals == [("CONFLICT", "input.externalId")]
    assert (await api.mutate(admin, "userDelete", id=first.id)).refusals == []
    second = await call(api, admin, "userCreate", name="Other", externalId="x")
    document = "query($x: String!) { userByExternalId(externalId: $x) { id } }"
    assert (await api(admin, document, x="x")).payload == {"id": second["id"]}
    assert (await api(admin, document, x="X")).payload is None


async def test_update_changes_what_is_given_and_keeps_the_rest(api: Api, make: Factory) -> None:
    admin = await make.admin()
    created = await call(
        api,
        admin,
        "userCreate",
        name="Ada",
        email="ada@example.com",
        externalId="x",
        metadata={"a": 1},
        budget={"maxBudget": "1", "rpmLimit": 2},
    )
    changed = await call(api, admin, "userUpdate", id=created["id"], role="USER_VIEWER")
    assert changed == {**created, "role": "USER_VIEWER", "version": 2}
    changed = await call(api, admin, "userUpdate", id=created["id"], budget={"softBudget": "0"})
    assert changed["budget"]["limits"] == {"maxBudget": "1", "softBudget": "0", "rpmLimit": "2"}
    cleared = {"email": None, "externalId": None, "metadata": {}, "budget": None}
    changed = await call(api, admin, "userUpdate", id=created["id"], **cleared, expectedVersion=3)
    assert changed == {**created, "role": "USER_VIEWER", **cleared, "version": 4}
    assert changed == await read(api, admin, created["id"])


async def test_update_refuses_nulls_and_a_stale_version(api: Api, make: Factory) -> None:
    admin, person = await make.admin(), await make.person()
    answer = await api.refused(
        admin, "userUpdate", id=person.id, name=None, role=None, metadata=None
    )
    assert answer.refusals == [
        ("BAD_INPUT", "input.name"),
        ("BAD_INPUT", "input.role"),
        ("BAD_INPUT", "input.metadata"),
    ]
    answer = await api.refused(admin, "userUpdate", id=person.id, name="Late", expectedVersion=0)
    assert answer.refusals == [("VERSION_CONFLICT", "input.expectedVersion")]
    assert answer.payload["errors"][0]["currentVersion"] == 1


async def test_soft_budget_is_checked_against_the_stored_maximum(api: Api, make: Factory) -> None:
    admin, person = await make.admin(), await make.person()
    await make.budget("user", person.row, max_budget=5)
    answer = await api.refused(admin, "userUpdate", id=person.id, budget={"softBudget": "5"})
    assert answer.refusals == [("BAD_INPUT", "input.budget.softBudget")]


async def test_block_and_unblock_are_idempotent_and_decide_whether_keys_are_accepted(
    api: Api, make: Factory
) -> None:
    admin, person = await make.admin(), await make.person()
    for name, blocked, status in (("userBlock", True, 401), ("userUnblock", False, 200)):
        changed = await call(api, admin, name, id=person.id)
        assert changed["blocked"] is blocked
        before = await api.fingerprint()
        assert await call(api, admin, name, id=person.id) == changed
        assert await api.fingerprint() == before
        assert await read(api, admin, person.id) == changed
        answer = await api(person, "{ viewer { user { id } } }")
        assert answer.status == status


async def test_last_platform_admin_stays_admin_unblocked_and_there(api: Api, make: Factory) -> None:
    last = await make.admin()
    blocked = await make.person(PlatformRole.ADMIN, blocked=True)
    answer = await api.refused(last, "userUpdate", id=last.id, role="USER")
    assert answer.refusals == [("CONFLICT", "input.role")]
    for kept in ({"name": "Root"}, {"role": "ADMIN"}):
        assert (await api.mutate(last, "userUpdate", id=last.id, **kept)).refusals == []
    for name in ("userBlock", "userDelete"):
        answer = await api.refused(last, name, id=last.id)
        assert answer.refusals == [("CONFLICT", "input.id")]
    assert (await api.mutate(last, "userUnblock", id=blocked.id)).refusals == []
    assert (await api.mutate(last, "userDelete", id=last.id)).refusals == []
    answer = await api(last, "{ viewer { user { id } } }")
    assert (answer.status, answer.codes) == (401, ["UNAUTHENTICATED"])


async def test_last_admin_of_a_team_or_organization_is_not_deleted(api: Api, make: Factory) -> None:
    admin = await make.admin()
    organization = await make.organization()
    team = await make.team(organization)
    both = await make.person(
        organization=organization,
        organization_role=OrganizationRole.ADMIN,
        team=team,
        team_role=TeamRole.ADMIN,
    )
    answer = await api.refused(admin, "userDelete", "deletedId", id=both.id)
    assert answer.refusals == [("CONFLICT", "input.id")] * 2
    assert answer.payload["deletedId"] is None
    other = await make.person(team=team, team_role=TeamRole.ADMIN)
    answer = await api.refused(admin, "userDelete", id=both.id)
    assert answer.refusals == [("CONFLICT", "input.id")]
    await make.organization_member(organization, other, OrganizationRole.ADMIN)
    answer = await api.mutate(admin, "userDelete", "deletedId", id=both.id)
    assert (answer.refusals, answer.payload["deletedId"]) == ([], both.id)


async def test_deleted_user_takes_memberships_keys_and_budget_along(
    api: Api, make: Factory
) -> None:
    admin, team, person = await make.admin(), await make.team(), await make.person()
    things = [
        person.row,
        await make.team_member(team, person),
        await make.organization_member(await make.organization(), person),
        await make.budget("user", person.row, max_budget=1),
    ]
    assert (await api.mutate(admin, "userDelete", id=person.id)).refusals == []
    document = "query($ids: [ID!]!) { nodes(ids: $ids) { id } }"
    ids = [*(thing.id for thing in things), person.key_id]
    assert (await api(admin, document, ids=ids)).payload == [None] * 5
    assert (await api(person, "{ viewer { user { id } } }")).status == 401


async def test_colleague_sees_of_a_user_id_name_and_email(api: Api, make: Factory) -> None:
    team = await make.team()
    colleague = await make.person(team=team)
    person = await make.person(team=team, external_id="x", metadata={"a": 1})
    await make.budget("user", person.row, max_budget=1)
    seen = await read(api, colleague, person.id)
    assert {name for name, value in seen.items() if value is not None} == {"id", "name", "email"}
    whole = await read(api, person, person.id)
    assert all(value is not None for value in whole.values())
    assert await read(api, await make.person(), person.id) is None
