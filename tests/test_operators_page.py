"""The page for operators tells the truth: its documents, sent in order, are answered as printed."""

import asyncio
import json
import re
import shlex
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import zip_longest
from pathlib import Path
from typing import Any, NamedTuple

import asyncpg
import pytest
from graphql import OperationDefinitionNode, parse
from typer.testing import CliRunner

from api_client import Api
from bursar.access.policy import POLICY, Rule
from bursar.cli import app
from bursar.database.embedded import EmbeddedPostgres
from bursar.domain.instants import to_text
from bursar.domain.roles import MemberPermission
from factories import Factory

PAGE = (Path(__file__).parents[1] / "docs" / "operators.md").read_text()
EXAMPLE = re.compile(r"^```graphql\n(.*?)^```\n+```json\n(.*?)^```$", re.MULTILINE | re.DOTALL)
CONSOLE = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
HEADER = re.compile(r"^# ([\w-]+): (.+)$", re.MULTILINE)
NAMED = re.compile(r"\$(\w+)")


class Example(NamedTuple):
    """A document with the headers that its comments name, and the data that it is answered with."""

    document: str
    shown: Any

    @property
    def headers(self) -> dict[str, str]:
        return dict(HEADER.findall(self.document))

    @property
    def variables(self) -> list[str]:
        (operation,) = parse(self.document).definitions
        assert isinstance(operation, OperationDefinitionNode)
        declared = operation.variable_definitions or ()
        return [definition.variable.name.value for definition in declared]


EXAMPLES = [Example(document, json.loads(shown)) for document, shown in EXAMPLE.findall(PAGE)]


async def test_every_example_is_answered_as_printed(api: Api, make: Factory) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    times = {"now": now, "tomorrow": now + timedelta(days=1)}
    known = {"rootsKey": (await make.admin()).secret}
    known |= {"today": str(now.date()), **{name: to_text(time) for name, time in times.items()}}
    for example in EXAMPLES:
        response = await api.http.post(
            "/graphql",
            json={
                "query": example.document,
                "variables": {name: known[name] for name in example.variables},
            },
            headers={
                name: NAMED.sub(lambda given: known[given[1]], value)
                for name, value in example.headers.items()
            },
        )
        body = response.json()
        assert "errors" not in body, (example.document, body["errors"])
        said = told(body["data"], example.shown, known)
        assert printed(said) == printed(example.shown), example.document
    assert len(set(known.values())) == len(known)


async def test_commands_print_what_the_page_shows(
    api: Api,
    make: Factory,
    migrated: EmbeddedPostgres,
    owner: asyncpg.Connection,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_URL", migrated.application_url)
    monkeypatch.setenv("BURSAR_PEPPER", "pepper" * 8)
    admin, organization = await make.admin(), await make.organization()
    await api.mutate(admin, "userCreate", name="Ada")
    for name in ("Acme", "Acme Inc.", "Acme Ltd."):
        await api.mutate(admin, "organizationUpdate", id=organization.id, name=name)

    async def printed_by(command: str) -> str:
        program, *arguments = shlex.split(command)
        if program == "psql":
            return f"{await owner.execute(arguments[1])}\n"
        file = arguments[-1] if ">" in arguments else None
        done = await asyncio.to_thread(CliRunner().invoke, app, arguments[: -2 if file else None])
        if file is None:
            return done.output
        (tmp_path / file).write_text(done.output)
        return ""

    for block in CONSOLE.findall(PAGE):
        for command, shown in re.findall(r"^\$ (.+)\n((?:[^$].*\n)*)", block, re.MULTILINE):
            assert told(await printed_by(command), shown, {}) == shown, command


def test_every_document_of_the_page_is_an_example() -> None:
    assert PAGE.count("```graphql") == len(EXAMPLES) > 40
    assert all("Authorization" in example.headers for example in EXAMPLES)


@pytest.mark.parametrize(
    ("shown", "real"),
    [
        ({"name": "Search"}, {"name": "Research"}),
        ({"name": "Search"}, {"name": "Search", "blocked": False}),
        ({"name": "Search", "blocked": False}, {"name": "Search"}),
        ({"blocked": False, "name": "Search"}, {"name": "Search", "blocked": False}),
        ({"id": "$team"}, {"id": "team_2"}),
        ({"id": "$new"}, {"id": None}),
        ({"resetsAt": "…"}, {"resetsAt": None}),
        ({"resetsAt": "…T00:00:00Z"}, {"resetsAt": "2026-11-22T01:00:00Z"}),
        ({"version": True}, {"version": 1}),
        ([], [None]),
        ([None], []),
    ],
)
def test_an_answer_that_differs_from_the_page_is_seen(shown: Any, real: Any) -> None:
    assert printed(told(real, shown, {"team": "team_1"})) != printed(shown)


def test_the_table_of_actions_is_the_policy() -> None:
    marks = {"yes": True, "no": False, **{name: name for name in MemberPermission}}
    rows = re.findall(r"^\| (`[A-Z_`, ]+`) \|((?: [\w`]+ \|){5})$", PAGE, re.MULTILINE)
    table = {
        action: Rule(*(marks[mark] for mark in re.findall(r"\w+", cells)), deed="")
        for actions, cells in rows
        for action in re.findall(r"\w+", actions)
    }
    assert table == {
        action.name: rule._replace(deed="", gateway=False) for action, rule in POLICY.items()
    }


def told(real: Any, shown: Any, known: dict[str, str]) -> Any:
    """What is real in the terms of what is shown: a text by its name or with `…`, where that is right.

    A name that is not `known` yet becomes known.
    """
    match real, shown:
        case dict(), dict():
            return {name: told(value, shown.get(name), known) for name, value in real.items()}
        case list(), list():
            return [told(*pair, known) for pair in pairs(real, shown)]
        case str(), str() if named := NAMED.fullmatch(shown):
            return shown if known.setdefault(named[1], real) == real else real
        case str(), str() if re.fullmatch(".+".join(map(re.escape, shown.split("…"))), real):
            return shown
    return real


def pairs(real: list[Any], shown: list[Any]) -> Iterator[tuple[Any, Any]]:
    yield from list(zip_longest(real, shown))[: len(real)]


def printed(value: Any) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False)
