"""Before anything is timed: all give equal answers, and each gets its requests written down."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import orjson
from asking import Asked
from contestants import Served
from questions import BURSAR, FLAT_ROWS, Question
from world import World

COMPARED = 8
PAGES = 10


def body(question: Question, dialect: str, variables: dict[str, Any]) -> bytes:
    """One line, with the variables that the dialect's document names."""
    document = " ".join(question.documents[dialect or BURSAR].split())
    named = {name: value for name, value in variables.items() if f"${name}" in document}
    return orjson.dumps({"query": document, "variables": named})


def compare(
    servers: Sequence[Served], world: World, asked: Asked, asks: Sequence[Question]
) -> None:
    """Ask all the same, and stop everything where two differ."""
    for question in asks:
        for secret, variables in asked[question.name][:COMPARED]:
            answers = {}
            for server in _able(servers, question):
                answers[server.contestant.name] = _answer(server, question, secret, variables)
                if question.writes:
                    world.added()
                    world.clean()
            first, *others = answers
            for name in others:
                if answers[name] != answers[first]:
                    raise SystemExit(
                        f"{question.title}: the answers differ.\n"
                        f"{first}: {_start(answers[first])}\n{name}: {_start(answers[name])}"
                    )
        print(f"{question.title}: {len(answers)} contestants agree", flush=True)


def answers(
    server: Served, world: World, asked: Asked, asks: Sequence[Question], folder: Path
) -> Path:
    """Keep an answer to each question, for whoever answers with a constant of the same size."""
    folder.mkdir()
    for question in asks:
        secret, variables = asked[question.name][0]
        said = server.ask(question, secret, body(question, server.contestant.dialect, variables))
        (folder / question.name).write_bytes(orjson.dumps(said))
        if question.writes:
            world.clean()
    return folder


def write_requests(folder: Path, server: Served, asked: Asked, question: Question) -> Path:
    """The file of the requests to one server, a line each: the secret, a tab, and the body."""
    dialect = server.contestant.dialect
    file = folder / f"{server.contestant.name}-{question.name}"
    given = asked[question.name]
    if question is FLAT_ROWS and dialect:
        given = [(given[0][0], {"after": cursor}) for cursor in _cursors(server, given[0][0])]
    with file.open("wb") as lines:
        for secret, variables in given:
            lines.write(secret.encode() + b"\t" + body(question, dialect, variables) + b"\n")
    return file


def _able(servers: Iterable[Served], question: Question) -> list[Served]:
    """Whoever answers the question, and by a document."""
    return [
        server
        for server in servers
        if server.contestant.dialect and question in server.contestant.only
    ]


def _answer(server: Served, question: Question, secret: str, variables: dict[str, Any]) -> Any:
    dialect = server.contestant.dialect
    said = server.ask(question, secret, body(question, dialect, variables))
    if said.get("errors") or not said.get("data"):
        raise SystemExit(f"{server.contestant.name}, {question.title}: {_start(said)}")
    answer = question.answer_in(dialect, said["data"])
    if question.writes:
        answer["id"] = "made here"
    return answer


def _cursors(server: Served, secret: str) -> list[str | None]:
    """Where the first pages begin, in the contestant's own words."""
    dialect = server.contestant.dialect
    document = FLAT_ROWS.documents[dialect].replace("nodes {", "pageInfo { endCursor } nodes {", 1)
    cursors: list[str | None] = [None]
    while len(cursors) < PAGES:
        query = {"query": document, "variables": {"after": cursors[-1]}}
        page = server.ask(FLAT_ROWS, secret, orjson.dumps(query))["data"]["teams"]
        if len(page["nodes"]) < 1000:
            break
        cursors.append(page["pageInfo"]["endCursor"])
    return cursors[:-1] if len(cursors) > 1 and len(cursors) < PAGES else cursors


def _start(value: Any) -> str:
    return repr(value)[:1500]
