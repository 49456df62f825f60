"""The schema: committed as it is printed, described throughout, and named by the rules."""

import re
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLObjectType,
    get_named_type,
    is_input_object_type,
    is_introspection_type,
    is_specified_scalar_type,
)

from bursar.graphql.schema import schema

COMMITTED = Path(__file__).parents[2] / "schema.graphql"
SCHEMA = schema._schema  # noqa: SLF001 (Strawberry offers no other way to graphql-core's schema)
MUTATIONS = SCHEMA.mutation_type.fields
TYPES: list[Any] = [
    type_
    for type_ in SCHEMA.type_map.values()
    if not is_introspection_type(type_) and not is_specified_scalar_type(type_)
]
FIELDS = [
    (f"{type_.name}.{name}", field)
    for type_ in TYPES
    for name, field in getattr(type_, "fields", {}).items()
]
ARGUMENTS = [
    (f"{place}({name}:)", argument)
    for place, field in FIELDS
    for name, argument in getattr(field, "args", {}).items()
]
VALUES = [
    (f"{type_.name}.{name}", value)
    for type_ in TYPES
    if isinstance(type_, GraphQLEnumType)
    for name, value in type_.values.items()
]
DESCRIBED = {
    place: thing.description
    for place, thing in chain(((t.name, t) for t in TYPES), FIELDS, ARGUMENTS, VALUES)
}
GIVEN = ARGUMENTS + [
    (place, field)
    for place, field in FIELDS
    if isinstance(SCHEMA.type_map[place.split(".")[0]], GraphQLInputObjectType)
]
VERB = re.compile(
    "Create|Update|Delete|Add|Remove|Block|Unblock|Rotate|Record"
    "|Move|Join|Leave|Attach|Detach|Increase|Reset"
)
NOUN = re.compile(
    "(organization|team)(Members?)?|teams|team(MemberPermissions|MemberBudget|Models)"
    "|user|budget|spend|apiKeys?|accessGroup|usage"
)

# Where null stands for what is not to be seen.
HIDDEN = {
    "Query.nodes": r"\[\w+\]!",
    "Organization.models": r"\[\w+!\]",
    "User.models": r"\[\w+!\]",
    "Team.memberPermissions": r"\[\w+!\]",  # null stands for the default, which is not none
}


def test_the_committed_schema_is_what_the_code_prints() -> None:
    printed = schema.as_str().strip()
    assert COMMITTED.read_text().strip() == printed, "schema.graphql is stale: make schema"


def is_one_plain_sentence(text: str | None) -> bool:
    is_sentence = re.fullmatch(r"[A-Z][^\n]*[\w\"`)]\.", text or "") is not None
    return is_sentence and not re.search(r"[.!?]\s", text)


def test_everything_is_described_by_one_plain_sentence() -> None:
    said = {p: s for p, s in DESCRIBED.items() if not p.startswith("Mutation.") or "(" in p}
    assert len(said) > 1000
    assert {place: text for place, text in said.items() if not is_one_plain_sentence(text)} == {}


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_mutation_says_what_it_does_and_who_may_call_it(name: str) -> None:
    first, *rest = MUTATIONS[name].description.split("\n\n")
    sentences = re.split(r"(?<=\.)\s", " ".join([first, *rest]))
    assert all(re.fullmatch(r"[A-Z].*\.", sentence) for sentence in sentences)
    assert len([said for said in sentences if re.match(r"For (platform|oneself|any)", said)]) == 1
    assert len(sentences) <= 3


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_mutation_is_named_noun_first(name: str) -> None:
    noun, verb = re.fullmatch(r"([a-zA-Z]+?)([A-Z][a-z]+)", name).groups()
    assert VERB.fullmatch(verb)
    assert NOUN.fullmatch(noun)


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_mutation_takes_one_input_and_answers_a_payload_with_errors(name: str) -> None:
    field, capital = MUTATIONS[name], name[0].upper() + name[1:]
    assert {n: str(argument.type) for n, argument in field.args.items()} == {
        "input": f"{capital}Input!"
    }
    assert str(field.type) == f"{capital}Payload!"
    fields = dict(field.type.of_type.fields)
    assert str(fields.pop("errors").type) == "[UserError!]!"
    assert fields
    assert all(
        not isinstance(thing.type, GraphQLNonNull) or isinstance(thing.type.of_type, GraphQLList)
        for thing in fields.values()
    )


def inside(given: Any) -> set[str]:
    """The names of an input, and of the inputs that it is made of."""
    parts = [get_named_type(field.type) for field in given.fields.values()]
    return {given.name}.union(*(inside(part) for part in parts if is_input_object_type(part)))


def test_every_input_is_of_one_mutation_or_a_part_of_such_and_every_payload_of_one() -> None:
    ours = {f"{name[0].upper()}{name[1:]}" for name in MUTATIONS}
    named = {
        ending: {type_.name for type_ in TYPES if type_.name.endswith(ending)}
        for ending in ("Input", "Payload")
    }
    inputs = [SCHEMA.type_map[f"{name}Input"] for name in ours]

    assert named["Payload"] == {f"{name}Payload" for name in ours}
    assert named["Input"] == set().union(*(inside(given) for given in inputs))


def test_the_values_of_enums_are_upper_case() -> None:
    assert VALUES
    for place, _ in VALUES:
        assert re.fullmatch(r"[A-Z]+(_[A-Z]+)*", place.split(".")[1]), place


def test_a_field_is_named_like_a_field_and_its_list_has_no_holes() -> None:
    assert FIELDS
    given = {place for place, _ in GIVEN}
    for place, field in FIELDS:
        assert re.fullmatch(r"[a-z][a-zA-Z0-9]*", place.split(".")[1]), place
        if "[" in str(field.type) and place not in given:
            assert re.fullmatch(HIDDEN.get(place, r"\[\w+!\]!"), str(field.type)), place


def test_nothing_has_null_for_a_default() -> None:
    assert "= null" not in schema.as_str()


def test_a_list_that_a_client_gives_has_no_holes() -> None:
    assert GIVEN
    for place, thing in GIVEN:
        assert re.fullmatch(r"\w+!?|\[\w+!\]!?", str(thing.type)), place


def test_a_name_of_a_type_is_a_noun_in_capitals() -> None:
    assert all(re.fullmatch(r"([A-Z][a-z]+)+|JSON", type_.name) for type_ in TYPES)


def test_lists_of_a_connection_are_relays() -> None:
    connections: list[GraphQLNamedType] = [
        type_ for type_ in TYPES if type_.name.endswith("Connection")
    ]
    assert connections
    for type_ in connections:
        assert isinstance(type_, GraphQLObjectType)
        name = type_.name.removesuffix("Connection")
        assert {n: str(field.type) for n, field in type_.fields.items()} == {
            "edges": f"[{name}Edge!]!",
            "nodes": f"[{name}!]!",
            "pageInfo": "PageInfo!",
            "totalCount": "Int!",
        }
