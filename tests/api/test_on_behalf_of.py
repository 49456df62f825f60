"""On-Behalf-Of: for whom a change is made, as those who may say so say it."""

import pytest

from api_client import Api
from bursar.domain.roles import OrganizationRole
from factories import Factory

CREATE = """
mutation { teamCreate(input: { name: "Search" }) { team { id } errors { code path message } } }
"""
ENTRIES = '{ auditEntries(filter: { actions: ["team.create"] }) { nodes { onBehalfOf } } }'


async def test_an_admins_change_says_for_whom_it_was_made(api: Api, make: Factory) -> None:
    admin = await make.admin()

    await api.send(admin, CREATE, {}, {"On-Behalf-Of": "ada@example.com"})
    await api.send(admin, CREATE, {}, {})

    entries = (await api(admin, ENTRIES)).payload["nodes"]
    assert [entry["onBehalfOf"] for entry in entries] == [None, "ada@example.com"]


async def test_nobody_else_speaks_for_others(api: Api, make: Factory) -> None:
    organization = await make.organization()
    leader = await make.person(organization=organization, organization_role=OrganizationRole.ADMIN)
    before = await api.fingerprint()

    answer = await api.send(leader, CREATE, {}, {"On-Behalf-Of": "ada@example.com"})

    assert answer.refusals == [("FORBIDDEN", "input.onBehalfOf")]
    assert await api.fingerprint() == before


@pytest.mark.parametrize("text", ["", "a\tb", "x" * 129])
async def test_a_bad_one_is_refused(api: Api, make: Factory, text: str) -> None:
    admin = await make.admin()
    before = await api.fingerprint()

    answer = await api.send(admin, CREATE, {}, {"On-Behalf-Of": text})

    assert answer.refusals == [("BAD_INPUT", "input.onBehalfOf")]
    assert await api.fingerprint() == before


async def test_a_query_needs_none_and_takes_any(api: Api, make: Factory) -> None:
    person = await make.person()
    answer = await api.send(person, "{ viewer { platformRole } }", {}, {"On-Behalf-Of": "ada"})
    assert answer.payload == {"platformRole": "USER"}
