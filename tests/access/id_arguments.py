"""Every argument of the fields that are read which takes an id, and documents that give it some."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from graphql import (
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLObjectType,
    get_named_type,
    get_nullable_type,
)

from access.breadth import RANGE, SCHEMA

# What else the fields need.
NEEDED = {"activity": f"range: {RANGE}", "explainAccess": 'model: "gpt-4"'}
# How to come to the fields of a type.
WAYS = {
    "Query": "{{ {} }}",
    "Organization": '{{ organization(id: "{organization}") {{ {} }} }}',
    "Team": '{{ team(id: "{team}") {{ {} }} }}',
}
SHOWN = {"Activity": "{ totals { spend requests } byTeam { totalCount } }"}
SHOWN |= {"TeamDeletePreview": "{ teams { members } }", "Decision": "{ allowed }"}


class IdArgument(NamedTuple):
    """An argument, or a field of an input below it; `listed` if it takes several ids."""

    type: str
    field: str
    path: tuple[str, ...]
    listed: bool
    selection: str

    def document(self, ids: Sequence[str], **mine: str) -> str:
        """Gives all of the ids, one after the other where it takes one."""
        values = [f"[{', '.join(map(_quoted, ids))}]"] if self.listed else map(_quoted, ids)
        fields = [f"a{n}: {self._call(value)}" for n, value in enumerate(values)]
        return WAYS[self.type].format(" ".join(fields), **mine)

    def _call(self, value: str) -> str:
        for name in reversed(self.path[1:]):
            value = f"{{ {name}: {value} }}"
        given = ", ".join(filter(None, [NEEDED.get(self.field), f"{self.path[0]}: {value}"]))
        return f"{self.field}({given}) {self.selection}"


def id_arguments() -> Iterator[IdArgument]:
    for type_ in SCHEMA.type_map.values():
        if not isinstance(type_, GraphQLObjectType) or type_ is SCHEMA.mutation_type:
            continue
        for name, field in type_.fields.items():
            for argument, declared in field.args.items():
                for path, listed in _paths(declared.type, (argument,)):
                    selection = _selection(get_named_type(field.type))
                    yield IdArgument(type_.name, name, path, listed, selection)


def _paths(type_: object, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], bool]]:
    named = get_named_type(type_)
    if isinstance(named, GraphQLInputObjectType):
        for name, field in named.fields.items():
            yield from _paths(field.type, (*path, name))
    elif named.name == "ID":
        yield path, isinstance(get_nullable_type(type_), GraphQLList)


def _selection(type_: object) -> str:
    fields = getattr(type_, "fields", {})
    if "totalCount" in fields:
        return "{ totalCount nodes { __typename } }"
    return SHOWN.get(type_.name, "{ __typename }")


def _quoted(id: str) -> str:
    return f'"{id}"'
