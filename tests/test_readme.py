"""The pages tell the truth: the five minutes run as printed, and what is pointed to is there."""

import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from graphql import GraphQLObjectType, build_schema, get_named_type
from typer.main import get_command

from bursar.access.policy import POLICY, Action
from bursar.cli import app
from live_server import LiveServer, serving

ROOT = Path(__file__).parents[1]
FIVE_MINUTES = ("README.md", "docs/gateways.md")  # the second page goes on where the first ends
PAGES = {
    page: re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
}
PROSE = "\n".join(PAGES.values())
SPANS = set(re.findall(r"`([^`\n]+)`", PROSE))
URL = "http://127.0.0.1:8080"
ID = re.compile(r"\b([a-z]+)_[0-7][0-9a-z]{25}\b")
END = "\x1e"
WORD = re.compile(r"`([a-z][a-zA-Z]+)\b(?!:`)")
SCHEMA = build_schema((ROOT / "schema.graphql").read_text())
LISTS = {
    f"{type_.name}.{name}": field
    for type_ in SCHEMA.type_map.values()
    if isinstance(type_, GraphQLObjectType)
    for name, field in type_.fields.items()
    if {"first", "filter"} <= field.args.keys()
}


@pytest.fixture
def server() -> Iterator[LiveServer]:
    parent = Path(tempfile.mkdtemp(prefix="bursar-test-"))
    parent.chmod(0o711)
    with serving(BURSAR_DATA_DIR=str(parent / "data")) as server:
        yield server
    shutil.rmtree(parent)


def test_the_first_five_minutes_go_as_printed(server: LiveServer) -> None:
    steps = five_minutes()
    assert len([answer for _, answer in steps if answer]) >= 4
    key = server.says(r"Admin key +(\S+)")
    script = f"\nprintf '{END}'\n".join(["set -euo pipefail", *(commands for commands, _ in steps)])
    script, keys = re.subn(r"^KEY=.*$", f"KEY={key}", script, flags=re.MULTILINE)
    script, urls = re.subn(re.escape(URL), server.url, script)
    assert (keys, urls) == (1, 3)
    run = subprocess.run(
        ["bash", "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    assert (run.returncode, run.stderr) == (0, "")
    answers = run.stdout.split(END)[1:]
    assert list(map(told, answers)) == [told(answer) for _, answer in steps]


def test_every_path_is_there() -> None:
    files = {span for span in SPANS if re.fullmatch(r"[\w./-]+\.(py|md|graphql|toml)", span)}
    folders = {span for span in SPANS if re.fullmatch(r"[a-z_]+(/[a-z_]+)+", span)}
    named = files | {name for name in folders if not name.startswith("application/")}
    assert len(named) > 40
    homes = (ROOT, ROOT / "src" / "bursar")
    tests = {
        path.relative_to(ROOT / "tests").with_suffix("")
        for path in (ROOT / "tests").rglob("test_*.py")
    }
    assert [
        name
        for name in sorted(named)
        if not any((home / name).exists() for home in homes) and Path(name) not in tests
    ] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]*)#?([^)]*)\)", PAGES[page])
    assert links
    for target, anchor in links:
        if target.startswith("https:"):
            continue
        there = (page.parent / target).resolve() if target else page
        assert there.exists()
        assert not anchor or anchor in anchors_of(there)


def test_every_target_of_make_and_command_is_there() -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert set(re.findall(r"\bmake ([a-z-]+)`", PROSE)) <= set(targets)
    assert set(re.findall(r"\| `bursar ([a-z-]+)", PROSE)) == set(get_command(app).commands)


def test_what_users_of_litellm_are_led_to_is_there() -> None:
    page = (ROOT / "docs/from-litellm.md").read_text()
    led = {
        name
        for row in re.findall(r"^\|.*\|(.*)\|$", page, re.MULTILINE)
        for name in WORD.findall(row)
    }
    fields = {name for type_ in SCHEMA.type_map.values() for name in getattr(type_, "fields", {})}
    assert len(led) > 40
    assert led - fields == set()


def test_the_line_that_decides_who_removes_members_is_there() -> None:
    assert f"Action.{Action.TEAM_MEMBERS_REMOVE.name}" in SPANS
    assert POLICY[Action.TEAM_MEMBERS_REMOVE].team_admin


def anchors_of(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", PAGES[page], re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


def five_minutes() -> list[tuple[str, str]]:
    """Each block of commands, with the answer that is shown below it, or nothing."""
    text = "".join((ROOT / page).read_text() for page in FIVE_MINUTES)
    parts = re.split(r"<!-- /?five minutes -->", text)[1::2]
    blocks = re.findall(r"^```(bash|json)\n(.*?)^```$", "".join(parts), re.MULTILINE | re.DOTALL)
    steps: list[tuple[str, str]] = []
    for language, text in blocks:
        if language == "bash":
            steps.append((text, ""))
        else:
            steps[-1] = (steps[-1][0], text)
    return steps


def told(answer: str) -> object:
    """What an answer says, ids by their kind alone, as they differ from one run to the next."""
    return json.loads(ID.sub(r"\1_…", answer) or "null")


def test_every_list_is_there_with_its_filters_and_orders() -> None:
    rows = re.findall(r"^\| (`.*?) \| (.*?) \| (.*?) \|$", PROSE, re.MULTILINE)
    order = re.compile(r"\b[A-Z]{2,}(?:_[A-Z]+)*\b")
    shown = {
        name: (set(re.findall(r"`(\w+)`", filters)), set(order.findall(orders)))
        for names, filters, orders in rows
        for name in re.findall(r"`([\w.]+)`", names)
    }
    for place, field in LISTS.items():
        filters, orders = get_named_type(field.args["filter"].type).fields, set()
        if "orderBy" in field.args:
            by = get_named_type(field.args["orderBy"].type).fields["field"]
            orders = set(get_named_type(by.type).values)
        assert shown[place.removeprefix("Query.")] == (filters.keys(), orders), place
