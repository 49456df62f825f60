"""Failed sign-ins: who had many waits before the next is looked up; the owner of a key does not.

Secrets are too long to be guessed: what is kept off is the work that guesses make. So nobody is locked
out. Where an address, or the beginning of a key, has failed too often, its next secrets wait a moment
before anything is done with them, and go to the database together; but a secret that was good in this
process lately goes at once, and those of other addresses do too. Only where hundreds wait already is
one turned away, to come again in a second.
"""

import os
from asyncio import sleep
from collections import OrderedDict
from hashlib import blake2b
from ipaddress import IPv6Address, ip_address

from bursar.database.borrowing import idle
from bursar.domain.allowances import MOST_KNOWN, Allowances
from bursar.domain.errors import RateLimited
from bursar.domain.keys import LONGEST_SECRET

SECONDS = 0.25
MOST_WAITING = 100
_PREFIX = 12  # characters of a secret
_NETWORK = 64  # bits of an IPv6 address, of which a client has all that are below


class FailedSignIns:
    """What one process remembers of failures, and of secrets that were good; bounded."""

    def __init__(self, per_minute: int) -> None:
        self._of_addresses = Allowances(per_minute, per_minute)
        self._of_prefixes = Allowances(per_minute, per_minute)
        self._good: OrderedDict[bytes, None] = OrderedDict()
        self._pepper = os.urandom(32)
        self._waiting = 0

    async def admit(self, secret: str, address: str) -> None:
        """Return when the secret may be looked up. Raises RateLimited."""
        if self._print(secret) in self._good or not self._failed_often(secret, address):
            return
        if self._waiting >= MOST_WAITING:
            raise RateLimited(1)
        self._waiting += 1
        try:
            with idle():  # or else guesses would keep everybody out
                await sleep(SECONDS)
        finally:
            self._waiting -= 1

    def tell(self, secret: str, address: str, *, good: bool) -> None:
        """Remember whether the secret that was looked up was good."""
        mark = self._print(secret)
        if not good:
            self._good.pop(mark, None)
            self._of_addresses.spend(_network(address))
            self._of_prefixes.spend(secret[:_PREFIX])
            return
        self._good[mark] = None
        self._good.move_to_end(mark)
        if len(self._good) > MOST_KNOWN:
            self._good.popitem(last=False)

    def _failed_often(self, secret: str, address: str) -> bool:
        by_address = self._of_addresses.wait(_network(address))
        return bool(by_address or self._of_prefixes.wait(secret[:_PREFIX]))

    def _print(self, secret: str) -> bytes:
        """What a secret is remembered by: not to be told from memory, and faster than the real hash."""
        text = secret[: LONGEST_SECRET + 1].encode("utf-8", "surrogatepass")
        return blake2b(text, key=self._pepper, digest_size=16).digest()


def _network(address: str) -> str:
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is None:
        return str(int(parsed) >> (128 - _NETWORK))
    return address
