"""Which media type a client would rather have, by the quality values of its Accept header.

Specification: RFC 9110, sections 12.4.2 and 12.5.1.
"""

import re
from collections.abc import Sequence
from functools import lru_cache

LONGEST_KEPT = 256  # characters of a header

# Digits and a point: float() would also read nan, inf and 1_0. Some clients leave the 0 out.
_QUALITY = re.compile(r"[0-9]+(\.[0-9]*)?|\.[0-9]+")


def preferred(accept: str | None, offered: Sequence[str]) -> str | None:
    """The offered media type that the client prefers; None if it takes none of them.

    Without a header the first offered is taken; among equals, the one named first in `offered`.
    """
    if not accept or not accept.strip():
        return offered[0]
    kind = accept, tuple(offered)
    return _kept(*kind) if len(accept) <= LONGEST_KEPT else _preferred(*kind)


def _preferred(accept: str, offered: tuple[str, ...]) -> str | None:
    ranges = weighed(accept)
    qualities = [(_quality(media_type, ranges), media_type) for media_type in offered]
    best = max(quality for quality, _ in qualities)
    return next((name for quality, name in qualities if quality == best), None) if best else None


_kept = lru_cache(maxsize=256)(_preferred)  # clients have few of them


def weighed(accepted: str) -> list[tuple[str, float]]:
    """What a header names, in lower case, and the quality of each; one that cannot be read is 0."""
    return [_weighed(part) for part in accepted.split(",")]


def _weighed(part: str) -> tuple[str, float]:
    name, *parameters = (piece.strip().lower() for piece in part.split(";"))
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key.strip() == "q":
            value = value.strip()
            return name, min(float(value), 1.0) if _QUALITY.fullmatch(value) else 0.0
    return name, 1.0


def _quality(media_type: str, ranges: Sequence[tuple[str, float]]) -> float:
    """The quality that the most specific range gives to a media type."""
    for name in (media_type, media_type.split("/", 1)[0] + "/*", "*/*"):
        qualities = [quality for given, quality in ranges if given == name]
        if qualities:
            return max(qualities)
    return 0.0
