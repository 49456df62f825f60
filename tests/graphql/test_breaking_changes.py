"""What would break a client of the last release is named in the changelog.

`released/VERSION.graphql` is the schema of the last release, a copy made when its heading is
written into CHANGELOG.md. Until the first release nobody depends on anything.
"""

import re
from pathlib import Path

import pytest
from graphql import GraphQLSchema, build_schema
from graphql.utilities import BreakingChange, find_schema_changes

ROOT = Path(__file__).parents[2]
RELEASED = Path(__file__).with_name("released")
HEADING = re.compile(r"^## \[?(\d+\.\d+\.\d+)\b.*$", re.MULTILINE)

OLD = "type Query { team(id: ID!): Team } type Team { id: ID! name: String! blocked: Boolean! }"
NEW = "type Query { team(id: ID!): Team } type Team { id: ID! name: String tags: [String!] }"
REMOVED = "Field Team.blocked was removed"
CHANGED = "Field Team.name changed type from String! to String"
LOG = f"""\
# Changelog

## Unreleased

- {{named}}

## [1.0.0] - 2027-01-01

- {REMOVED}, {CHANGED}
"""


def last_release(changelog: str) -> str | None:
    found = HEADING.search(changelog)
    return found and found[1]


def unnamed(old: GraphQLSchema, new: GraphQLSchema, changelog: str) -> list[str]:
    """The breaking changes that are not told, word for word, above the last release."""
    told = HEADING.split(changelog)[0]
    changes = [
        change.description.rstrip(".")
        for change in find_schema_changes(old, new)
        if isinstance(change, BreakingChange)
    ]
    return [change for change in changes if change not in told]


def test_every_breaking_change_since_the_last_release_is_named() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text()
    version = last_release(changelog)
    kept = [path.stem for path in RELEASED.glob("*.graphql")]
    assert kept == [version] * bool(version), "keep the last release's schema, and only it"
    if version:
        old = build_schema((RELEASED / f"{version}.graphql").read_text())
        assert unnamed(old, build_schema((ROOT / "schema.graphql").read_text()), changelog) == []


@pytest.mark.parametrize(
    ("named", "missing"),
    [
        ("Teams have tags.", [REMOVED, CHANGED]),
        (f"{REMOVED}.", [CHANGED]),
        (f"{REMOVED}, and {CHANGED}.", []),
    ],
)
def test_a_breaking_change_is_named_word_for_word_above_the_last_release(
    named: str, missing: list[str]
) -> None:
    assert unnamed(build_schema(OLD), build_schema(NEW), LOG.format(named=named)) == missing


def test_what_breaks_nobody_need_not_be_named() -> None:
    wider = OLD.replace("blocked", "tags: [String!] blocked")
    assert unnamed(build_schema(OLD), build_schema(wider), "") == []


def test_the_last_release_is_the_first_version_in_the_changelog() -> None:
    assert last_release(LOG) == "1.0.0"
    assert last_release("# Changelog\n\n## Unreleased\n\n- 2.0.0 is near\n") is None
