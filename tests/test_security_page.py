"""SECURITY.md and its table name tests that there are, and leave no case without an answer."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CASES = {"C": 13, "Z": 18, "Q": 14, "K": 10, "M": 12, "D": 7, "F": 14, "U": 8}
CASES |= {"L": 5, "B": 7, "J": 6, "S": 4, "P": 5}


@pytest.mark.parametrize("page", ["SECURITY.md", "docs/threats.md"])
def test_every_test_that_is_named_is_there(page: str) -> None:
    named = set(re.findall(r"`((?:\w+/)?test_\w+)`", (ROOT / page).read_text()))
    assert len(named) > 30
    assert [name for name in sorted(named) if not (ROOT / f"tests/{name}.py").exists()] == []


def test_every_command_that_is_named_is_there() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"`make ([\w-]+)`", (ROOT / "SECURITY.md").read_text()):
        assert f"\n{target}:" in makefile, target


def test_each_case_has_its_tests_or_nothing_to_attack() -> None:
    rows = re.findall(r"^\| ([A-Z]\d+) \|(.*)\|(.*)\|(.*)\|$", threats(), re.MULTILINE)
    assert [row[0] for row in rows] == [
        f"{kind}{number + 1}" for kind, many in CASES.items() for number in range(many)
    ]
    assert len(rows) == 123
    assert [row[0] for row in rows if not ("`" in row[3] or "none here" in row[2])] == []


def threats() -> str:
    return (ROOT / "docs/threats.md").read_text()
