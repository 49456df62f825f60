"""Nothing of another organization is ever in an answer, however broad the question."""

import json

import asyncpg
import pytest
from sqlalchemy import ARRAY, BigInteger, Integer, Numeric, Text
from sqlalchemy.dialects.postgresql import JSONB

from access.breadth import everything
from access.canaries import CANARY, CANARY_NUMBER, SMALL_NUMBER, make_canaries, marks
from access.world import ACTORS, build_world
from api_client import Api
from bursar.database.tables import metadata
from factories import Factory, Person

Question = tuple[str, dict[str, str]]
STRANGERS = [who for who in ACTORS if not who.startswith("platform")]


def questions(ids: list[str]) -> list[Question]:
    """Everything that can be asked, and asked of each of these ids."""
    some = {"nodes": f"(ids: {json.dumps(ids)})"}
    some["teamDeletePreview"] = some["nodes"]
    external, email = f'(externalId: "{CANARY}")', f'(email: "{CANARY}@example.com")'
    some |= {name: external for name in everything({}) if name.endswith("ByExternalId")}
    some |= {"userByEmail": email, "resetPreview": '(duration: "1mo")'}
    some |= dict.fromkeys(["accessGroupByName", "budgetByName"], f'(name: "{CANARY}")')
    some |= {"authorize": f'(key: "{CANARY}", model: "gpt-4")'}
    each = {"organization": "org", "team": "team", "user": "user", "apiKey": "key"}
    each |= {"budget": "budget", "accessGroup": "group"}
    keys = [id_ for id_ in ids if id_.startswith("key_")]
    some |= {"explainAccess": f'(keyId: "{keys[0]}", model: "gpt-4")'}
    documents = everything({**some, **dict.fromkeys(["node", *each], f'(id: "{ids[0]}")')})
    broad = [(document, {}) for name, document in documents.items() if name not in {"node", *each}]
    one = everything(dict.fromkeys(["node", *each], "(id: $id)"), edges=0, variables="($id: ID!)")
    explained = everything(
        {"explainAccess": '(keyId: $id, model: "gpt-4")'}, variables="($id: ID!)"
    )
    return [
        *broad,
        *((one["node"], {"id": id_}) for id_ in ids),
        *(
            (one[name], {"id": id_})
            for name, prefix in each.items()
            for id_ in ids
            if id_.startswith(f"{prefix}_")
        ),
        *((explained["explainAccess"], {"id": id_}) for id_ in keys),
    ]


async def answers(api: Api, person: Person, documents: list[Question]) -> str:
    """The bodies of all answers, none of which has a fault."""
    bodies = []
    for document, variables in documents:
        response = await api.http.post(
            "/graphql",
            json={"query": document, "variables": variables},
            headers={"Authorization": f"Bearer {person.secret}"},
        )
        assert "errors" not in response.json(), response.text
        bodies.append(response.text)
    return "\n".join(bodies)


@pytest.mark.parametrize("who", STRANGERS)
async def test_no_answer_has_a_mark_of_another_organization(
    wide_api: Api, make: Factory, who: str
) -> None:
    world = await build_world(make)
    ids = await make_canaries(make, world.mate)
    me = await ACTORS[who](make, world)
    body = await answers(wide_api, me, questions(ids))
    found = [mark for mark in marks(ids) if mark in body]
    assert not found
    assert me.id in body


async def test_every_mark_is_in_the_answers_to_a_platform_viewer(
    wide_api: Api, make: Factory
) -> None:
    world = await build_world(make)
    ids = await make_canaries(make, world.mate)
    me = await ACTORS["platform viewer"](make, world)
    documents = questions(ids)
    body = await answers(wide_api, me, documents)
    assert not [mark for mark in (CANARY, str(CANARY_NUMBER), *ids) if mark not in body]


# What holds a word of ours, or how many of something there are.
OF_OURS = {"role", "scopes", "last_four", "action", "version", "requests", "successes"}
OF_OURS |= {"chain", "position"}  # whose it is, and which one
OF_OURS |= {"rpm_limit_type", "tpm_limit_type", "member_permissions"}
OF_OURS |= {"timezone", "duration", "rotation_interval", "member_key_duration"}
OF_OURS |= {"file_expiry", "batch_output_expiry"}


async def test_every_column_that_can_tell_something_has_a_mark(
    make: Factory, owner: asyncpg.Connection
) -> None:
    world = await build_world(make)
    await make_canaries(make, world.mate)
    told = [
        (table.name, column.name)
        for table in metadata.sorted_tables
        for column in table.c
        if isinstance(column.type, Text | ARRAY | JSONB | Integer | BigInteger | Numeric)
        and column.name not in OF_OURS
        and (column.name in {"external_id", "request_id"} or not column.name.endswith("id"))
    ]
    without = [
        f"{table}.{column}"
        for table, column in told
        if not await owner.fetchval(
            f"SELECT bool_or({column}::text ~ $1) FROM {table}",
            f"{CANARY}|{CANARY_NUMBER}|{SMALL_NUMBER}",
        )
    ]
    assert not without
    assert len(told) > 50
