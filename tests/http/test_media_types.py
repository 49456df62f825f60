"""The media type that a client would rather have, whatever its Accept header holds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bursar.http.media_types import preferred

OLD, NEW = "application/json", "application/graphql-response+json"
OFFERED = (OLD, NEW)

NAMES = st.sampled_from([OLD, NEW, "application/*", "*/*", "text/html", "application/xml"])
QUALITIES = st.integers(0, 1000).map(lambda thousandths: thousandths / 1000)
RANGES = st.lists(st.tuples(NAMES, QUALITIES), min_size=1, max_size=6, unique_by=lambda r: r[0])
UNREADABLE = ["nan", "inf", "-1", "1e3", "1_0", "0x1", "\u0661", "", " ", "1.0.0", '"1"', "+1", "½"]


def header(ranges: list[tuple[str, float]]) -> str:
    return ", ".join(f"{name};q={quality}" for name, quality in ranges)


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (None, OLD),
        ("", OLD),
        ("  ", OLD),
        ("*/*", OLD),
        ("application/*", OLD),
        (NEW, NEW),
        (OLD, OLD),
        (f"{NEW}, {OLD}", OLD),
        (f"{NEW}, {OLD};q=0.9", NEW),
        (f"{NEW};q=0.5, {OLD};q=0.4", NEW),
        (f"{NEW}; charset=utf-8, {OLD}; charset=utf-8;q=0.9", NEW),
        (f"{NEW.upper()} ; Q=1.0 ,{OLD} ; q=.9", NEW),
        (f"*/*, {OLD};q=0", NEW),
        (f"*/*;q=0.1, application/*;q=0.5, {OLD};q=0.2", NEW),
        (f"{OLD};q=7", OLD),
        (f"{OLD};q=0, {NEW};q=0", None),
        ("*/*;q=0", None),
        ("text/html", None),
        ("application", None),
        ("*", None),
    ],
)
def test_the_client_gets_what_it_prefers(accept: str | None, expected: str | None) -> None:
    assert preferred(accept, OFFERED) == expected


@given(RANGES)
def test_nothing_offered_is_better_than_what_is_chosen(ranges: list[tuple[str, float]]) -> None:
    given = dict(ranges)
    worth = {
        name: next((given[r] for r in (name, "application/*", "*/*") if r in given), 0)
        for name in OFFERED
    }
    chosen = preferred(header(ranges), OFFERED)
    if chosen is None:
        assert max(worth.values()) == 0
    else:
        assert worth[chosen] == max(worth.values()) > 0
        assert chosen == OLD or worth[OLD] < worth[NEW]


@given(RANGES, st.sampled_from(UNREADABLE))
def test_a_quality_that_cannot_be_read_counts_for_nothing(
    ranges: list[tuple[str, float]], quality: str
) -> None:
    others = [(name, worth) for name, worth in ranges if name != OLD]
    unreadable, nothing = f"{OLD};q={quality}", f"{OLD};q=0"
    rest = header(others)
    assert preferred(f"{unreadable},{rest}", OFFERED) == preferred(f"{nothing},{rest}", OFFERED)


@given(RANGES, st.text())
def test_what_cannot_be_read_changes_nothing_for_the_rest(
    ranges: list[tuple[str, float]], noise: str
) -> None:
    accept = header(ranges)
    noise = noise.replace("*", "").replace("/", "")  # no media range without a slash
    assert preferred(f"{accept},{noise}", OFFERED) == preferred(accept, OFFERED)


@given(st.text())
def test_any_header_has_an_answer(accept: str) -> None:
    assert preferred(accept, OFFERED) in {OLD, NEW, None}


@given(RANGES)
def test_letter_case_and_blanks_do_not_matter(ranges: list[tuple[str, float]]) -> None:
    accept = header(ranges)
    loose = accept.upper().replace(";", " ; ").replace(",", " ,\t").replace("=", " = ")
    assert preferred(loose, OFFERED) == preferred(accept, OFFERED)
