"""Amounts are exact: read from plain digits alone, and written in one form."""

import re
from decimal import Decimal, localcontext

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bursar.domain import money

AMOUNTS = st.decimals(
    -money.LIMIT + Decimal("1e-10"), money.LIMIT - Decimal("1e-10"), places=10, allow_nan=False
)
PLAIN = st.from_regex(r"-?[0-9]{1,18}(\.[0-9]{1,10})?", fullmatch=True, alphabet="0123456789.-")


@given(AMOUNTS)
def test_an_amount_comes_back_from_its_text(amount: Decimal) -> None:
    assert money.parse(money.to_text(amount)) == amount


@given(PLAIN)
def test_plain_digits_are_read_exactly_and_written_canonically(text: str) -> None:
    written = money.to_text(money.parse(text))
    assert re.fullmatch(r"0|-?(0|[1-9][0-9]*)(\.[0-9]*[1-9])?", written)
    assert written != "-0"
    assert Decimal(written) == Decimal(text)
    assert money.to_text(money.parse(written)) == written


@given(PLAIN)
def test_reading_and_writing_do_not_depend_on_the_decimal_context(text: str) -> None:
    expected = money.to_text(money.parse(text))
    with localcontext(prec=3):
        assert money.to_text(money.parse(text)) == expected


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        ("0.10", "0.1"),
        ("100", "100"),
        ("1E+2", "100"),
        ("1E-10", "0.0000000001"),
        ("-0", "0"),
        ("-0.00", "0"),
        ("-1.50", "-1.5"),
        ("10.0", "10"),
        ("999999999999999999.9999999999", "999999999999999999.9999999999"),
    ],
)
def test_an_amount_has_one_canonical_text(amount: str, text: str) -> None:
    assert money.to_text(Decimal(amount)) == text


@pytest.mark.parametrize("amount", ["NaN", "sNaN", "Infinity", "-Infinity"])
def test_what_is_not_finite_is_never_written(amount: str) -> None:
    with pytest.raises(ValueError, match="finite"):
        money.to_text(Decimal(amount))


@pytest.mark.parametrize(
    "text",
    [
        *[
            "",
            " ",
            "-",
            ".",
            "1.",
            ".5",
            "+1",
            "--1",
            "1 ",
            " 1",
            "1\n",
            "1_000",
            "1,5",
            "1e3",
            "1E-3",
        ],
        *["1E+999999", "NaN", "sNaN", "Infinity", "-inf", "\uff11\uff12", "\u0661\u0662", "0x1f"],
        *["1.2.3", "0.12345678901"],
    ],
)
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be plain digits"):
        money.parse(text)


@pytest.mark.parametrize("text", [str(10**18), str(-(10**18)), "9" * 5_000])
def test_more_than_the_column_holds_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="at most 18 digits"):
        money.parse(text)


@given(st.text(max_size=20))
def test_only_text_of_the_plain_form_is_read(text: str) -> None:
    assume(not re.fullmatch(r"-?[0-9]+(\.[0-9]{1,10})?", text))
    with pytest.raises(ValueError, match="must"):
        money.parse(text)


def test_a_limit_may_be_nothing_but_not_less() -> None:
    assert money.problem_with_limit(Decimal(0)) is None
    assert money.problem_with_limit(Decimal("-0.0000000001")) == "must not be negative"
