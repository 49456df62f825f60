"""Secrets of keys: their shape, their digest, what people see of them; and the kinds of keys."""

import hashlib
import hmac
import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bursar.domain.keys import (
    digest,
    kind_of,
    last_four,
    looks_like_secret,
    new_secret,
    problem_with_grace,
    problem_with_scopes_of,
)
from bursar.domain.roles import KeyKind, KeyScope

SECRET = "bk_" + "0" * 42 + "1" + "28fpP9"
PEPPER = b"p" * 32


def test_new_secrets_have_the_documented_shape_and_never_repeat() -> None:
    made = {new_secret() for _ in range(1_000)}
    assert len(made) == 1_000
    assert all(re.fullmatch(r"bk_[0-9A-Za-z]{49}", secret) for secret in made)
    assert all(looks_like_secret(secret) for secret in made)


@given(st.integers(0, 51), st.sampled_from("0Az9_"))
def test_a_secret_with_one_character_changed_is_not_one(place: int, other: str) -> None:
    secret = new_secret()
    changed = secret[:place] + other + secret[place + 1 :]
    assert looks_like_secret(changed) == (changed == secret)


@pytest.mark.parametrize("change", [str.upper, str.strip, lambda text: text + "\n"])
def test_only_the_exact_secret_looks_like_one(change: Callable[[str], str]) -> None:
    assert looks_like_secret(SECRET)
    assert looks_like_secret(change(SECRET)) == (change(SECRET) == SECRET)


@given(st.text(st.characters(), max_size=512), st.binary(min_size=1, max_size=64))
def test_any_text_can_be_looked_up_by_its_digest(text: str, pepper: bytes) -> None:
    message = text.encode("utf-8", "surrogatepass")
    assert digest(text, pepper) == hmac.new(pepper, message, hashlib.sha256).digest()


def test_another_pepper_gives_another_digest() -> None:
    assert digest(SECRET, PEPPER) != digest(SECRET, PEPPER[:-1])


def test_the_last_four_characters_are_what_people_see() -> None:
    assert last_four(SECRET) == SECRET[-4:]


@pytest.mark.parametrize(
    ("user_id", "team_id", "kind"),
    [
        ("user", None, KeyKind.PERSONAL),
        ("user", "team", KeyKind.MEMBER),
        (None, "team", KeyKind.SERVICE),
    ],
)
def test_a_key_is_of_the_kind_of_its_holders(
    user_id: str | None, team_id: str | None, kind: KeyKind
) -> None:
    assert kind_of(user_id, team_id) is kind


@pytest.mark.parametrize("kind", KeyKind)
@pytest.mark.parametrize("scope", KeyScope)
def test_only_the_key_of_a_service_cannot_manage(kind: KeyKind, scope: KeyScope) -> None:
    refused = problem_with_scopes_of(kind, [KeyScope.INFER, scope]) is not None
    assert refused is ((kind, scope) == (KeyKind.SERVICE, KeyScope.MANAGE))


def test_a_grace_is_30_days_or_less() -> None:
    assert [text for text in ("1s", "30d", "4w", "1mo") if problem_with_grace(text)] == []
    assert all(problem_with_grace(text) for text in ("31d", "721h", "5w", "2mo", "1y"))
