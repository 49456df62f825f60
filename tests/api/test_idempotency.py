"""Idempotency keys, by field and by header: one effect for each, answered as often as it is asked."""

from typing import Any

import asyncpg
import pytest
from graphql import GraphQLObjectType, get_named_type, is_composite_type

from access.deeds import DEEDS
from access.world import CALLERS, World, build_world
from api_client import ERRORS, Answer, Api
from bursar.domain.roles import KeyScope, TeamRole
from bursar.graphql.schema import schema
from factories import Factory, Key, Person

FIELDS = schema._schema.mutation_type.fields  # noqa: SLF001 (Strawberry offers no other way to graphql-core's schema)
# Of the rows of the policy table the first of each mutation.
DEED_OF = {row.split()[0]: deed for row, deed in reversed(DEEDS.items())}
DEED_OF["teamJoin"] = DEEDS["teamJoin an open one"]  # nobody may join the first
MISMATCH = [("IDEMPOTENCY_MISMATCH", "input.idempotencyKey")]
KEY = "order 66 / try #1"
CREATE = """
mutation Create($input: TeamCreateInput!) {
  teamCreate(input: $input) { team { id name } errors { code path } }
}
"""
every_mutation = pytest.mark.parametrize("name", FIELDS)


def document_of(name: str) -> str:
    """The mutation with all of its payload, of objects the id."""
    payload = get_named_type(FIELDS[name].type)
    assert isinstance(payload, GraphQLObjectType)
    selection = [
        f"{field} {{ {'id' if 'id' in type_.fields else '__typename'} }}"
        if is_composite_type(type_ := get_named_type(definition.type))
        else field
        for field, definition in payload.fields.items()
        if field != "errors"
    ]
    declared = f"$input: {name[0].upper()}{name[1:]}Input!"
    body = " ".join([*selection, ERRORS])
    return f"mutation({declared}) {{ {name}(input: $input) {{ {body} }} }}"


def altered(input: dict[str, Any]) -> dict[str, Any]:
    """The input with another value in its first field."""
    (name, value), *rest = input.items()
    return {name: value * 2, **dict(rest)}


async def first_done(
    api: Api, make: Factory, world: World, name: str
) -> tuple[Person | Key, dict[str, Any], Answer]:
    """The first of the actors who may do it does it, with a key; those before are refused."""
    for arrive in CALLERS.values():
        me = await arrive(make, world)
        given = DEED_OF[name].input(world, me)
        answer = await api(me, document_of(name), input={**given, "idempotencyKey": KEY})
        if not answer.refusals:
            return me, given, answer
    raise AssertionError(name)


@every_mutation
def test_every_mutation_takes_a_key(name: str) -> None:
    field = get_named_type(FIELDS[name].args["input"].type).fields["idempotencyKey"]
    assert str(field.type) == "String"


@every_mutation
async def test_the_same_call_again_changes_nothing_and_answers_the_same(
    api: Api, make: Factory, owner: asyncpg.Connection, name: str
) -> None:
    world = await build_world(make, blocked="Unblock" in name)
    before = await api.fingerprint()
    me, given, first = await first_done(api, make, world, name)
    done = await api.fingerprint()
    assert done != before
    again = await api(me, document_of(name), input={**given, "idempotencyKey": KEY})
    by_header = await api.send(me, document_of(name), {"input": given}, {"Idempotency-Key": KEY})
    expected = first.payload | ({"secret": None} if "secret" in first.payload else {})
    assert any(expected.values())
    assert again.payload == by_header.payload == expected
    assert await api.fingerprint() == done
    assert "bk_" not in await owner.fetchval("SELECT outcome::text FROM idempotency_records")


@every_mutation
async def test_the_key_with_another_input_or_mutation_is_refused(
    api: Api, make: Factory, name: str
) -> None:
    world = await build_world(make, blocked="Unblock" in name)
    me, given, _ = await first_done(api, make, world, name)
    done = await api.fingerprint()
    other = "userBlock" if name == "userUnblock" else "userUnblock"
    for field, asked in ((name, altered(given)), (other, {"id": world.newcomer.id})):
        answer = await api(me, document_of(field), input={**asked, "idempotencyKey": KEY})
        assert answer.refusals == MISMATCH
        by_header = await api.send(
            me, document_of(field), {"input": asked}, {"Idempotency-Key": KEY}
        )
        assert by_header.refusals == MISMATCH
        assert await api.fingerprint() == done


async def test_another_mutation_of_the_same_input_is_another_call(api: Api, make: Factory) -> None:
    admin, team = await make.admin(), await make.team()
    given = {"id": team.id, "idempotencyKey": KEY}
    assert (await api.mutate(admin, "teamBlock", **given)).refusals == []
    assert (await api.refused(admin, "teamUnblock", **given)).refusals == MISMATCH


@every_mutation
async def test_what_is_refused_is_not_kept(api: Api, make: Factory, name: str) -> None:
    world = await build_world(make, blocked="Unblock" in name)
    stranger = await CALLERS["platform viewer"](make, world)
    given = {**DEED_OF[name].input(world, stranger), "idempotencyKey": KEY}
    before = await api.fingerprint()
    for _ in range(2):
        answer = await api(stranger, document_of(name), input=given)
        assert "IDEMPOTENCY_MISMATCH" not in [code for code, _ in answer.refusals]
        assert answer.refusals
    assert await api.fingerprint() == before


async def test_a_refused_call_may_be_mended_with_the_same_key(api: Api, make: Factory) -> None:
    admin = await make.admin()
    refused = await api(admin, CREATE, input={"name": "", "idempotencyKey": KEY})
    assert refused.refusals == [("BAD_INPUT", "input.name")]
    mended = await api(admin, CREATE, input={"name": "Good", "idempotencyKey": KEY})
    assert mended.payload["team"]["name"] == "Good"
    again = await api(admin, CREATE, input={"name": "", "idempotencyKey": KEY})
    assert again.refusals == MISMATCH


@pytest.mark.parametrize(
    ("field", "header", "refusals"),
    [
        ("a", "a", []),
        (None, "a", []),
        ("a", "b", [("BAD_INPUT", "input.idempotencyKey")]),
        ("", None, [("BAD_INPUT", "input.idempotencyKey")]),
        (None, "", [("BAD_INPUT", "input.idempotencyKey")]),
        ("~" * 128, None, []),
        ("~" * 129, None, [("BAD_INPUT", "input.idempotencyKey")]),
        (None, "~" * 129, [("BAD_INPUT", "input.idempotencyKey")]),
        ("é", None, [("BAD_INPUT", "input.idempotencyKey")]),
        ("a\n", None, [("BAD_INPUT", "input.idempotencyKey")]),
        ("a\0", None, [("BAD_INPUT", "input.idempotencyKey")]),
    ],
)
async def test_a_key_is_1_to_128_printable_characters_and_the_same_in_field_and_header(
    api: Api,
    make: Factory,
    field: str | None,
    header: str | None,
    refusals: list[tuple[str, str]],
) -> None:
    admin = await make.admin()
    before = await api.fingerprint()
    headers = {} if header is None else {"Idempotency-Key": header}
    variables = {"input": {"name": "A", "idempotencyKey": field}}
    answer = await api.send(admin, CREATE, variables, headers)
    assert answer.refusals == refusals
    assert (await api.fingerprint() == before) is bool(refusals)


async def test_without_a_key_or_with_null_for_one_each_call_is_done(
    api: Api, make: Factory, owner: asyncpg.Connection
) -> None:
    admin = await make.admin()
    inputs = [{"name": "A"}, {"name": "A"}, {"name": "A", "idempotencyKey": None}]
    ids = {(await api(admin, CREATE, input=given)).payload["team"]["id"] for given in inputs}
    assert len(ids) == 3
    assert await owner.fetchval("SELECT count(*) FROM idempotency_records") == 0


async def test_a_key_costs_two_statements_and_an_answer_again_no_more_than_the_first(
    api: Api, make: Factory
) -> None:
    admin = await make.admin()
    plain = await api(admin, CREATE, input={"name": "A"})
    keyed = await api(admin, CREATE, input={"name": "A", "idempotencyKey": KEY})
    again = await api(admin, CREATE, input={"name": "A", "idempotencyKey": KEY})
    assert keyed.statements == plain.statements + 2
    assert again.statements == 3  # sign-in, the record, the team


BOTH = """
mutation ($a: ID!, $b: ID!) {
  a: teamBlock(input: {id: $a}) { errors { code } }
  b: teamBlock(input: {id: $b}) { errors { code } }
}
"""
IN_FRAGMENTS = """
mutation ($a: ID!, $b: ID!) { ...Both }
fragment Both on Mutation { a: teamBlock(input: {id: $a}) { errors { code } } ...More }
fragment More on Mutation { ... { b: teamBlock(input: {id: $b}) { errors { code } } } }
"""


@pytest.mark.parametrize("document", [BOTH, IN_FRAGMENTS])
async def test_the_header_is_refused_with_several_mutations_and_none_is_done(
    api: Api, make: Factory, document: str
) -> None:
    admin = await make.admin()
    teams = {name: (await make.team()).id for name in "ab"}
    before = await api.fingerprint()
    answer = await api.send(admin, document, teams, {"Idempotency-Key": KEY})
    assert (answer.data, answer.codes) == (None, ["BAD_USER_INPUT"])
    assert await api.fingerprint() == before
    assert (await api(admin, document, **teams)).errors == []


async def test_the_header_goes_with_one_mutation_however_it_is_written_and_with_any_query(
    api: Api, make: Factory, owner: asyncpg.Connection
) -> None:
    admin, team = await make.admin(), await make.team()
    document = """
        query Read { a: limits { maxTags } b: viewer { userId: platformRole } }
        mutation Block($id: ID!) {
          __typename ...Only ...Only teamBlock(input: {id: $id}) { team { id } }
        }
        fragment Only on Mutation { teamBlock(input: {id: $id}) { errors { code } } }
    """
    for name, kept in (("Read", 0), ("Block", 1)):
        response = await api.http.post(
            "/graphql",
            json={"query": document, "variables": {"id": team.id}, "operationName": name},
            headers={"Authorization": f"Bearer {admin.secret}", "Idempotency-Key": KEY},
        )
        assert "errors" not in response.json()
        assert await owner.fetchval("SELECT count(*) FROM idempotency_records") == kept


async def test_keys_in_fields_go_with_several_mutations(api: Api, make: Factory) -> None:
    document = """
        mutation {
          a: teamCreate(input: {name: "A", idempotencyKey: "1"}) { team { id } errors { code } }
          b: teamCreate(input: {name: "A", idempotencyKey: "1"}) { team { id } errors { code } }
          c: teamCreate(input: {name: "A", idempotencyKey: "2"}) { team { id } errors { code } }
        }
    """
    answer = await api(await make.admin(), document)
    assert answer.data["a"] == answer.data["b"] != answer.data["c"]


async def test_another_users_call_with_the_same_key_is_another(api: Api, make: Factory) -> None:
    ids = [
        (await api(admin, CREATE, input={"name": "A", "idempotencyKey": KEY})).payload["team"]["id"]
        for admin in [await make.admin(), await make.admin()]
    ]
    assert ids[0] != ids[1]


async def test_a_users_other_key_repeats_their_call(api: Api, make: Factory) -> None:
    admin = await make.admin()
    created = await api.mutate(admin, "apiKeyCreate", "secret", alias="other")
    other = Person(admin.row, created.payload["secret"], "")
    ids = [
        (await api(person, CREATE, input={"name": "A", "idempotencyKey": KEY})).payload["team"]
        for person in (admin, other)
    ]
    assert ids[0] == ids[1]


async def test_a_key_that_does_not_act_as_its_user_learns_nothing_of_their_calls(
    api: Api, make: Factory
) -> None:
    admin = await make.admin()
    scopes = [KeyScope.INFER]
    created = await api.mutate(admin, "apiKeyCreate", "secret", alias="infer", scopes=scopes)
    narrow = Person(admin.row, created.payload["secret"], "")
    given = {"name": "A", "idempotencyKey": KEY}
    assert (await api(admin, CREATE, input=given)).refusals == []
    refused = await api(narrow, CREATE, input=given)
    assert refused.refusals == [("NOT_FOUND", "input.organizationId")]
    assert refused.payload["team"] is None


WRITTEN = """
mutation {{
  teamCreate(input: {{ {input}, idempotencyKey: "1" }}) {{ team {{ id }} errors {{ code path }} }}
}}
"""
BASE = 'name: "A", metadata: {a: 1, b: [2, null]}, budget: {maxBudget: "5", rpmLimit: 10}'


@pytest.mark.parametrize(
    ("written", "refusals"),
    [
        (
            'budget: {rpmLimit: "10", maxBudget: "5.00"}, metadata: {b: [2, null], a: 1}, name: "A"',
            [],
        ),
        (f"{BASE}, addToOrganization: false", []),
        (f"{BASE}, addToOrganization: true", MISMATCH),
        (f"{BASE}, description: null", MISMATCH),
        (f"{BASE}, members: []", MISMATCH),
        (BASE.replace("[2, null]", "[null, 2]"), MISMATCH),
        (BASE.replace('"5"', '"5.01"'), MISMATCH),
        (BASE.replace(", rpmLimit: 10", ", rpmLimit: null"), MISMATCH),
        (BASE.replace(", rpmLimit: 10", ", tpmLimit: 10"), MISMATCH),
    ],
)
async def test_the_same_input_is_the_same_however_it_is_written(
    api: Api, make: Factory, written: str, refusals: list[tuple[str, str]]
) -> None:
    admin = await make.admin()
    assert (await api(admin, WRITTEN.format(input=BASE))).refusals == []
    assert (await api(admin, WRITTEN.format(input=written))).refusals == refusals


async def test_times_are_the_same_in_any_zone_and_literals_are_as_variables(
    api: Api, make: Factory
) -> None:
    admin = await make.admin()
    first = await api.mutate(
        admin, "apiKeyCreate", "apiKey { id }", expiresAt="2999-01-01T00:00:00Z", idempotencyKey="1"
    )
    again = await api(
        admin,
        """
        mutation { apiKeyCreate(input: {
          idempotencyKey: "1", expiresAt: "2999-01-01T02:00:00.000+02:00"
        }) { apiKey { id } errors { code path } } }
        """,
    )
    assert again.payload == first.payload
    assert again.payload["apiKey"]


async def test_what_storage_would_refuse_is_bad_input_with_a_key_too(
    api: Api, make: Factory
) -> None:
    admin = await make.admin()
    for name in ("a\0", "a\u2028"):
        answer = await api(admin, CREATE, input={"name": name, "idempotencyKey": KEY})
        assert answer.refusals == [("BAD_INPUT", "input.name")]


async def test_an_answer_again_tells_of_things_as_they_are_now_with_the_new_selection(
    api: Api, make: Factory
) -> None:
    admin = await make.admin()
    given = {"name": "Before", "idempotencyKey": KEY}
    team = (await api(admin, CREATE, input=given)).payload["team"]
    await api.mutate(admin, "teamUpdate", id=team["id"], name="After", budget={"rpmLimit": "7"})
    again = await api.mutate(
        admin, "teamCreate", "team { id name version budget { limits { rpmLimit } } }", **given
    )
    assert again.payload["team"] == {
        "id": team["id"],
        "name": "After",
        "version": 2,
        "budget": {"limits": {"rpmLimit": "7"}},
    }


async def test_what_was_deleted_since_is_null_and_left_out_of_lists(
    api: Api, make: Factory
) -> None:
    admin, team, kept = await make.admin(), await make.team(), await make.person()
    create = {"name": "A", "idempotencyKey": "1"}
    made = (await api(admin, CREATE, input=create)).payload["team"]["id"]
    await api.mutate(admin, "teamsDelete", ids=[made])
    again = await api(admin, CREATE, input=create)
    assert again.payload == {"team": None, "errors": []}
    people = {"members": [{"userId": kept.id}, {"email": "gone@example.com"}], "teamId": team.id}
    asked = ("teamMembersAdd", "members { user { email } }")
    await api.mutate(admin, *asked, **people, idempotencyKey="2")
    await api.mutate(
        admin, "teamMembersRemove", teamId=team.id, members=[{"email": "gone@example.com"}]
    )
    again = await api.mutate(admin, *asked, **people, idempotencyKey="2")
    assert again.payload["members"] == [{"user": {"email": kept.email}}]


async def test_who_may_not_see_it_any_more_is_answered_null(
    api: Api, make: Factory, owner: asyncpg.Connection
) -> None:
    team = await make.team()
    me = await make.person(team=team, team_role=TeamRole.ADMIN)
    update = {"id": team.id, "name": "Mine", "idempotencyKey": KEY}
    assert (await api.mutate(me, "teamUpdate", "team { id }", **update)).payload["team"]
    await owner.execute("DELETE FROM team_members WHERE user_id = $1", me.id)
    again = await api.mutate(me, "teamUpdate", "team { id }", **update)
    assert again.payload == {"team": None, "errors": []}


AGE = "UPDATE idempotency_records SET created_at = now() - $1::text::interval"


@pytest.mark.parametrize(("age", "known"), [("23:59:50", True), ("24:00:00", False)])
async def test_a_key_is_known_for_24_hours_and_then_begins_anew(
    api: Api, make: Factory, owner: asyncpg.Connection, age: str, known: bool
) -> None:
    admin = await make.admin()
    first = await api(admin, CREATE, input={"name": "A", "idempotencyKey": KEY})
    await owner.execute(AGE, age)
    again = await api(admin, CREATE, input={"name": "A", "idempotencyKey": KEY})
    assert (again.payload == first.payload) is known
    other = await api(admin, CREATE, input={"name": "B", "idempotencyKey": KEY})
    assert other.refusals == MISMATCH
    await owner.execute(AGE, age)
    other = await api(admin, CREATE, input={"name": "B", "idempotencyKey": KEY})
    assert (other.refusals == MISMATCH) is known


async def test_expired_records_are_swept_a_few_with_each_that_is_kept(
    api: Api, make: Factory, owner: asyncpg.Connection
) -> None:
    admin = await make.admin()
    await owner.execute(
        "INSERT INTO idempotency_records SELECT 'user_x', n::text, sha256(''), '{}',"
        " now() - interval '25 hours' FROM generate_series(1, 25) n"
    )
    left = []
    for number in range(4):
        await api(admin, CREATE, input={"name": "A", "idempotencyKey": str(number)})
        left.append(await owner.fetchval("SELECT count(*) FROM idempotency_records"))
    assert left == [16, 7, 3, 4]
