"""The matcher and containment against oracles: sets of places in a text, and automata side by side."""

import time
from collections.abc import Iterable
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bursar.domain.models import (
    ALIASES,
    ENTRIES,
    AllowList,
    Ceiling,
    added,
    allows,
    contains,
    effective,
    identity,
    matches,
    problems_with_aliases,
    problems_with_entries,
    removed,
    resulting,
    written_out,
)

# Patterns speak of two letters; models also of a third, which no pattern has.
ENTRY = st.text("ab*", min_size=1, max_size=6)
MODELS = ["".join(letters) for length in range(5) for letters in product("abc", repeat=length)]
GROUPS = {"x": ["a*", "bb"], "y": ["b*a"], "all": ["*"], "none": []}
LISTED = st.one_of(ENTRY, st.sampled_from([f"group:{name}" for name in [*GROUPS, "gone"]]))
LIST = st.one_of(
    st.just(AllowList(allow_none=True)),
    st.lists(LISTED, max_size=4, unique=True).map(lambda entries: AllowList(tuple(entries))),
)


def fits(pattern: str, text: str) -> bool:
    """Which prefixes of the text the pattern fits, by one star or character after the other."""
    fitting = {0}
    for mark in pattern:
        if mark == "*":
            fitting = set(range(min(fitting, default=len(text) + 1), len(text) + 1))
        else:
            fitting = {place + 1 for place in fitting if text[place : place + 1] == mark}
    return len(text) in fitting


def closed(pattern: str, states: Iterable[int]) -> frozenset[int]:
    """The states of a pattern's automaton, with those behind stars that stand for nothing."""
    reached = set()
    for state in states:
        reached.add(state)
        while state < len(pattern) and pattern[state] == "*":
            state += 1  # noqa: PLW2901 (walks on from where it stands)
            reached.add(state)
    return frozenset(reached)


def step(pattern: str, states: frozenset[int], letter: str) -> frozenset[int]:
    stays = {state for state in states if pattern[state : state + 1] == "*"}
    moves = {state + 1 for state in states if pattern[state : state + 1] == letter}
    return closed(pattern, stays | moves)


def language_contains(wider: str, narrower: str) -> bool:
    """Whether no text over a, b, c is the narrower's and not the wider's: a walk through both."""
    start = (closed(wider, [0]), closed(narrower, [0]))
    seen, left = {start}, [start]
    while left:
        of_wider, of_narrower = left.pop()
        if len(narrower) in of_narrower and len(wider) not in of_wider:
            return False
        for letter in "abc":
            pair = (step(wider, of_wider, letter), step(narrower, of_narrower, letter))
            if pair not in seen:
                seen.add(pair)
                left.append(pair)
    return True


def allowed(allow_list: AllowList) -> set[str]:
    return {model for model in MODELS if allows(allow_list, model, GROUPS)}


@given(ENTRY, st.text("abc", max_size=8))
def test_matching_is_what_the_pattern_says(entry: str, model: str) -> None:
    assert matches(entry, model) is fits(entry, model)


@given(ENTRY, ENTRY)
def test_wider_contains_narrower_exactly_if_it_matches_all_that_narrower_does(
    wider: str, narrower: str
) -> None:
    assert contains(wider, narrower) is language_contains(wider, narrower)


@pytest.mark.parametrize("length", [1, 2, 3, 4])
def test_every_pair_of_short_entries_agrees_with_their_automata(length: int) -> None:
    entries = ["".join(marks) for marks in product("ab*", repeat=length)]
    others = ["".join(marks) for size in (1, 2, 3) for marks in product("a*", repeat=size)]
    for entry, other in product(entries, others):
        assert contains(entry, other) is language_contains(entry, other), (entry, other)
        assert contains(other, entry) is language_contains(other, entry), (other, entry)


@pytest.mark.parametrize(
    ("entry", "model", "expected"),
    [
        ("openai/*", "openai/gpt-5", True),
        ("openai/*", "openai/", True),
        ("openai/*", "Openai/gpt-5", False),
        ("gpt-4.1", "gpt-401", False),
        ("gpt[45]", "gpt4", False),
        ("gpt-?", "gpt-5", False),
        ("a*a", "a", False),
        ("**", "anything", True),
    ],
)
def test_every_character_but_the_star_is_itself(entry: str, model: str, expected: bool) -> None:
    assert matches(entry, model) is expected


@given(LIST, LIST)
def test_a_child_within_its_parent_is_allowed_nothing_that_the_parent_is_not(
    child: AllowList, parent: AllowList
) -> None:
    outside = Ceiling(parent, GROUPS).outside(child)
    if not child.is_open:
        assert (allowed(child) <= allowed(parent)) or outside
    kept = tuple(entry for entry in child.entries if entry not in outside)
    if kept and not child.is_open:
        assert allowed(AllowList(kept)) <= allowed(parent)


@given(LIST, LIST)
def test_what_holds_under_a_parent_is_what_both_allow(child: AllowList, parent: AllowList) -> None:
    """All of it, but where two patterns overlap and neither is wider: there it is a part."""
    holds = allowed(Ceiling(parent, GROUPS).narrowed(child))
    both = allowed(child) & allowed(parent)
    assert holds <= both
    pairs = product(written_out(child, GROUPS).entries, written_out(parent, GROUPS).entries)
    if all(
        contains(one, other) or contains(other, one) or not (set(one) & set(other) & {"*"})
        for one, other in pairs
    ):
        assert holds == both


@given(LIST, LIST, LIST)
def test_effective_models_pass_every_level(key: AllowList, team: AllowList, top: AllowList) -> None:
    entries = effective([key, team, top], GROUPS)
    holds = AllowList(tuple(entries), allow_none=not entries)
    every = allowed(key) & allowed(team) & allowed(top)
    assert allowed(holds) <= every
    if len([each for each in (key, team, top) if not each.is_open]) <= 1:
        assert allowed(holds) == every


def test_effective_models_are_written_out_and_everything_is_one_star() -> None:
    def models(*entries: str) -> AllowList:
        return AllowList(entries)

    assert effective([models()], {}) == ["*"]
    assert effective([models("a", "**")], {}) == ["*"]
    assert effective([models("group:all"), models()], GROUPS) == ["*"]
    assert effective([AllowList(allow_none=True), models("a")], {}) == []
    assert effective([models(), AllowList(allow_none=True)], {}) == []
    assert effective([models("group:gone")], GROUPS) == []
    assert effective([models("bb", "group:x"), models()], GROUPS) == ["bb", "a*"]
    assert effective([models("a*"), models("ab", "b", "a*c")], {}) == ["ab", "a*c"]
    assert effective([models(), models("group:y", "c")], GROUPS) == ["b*a", "c"]


@pytest.mark.parametrize(
    ("entry", "model"),
    [
        ("*a" * 127 + "*b", "a" * 100_000),
        ("*" * 256, "a" * 100_000),
        ("*ab" * 85, "a" * 100_000),
        ("a*" * 128, "a" * 99_999 + "b"),
    ],
)
def test_a_hostile_pattern_takes_one_pass(entry: str, model: str) -> None:
    """A backtracking matcher would not come back from one of these."""
    start = time.process_time()
    matches(entry, model)
    contains(entry, entry)
    assert time.process_time() - start < 0.5


def test_a_list_of_the_most_patterns_is_compared_with_another_in_a_moment() -> None:
    child = AllowList(tuple(f"*a{n}*b*" for n in range(ENTRIES)))
    parent = AllowList(tuple(f"*b{n}*a*" for n in range(ENTRIES)))
    start = time.process_time()
    ceiling = Ceiling(parent, {})
    assert ceiling.outside(child) == list(child.entries)
    assert ceiling.narrowed(child) == AllowList(allow_none=True)
    assert time.process_time() - start < 3


@given(LIST, st.lists(ENTRY, max_size=4))
def test_added_entries_stand_at_the_end_each_once(allow_list: AllowList, new: list[str]) -> None:
    after = added(allow_list, new)
    assert allowed(allow_list) <= allowed(after)
    assert after.is_open or not allow_list.is_open
    assert len(set(after.entries)) == len(after.entries)
    if after != allow_list:
        assert not after.allow_none
        start = allow_list.entries or (("*",) if allow_list.is_open else ())
        assert after.entries[: len(start)] == start
        assert set(after.entries) == {*start, *new}
    assert added(after, new) == after


@given(LIST, st.lists(LISTED, max_size=4))
def test_removed_entries_are_gone_and_the_others_keep_their_order(
    allow_list: AllowList, gone: list[str]
) -> None:
    after = removed(allow_list, gone)
    assert list(after.entries) == [entry for entry in allow_list.entries if entry not in gone]
    assert removed(after, gone) == after
    if not set(gone) & set(allow_list.entries):
        assert after == allow_list
    elif not after.entries:
        assert after.allow_none


def test_groups_are_the_same_by_the_keys_of_their_names() -> None:
    assert identity("group:École") == identity("group:ÉCOLE")
    assert identity("Gpt") != identity("gpt")
    assert removed(AllowList(("group:École", "a")), ["group:ÉCOLE"]) == AllowList(("a",))


@pytest.mark.parametrize(
    ("stored", "changes", "expected"),
    [
        (AllowList(("a",)), {}, AllowList(("a",))),
        (AllowList(("a",)), {"models": ["b"]}, AllowList(("b",))),
        (AllowList(("a",)), {"models": None}, AllowList()),
        (AllowList(("a",)), {"allow_none": True}, AllowList(allow_none=True)),
        (AllowList(("a",)), {"allow_none": False}, AllowList(("a",))),
        (AllowList(allow_none=True), {}, AllowList(allow_none=True)),
        (AllowList(allow_none=True), {"models": ["b"]}, AllowList(("b",))),
        (AllowList(allow_none=True), {"models": []}, AllowList()),
        (AllowList(allow_none=True), {"allow_none": False}, AllowList()),
        (AllowList(), {"models": [], "allow_none": True}, AllowList(allow_none=True)),
    ],
)
def test_changes_keep_clear_or_set(
    stored: AllowList, changes: dict[str, object], expected: AllowList
) -> None:
    assert resulting(stored, changes) == expected


def test_a_list_may_be_of_the_greatest_length_and_no_longer() -> None:
    most = [f"model-{number}" for number in range(ENTRIES)]
    assert list(problems_with_entries(most, "models")) == []
    (problem,) = problems_with_entries([*most, "one more"], "models")
    assert problem.path == ("models",)
    aliases = [{"alias": name, "model": "m"} for name in most[:ALIASES]]
    assert list(problems_with_aliases(aliases)) == []
    assert list(problems_with_entries(["x" * 256, "*", "group:" + "x" * 128, "a:b/c@d-1.0"])) == []
