"""What can have a budget, one of each kind, and how plans are attached to it through the API."""

from dataclasses import dataclass
from typing import Any

from api_client import Api
from bursar.database.rows import Row
from factories import Factory, Key, Person

USE = "source limits { id name version maxBudget rpmLimit }"
HELD = f"""
holder {{ __typename id
  ... on Organization {{ seen: version budget {{ {USE} }} }}
  ... on OrganizationMember {{ version budget {{ {USE} }} }}
  ... on Team {{ version budget {{ {USE} }} memberBudget {{ {USE} }} }}
  ... on TeamMember {{ version budget {{ {USE} }} }}
  ... on User {{ seen: version budget {{ {USE} }} }}
  ... on ApiKey {{ version budget {{ {USE} }} }}
}}
"""
ENTRIES = """
query($id: ID!) {
  auditEntries(filter: { objectId: $id }) {
    nodes { action organizationId teamId before after }
  }
}
"""
NO_LIMITS = dict.fromkeys(
    ("maxBudget", "softBudget", "duration", "tpmLimit", "rpmLimit", "maxParallelRequests")
) | {"timezone": "UTC", "modelLimits": []}
KINDS = ["organization", "organization_member", "team", "team_member", "user", "api_key"]


@dataclass(frozen=True)
class Holders:
    """A person with a key, in a team of an organization; and an admin of the platform."""

    admin: Person
    ids: dict[str, str]
    organization: Row
    team: Row
    person: Person


async def make_holders(make: Factory) -> Holders:
    organization = await make.organization()
    team = await make.team(organization)
    person = await make.person()
    ids = {
        "organization": organization.id,
        "organization_member": (await make.organization_member(organization, person)).id,
        "team": team.id,
        "team_member": (await make.team_member(team, person)).id,
        "user": person.id,
        "api_key": person.key_id,
    }
    return Holders(await make.admin(), ids, organization, team, person)


async def member_key(make: Factory) -> tuple[dict[str, Row], Key]:
    """A key of a member, and all that can bind it by the kind of owner; nothing has a budget."""
    organization = await make.organization()
    team, person = await make.team(organization), await make.person()
    joined = await make.organization_member(organization, person)
    member = await make.team_member(team, person)
    key = await make.api_key(person, team=team)
    owners = {
        "api_key": key.row,
        "team_member": member,
        "organization_member": joined,
        "team": team,
        "organization": organization,
        "user": person.row,
        "team_default": team,
    }
    return owners, key


async def done(api: Api, person: Person, name: str, selection: str = "", /, **given: Any) -> Any:
    """The payload of a mutation that is not refused."""
    answer = await api.mutate(person, name, selection, **given)
    assert answer.refusals == []
    return answer.payload


async def attach(api: Api, admin: Person, plan: Row, holder_id: str, **given: Any) -> Any:
    """The holder as it is with the plan."""
    given = {"budgetId": plan.id, "holderId": holder_id, **given}
    return (await done(api, admin, "budgetAttach", HELD, **given))["holder"]


async def latest(api: Api, admin: Person, id_: str) -> Any:
    """The last audit entry of an object."""
    return (await api(admin, ENTRIES, id=id_)).payload["nodes"][0]
