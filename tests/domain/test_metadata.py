"""Metadata is any JSON object within bounds, kept as it was given."""

import math
from collections.abc import Callable

import orjson
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bursar.domain.metadata import DEEPEST, LONGEST, problem_with_metadata

TEXTS_KEPT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats(-1e18, 1e18) | TEXTS_KEPT
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS_KEPT, inner, max_size=3),
    max_leaves=8,
)
NUMBERS = "must hold numbers that are 0 or from 1e-20 to 2^63 in size"
TEXTS = "must not contain NUL or half surrogate pairs"


def nested(depth: int, kind: Callable[[object], object]) -> dict[str, object]:
    value = {}
    for _ in range(depth - 2):
        value = kind(value)
    return {"a": value}


@given(st.dictionaries(TEXTS_KEPT, VALUES, max_size=3))
def test_what_is_kept_is_read_back_as_it_was(value: object) -> None:
    assume(problem_with_metadata(value) is None)
    assert orjson.loads(orjson.dumps(value)) == value


@pytest.mark.parametrize("value", [None, True, 1, 1.5, "a", "{}", [], [{}]])
def test_only_an_object_is_metadata(value: object) -> None:
    assert problem_with_metadata(value) == "must be an object"


@pytest.mark.parametrize("kind", [lambda v: {"a": v}, lambda v: [v]])
def test_eight_levels_are_the_most(kind: Callable[[object], object]) -> None:
    assert problem_with_metadata(nested(DEEPEST, kind)) is None
    assert problem_with_metadata(nested(DEEPEST + 1, kind)) == "must not be nested more than 8 deep"
    assert problem_with_metadata(nested(100_000, kind)) == "must not be nested more than 8 deep"


def test_sixteen_kibibytes_are_the_most() -> None:
    assert problem_with_metadata({"a": "x" * (LONGEST - 8)}) is None
    assert problem_with_metadata({"a": "x" * (LONGEST - 7)}) == "must be at most 16 KiB of JSON"
    assert problem_with_metadata({"a": "é" * (LONGEST // 2)}) == "must be at most 16 KiB of JSON"


@pytest.mark.parametrize("text", ["\0", "a\0b", "\ud800", "a\udfff"])
def test_texts_and_keys_that_postgresql_cannot_hold_are_refused(text: str) -> None:
    assert problem_with_metadata({"a": [text]}) == TEXTS
    assert problem_with_metadata({"a": {text: 1}}) == TEXTS


@pytest.mark.parametrize("number", [0, 0.0, -1, 2**63 - 1, -(2**63 - 1), 1.5, 1e18, 1e-20, -1e-20])
def test_numbers_of_64_bits_are_kept(number: float) -> None:
    assert problem_with_metadata({"a": number}) is None


@pytest.mark.parametrize(
    "number", [math.nan, math.inf, -math.inf, 2**63, -(2**63), 2**64, 10**400, 1e19, 1e308, 5e-324]
)
def test_other_numbers_are_refused(number: float) -> None:
    assert problem_with_metadata({"a": [number]}) == NUMBERS


def test_what_is_not_json_is_refused() -> None:
    assert problem_with_metadata({"a": b"x"}) == "must be plain JSON"
