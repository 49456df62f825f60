"""Documents of every shape over a schema, drawn at random from a seed: valid ones, and their variables.

Each has aliases, merged fields, fragments of all kinds, directives, arguments of all types, literal or
by variables that are given, left out, null or defaults, and some values that are refused.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

import orjson
from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLSchema,
    get_named_type,
    is_abstract_type,
    is_leaf_type,
    is_required_argument,
    is_required_input_field,
)

DEEPEST = 5
RARE = {"before": 0.02, "after": 0.02, "last": 0.05}  # arguments that are mostly refused
SCALARS: Mapping[str, Sequence[Any]] = {
    "Int": (0, 1, 1, 2, 2, 3, 3, 5, 10, 50, 100),
    "String": ("", "a", "Team", "é\u200d", "gpt-5", "UTC", "Europe/Rome"),
    "Boolean": (True, False),
    "Float": (0.5,),
    "DateTime": ("2026-11-22T10:00:00Z", "1999-01-01T00:00:00+02:00"),
    "Date": ("2026-11-22",),
    "Decimal": ("0", "12.50"),
    "BigInt": (0, "9007199254740993"),
    "Duration": ("1d", "1mo", "30d"),
    "JSON": ({}, {"a": [1, None, {"b": "c"}]}),
}


@dataclass(frozen=True)
class Case:
    """A document, what its variables are given, and the seed that it was drawn from."""

    seed: int
    text: str
    variables: dict[str, Any]


@dataclass
class _Draft:
    """What of a document is written already, beside the selections at hand."""

    fragments: dict[str, str] = field(default_factory=dict)
    definitions: dict[str, str] = field(default_factory=dict)
    given: dict[str, Any] = field(default_factory=dict)
    aliases: int = 0


class Corpus:
    """Draws documents over a schema.

    `ids` are what exists, by the name of the type that a field answers with or of an input's field.
    `scalars` are values in place of SCALARS, or of an input's field; `cursors` are given now and then
    where one is taken.
    """

    def __init__(
        self,
        schema: GraphQLSchema,
        ids: Mapping[str, Sequence[str]],
        *,
        leave_out: Sequence[str] = (),
        scalars: Mapping[str, Sequence[Any]] = SCALARS,
        cursors: Sequence[str] = (),
    ) -> None:
        self._schema = schema
        self._given = (ids, leave_out, {**SCALARS, **scalars}, cursors)

    def cases(self, seed: int, operation: str = "query") -> Iterator[Case]:
        """What the seed draws; a few break a rule of validation."""
        random = Random(seed)  # noqa: S311 (repeatable, and no secret)
        while True:
            yield _Writer(self._schema, random, *self._given).case(seed, operation)


class _Writer:
    def __init__(
        self,
        schema: GraphQLSchema,
        random: Random,
        ids: Mapping[str, Sequence[str]],
        leave_out: Sequence[str],
        scalars: Mapping[str, Sequence[Any]],
        cursors: Sequence[str],
    ) -> None:
        self._schema = schema
        self._random = random
        self._ids = ids
        self._leave_out = leave_out
        self._scalars = scalars
        self._cursors = cursors
        self._draft = _Draft()

    def case(self, seed: int, operation: str) -> Case:
        root = self._schema.query_type if operation == "query" else self._schema.mutation_type
        selection = self._selection(root, 0)
        draft = self._draft
        header = ", ".join(draft.definitions.values())
        text = f"{operation} Q{f'({header})' if header else ''} {selection}"
        return Case(seed, "\n".join([text, *draft.fragments.values()]), draft.given)

    def _chance(self, share: float) -> bool:
        return self._random.random() < share

    def _selection(self, type_: Any, depth: int) -> str:
        parts: list[str] = []
        most = self._random.choice((1, 1, 2) if depth == 0 else (1, 2, 2, 3, 4))
        for _ in range(most):
            parts.append(self._part(type_, depth))
            if self._chance(0.08):
                parts.append(self._random.choice(parts))  # the same again, to be merged
        return "{ " + " ".join(parts) + " }"

    def _part(self, type_: Any, depth: int) -> str:
        if depth and self._chance(0.12):
            return f"__typename{self._directive()}"
        if is_abstract_type(type_) and self._chance(0.7):
            of = self._random.choice(self._schema.get_possible_types(type_))
            return self._fragment(of, type_, depth)
        if not hasattr(type_, "fields"):
            return "__typename"
        if self._chance(0.15):
            wider = [type_, *getattr(type_, "interfaces", ())]
            return self._fragment(self._random.choice(wider), type_, depth)
        return self._field(type_, depth)

    def _fragment(self, type_: Any, around: Any, depth: int) -> str:
        if depth > DEEPEST:
            return "__typename"
        selection = self._selection(type_, depth + 1)
        directive = self._directive()
        kind = self._random.randrange(3)
        if kind == 0 and type_ is around:
            return f"...{directive} {selection}"
        if kind == 1:
            return f"... on {type_.name}{directive} {selection}"
        name = f"F{len(self._draft.fragments)}"
        self._draft.fragments[name] = f"fragment {name} on {type_.name} {selection}"
        return f"...{name}{directive}"

    def _field(self, type_: Any, depth: int) -> str:
        names = [
            name
            for name, each in type_.fields.items()
            if name not in self._leave_out
            and (depth < DEEPEST or is_leaf_type(get_named_type(each.type)))
        ]
        if not names:
            return "__typename"
        name = self._random.choice(names)
        declared = type_.fields[name]
        target = get_named_type(declared.type)
        arguments = self._arguments(declared.args, target.name)
        alias = ""
        if declared.args or self._chance(0.2):
            self._draft.aliases += 1
            alias = f"a{self._draft.aliases}: "
        directive = self._directive()
        selection = "" if is_leaf_type(target) else f" {self._selection(target, depth + 1)}"
        return f"{alias}{name}{arguments}{directive}{selection}"

    def _directive(self) -> str:
        if not self._chance(0.08):
            return ""
        value = self._random.choice(("true", "false"))
        if self._chance(0.6):
            value = self._variable("Boolean!", self._chance(0.5), None)
        return f" @{self._random.choice(('include', 'skip'))}(if: {value})"

    def _arguments(self, declared: Mapping[str, GraphQLArgument], target: str) -> str:
        """Some of the arguments; an id is mostly that of a thing of the target type."""
        self._target = target
        given = []
        for name, argument in declared.items():
            self._named = name
            share = RARE.get(name, 0.4)
            if is_required_argument(argument) or self._chance(share):
                given.append(f"{name}: {self._argument(argument.type)}")
            elif name in {"after", "before"} and self._cursors and self._chance(0.1):
                given.append(f'{name}: "{self._random.choice(self._cursors)}"')
        return f"({', '.join(given)})" if given else ""

    def _argument(self, type_: Any) -> str:
        value = self._value(type_)
        if not self._chance(0.5):
            return _literal(type_, value)
        return self._variable(str(type_), value, type_)

    def _variable(self, type_: str, value: Any, input_type: Any) -> str:
        """A variable of this type, given the value, or left to its default or to nothing, or wrong."""
        name = f"v{len(self._draft.definitions)}"
        definition = f"${name}: {type_}"
        how = self._random.random()
        if how < 0.15:
            default = "true" if input_type is None else _literal(input_type, value)
            definition = f"${name}: {type_.removesuffix('!')} = {default}"
            if how < 0.05:
                self._draft.given[name] = None if how < 0.02 else value
        elif how < 0.2 and not type_.endswith("!"):
            pass
        elif how < 0.24 and not type_.endswith("!"):
            self._draft.given[name] = None
        elif 0.24 <= how < 0.243:
            self._draft.given[name] = {"no": ["such", "value"]}
        else:
            self._draft.given[name] = value
        self._draft.definitions[name] = definition
        return f"${name}"

    def _value(self, type_: Any, depth: int = 0) -> Any:
        if isinstance(type_, GraphQLNonNull):
            return self._there(type_.of_type, depth)
        return None if self._chance(0.1) else self._there(type_, depth)

    def _field_value(self, name: str, type_: Any, depth: int) -> Any:
        self._named = name
        return self._value(type_, depth)

    def _there(self, type_: Any, depth: int) -> Any:
        if isinstance(type_, GraphQLList):
            return [
                self._value(type_.of_type, depth)
                for _ in range(self._random.choice((0, 1, 1, 2, 3)))
            ]
        if isinstance(type_, GraphQLEnumType):
            return self._random.choice(list(type_.values))
        if isinstance(type_, GraphQLInputObjectType):
            return {
                name: self._field_value(name, each.type, depth + 1)
                for name, each in type_.fields.items()
                if is_required_input_field(each) or (depth < 3 and self._chance(0.3))
            }
        if type_.name == "ID":
            of_target = self._ids.get(self._named) or self._ids.get(self._target)
            some = self._random.choice([*self._ids.values()])
            ids = of_target if of_target and self._chance(0.8) else some
            return self._random.choice(ids) if self._chance(0.95) else "nothing"
        return self._random.choice(self._scalars.get(self._named) or self._scalars[type_.name])


def _literal(type_: Any, value: Any) -> str:
    if isinstance(type_, GraphQLNonNull):
        type_ = type_.of_type
    if value is None:
        return "null"
    if isinstance(type_, GraphQLList):
        return f"[{', '.join(_literal(type_.of_type, item) for item in value)}]"
    if isinstance(type_, GraphQLEnumType):
        return str(value)
    if isinstance(type_, GraphQLInputObjectType):
        fields: Mapping[str, GraphQLInputField] = type_.fields
        return (
            "{" + ", ".join(f"{k}: {_literal(fields[k].type, v)}" for k, v in value.items()) + "}"
        )
    return _untyped(value)


def _untyped(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_untyped(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return f"[{', '.join(map(_untyped, value))}]"
    return orjson.dumps(value).decode()
