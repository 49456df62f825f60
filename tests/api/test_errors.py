"""Errors: what a client's mistake looks like, and that no value whatever makes a fault of ours."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from graphql import (
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLSchema,
    build_schema,
    get_named_type,
    get_nullable_type,
    is_composite_type,
    is_input_object_type,
    is_list_type,
)

from api_client import Api
from bursar.domain.roles import KeyScope
from bursar.graphql.schema import schema
from factories import Factory, Key, Person

SCHEMA: GraphQLSchema = build_schema(schema.as_str())

DEEP: dict[str, Any] = {}
for _ in range(100):
    DEEP = {"a": DEEP}
SHALLOWER = {"a": {"a": {"a": {"a": {"a": {"a": {"a": {"a": {"a": {}}}}}}}}}}
HOSTILE = [
    "",
    "\0",
    "x" * 20_000,
    "NaN",
    "Infinity",
    "1e999999",
    "-99999999999999999999",
    "\u0663",
    "9999-12-31T23:59:59-23:59",
    "\U0010ffff\u202e\ufdfa",
    "' OR 1=1 --",
    -1,
    2**31,
    2**63,
    1.5,
    1e308,
    True,
    None,
    [],
    [None],
    ["\0"],
    {},
    {"\0": "\0"},
    DEEP,
]
# What each mutation needs before it looks at anything else; `$x` stands for the id of a thing.
NEEDED: dict[str, dict[str, Any]] = {
    "organizationCreate": {"name": "O"},
    "organizationUpdate": {"id": "$organization"},
    "organizationDelete": {"id": "$organization"},
    "teamCreate": {"name": "T"},
    "teamUpdate": {"id": "$team"},
    "teamModelsAdd": {"id": "$team", "models": ["gpt-5"]},
    "teamModelsRemove": {"id": "$team", "models": ["gpt-5"]},
    "teamMemberBudgetUpdate": {"teamId": "$team"},
    "teamMemberPermissionsUpdate": {"teamId": "$team"},
    "teamBlock": {"id": "$team"},
    "teamUnblock": {"id": "$team"},
    "teamsDelete": {"ids": []},
    "teamMove": {"id": "$team", "organizationId": "$organization"},
    "teamMembersAdd": {"teamId": "$team", "members": [{"email": "new@example.com"}]},
    "teamMemberUpdate": {"teamId": "$team", "userId": "$user"},
    "teamMembersRemove": {"teamId": "$team", "members": [{"userId": "$user"}]},
    "userCreate": {"name": "U"},
    "userUpdate": {"id": "$user"},
    "userDelete": {"id": "$user"},
    "userBlock": {"id": "$user"},
    "userUnblock": {"id": "$user"},
    "organizationMembersAdd": {
        "organizationId": "$organization",
        "members": [{"email": "new@example.com"}],
    },
    "organizationMemberUpdate": {"organizationId": "$organization", "userId": "$user"},
    "organizationMembersRemove": {
        "organizationId": "$organization",
        "members": [{"userId": "$user"}],
    },
    "teamJoin": {"teamId": "$team"},
    "teamLeave": {"teamId": "$team"},
    "apiKeyCreate": {"userId": "$user"},
    "apiKeyUpdate": {"id": "$key"},
    "apiKeyMove": {"id": "$key", "teamId": "$team"},
    "apiKeyBlock": {"id": "$key"},
    "apiKeyUnblock": {"id": "$key"},
    "apiKeyRotate": {"id": "$key"},
    "apiKeysDelete": {"ids": []},
    "budgetCreate": {"name": "P"},
    "budgetUpdate": {"id": "$plan"},
    "budgetDelete": {"id": "$plan"},
    "budgetAttach": {"budgetId": "$plan", "holderId": "$team"},
    "budgetDetach": {"holderId": "$team"},
    "budgetIncrease": {"holderId": "$team"},
    "spendReset": {"holderId": "$team"},
    "accessGroupCreate": {"name": "G", "models": []},
    "accessGroupUpdate": {"id": "$group"},
    "accessGroupDelete": {"id": "$group"},
    "usageRecord": {
        "events": [{"requestId": "1", "keyId": "$key", "model": "m", "at": "$now", "cost": "1"}]
    },
}


def paths_of(kind: GraphQLInputObjectType) -> Iterator[tuple[str | int, ...]]:
    """The ways to every value within an input, the objects and lists among them."""
    for name, field in kind.fields.items():
        yield (name,)
        yield from ((name, *rest) for rest in _paths_within(get_nullable_type(field.type)))


def _paths_within(kind: GraphQLInputType) -> Iterator[tuple[str | int, ...]]:
    if is_list_type(kind):
        yield (0,)
        inner = get_nullable_type(kind.of_type)
        yield from ((0, *rest) for rest in _paths_within(inner))
    elif is_input_object_type(kind):
        yield from paths_of(kind)


def with_value(given: Any, path: tuple[str | int, ...], value: Any) -> Any:
    """The input with this value in this place; what leads there is made."""
    if not path:
        return value
    step, *rest = path
    if isinstance(step, int):
        first = given[0] if isinstance(given, list) and given else None
        return [with_value(first, tuple(rest), value)]
    given = given if isinstance(given, dict) else {}
    return {**given, step: with_value(given.get(step), tuple(rest), value)}


async def ask_anything(api: Api, person: Person | Key, document: str, variables: Any) -> None:
    """Send what may be wrong, and see that the answer says so and is no fault of the server's."""
    response = await api.http.post(
        "/graphql",
        content=json.dumps({"query": document, "variables": variables}),
        headers={
            "Authorization": f"Bearer {person.secret}",
            "Content-Type": "application/json",
            "Accept": "application/graphql-response+json",
        },
    )
    assert response.status_code in {200, 400}, (variables, response.text)
    codes = {error["extensions"]["code"] for error in response.json().get("errors", [])}
    assert codes <= {"BAD_USER_INPUT", "LIMIT_EXCEEDED"}, (variables, response.text)


def test_every_mutation_is_tried_with_hostile_values() -> None:
    assert set(SCHEMA.mutation_type.fields) == set(NEEDED)


# Each value at every place takes minutes; a sixth of them at each place has every value at many places.
shares = pytest.mark.parametrize("share", [6, pytest.param(1, marks=pytest.mark.soak)])


@shares
@pytest.mark.parametrize("name", NEEDED)
async def test_hostile_value_anywhere_in_an_input_is_no_fault_of_the_server(
    api: Api, make: Factory, name: str, share: int
) -> None:
    team, user = await make.team(), await make.person()
    admin = await make.api_key(await make.admin(), scopes=[KeyScope.MANAGE, KeyScope.GATEWAY])
    await make.team_member(team, user)
    organization = await make.organization()
    await make.organization_member(organization, user)
    ids = {
        "$organization": organization.id,
        "$team": team.id,
        "$user": user.id,
        "$key": user.key_id,
        "$plan": (await make.plan()).id,
        "$group": (await make.access_group()).id,
        "$now": datetime.now(UTC).isoformat(),
    }
    needed = json.loads(json.dumps(NEEDED[name]))
    text = json.dumps(needed)
    for mark, id_ in ids.items():
        text = text.replace(mark, id_)
    kind = get_named_type(SCHEMA.mutation_type.fields[name].args["input"].type)
    document = f"mutation($input: {kind.name}!) {{ {name}(input: $input) {{ errors {{ code }} }} }}"
    for place, path in enumerate(((), *paths_of(kind))):
        for value in HOSTILE[place % share :: share]:
            given = with_value(json.loads(text), path, value)
            await ask_anything(api, admin, document, {"input": given})


@shares
async def test_hostile_value_anywhere_in_an_argument_of_a_query_is_no_fault_of_the_server(
    api: Api, make: Factory, share: int
) -> None:
    admin = await make.admin()
    await make.team()
    for name, field in SCHEMA.query_type.fields.items():
        variables = ", ".join(f"${arg}: {a.type}" for arg, a in field.args.items())
        arguments = ", ".join(f"{arg}: ${arg}" for arg in field.args)
        kind = get_named_type(field.type)
        assert is_composite_type(kind)
        selection = "nodes { id } totalCount" if kind.name.endswith("Connection") else "__typename"
        document = f"query({variables}) {{ {name}({arguments}) {{ {selection} }} }}"
        for arg, a in field.args.items():
            for place, path in enumerate(((), *_paths_within(get_nullable_type(a.type)))):
                for value in HOSTILE[place % share :: share]:
                    await ask_anything(api, admin, document, with_value({}, (arg, *path), value))


@pytest.mark.parametrize("escape", [r"\ud800", r"\udfff", r"a\udc00\ud800"])
async def test_half_of_a_surrogate_pair_is_refused_with_a_clear_error(
    api: Api, make: Factory, escape: str
) -> None:
    admin = await make.admin()
    before = await api.fingerprint()
    in_variable = (
        '{"query": "mutation($n: String!) { userCreate(input: {name: $n}) { errors { code } } }",'
        ' "variables": {"n": "%s"}}'
    )
    in_document = (
        '{"query": "mutation { userCreate(input: {name: \\"%s\\"}) { errors { code } } }"}'
    )
    for body, value in ((in_variable, escape), (in_document, escape.replace("\\", "\\\\"))):
        response = await api.http.post(
            "/graphql",
            content=body % value,
            headers={
                "Authorization": f"Bearer {admin.secret}",
                "Content-Type": "application/json",
                "Accept": "application/graphql-response+json",
            },
        )
        assert response.status_code == 400
        (error,) = response.json()["errors"]
        assert error["extensions"]["code"] in {"BAD_USER_INPUT", "GRAPHQL_PARSE_FAILED"}
        assert error["message"]
    assert await api.fingerprint() == before


@pytest.mark.parametrize("character", ["\0", "\x1b", "\u202e", "\u2028"])
async def test_unseen_character_in_a_text_is_bad_input_at_its_path(
    api: Api, make: Factory, character: str
) -> None:
    admin, team = await make.admin(), await make.team()
    text = f"a{character}b"
    answer = await api.refused(
        admin, "teamUpdate", id=team.id, name=text, externalId=text, description=text, tags=[text]
    )
    assert answer.refusals == [
        ("BAD_INPUT", "input.name"),
        ("BAD_INPUT", "input.externalId"),
        ("BAD_INPUT", "input.description"),
        ("BAD_INPUT", "input.tags"),
    ]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("budget", {"maxBudget": "1e3"}),
        ("budget", {"maxBudget": 1.5}),
        ("budget", {"maxBudget": "0.00000000001"}),
        ("budget", {"rpmLimit": "1.0"}),
        ("budget", {"duration": "0d"}),
        ("budget", {"duration": "101y"}),
        ("budget", {"unknown": 1}),
        ("metadata", []),
        ("metadata", {"a": "x" * 16_384}),
        ("metadata", SHALLOWER),
        ("metadata", {"a": "\0"}),
        ("name", 5),
        ("expectedVersion", "1"),
    ],
)
async def test_value_that_its_type_refuses_is_bad_user_input_at_the_top(
    api: Api, make: Factory, field: str, value: Any
) -> None:
    admin, team = await make.admin(), await make.team()
    before = await api.fingerprint()
    answer = await api.mutate(admin, "teamUpdate", id=team.id, **{field: value})
    assert answer.codes == ["BAD_USER_INPUT"]
    assert answer.data is None
    assert field in answer.errors[0]["message"]
    assert answer.errors[0]["extensions"]["requestId"]
    assert await api.fingerprint() == before


async def test_one_refused_mutation_does_not_undo_or_keep_the_others(
    api: Api, make: Factory
) -> None:
    document = """
      mutation {
        first: userCreate(input: {name: "A"}) { user { name } errors { code path } }
        second: userCreate(input: {name: ""}) { user { name } errors { code path } }
        third: userCreate(input: {name: "C"}) { user { name } errors { code path } }
      }
    """
    admin = await make.admin()
    answer = await api(admin, document)
    refused = {"user": None, "errors": [{"code": "BAD_INPUT", "path": ["input", "name"]}]}
    assert answer.data == {
        "first": {"user": {"name": "A"}, "errors": []},
        "second": refused,
        "third": {"user": {"name": "C"}, "errors": []},
    }
    names = await api(admin, "{ users { nodes { name } } }")
    assert {"A", "C"} <= {user["name"] for user in names.payload["nodes"]}
