"""Secrets of API keys: how they are made, recognized in a leak, and turned into what is stored."""

import hmac
import re
import secrets
from collections.abc import Sequence
from datetime import timedelta
from zlib import crc32

from bursar.domain.durations import length_of
from bursar.domain.names import problem_with_repeated
from bursar.domain.roles import KeyKind, KeyScope

LONGEST_SECRET = 512
"""Characters; a presented secret that is longer is refused unread."""

LONGEST_GRACE = timedelta(days=30)
"""How long at most the secret before a rotation is still accepted."""

DEFAULT_SCOPES = {
    KeyKind.PERSONAL: (KeyScope.MANAGE,),
    KeyKind.MEMBER: (KeyScope.INFER,),
    KeyKind.SERVICE: (KeyScope.INFER,),
}

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SHAPE = re.compile(r"bk_[0-9A-Za-z]{49}")


def new_secret() -> str:
    """Make a secret of 256 random bits: `bk_`, 43 characters of base62, 6 of checksum."""
    body = "bk_" + _base62(secrets.randbits(256), 43)
    return body + _checksum(body)


def looks_like_secret(text: str) -> bool:
    """Tell whether text has the shape and checksum of `new_secret`, for scanners of leaked secrets.

    Look-up never asks this: an administrator may choose a secret of any form.
    """
    return bool(_SHAPE.fullmatch(text)) and _checksum(text[:-6]) == text[-6:]


def redacted(text: str) -> str:
    """The text without what has the shape of a secret, for whatever is kept of what clients send."""
    return _SHAPE.sub("bk_…", text)


def digest(secret: str, pepper: bytes) -> bytes:
    """Hash any text presented as a secret into the 32 bytes it is stored and looked up by.

    HMAC-SHA-256: 256 random bits cannot be guessed, so a slow hash would only cost time.
    """
    return hmac.digest(pepper, secret.encode("utf-8", "surrogatepass"), "sha256")


def last_four(secret: str) -> str:
    """The part of a secret that people may see, to tell their keys apart."""
    return secret[-4:]


def problem_with_scopes(scopes: Sequence[str]) -> str | None:
    """Say what is wrong with the scopes of a key, if anything is."""
    if not scopes:
        return "must name at least one scope"
    return problem_with_repeated(scopes)


def kind_of(user_id: str | None, team_id: str | None) -> KeyKind:
    """The kind of a key by what it belongs to, at least one of the two."""
    if team_id is None:
        return KeyKind.PERSONAL
    return KeyKind.SERVICE if user_id is None else KeyKind.MEMBER


def problem_with_scopes_of(kind: KeyKind, scopes: Sequence[str]) -> str | None:
    """Say which of the scopes a key of this kind cannot have, if it cannot have one."""
    if kind is KeyKind.SERVICE and KeyScope.MANAGE in scopes:
        return "must not name MANAGE, as the key of a service has no user to act as"
    return None


def problem_with_grace(duration: str) -> str | None:
    """Say what is wrong with the time for which a replaced secret stays good, if anything is."""
    return None if length_of(duration) <= LONGEST_GRACE else "must be at most 30 days"


def _checksum(body: str) -> str:
    return _base62(crc32(body.encode()), 6)


def _base62(number: int, width: int) -> str:
    digits = ""
    for _ in range(width):
        number, digit = divmod(number, 62)
        digits = _ALPHABET[digit] + digits
    return digits
