"""Leaves: how scalars, enums and lists of them are written, as graphql-core writes them.

A writer takes a value and gives what belongs in the answer. An expression is the same as source text,
in which the usual value of the usual type is told without a call.
"""

from collections.abc import Callable
from typing import Any

from graphql import (
    GraphQLBoolean,
    GraphQLEnumType,
    GraphQLID,
    GraphQLInt,
    GraphQLLeafType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLOutputType,
    GraphQLString,
    Undefined,
    is_leaf_type,
)

from bursar.graphql.execution.surprises import Surprise

Write = Callable[[Any], Any]


# Where this holds of a value `v`, it is written as it is.
_USUAL: dict[Any, str] = {
    GraphQLString: "type({v}) is str",
    GraphQLID: "type({v}) is str",
    GraphQLBoolean: "type({v}) is bool",
    GraphQLInt: "type({v}) is int and -2147483648 <= {w} <= 2147483647",
}


def is_leaf(type_: GraphQLOutputType) -> bool:
    """Whether this is a scalar, an enum, or a list of such."""
    while isinstance(type_, (GraphQLNonNull, GraphQLList)):
        type_ = type_.of_type
    return is_leaf_type(type_)


def writer(type_: GraphQLOutputType) -> Write:
    """What writes a value of a leaf type. It raises Surprise, or what the type itself raises."""
    if isinstance(type_, GraphQLNonNull):
        return _required(_writer(type_.of_type))
    return _optional(_writer(type_))


def expression(type_: GraphQLOutputType, constant: Callable[[Any], str]) -> Callable[[str], str]:
    """What makes, of a value's source text, the text that writes it.

    `constant` gives a name to what the text refers to.
    """
    required = isinstance(type_, GraphQLNonNull)
    named: Any = type_.of_type if isinstance(type_, GraphQLNonNull) else type_
    if isinstance(named, GraphQLEnumType):
        names = constant(_EnumNames(named, required=required))
        return lambda value: f"{names}[{value}]"
    write = constant(writer(type_))
    if (usual := _USUAL.get(named)) is not None:
        as_it_is = usual if required else usual + " or {w} is None"
        return lambda value: _with(value, f"({{w}} if {as_it_is} else {write}({{w}}))")
    if isinstance(named, GraphQLList):
        return lambda value: f"{write}({value})"
    # What has no text is left to the writer, which knows why.
    coerce = constant(named.coerce_output_value)
    null = f"{write}({{w}})" if required else "None"
    text = f"({null} if {{v}} is None else {write}({{w}}) if (t := {coerce}({{w}})) is None else t)"
    return lambda value: _with(value, text)


def _with(value: str, text: str) -> str:
    """The text about a value, which has the value in it as `{v}` first, and then as `{w}`."""
    if value.isidentifier():
        return text.format(v=value, w=value)
    return text.format(v=f"(v := {value})", w="v")


def is_had_as_text(type_: GraphQLOutputType) -> bool:
    """Whether values of this type may be had as the texts that they are written as."""
    named: Any = type_.of_type if isinstance(type_, GraphQLNonNull) else type_
    return "as_text" in getattr(named, "extensions", {})


def as_text(type_: GraphQLOutputType, constant: Callable[[Any], str]) -> Callable[[str], str]:
    """The same as `expression`, of values that are had so."""
    return (
        expression(GraphQLNonNull(GraphQLString), constant)
        if isinstance(type_, GraphQLNonNull)
        else str
    )


def _writer(type_: Any) -> Write:
    if isinstance(type_, GraphQLList):
        item = writer(type_.of_type)
        return lambda values: [item(value) for value in items_of(values)]
    return _named(type_)


def _named(type_: GraphQLLeafType) -> Write:
    coerce = type_.coerce_output_value

    def write(value: Any) -> Any:
        written = coerce(value)
        if written is None or written is Undefined:
            raise Surprise
        return written

    return write


def _optional(write: Write) -> Write:
    return lambda value: None if value is None else write(value)


def _required(write: Write) -> Write:
    def write_required(value: Any) -> Any:
        if value is None:
            raise Surprise
        return write(value)

    return write_required


def items_of(values: Any) -> Any:
    """The items of a list. Raises Surprise for whatever else may count as one."""
    if isinstance(values, (list, tuple)):
        return values
    raise Surprise


class _EnumNames(dict[Any, Any]):
    """The names of an enum's values, each found once."""

    def __init__(self, type_: GraphQLEnumType, *, required: bool) -> None:
        super().__init__({} if required else {None: None})
        self._write = _required(_named(type_))

    def __missing__(self, value: Any) -> Any:
        name = self[value] = self._write(value)
        return name
