"""Failed sign-ins: who had many waits before the next is looked up; the owner of a key does not.

Secrets are too long to be guessed: what is kept off is the work that guesses make. So nobody is locked
out. Where an address, or the beginning of a key, has failed too often, its next secrets wait a moment
before anything is done with them, and go to the database together; but a secret that was good in this
process lately goes at once, and those of other addresses do too. Only where hundreds wait already is
one turned away, to come again in a second.
"""

from asyncio import sleep
from collections import OrderedDict
from ipaddress import IPv6Address, ip_address

from bursar.database.borrowing import idle
from bursar.domain.allowances import MOST_KNOWN, Allowances
from bursar.domain.errors import RateLimited

SECONDS = 0.25
MOST_WAITING = 100
_PREFIX = 12  # characters of a secret
_NETWORK = 64  # bits of an IPv6 address, of which a client has all that are below


class FailedSignIns:
    """What one process remembers of failures, and of secrets that were good; bounded.

    A secret is remembered by Python's hash of it, whose key is the process's own: 64 bits lead back to
    none of the 256 that it has.
    """

    def __init__(self, per_minute: int) -> None:
        self._of_addresses = Allowances(per_minute, per_minute)
        self._of_prefixes = Allowances(per_minute, per_minute)
        self._good: OrderedDict[int, None] = OrderedDict()
        self._waiting = 0

    async def admit(self, secret: str, address: str) -> None:
        """Return when the secret may be looked up. Raises RateLimited."""
        if hash(secret) in self._good or not self._failed_often(secret, address):
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
        mark = hash(secret)
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


def _network(address: str) -> str:
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is None:
        return str(int(parsed) >> (128 - _NETWORK))
    return address
