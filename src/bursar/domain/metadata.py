"""Metadata: which free JSON objects may be kept for callers without being understood."""

import orjson

from bursar.domain.names import is_storable

LONGEST = 16 * 1024
"""Bytes, as JSON without blanks."""

DEEPEST = 8
"""Objects and lists inside one another, the outermost included."""

_TOO_LONG = f"must be at most {LONGEST // 1024} KiB of JSON"
_SMALLEST = 1e-20
_LARGEST = 1 << 63


def problem_with_metadata(value: object) -> str | None:
    """Say what is wrong with a decoded JSON value, as the rest of a sentence; None if nothing is.

    Numbers are kept below 2^63 and above 10^-20: PostgreSQL writes every digit of a number, so
    that six bytes such as 1e-308 would come back as three hundred, and a larger whole number has
    lost digits to the JSON reader before it arrives here.
    """
    if not isinstance(value, dict):
        return "must be an object"
    # The depth first: the encoder's own recursion has an end too.
    if problem := _problem_within(value, DEEPEST):
        return problem
    if len(orjson.dumps(value)) > LONGEST:
        return _TOO_LONG
    return None


def _problem_within(value: object, depth: int) -> str | None:
    match value:
        case None | bool():
            return None
        case str():
            return _problem_with_text(value)
        case int() | float():
            good = value == 0 or _SMALLEST <= abs(value) < _LARGEST
            return None if good else "must hold numbers that are 0 or from 1e-20 to 2^63 in size"
        case dict() | list() if depth == 0:
            return f"must not be nested more than {DEEPEST} deep"
        case dict():
            parts = [*value, *value.values()]
        case list():
            parts = value
        case _:
            return "must be plain JSON"
    problems = (_problem_within(part, depth - 1) for part in parts)
    return next(filter(None, problems), None)


def _problem_with_text(value: str) -> str | None:
    if len(value) > LONGEST:  # before it is read, as one text may stand at many places
        return _TOO_LONG
    return None if is_storable(value) else "must not contain NUL or half surrogate pairs"
