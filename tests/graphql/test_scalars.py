"""Scalars: which values are read, by variable or literal, and the one form each is answered in."""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
import strawberry
from graphql import print_type
from hypothesis import given
from hypothesis import strategies as st
from strawberry.schema.config import StrawberryConfig
from strawberry.types.scalar import ScalarDefinition

from bursar.graphql.scalars import JSON, SCALARS, BigInt, Duration


@strawberry.input
class Box:
    decimal: Decimal | None = None
    big_int: BigInt | None = None
    date_time: datetime | None = None
    day: date | None = None
    duration: Duration | None = None
    json: JSON | None = None


@strawberry.type
class Echo:
    decimal: Decimal | None
    big_int: BigInt | None
    date_time: datetime | None
    day: date | None
    duration: Duration | None
    json: JSON | None


@strawberry.type
class Query:
    @strawberry.field
    def echo(self, box: Box) -> Echo:
        return Echo(**vars(box))


SCHEMA = strawberry.Schema(Query, config=StrawberryConfig(scalar_map=SCALARS))


def by_variable(field: str, value: Any) -> Any:
    document = f"query ($box: Box!) {{ echo(box: $box) {{ {field} }} }}"
    return SCHEMA.execute_sync(document, variable_values={"box": {field: value}})


def by_literal(field: str, value: Any) -> Any:
    return SCHEMA.execute_sync(f"{{ echo(box: {{ {field}: {literal(value)} }}) {{ {field} }} }}")


def literal(value: Any) -> str:
    """Write a value as GraphQL does: as JSON, with the keys of objects bare."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {literal(part)}" for key, part in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(literal(part) for part in value) + "]"
    return json.dumps(value)


def coerce(scalar: object, value: Any) -> Any:
    return SCALARS[scalar].implementation.coerce_input_value(value)


def write(scalar: object, value: Any) -> Any:
    return SCALARS[scalar].implementation.coerce_output_value(value)


BOTH_WAYS = pytest.mark.parametrize("send", [by_variable, by_literal])

GOOD = [
    ("decimal", "12.5", "12.5"),
    ("decimal", "0.10", "0.1"),
    ("decimal", "-0", "0"),
    ("decimal", "-3", "-3"),
    ("decimal", "999999999999999999.9999999999", "999999999999999999.9999999999"),
    ("decimal", None, None),
    ("bigInt", 7, "7"),
    ("bigInt", "-0", "0"),
    ("bigInt", 2**63 - 1, "9223372036854775807"),
    ("bigInt", "-9223372036854775808", "-9223372036854775808"),
    ("dateTime", "2026-11-22T10:00:00Z", "2026-11-22T10:00:00Z"),
    ("dateTime", "2026-11-22t10:00:00z", "2026-11-22T10:00:00Z"),
    ("dateTime", "2026-11-22T10:00:00+05:30", "2026-11-22T04:30:00Z"),
    ("dateTime", "2026-11-22T10:00:00.123400-23:59", "2026-11-23T09:59:00.1234Z"),
    ("dateTime", "2026-11-22T10:00:00.000001-00:00", "2026-11-22T10:00:00.000001Z"),
    ("dateTime", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
    ("dateTime", "9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z"),
    ("day", "2028-02-29", "2028-02-29"),
    ("day", "0001-01-01", "0001-01-01"),
    ("duration", "30d", "30d"),
    ("duration", "1mo", "1mo"),
    ("json", {}, {}),
    ("json", {"a": [1, 2.5, None, True, "é"]}, {"a": [1, 2.5, None, True, "é"]}),
    ("json", None, None),
]

DEEP = {"a": {"a": {"a": {"a": {"a": {"a": {"a": {"a": {}}}}}}}}}

NO_AMOUNT = 'Decimal must be plain digits with at most 10 decimal places, such as "12.5".'
NO_BIG_INT = "BigInt must be a whole number of 64 bits, or its digits in a string."
NO_DATE_TIME = (
    "DateTime must be a date and time of RFC 3339 with an offset and at most 6 decimals, "
    'such as "2026-11-22T10:00:00Z".'
)
NO_INSTANT = "DateTime must exist, and in UTC lie within the years 0001 to 9999."
NO_DATE = 'Date must be a date such as "2026-11-22".'
NO_DAY = "Date must exist, and lie within the years 0001 to 9999."
NO_DURATION = "Duration must be a count from 1 to 99999 and a unit (s, m, h, d, w, mo, y): 30d."
NO_NUMBER = "JSON must hold numbers that are 0 or from 1e-20 to 2^63 in size."
NO_TEXT = "JSON must not contain NUL or half surrogate pairs."

BAD: list[tuple[str, str, list[Any]]] = [
    ("decimal", "Decimal must be a string.", [1, 1.5, True, ["1"], {"a": 1}]),
    ("decimal", NO_AMOUNT, ["", "NaN", "sNaN", "Infinity", "-Infinity", "1E+999999", "1e3"]),
    ("decimal", NO_AMOUNT, ["\uff11\uff12", "+1", "1.", ".5", " 1", "1\n", "1\0", "1_000"]),
    ("decimal", NO_AMOUNT, ["0.12345678901"]),
    ("decimal", "Decimal must have at most 18 digits before the decimal point.", [str(10**18)]),
    ("bigInt", NO_BIG_INT, [2**63, -(2**63) - 1, str(2**63), "9" * 5_000, 1.0, 1.5, 1e30]),
    ("bigInt", NO_BIG_INT, [True, [1], "", "1.0", "+1", "1e3", "\uff11\uff12", " 1", "1\n"]),
    ("bigInt", NO_BIG_INT, ["0x10", "1_000", "NaN"]),
    ("dateTime", "DateTime must be a string.", [0, 1.5, False, {}]),
    ("dateTime", NO_DATE_TIME, ["", "now", "1763805600", "2026-11-22", "2026-11-22T10:00:00"]),
    ("dateTime", NO_DATE_TIME, ["2026-11-22 10:00:00Z", "2026-11-22T10:00Z", "20261122T100000Z"]),
    ("dateTime", NO_DATE_TIME, ["2026-W47-7T10:00:00Z", "2026-11-22T10:60:00Z"]),
    ("dateTime", NO_DATE_TIME, ["2026-12-31T23:59:60Z", "2026-11-22T24:00:00Z"]),
    ("dateTime", NO_DATE_TIME, ["2026-11-22T10:00:00+24:00", "2026-11-22T10:00:00+00:60"]),
    ("dateTime", NO_DATE_TIME, ["2026-11-22T10:00:00+0100", "2026-11-22T10:00:00.Z"]),
    ("dateTime", NO_DATE_TIME, ["2026-11-22T10:00:00.1234567Z", "2026-11-22T10:00:00,5Z"]),
    ("dateTime", NO_DATE_TIME, ["10000-01-01T00:00:00Z", "-001-01-01T00:00:00Z"]),
    ("dateTime", NO_DATE_TIME, ["\uff12026-11-22T10:00:00Z", "2026-11-22T10:00:00Z\n"]),
    ("dateTime", NO_INSTANT, ["0000-01-01T00:00:00Z", "2026-02-29T00:00:00Z"]),
    ("dateTime", NO_INSTANT, ["0001-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01"]),
    ("day", "Date must be a string.", [20261122, True]),
    ("day", NO_DATE, ["", "20261122", "2026-W47-7", "2026-11-22T00:00:00Z", "10000-01-01"]),
    ("day", NO_DATE, ["2026-1-1", "\uff12026-11-22", "2026-11-22\n"]),
    ("day", NO_DAY, ["0000-01-01", "2026-02-29", "2026-00-10"]),
    ("duration", "Duration must be a string.", [30]),
    ("duration", NO_DURATION, ["", "0d", "1.5h", "\uff11d", "30 d", "P1D", "100000s"]),
    ("duration", "Duration must be at most 100 years (100y).", ["101y"]),
    ("json", "JSON must be an object.", ["{}", 1, True, [{}], []]),
    ("json", "JSON must not be nested more than 8 deep.", [DEEP]),
    ("json", "JSON must be at most 16 KiB of JSON.", [{"a": "x" * (16 * 1024 - 7)}]),
    ("json", NO_NUMBER, [{"a": [number]} for number in (2**63, 10**30, 1e300, 1e-300)]),
    ("json", NO_TEXT, [{"a": "\0"}]),
]


@BOTH_WAYS
@pytest.mark.parametrize(("field", "value", "answer"), GOOD)
def test_a_good_value_is_answered_in_its_one_form(
    send: Callable[[str, Any], Any], field: str, value: Any, answer: Any
) -> None:
    result = send(field, value)
    assert result.errors is None
    assert result.data == {"echo": {field: answer}}


@BOTH_WAYS
@pytest.mark.parametrize(
    ("field", "message", "value"),
    [(field, message, value) for field, message, values in BAD for value in values],
)
def test_a_bad_value_is_refused_in_one_plain_sentence(
    send: Callable[[str, Any], Any], field: str, message: str, value: Any
) -> None:
    result = send(field, value)
    before = f"Variable '$box' has invalid value at .{field}: " if send is by_variable else ""
    assert result.data is None
    assert [error.message for error in result.errors] == [before + message]
    assert result.errors[0].extensions == {"code": "BAD_USER_INPUT"}
    assert result.errors[0].path is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{ a: 1e400 }", "JSON must hold numbers"),
        ("{ a: %s }" % ("9" * 5_000), "JSON must hold numbers"),
        ("$", "Syntax Error"),
    ],
)
def test_a_literal_that_no_json_could_hold_is_refused(text: str, message: str) -> None:
    (error,) = SCHEMA.execute_sync(f"{{ echo(box: {{ json: {text} }}) {{ json }} }}").errors
    assert error.message.startswith(message)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), b"1", Decimal(1)])
@pytest.mark.parametrize("field", ["decimal", "bigInt", "dateTime", "day", "duration"])
def test_what_no_json_holds_is_refused_without_its_python_type(field: str, value: Any) -> None:
    (error,) = by_variable(field, value).errors
    assert "must be" in error.message
    assert "<" not in error.message


@pytest.mark.parametrize("text", ["\ud800", "a\udfffb"])
def test_half_a_surrogate_pair_in_metadata_is_refused(text: str) -> None:
    for value in ({"a": text}, {text: 1}):
        (error,) = by_variable("json", value).errors
        assert error.message.endswith(NO_TEXT)


METADATA = """
query ($when: DateTime, $amount: Decimal, $free: JSON, $text: String, $absent: Boolean) {
  echo(box: { json: { when: [$when], amount: $amount, free: $free, text: $text, gone: $absent } }) {
    json
  }
}
"""


def test_variables_inside_metadata_are_kept_as_they_were_sent() -> None:
    free = {"any key": {"é": [1, None, 1.5, True]}}
    sent = {"when": "2026-01-01T00:00:00+01:00", "amount": "1.50", "free": free, "text": "x"}
    result = SCHEMA.execute_sync(METADATA, variable_values=sent)
    assert result.errors is None
    assert result.data == {"echo": {"json": {**sent, "when": [sent["when"]]}}}


def test_a_bad_variable_inside_metadata_is_still_the_callers_mistake() -> None:
    (error,) = SCHEMA.execute_sync(METADATA, variable_values={"text": "\0"}).errors
    assert error.message.endswith(NO_TEXT)
    assert error.extensions == {"code": "BAD_USER_INPUT"}


def test_a_bad_default_of_a_variable_is_refused() -> None:
    document = "query ($d: Decimal = 1.5) { echo(box: { decimal: $d }) { decimal } }"
    (error,) = SCHEMA.execute_sync(document).errors
    assert error.message == "Decimal must be a string."
    assert error.locations is not None


def test_inside_the_program_values_have_the_types_of_python() -> None:
    zone = timezone(timedelta(hours=1))
    assert coerce(Decimal, "1.50") == Decimal("1.5")
    assert coerce(BigInt, "7") == 7
    assert coerce(datetime, "2026-11-22T10:00:00+01:00") == datetime(2026, 11, 22, 10, tzinfo=zone)
    assert coerce(datetime, "2026-11-22T10:00:00+01:00").tzinfo is UTC
    assert coerce(date, "2026-11-22") == date(2026, 11, 22)
    assert coerce(Duration, "1w") == "1w"


@given(st.datetimes(timezones=st.just(UTC)))
def test_an_instant_comes_back_from_its_text(instant: datetime) -> None:
    assert coerce(datetime, write(datetime, instant)) == instant


@given(st.integers(-(2**63), 2**63 - 1))
def test_a_big_int_comes_back_from_its_text(number: int) -> None:
    assert coerce(BigInt, write(BigInt, number)) == number


def test_a_time_without_a_zone_is_never_answered() -> None:
    with pytest.raises(ValueError, match="no instant"):
        write(datetime, datetime(2026, 11, 22, tzinfo=UTC).replace(tzinfo=None))


@pytest.mark.parametrize("definition", SCALARS.values(), ids=lambda definition: definition.name)
def test_every_scalar_is_described_in_one_sentence(definition: ScalarDefinition) -> None:
    assert definition.description.endswith(".")
    assert ". " not in definition.description
    assert definition.description in print_type(definition.implementation)
