"""The scalars: how amounts, large numbers, times, durations and metadata are read and written."""

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NewType

from graphql import ConstValueNode, GraphQLError, GraphQLScalarType
from graphql.utilities import value_from_ast_untyped
from strawberry.types.scalar import ScalarDefinition

from bursar.domain import durations, instants, money
from bursar.domain.metadata import problem_with_metadata

BigInt = NewType("BigInt", int)
Duration = NewType("Duration", str)
JSON = NewType("JSON", dict[str, Any])

_BIG_INT = re.compile(r"-?[0-9]{1,19}")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    raise ValueError("must be a string")


def _read_decimal(value: object) -> Decimal:
    return money.parse(_text(value))


def read_big_int(value: object) -> int:
    """A whole number of 64 bits, or its digits. Raises ValueError."""
    if isinstance(value, str) and _BIG_INT.fullmatch(value):
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and -(1 << 63) <= value < 1 << 63:
        return value
    raise ValueError("must be a whole number of 64 bits, or its digits in a string")


def _read_date_time(value: object) -> datetime:
    return instants.parse(_text(value))


def _read_date(value: object) -> date:
    text = _text(value)
    if not _DATE.fullmatch(text):
        raise ValueError('must be a date such as "2026-11-22"')
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError("must exist, and lie within the years 0001 to 9999") from None


def _read_duration(value: object) -> str:
    return str(durations.parse(_text(value)))


def _read_json(value: object) -> object:
    if problem := problem_with_metadata(value):
        raise ValueError(problem)
    return value


def _scalar(
    name: str,
    description: str,
    *,
    read: Callable[[object], object],
    write: Callable[[Any], object],
    specified_by: str | None = None,
    as_text: bool = False,
) -> ScalarDefinition:
    """Define a scalar that reads a literal as it reads the same value in a variable.

    One that is had `as_text` may come from the database as it is written (loaders/narrowing.py).

    It is built for graphql-core, because Strawberry's own way in (`parse_literal`) is deprecated
    there and would put coerced variables, such as a datetime, into the metadata around them.
    """

    def read_value(value: object, node: ConstValueNode | None = None) -> object:
        try:
            return read(value)
        except ValueError as refusal:
            # The code goes along, for a literal that holds variables is only read by the executor,
            # where its refusal would otherwise look like the failure of a resolver.
            raise GraphQLError(
                f"{name} {refusal}.", node, extensions={"code": "BAD_USER_INPUT"}
            ) from None

    def read_literal(node: ConstValueNode) -> object:
        return read_value(value_from_ast_untyped(node), node)

    return ScalarDefinition(
        name=name,
        description=description,
        specified_by_url=specified_by,
        serialize=None,
        parse_value=None,
        parse_literal=None,
        implementation=GraphQLScalarType(
            name,
            description=description,
            specified_by_url=specified_by,
            coerce_output_value=write,
            coerce_input_value=read_value,
            coerce_input_literal=read_literal,
            extensions={"as_text": True} if as_text else None,
        ),
    )


_RFC_3339 = "https://www.rfc-editor.org/rfc/rfc3339#section-5.6"

SCALARS: Mapping[object, ScalarDefinition] = {
    Decimal: _scalar(
        "Decimal",
        "An exact decimal number as a string of plain digits, with at most 18 before and 10 after "
        'the point, such as "12.5".',
        read=_read_decimal,
        write=money.to_text,
        as_text=True,
    ),
    BigInt: _scalar(
        "BigInt",
        "A whole number of 64 bits, answered as a string because JSON readers may round it.",
        read=read_big_int,
        write=str,
        as_text=True,
    ),
    datetime: _scalar(
        "DateTime",
        'An instant with an offset, answered in UTC, such as "2026-11-22T10:00:00Z".',
        read=_read_date_time,
        write=instants.to_text,
        as_text=True,
        specified_by=_RFC_3339,
    ),
    date: _scalar(
        "Date",
        'A day of the calendar, such as "2026-11-22".',
        read=_read_date,
        write=date.isoformat,
        specified_by=_RFC_3339,
    ),
    Duration: _scalar(
        "Duration",
        "A length of time of at most 100 years as a count and a unit of s, m, h, d, w, mo or y, "
        'such as "30d".',
        read=_read_duration,
        write=str,
    ),
    JSON: _scalar(
        "JSON",
        "A free JSON object of at most 16 KiB and 8 levels that Bursar keeps and does not read.",
        read=_read_json,
        write=lambda value: value,
        specified_by="https://www.rfc-editor.org/rfc/rfc8259",
    ),
}
