"""Chains: what the hash of an audit entry covers, and how tampering with a chain is found.

The entries of an organization are one chain, those of none another. The hash of an entry is SHA-256
of the hash before it (of the first entry 32 zero bytes) and of what it says, in UTF-8: a JSON array
of `SAID`, with `, ` between two, times in UTC with six decimals, and `before` and `after` as
PostgreSQL writes jsonb. So neither an entry nor the order of entries can be changed but by writing
all hashes from there on anew; who keeps the last of them elsewhere sees that too.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

PLATFORM = "platform"
"""The chain of what happens in no organization."""
NOTHING = bytes(32)
"""In place of the hash before the first."""
SAID = (
    *("chain", "position", "id", "at", "actor_user_id", "actor_key_id", "on_behalf_of", "action"),
    *("object_id", "organization_id", "team_id", "request_id", "before", "after"),
)
_STATES = ("before", "after")


class Head(NamedTuple):
    """The last entry of a chain, as the database or who keeps it elsewhere says."""

    chain: str
    position: int
    hash: bytes


class Finding(NamedTuple):
    """What is wrong with an entry, or with the chain as a whole, which then has no entry's id."""

    chain: str
    position: int
    entry_id: str | None
    problem: str

    def __str__(self) -> str:
        where = "after it" if self.entry_id is None else self.entry_id
        return f"{self.chain} {self.position}, {where}: {self.problem}"


def hash_of(entry: Mapping[str, Any]) -> bytes:
    """The hash that an entry must have after the one that it says is before it.

    Its time and its states are texts already.
    """
    said = json.dumps([entry[name] for name in SAID if name not in _STATES], ensure_ascii=False)
    states = ", ".join(entry[name] or "null" for name in _STATES)
    return hashlib.sha256(entry["previous_hash"] + f"{said[:-1]}, {states}]".encode()).digest()


class Verification:
    """Reads the entries of all chains in the order of chain and position, and tells what is wrong.

    `heads` are of the database, `anchors` those kept elsewhere, several of a chain or none. A change
    is told once: what follows is compared with the hash that the changed entry has.
    """

    def __init__(self, heads: Sequence[Head], anchors: Sequence[Head] = ()) -> None:
        self._heads = {head.chain: head for head in heads}
        self._anchors: dict[str, dict[int, bytes]] = {}
        for anchor in anchors:
            self._anchors.setdefault(anchor.chain, {})[anchor.position] = anchor.hash
        self._ends: dict[str, int] = {}
        self._last = Head("", 0, NOTHING)
        self.entries = self.problems = 0

    @property
    def chains(self) -> int:
        """How many were read, or should be there."""
        return len(self._ends)

    def read(self, entry: Mapping[str, Any]) -> Iterator[Finding]:
        """What is wrong with the next entry, and with the end of the chain before it."""
        if entry["chain"] != self._last.chain:
            yield from self._end()
            self._last = Head(entry["chain"], 0, NOTHING)
        self.entries += 1
        last, now = self._last, Head(entry["chain"], entry["position"], entry["hash"])
        self._last = now
        for problem in self._problems(last, now, entry):
            yield self._finding(entry["id"], problem)

    def end(self) -> Iterator[Finding]:
        """What is wrong with the end of the last chain, and with those that have no entry at all."""
        yield from self._end()
        for chain in sorted((self._heads.keys() | self._anchors.keys()) - self._ends.keys()):
            self._last = Head(chain, 0, NOTHING)
            yield from self._end()

    def _problems(self, last: Head, now: Head, entry: Mapping[str, Any]) -> Iterator[str]:
        if now.position <= last.position:
            yield "has the position of another"
        elif now.position > last.position + 1:
            yield f"is after a gap: {_entries(last.position + 1, now.position - 1)} gone"
        elif entry["previous_hash"] != last.hash:
            yield "does not follow the entry before it"
        if hash_of(entry) != now.hash:
            yield "is not what was written"
        anchored = self._anchors.get(now.chain, {}).get(now.position)
        if anchored is not None and anchored != now.hash:
            yield "is not the entry that was anchored"

    def _end(self) -> Iterator[Finding]:
        chain, position, hash_ = self._last
        if not chain:
            return
        self._ends[chain] = position
        head = self._heads.get(chain, Head(chain, 0, NOTHING))
        if head.position > position:
            yield self._finding(None, f"{_entries(position + 1, head.position)} gone from the end")
        elif head.position < position:
            yield self._finding(
                None, f"its head is at {head.position}, its last entry at {position}"
            )
        elif head.hash != hash_:
            yield self._finding(None, "its head is not its last entry")
        anchored = max(self._anchors.get(chain, {}), default=0)
        if anchored > max(position, head.position):
            yield self._finding(
                None, f"{_entries(position + 1, anchored)} gone since it was anchored"
            )

    def _finding(self, entry_id: str | None, problem: str) -> Finding:
        self.problems += 1
        return Finding(self._last.chain, self._last.position, entry_id, problem)


def _entries(first: int, last: int) -> str:
    return f"entry {first} is" if first == last else f"entries {first} to {last} are"
