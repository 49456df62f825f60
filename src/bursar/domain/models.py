"""Models: what an allow-list allows, and when one list is within another.

A list has entries: names, patterns in which `*` stands for any characters, and `group:NAME`, which
stands for the entries of an access group. Empty, or with `*` in it, it is open and allows everything;
one that allows nothing says so by itself.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

from bursar.domain.errors import Invalid, Refusal
from bursar.domain.names import UNSEEN, key_of, problem_with_name

GROUP = "group:"
EVERYTHING = "*"
ENTRIES = 500
"""How many entries a list may have at most."""
ENTRY_LENGTH = 256
ALIASES = 100

_NOT_IN_MODEL = re.compile(rf"[\s\u200b\u2060\ufeff{UNSEEN}]")


@dataclass(frozen=True, slots=True)
class AllowList:
    """Entries, or with `allow_none` nothing at all."""

    entries: tuple[str, ...] = ()
    allow_none: bool = False

    @property
    def is_open(self) -> bool:
        return not self.allow_none and (
            not self.entries or any(_is_everything(entry) for entry in self.entries)
        )


Groups = Mapping[str, Sequence[str]]
"""The entries of access groups, names and patterns, by the group's name."""


def problems_with_entries(
    entries: Sequence[str], *path: str | int, in_group: bool = False
) -> Iterator[Refusal]:
    """What is wrong with a list by itself, each entry at its place; no group is in a group."""
    if len(entries) > ENTRIES:
        yield Invalid(*path, problem=f"must be at most {ENTRIES} entries")
        return
    seen = set()
    for place, entry in enumerate(entries):
        if in_group and is_group(entry):
            yield Invalid(*path, place, problem="must be a model or pattern, no access group")
        elif problem := problem_with_entry(entry):
            yield Invalid(*path, place, problem=problem)
        elif identity(entry) in seen:
            yield Invalid(*path, place, problem="is in the list already")
        seen.add(identity(entry))


def problem_with_entry(entry: str) -> str | None:
    if is_group(entry):
        return problem_with_name(group_in(entry))
    if not 1 <= len(entry) <= ENTRY_LENGTH:
        return f"must be 1 to {ENTRY_LENGTH} characters"
    if _NOT_IN_MODEL.search(entry):
        return "must not contain white space or control characters"
    return None


def problems_with_aliases(
    aliases: Sequence[Mapping[str, str]], *path: str | int
) -> Iterator[Refusal]:
    """What is wrong with a team's aliases, each an `alias` of its own and the `model` that it names."""
    if len(aliases) > ALIASES:
        yield Invalid(*path, problem=f"must be at most {ALIASES} aliases")
        return
    seen = set()
    for place, alias in enumerate(aliases):
        for name in ("alias", "model"):
            problem = problem_with_entry(alias[name])
            if is_group(alias[name]) or is_pattern(alias[name]):
                problem = "must be one model, no pattern and no access group"
            if problem:
                yield Invalid(*path, place, name, problem=problem)
        if alias["alias"] in seen:
            yield Invalid(*path, place, "alias", problem="is in the list already")
        seen.add(alias["alias"])


def is_group(entry: str) -> bool:
    return entry.startswith(GROUP)


def group_in(entry: str) -> str:
    """The name of the access group that an entry stands for."""
    return entry.removeprefix(GROUP)


def is_pattern(entry: str) -> bool:
    return EVERYTHING in entry


def identity(entry: str) -> str:
    """What two entries share that are the same one: groups are the same by the keys of their names."""
    return GROUP + key_of(group_in(entry)) if is_group(entry) else entry


def matches(entry: str, model: str) -> bool:
    """Whether a name or pattern allows a model; every character but `*` is itself."""
    return _fits(_parts(entry), model) if is_pattern(entry) else entry == model


def contains(wider: str, narrower: str) -> bool:
    """Whether an entry allows all that another allows; neither is a group.

    A pattern is contained only in an equal or wider pattern. To read the narrower one as a text in
    which its stars are characters that only stars match is exact: what a star stands for may hold
    any character, also one that the wider pattern has nowhere.
    """
    return matches(wider, _as_text(narrower))


def allows(allow_list: AllowList, model: str, groups: Groups) -> bool:
    """Whether a list allows a model. A group that is not there allows nothing."""
    entries = _expanded(allow_list.entries, groups)
    return allow_list.is_open or any(matches(entry, model) for entry in entries)


def written_out(allow_list: AllowList, groups: Groups) -> AllowList:
    """The same list with the entries of groups in their place, each once."""
    entries = tuple(dict.fromkeys(_expanded(allow_list.entries, groups)))
    return AllowList(entries, allow_none=not entries and not allow_list.is_open)


class Ceiling:
    """What a parent's list allows, to be asked what of others is within it."""

    def __init__(self, parent: AllowList, groups: Groups) -> None:
        self._groups = groups
        self._list = written_out(parent, groups)
        self._names = frozenset(self._list.entries)
        self._patterns = [_parts(entry) for entry in self._list.entries if is_pattern(entry)]

    def outside(self, child: AllowList) -> list[str]:
        """The child's entries that are not within the parent.

        An open child is bound by the parent, whatever that is, and so never outside of it.
        """
        if child.is_open or self._list.is_open:
            return []
        return [
            entry
            for entry in child.entries
            if not all(self._has(own) for own in _expanded([entry], self._groups))
        ]

    def narrowed(self, child: AllowList) -> AllowList:
        """What holds for a child: all that both allow, in the child's order, with groups written out.

        Where two patterns overlap and neither is wider, what both match is left out.
        """
        child = written_out(child, self._groups)
        if child.allow_none or self._list.is_open:
            return child
        if child.is_open:
            return self._list
        kept: dict[str, None] = {}
        for own in child.entries:
            if self._has(own):
                kept[own] = None
            elif is_pattern(own):
                parts = _parts(own)
                theirs = (each for each in self._list.entries if _fits(parts, _as_text(each)))
                kept.update(dict.fromkeys(theirs))
        return AllowList(tuple(kept), allow_none=not kept)

    def _has(self, entry: str) -> bool:
        text = _as_text(entry)
        return entry in self._names or any(_fits(parts, text) for parts in self._patterns)


def effective(lists: Sequence[AllowList], groups: Groups) -> list[str]:
    """The names and patterns that pass each of the lists, of which each is under the next.

    Everything is `*` alone, and nothing is nothing.
    """
    own, *above = lists
    holds = reduce(
        lambda child, parent: Ceiling(parent, groups).narrowed(child),
        (each for each in above if not each.is_open),
        written_out(own, groups),
    )
    return [EVERYTHING] if holds.is_open else list(holds.entries)


def resulting(stored: AllowList, changes: Mapping[str, Any]) -> AllowList:
    """The list after the changes: `models` are all entries, of which None clears it.

    Whoever gives models without `allow_none` means these; `allow_none` alone takes the others away.
    """
    if "models" in changes:
        return AllowList(tuple(changes["models"] or ()), changes.get("allow_none", False))
    if changes.get("allow_none", stored.allow_none):
        return AllowList(allow_none=True)
    return AllowList(stored.entries)


def added(allow_list: AllowList, entries: Iterable[str]) -> AllowList:
    """The list with further entries at its end, each once; an open one stays open, by a `*`."""
    start = (EVERYTHING,) if allow_list == AllowList() else allow_list.entries
    kept = tuple(dict.fromkeys([*start, *entries]))
    return allow_list if kept == start else AllowList(kept)


def removed(allow_list: AllowList, entries: Iterable[str]) -> AllowList:
    """The list without these entries; without any it allows nothing. What it has not is ignored."""
    gone = {identity(entry) for entry in entries}
    kept = tuple(entry for entry in allow_list.entries if identity(entry) not in gone)
    return allow_list if kept == allow_list.entries else AllowList(kept, allow_none=not kept)


def _fits(parts: Sequence[str], text: str) -> bool:
    """Whether a text is these parts in their order, with anything between them.

    The first place where a part fits is as good as any, so this takes one pass and never goes back.
    """
    first, *middle, last = parts
    place, end = len(first), len(text) - len(last)
    if place > end or not (text.startswith(first) and text.endswith(last)):
        return False
    for part in middle:
        found = text.find(part, place, end)
        if found < 0:
            return False
        place = found + len(part)
    return True


def _parts(pattern: str) -> list[str]:
    return pattern.split(EVERYTHING)


def _is_everything(entry: str) -> bool:
    return not entry.strip(EVERYTHING)


def _as_text(entry: str) -> str:
    return entry.replace(EVERYTHING, "\0")


def _expanded(entries: Iterable[str], groups: Groups) -> Iterator[str]:
    for entry in entries:
        if is_group(entry):
            yield from groups.get(group_in(entry), ())
        else:
            yield entry
