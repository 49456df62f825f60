"""explainAccess: what a gateway would be told, for who may see the key."""

from typing import Any

import pytest

from api_client import Api
from bursar.domain.ids import Prefix, new_id
from bursar.domain.roles import KeyScope, OrganizationRole, PlatformRole, TeamRole
from factories import Factory, Key, Person

EXPLAIN = """
query($keyId: ID!, $model: String!, $estimatedCost: Decimal) {
  explainAccess(keyId: $keyId, model: $model, estimatedCost: $estimatedCost) {
    allowed model key { id } reasons { code level spend maximum message }
  }
}
"""


async def explained(api: Api, person: Person | Key, key_id: str, **given: str) -> Any:
    return (await api(person, EXPLAIN, keyId=key_id, model="gpt-4", **given)).payload


async def spent_everywhere(make: Factory) -> tuple[Any, Any, Person, Key]:
    """A member's key, of which the member, the team and the organization have spent all."""
    organization = await make.organization()
    team, mate = await make.team(organization), await make.person()
    await make.organization_member(organization, mate)
    member = await make.team_member(team, mate)
    for kind, row in (("team_member", member), ("team", team), ("organization", organization)):
        await make.budget(kind, row, max_budget=1)
        await make.spend_of(row.id, "2")
    return organization, team, mate, await make.api_key(mate, team=team)


@pytest.mark.parametrize(
    ("who", "seen"),
    [
        ("platform viewer", ["2", "2", "2"]),
        ("organization admin", ["2", "2", "2"]),
        ("team admin", ["2", "2", None]),
        ("the member", ["2", "2", None]),
        ("the key", ["2", "2", None]),
    ],
)
async def test_everybody_who_sees_the_key_gets_the_decision_but_not_what_others_spent(
    api: Api, make: Factory, who: str, seen: list[str | None]
) -> None:
    organization, team, mate, key = await spent_everywhere(make)
    people: dict[str, Person | Key] = {"the member": mate, "the key": key}
    people["platform viewer"] = await make.person(PlatformRole.VIEWER)
    people["organization admin"] = await make.person(
        organization=organization, organization_role=OrganizationRole.ADMIN
    )
    people["team admin"] = await make.person(
        organization=organization, team=team, team_role=TeamRole.ADMIN
    )
    decision = await explained(api, people[who], key.id)
    assert decision["allowed"] is False
    assert [reason["level"] for reason in decision["reasons"]] == [
        "TEAM_MEMBER",
        "TEAM",
        "ORGANIZATION",
    ]
    assert [reason["spend"] for reason in decision["reasons"]] == seen
    # As of its effective limits: what binds is said.
    assert [reason["maximum"] for reason in decision["reasons"]] == ["1"] * 3
    for reason, spend in zip(decision["reasons"], seen, strict=True):
        assert ("2 of 1" in reason["message"]) is (spend is not None)


async def test_a_key_that_is_not_seen_is_as_none(api: Api, make: Factory) -> None:
    _, _, _, key = await spent_everywhere(make)
    stranger = await make.person()
    for id_ in (key.id, new_id(Prefix.API_KEY), key.row.team_id, "nonsense", key.secret):
        assert await explained(api, stranger, id_) is None


async def test_what_is_against_a_key_is_said_with_the_estimate(api: Api, make: Factory) -> None:
    admin = await make.admin()
    key = await make.api_key(admin, scopes=[KeyScope.INFER], models=["gpt-*"])
    await make.budget("api_key", key.row, max_budget=1)
    assert (await explained(api, admin, key.id, estimatedCost="1"))["reasons"] == []
    (reason,) = (await explained(api, admin, key.id, estimatedCost="1.01"))["reasons"]
    assert (reason["code"], reason["spend"], reason["maximum"]) == ("BUDGET_EXHAUSTED", "0", "1")
    (reason,) = (await explained(api, admin, admin.key_id))["reasons"]
    assert reason["code"] == "KEY_NOT_FOR_INFERENCE"
    answer = await api(admin, EXPLAIN, keyId=key.id, model="gpt-4", estimatedCost="-1")
    assert answer.codes == ["BAD_USER_INPUT"]


async def test_it_takes_as_many_statements_whatever_binds(api: Api, make: Factory) -> None:
    admin = await make.admin()
    key = await make.api_key(admin, scopes=[KeyScope.INFER])
    answer = await api(admin, EXPLAIN, keyId=key.id, model="gpt-4")
    assert answer.statements == 3
    _, _, _, refused = await spent_everywhere(make)
    # One more for each kind of holder whose spend may not be for everybody.
    answer = await api(admin, EXPLAIN, keyId=refused.id, model="gpt-4")
    assert answer.statements == 6
