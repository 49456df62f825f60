"""Models: what an allow-list allows, and when one list is within another.

A list has entries: names, patterns in which `*` stands for any characters, and `group:NAME`, which
stands for the entries of an access group. Empty, or with `*` in it, it is open and allows everything;
one that allows nothing says so by itself.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

GROUP = "group:"
EVERYTHING = "*"
ENTRIES = 500
"""How many entries a list may have at most."""
ENTRY_LENGTH = 256

_UNSEEN = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class AllowList:
    """Entries, or with `allow_none` nothing at all."""

    entries: tuple[str, ...] = ()
    allow_none: bool = False

    @property
    def is_open(self) -> bool:
        return not self.allow_none and (not self.entries or EVERYTHING in self.entries)


Groups = Mapping[str, Sequence[str]]
"""The entries of access groups, names and patterns, by the group's name."""


def problem_with_entries(entries: Sequence[str]) -> str | None:
    """Say what is wrong with the entries of a list, if anything is."""
    if len(entries) > ENTRIES:
        return f"must be at most {ENTRIES} entries"
    for entry in entries:
        if problem := problem_with_model(entry):
            return f"each {problem}"
    return None if len(set(entries)) == len(entries) else "must all be different"


def problem_with_model(entry: str) -> str | None:
    """Say what is wrong with one entry by itself, if anything is."""
    name = entry.removeprefix(GROUP)
    if not name or len(entry) > ENTRY_LENGTH:
        return f"must be 1 to {ENTRY_LENGTH} characters"
    if _UNSEEN.search(entry) and not entry.startswith(GROUP):
        return "must not contain white space or control characters"
    return None


def groups_in(entries: Iterable[str]) -> list[str]:
    """The names of the access groups among the entries."""
    return [entry.removeprefix(GROUP) for entry in entries if entry.startswith(GROUP)]


def is_pattern(entry: str) -> bool:
    return EVERYTHING in entry


def matches(entry: str, model: str) -> bool:
    """Whether a name or pattern allows a model; every character but `*` is itself.

    The first place where a part fits is as good as any, so this takes one pass and never goes back.
    """
    if not is_pattern(entry):
        return entry == model
    first, *middle, last = entry.split(EVERYTHING)
    if len(model) < len(first) + len(last):
        return False
    if not (model.startswith(first) and model.endswith(last)):
        return False
    place, end = len(first), len(model) - len(last)
    for part in middle:
        found = model.find(part, place, end)
        if found < 0:
            return False
        place = found + len(part)
    return True


def allows(allow_list: AllowList, model: str, groups: Groups) -> bool:
    """Whether a list allows a model. A group that is not there allows nothing."""
    if allow_list.allow_none:
        return False
    return allow_list.is_open or any(
        matches(entry, model) for entry in expanded(allow_list.entries, groups)
    )


def expanded(entries: Iterable[str], groups: Groups) -> Iterator[str]:
    """The entries, those of a group in its place."""
    for entry in entries:
        if entry.startswith(GROUP):
            yield from groups.get(entry.removeprefix(GROUP), ())
        else:
            yield entry


def outside(child: AllowList, parent: AllowList, groups: Groups) -> list[int]:
    """The places of the child's entries that are not within the parent.

    An open child is bound by the parent, whatever that is, and so never outside of it.
    """
    if child.is_open or child.allow_none or parent.is_open:
        return []
    wider = [] if parent.allow_none else list(expanded(parent.entries, groups))
    return [
        place
        for place, entry in enumerate(child.entries)
        if not _is_within(entry, parent, wider, groups)
    ]


def narrowed(child: AllowList, parent: AllowList, groups: Groups) -> AllowList:
    """What holds for a child under a parent: all that both allow, in the child's order.

    Where two patterns overlap and neither is wider, what both match is left out.
    """
    if child.allow_none or parent.is_open:
        return child
    if child.is_open or parent.allow_none:
        return parent
    theirs = list(expanded(parent.entries, groups))
    kept: dict[str, None] = {}
    for entry in child.entries:
        if _is_within(entry, parent, theirs, groups):
            kept[entry] = None
            continue
        for own in expanded([entry], groups):
            if any(contains(wider, own) for wider in theirs):
                kept[own] = None
            else:
                kept.update(dict.fromkeys(other for other in theirs if contains(own, other)))
    return AllowList(tuple(kept), allow_none=not kept)


def contains(wider: str, narrower: str) -> bool:
    """Whether an entry allows all that another allows; neither is a group.

    A pattern is contained only in an equal or wider pattern. To read the narrower one as a text in
    which its stars are characters that only stars match is exact: what a star stands for may hold
    any character, also one that the wider pattern has nowhere.
    """
    return matches(wider, narrower.replace(EVERYTHING, "\0")) or wider == narrower


def _is_within(entry: str, parent: AllowList, wider: Sequence[str], groups: Groups) -> bool:
    if entry.startswith(GROUP) and entry in parent.entries:
        return True
    return all(any(contains(other, own) for other in wider) for own in expanded([entry], groups))
