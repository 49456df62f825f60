"""Long answers to queries, by gzip for the clients that take it.

What `secret` tells stands in answers to mutations alone, which are sent as they are: where a secret and
what others chose are compressed as one, the length of it tells whether they are alike (BREACH).
"""

from asyncio import to_thread

from isal import isal_zlib

from bursar.http.answer import Answer
from bursar.http.incoming import Incoming
from bursar.http.media_types import weighed

# By benchmarks/compression.py, in bytes: a client at 100 Mbit/s has a shorter answer less than half a
# millisecond earlier; to compress a longer one would hold the loop for a millisecond.
LEAST = 8 * 1024
LONG = 512 * 1024

_FASTEST = 1
_GZIP = 31  # window bits of zlib: the greatest window, in the format of gzip
_VARY = (b"vary", b"accept-encoding")
_ENCODING = (b"content-encoding", b"gzip")


def takes_gzip(accepted: str | None) -> bool:
    """Whether a client takes gzip, and likes it no less than nothing, by its Accept-Encoding.

    Without the header it may take anything, but many that leave it out take none (RFC 9110, 12.5.3).
    """
    if accepted is None:
        return False
    given = dict(weighed(accepted))
    quality = given.get("gzip", given.get("x-gzip", given.get("*", 0.0)))
    return quality > 0 and quality >= given.get("identity", 0.0)


async def compressed(incoming: Incoming, given: Answer) -> Answer:
    """What to send to this client in place of a long answer."""
    headers = [*given.headers, _VARY]
    if not takes_gzip(incoming.joined(b"accept-encoding")):
        return given._replace(headers=headers)
    body = given.body
    smaller = _gzip(body) if len(body) < LONG else await to_thread(_gzip, body)
    return given._replace(body=smaller, headers=[*headers, _ENCODING])


def _gzip(body: bytes) -> bytes:
    return isal_zlib.compress(body, _FASTEST, _GZIP)
