"""Names: which texts may be names, e-mails, descriptions and tags, and the key that compares them.

Each `problem_with_…` answers None for a good text, or else what is wrong with it as the rest of
a sentence that starts with the field: "must be 1 to 128 characters".
"""

import re
import unicodedata
from collections.abc import Sequence

NAME_LENGTH = 128
EMAIL_LENGTH = 254
DESCRIPTION_LENGTH = 2_000
TAGS = 50
TAG_LENGTH = 64
EXTERNAL_ID_LENGTH = 128
IDEMPOTENCY_KEY_LENGTH = 128
BEHALF_LENGTH = 128

_EXTERNAL_ID = re.compile(rf"[A-Za-z0-9._:@/-]{{1,{EXTERNAL_ID_LENGTH}}}")
_PRINTABLE = re.compile(r"[ -~]*")
_EMAIL = re.compile(r"[^\s@.]+(\.[^\s@.]+)*@[^\s@.]+(\.[^\s@.]+)*")
# Control characters, line and paragraph separators, marks that turn the direction of writing.
UNSEEN = r"\x00-\x1f\x7f-\x9f\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff"
_NOT_IN_LINE = re.compile(f"[{UNSEEN}]")
_NOT_IN_TEXT = re.compile(rf"(?![\n\r\t])[{UNSEEN}]")
_BLANK = r"[\s\u200b\u2060\ufeff]"
_BLANK_EDGE = re.compile(rf"\A{_BLANK}|{_BLANK}\Z")


def key_of(text: str) -> str:
    """Fold a name or e-mail so that what reads alike is equal: NFKC, casefold, NFKC again.

    Casefolding may undo NFKC; with the second pass, the key of a key is that key.
    """
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def is_storable(text: str) -> bool:
    """Tell whether PostgreSQL can hold the text: it refuses NUL and halves of surrogate pairs."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in text


def problem_with_line(text: str, longest: int) -> str | None:
    """Judge a text of one line, at most so many characters long."""
    if not 1 <= len(text) <= longest:
        return f"must be 1 to {longest} characters"
    if _NOT_IN_LINE.search(text):
        return "must not contain control characters"
    if _BLANK_EDGE.search(text):
        return "must not begin or end with white space"
    # One character may fold to eighteen, and PostgreSQL indexes no more than 2,704 bytes.
    if len(key_of(text)) > 2 * longest:
        return f"must be at most {2 * longest} characters when its ligatures are written out"
    return None


def problem_with_name(text: str) -> str | None:
    return problem_with_line(text, NAME_LENGTH)


def problem_with_external_id(text: str) -> str | None:
    if _EXTERNAL_ID.fullmatch(text):
        return None
    return "must be 1 to 128 of the ASCII letters, digits and . _ : @ / -"


def problem_with_idempotency_key(text: str) -> str | None:
    if 1 <= len(text) <= IDEMPOTENCY_KEY_LENGTH and _PRINTABLE.fullmatch(text):
        return None
    return f"must be 1 to {IDEMPOTENCY_KEY_LENGTH} printable ASCII characters"


def problem_with_behalf(text: str) -> str | None:
    """Judge whom a request says it speaks for: a user's id, an e-mail, a name of the caller's own."""
    if 1 <= len(text) <= BEHALF_LENGTH and _PRINTABLE.fullmatch(text):
        return None
    return f"must be 1 to {BEHALF_LENGTH} printable ASCII characters"


def problem_with_email(text: str) -> str | None:
    """Judge by shape alone: one @, something on both sides, no blanks, no stray dots.

    The key must have this shape, since some characters fold to an @, a dot or a blank.
    """
    if problem := problem_with_line(text, EMAIL_LENGTH):
        return problem
    return None if _EMAIL.fullmatch(key_of(text)) else "must be an e-mail like ada@example.com"


def problem_with_description(text: str) -> str | None:
    """Accept any text that can be read, over several lines or none."""
    if len(text) > DESCRIPTION_LENGTH:
        return f"must be at most {DESCRIPTION_LENGTH} characters"
    if _NOT_IN_TEXT.search(text):
        return "must not contain control characters other than tabs and line breaks"
    return None


def problem_with_repeated(texts: Sequence[str]) -> str | None:
    """Judge a list in which nothing may come twice."""
    return None if len(set(texts)) == len(texts) else "must all be different"


def problem_with_tags(tags: Sequence[str]) -> str | None:
    if len(tags) > TAGS:
        return f"must be at most {TAGS} tags"
    for tag in tags:
        if problem := problem_with_line(tag, TAG_LENGTH):
            return f"must be tags of which each {problem}"
    return problem_with_repeated(tags)
