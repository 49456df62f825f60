"""What the pages say about speed is what was measured: ratios, tables and the picture of the rounds."""

import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT / "benchmarks/peers"))

from figures import MANY, NOTHING, ONE, Figure, Results, details, summary  # noqa: E402 (there)
from page import drawn, replace  # noqa: E402 (as above)
from picture import TIMES  # noqa: E402 (as above)


@pytest.fixture
def results() -> Results:
    """Three rounds: the machine was twice as fast in the second, and a peer failed in the third."""
    titles = {"read": "read <1>", "bursar": "Bursar", "a": "A & Co", "b": "B", "strawberry": "S"}
    results = Results({}, titles, ["a", "b"])
    rates = {
        "bursar": (300, 600, 300),
        "a": (100, 200, 1),
        "b": (90, 180, 90),
        "strawberry": (3, 6, 3),
    }
    for contestant, rounds in rates.items():
        for rate in rounds:
            results.add("read", contestant, MANY, Figure(rate, 1, 2, 0.1, 0.05))
        results.add("read", contestant, ONE, Figure(rounds[0] / 10, 1, 2, 0.1, 0.05))
    return results


def test_a_ratio_is_the_median_of_those_of_the_same_rounds(results: Results) -> None:
    ratio = results.ratio("read", "bursar", "a")
    assert ratio is not None
    assert (ratio.median, ratio.least, ratio.most) == (3, 3, 300)
    assert results.best_peer("read") == "a"
    assert results.ratio("read", "bursar", None) is None


def test_tables_have_a_row_for_each_and_are_whole(results: Results) -> None:
    (head, rule, row) = summary(results)
    cells = ["read <1>", "**3.00x**", "300", "100 (A & Co)", "2.0, 2.0", "-", "3.00x", "100x"]
    assert row.replace(TIMES, "x").replace(NOTHING, "-") == f"| {' | '.join(cells)} |"
    assert {line.count("|") for line in (head, rule, row)} == {9}
    table = [line for line in details(results) if line.startswith("|")]
    assert len(table) == 2 + 4
    assert {line.count("|") for line in table} == {13}


def test_the_picture_is_an_svg_with_a_bar_for_each(results: Results) -> None:
    picture = ET.fromstring(drawn(results))  # noqa: S314 (made here)
    bars = picture.findall(".//{*}rect")
    assert [bar.get("class") for bar in bars] == ["first", "bar", "bar", "bar"]
    widths = [float(bar.get("width", "")) for bar in bars]
    assert widths[0] == pytest.approx(3 * widths[1], rel=0.01)
    assert not picture.findall(".//{*}script")


def test_results_are_read_as_they_were_written(results: Results, tmp_path: Path) -> None:
    results.write(tmp_path / "results.json")
    assert Results.read(tmp_path / "results.json") == results


def test_a_page_keeps_what_is_around_its_marks(results: Results, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- figures -->\nold\n<!-- /figures -->\nafter\n")
    replace(page, "figures", [*summary(results)])
    lines = page.read_text().splitlines()
    assert (lines[0], lines[-1], "old" in lines) == ("before", "after", False)
    with pytest.raises(ValueError, match="no place for others"):
        replace(page, "others", [])
    for name in ("README.md", "docs/benchmarks.md"):
        assert (ROOT / name).read_text().count("<!-- /figures -->") == 1
