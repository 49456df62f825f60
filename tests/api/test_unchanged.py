"""An update that says what is so already: no change, no further version, and no entry of the audit."""

from typing import Any

import pytest

from api_client import Api
from factories import Factory, Person
from holders import Holders, done, latest, make_holders

BUDGET: dict[str, Any] = {
    "maxBudget": "5.50",
    "duration": "1mo",
    "rpmLimit": "9",
    "modelLimits": [{"model": "b", "maxBudget": "1"}, {"model": "a", "rpmLimit": 3}],
}
LISTED = {"models": ["a", "b*"], "budget": BUDGET}
UPDATES: dict[str, dict[str, Any]] = {
    "organization": {"name": "New", "externalId": "new", "metadata": {"a": [1]}, **LISTED},
    "team": {
        "name": "New",
        "tags": ["x"],
        "description": "Ours",
        "modelAliases": [{"alias": "best", "model": "a"}],
        "gatewaySettings": {"guardrails": ["pii"], "routerSettings": {"retries": 2}},
        **LISTED,
    },
    "user": {"name": "New", "role": "VIEWER", "email": "new@example.com", **LISTED},
    "api_key": {"alias": "New", "expiresAt": "2100-01-01T00:00:00+01:00", "budget": BUDGET},
    "team_member": {"role": "ADMIN", "budget": BUDGET},
    "organization_member": {"role": "ADMIN", "budget": BUDGET},
    "plan": {"name": "New", **BUDGET},
    "access_group": {"name": "New", "models": ["a", "b*"], "description": "Ours"},
    "member_budget": {"budget": BUDGET},
    "permissions": {"permissions": ["KEY_READ", "KEY_ROTATE"]},
}


@pytest.fixture
async def things(make: Factory) -> Holders:
    return await make_holders(make)


async def target(make: Factory, things: Holders, kind: str) -> tuple[str, str, dict[str, Any]]:
    """The mutation that updates this, the field of its payload, and what names the thing."""
    of_team, of_user = {"teamId": things.team.id}, {"userId": things.person.id}
    of_organization = {"organizationId": things.organization.id}
    group, plan = await make.access_group("g"), await make.plan()
    return {
        "organization": ("organizationUpdate", "organization", {"id": things.organization.id}),
        "team": ("teamUpdate", "team", {"id": things.team.id}),
        "user": ("userUpdate", "user", {"id": things.person.id}),
        "api_key": ("apiKeyUpdate", "apiKey", {"id": things.person.key_id}),
        "team_member": ("teamMemberUpdate", "member", {**of_team, **of_user}),
        "organization_member": (
            "organizationMemberUpdate",
            "member",
            {**of_organization, **of_user},
        ),
        "plan": ("budgetUpdate", "budget", {"id": plan.id}),
        "access_group": ("accessGroupUpdate", "accessGroup", {"id": group.id}),
        "member_budget": ("teamMemberBudgetUpdate", "team", of_team),
        "permissions": ("teamMemberPermissionsUpdate", "team", of_team),
    }[kind]


async def version_after(
    api: Api, admin: Person, name: str, field: str, given: dict[str, Any]
) -> int:
    payload = await done(api, admin, name, f"{field} {{ version }}", **given)
    version: int = payload[field]["version"]
    return version


@pytest.mark.parametrize("kind", UPDATES)
async def test_the_same_again_is_no_change(
    api: Api, make: Factory, things: Holders, kind: str
) -> None:
    name, field, named = await target(make, things, kind)
    wanted = {**named, **UPDATES[kind]}
    assert await version_after(api, things.admin, name, field, wanted) == 2
    before = await api.fingerprint()
    for again in (wanted, named, {**wanted, "expectedVersion": 2}):
        assert await version_after(api, things.admin, name, field, again) == 2
        assert await api.fingerprint() == before
    answer = await api.refused(things.admin, name, **wanted, expectedVersion=1)
    assert answer.refusals == [("VERSION_CONFLICT", "input.expectedVersion")]


async def test_one_and_true_are_different_and_no_limits_are_none(api: Api, things: Holders) -> None:
    admin, id_ = things.admin, things.organization.id
    update = "organizationUpdate", "organization"
    for version, metadata in ((2, {"a": 1}), (3, {"a": True}), (3, {"a": True}), (4, {})):
        given = {"id": id_, "metadata": metadata}
        assert await version_after(api, admin, *update, given) == version
        assert (await latest(api, admin, id_))["after"] == {"metadata": metadata}
    for version, budget in ((4, None), (5, {}), (5, {}), (6, None)):
        assert await version_after(api, admin, *update, {"id": id_, "budget": budget}) == version


async def test_the_plan_that_something_has_is_kept_by_its_own_limits(
    api: Api, make: Factory, things: Holders
) -> None:
    plan = await make.plan("Gold", max_budget=3)
    await make.attachment(plan, "team", things.team.id)
    given = {"id": things.team.id, "budget": {"maxBudget": "3"}}
    before = await api.fingerprint()
    assert await version_after(api, things.admin, "teamUpdate", "team", given) == 1
    assert await api.fingerprint() == before
