"""Names, e-mails, external ids and tags: which are good, why others are not, and what compares them."""

import sys
import unicodedata
from collections.abc import Callable

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bursar.domain.names import (
    is_storable,
    key_of,
    problem_with_description,
    problem_with_email,
    problem_with_external_id,
    problem_with_name,
    problem_with_tags,
)

ANY_TEXT = st.text(st.characters(), max_size=300)
SHORT_TEXT = st.text(st.characters(), max_size=20)
RULES = [
    problem_with_name,
    problem_with_external_id,
    problem_with_email,
    problem_with_description,
    lambda tag: problem_with_tags([tag]),
]


@given(ANY_TEXT)
def test_the_key_of_a_key_is_that_key(text: str) -> None:
    assert key_of(key_of(text)) == key_of(text)


def test_the_key_of_every_single_character_is_stable() -> None:
    unstable = [n for n in range(sys.maxunicode + 1) if key_of(key_of(chr(n))) != key_of(chr(n))]
    assert unstable == []


@given(ANY_TEXT)
def test_composed_and_decomposed_texts_have_one_key(text: str) -> None:
    assert key_of(unicodedata.normalize("NFD", text)) == key_of(text)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ÉCOLE", "école"),
        ("Straße", "STRASSE"),
        ("\uff21\uff44\uff41", "ada"),
        ("ﬁn", "FIN"),
        ("\u03a3\u03c2", "\u03c3\u03c3"),
    ],
)
def test_names_that_read_alike_have_one_key(one: str, other: str) -> None:
    assert key_of(one) == key_of(other)


@given(st.text(st.characters(codec="utf-8"), max_size=50))
def test_text_is_storable_unless_it_holds_nul(text: str) -> None:
    assert is_storable(text) == ("\0" not in text)


@pytest.mark.parametrize("rule", RULES)
@given(before=SHORT_TEXT, bad=st.sampled_from("\0\ud800\udfff"), after=SHORT_TEXT)
def test_what_cannot_be_stored_passes_no_rule(
    rule: Callable[[str], str | None], before: str, bad: str, after: str
) -> None:
    assert not is_storable(before + bad + after)
    assert rule(before + bad + after)


@pytest.mark.parametrize(
    "name", ["a", "Ada's team", "研究開発", "فريق", "👩‍🚀 rockets", "نامه‌ای", "x" * 128, "%_'\";--"]
)
def test_a_readable_name_is_good(name: str) -> None:
    assert problem_with_name(name) is None


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("", "must be 1 to 128 characters"),
        ("x" * 129, "must be 1 to 128 characters"),
        (" a", "must not begin or end with white space"),
        ("a\u00a0", "must not begin or end with white space"),
        ("\u3000a", "must not begin or end with white space"),
        ("a\u200b", "must not begin or end with white space"),
        ("\ufeffa", "must not begin or end with white space"),
        ("a\0b", "must not contain control characters"),
        ("a\nb", "must not contain control characters"),
        ("a\x85b", "must not contain control characters"),
        ("a\u2028b", "must not contain control characters"),
        ("a\u202eb", "must not contain control characters"),
        ("a\u2069b", "must not contain control characters"),
        ("\ufdfa" * 128, "must be at most 256 characters when its ligatures are written out"),
    ],
)
def test_a_bad_name_is_refused_with_its_reason(name: str, problem: str) -> None:
    assert problem_with_name(name) == problem


@given(ANY_TEXT)
def test_the_key_of_a_good_name_fits_an_index(text: str) -> None:
    assume(problem_with_name(text) is None)
    assert 1 <= len(key_of(text)) <= 256


@given(st.text("abcXYZ019._:@/-", min_size=1, max_size=128))
def test_an_external_id_may_be_any_of_its_characters(text: str) -> None:
    assert problem_with_external_id(text) is None


@pytest.mark.parametrize("text", ["", "x" * 129, "a b", "é", "\uff11", "a\n", "a%", "a\\", "a+b"])
def test_a_bad_external_id_is_refused(text: str) -> None:
    assert (
        problem_with_external_id(text)
        == "must be 1 to 128 of the ASCII letters, digits and . _ : @ / -"
    )


@pytest.mark.parametrize(
    "email",
    [
        *["a@b", "ada@example.com", "Ada.Lovelace+x@EXAMPLE.co.uk", "o'hara@x.ie", "用户@例え.jp"],
        *["a" * 242 + "@example.com"],
    ],
)
def test_an_address_is_a_good_email(email: str) -> None:
    assert problem_with_email(email) is None


@pytest.mark.parametrize(
    "email",
    [
        *[
            "",
            "a",
            "@",
            "a@",
            "@b",
            "a@b@c",
            "a b@c",
            "a@b c",
            ".a@b",
            "a.@b",
            "a..b@c",
            "a@.b",
            "a@b.",
        ],
        *["a@b..c", "a@b\n", " a@b", "a@b\0c", "a\u202e@b", "a\uff20b@c", "a\uff20b\uff0e"],
        *["a@b\uff0e\uff0ec", "a\u00a8@b", "a" * 243 + "@example.com"],
    ],
)
def test_a_bad_email_is_refused(email: str) -> None:
    assert problem_with_email(email)


def test_a_description_may_be_empty_and_have_lines() -> None:
    assert problem_with_description("") is None
    assert problem_with_description("one\r\n\ttwo\n" + "x" * 1_988) is None


@pytest.mark.parametrize("text", ["x" * 2_001, "a\0", "a\x1b[31m", "a\x7f", "a\u202eb", "a\u2028b"])
def test_a_bad_description_is_refused(text: str) -> None:
    assert problem_with_description(text)


def test_tags_may_be_none_or_fifty() -> None:
    assert problem_with_tags([]) is None
    assert problem_with_tags([f"{n:064}" for n in range(50)]) is None


@pytest.mark.parametrize(
    ("tags", "problem"),
    [
        ([str(n) for n in range(51)], "must be at most 50 tags"),
        (["a", "b", "a"], "must all be different"),
        (["a", ""], "must be tags of which each must be 1 to 64 characters"),
        (["x" * 65], "must be tags of which each must be 1 to 64 characters"),
        (["a", "b\n"], "must be tags of which each must not contain control characters"),
    ],
)
def test_bad_tags_are_refused_with_their_reason(tags: list[str], problem: str) -> None:
    assert problem_with_tags(tags) == problem
