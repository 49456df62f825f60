"""The worst documents: none that keeps the limits of length takes long, whatever is wrong with it."""

import gc
import re
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from random import Random

import pytest
from graphql import parse, specified_rules, validate
from graphql.execution import VariableValues

from api_client import Api
from bursar.graphql.errors import LONGEST_MESSAGE
from bursar.graphql.execution.documents import RequestError, prepare
from bursar.graphql.execution.library import Documents
from bursar.graphql.execution.limits import DocumentLimits
from bursar.graphql.execution.plans import plan_of
from bursar.graphql.execution.validation import rules
from bursar.graphql.schema import schema
from execution.corpus import Corpus
from factories import Factory

SCHEMA = schema._schema  # noqa: SLF001 (as in execution.request)
# Of processor time, on a machine that does other things too; 50 ms is what the slowest may take.
LONGEST = 0.2


def of_teams(*selected: str) -> str:
    return "{ teams(first: 1) { nodes { " + " ".join(selected) + " } } }"


def fragments(count: int, body: Callable[[int], str], on: str = "Team") -> str:
    return "".join(f" fragment f{n} on {on} {{ {body(n)} }}" for n in range(count))


def every(count: int, text: str) -> list[str]:
    return [text.replace("#", str(n)) for n in range(count)]


def expanded(levels: int, aliases: int) -> str:
    """Fragments that each spread the next several times, in lists that no page is asked of."""
    lists = [
        " ".join(f"a{n}: teams(first: 0) {{ nodes {{ ...f{level + 1} }} }}" for n in range(aliases))
        for level in range(levels)
    ]
    bodies = [*(f"organization {{ {each} }}" for each in lists), "id"]
    return of_teams("...f0") + fragments(levels + 1, lambda n: bodies[n])


WORST = {
    "one leaf": of_teams(*every(1900, "id")),
    "one object": of_teams(*every(330, "organization { id }")),
    "one list": of_teams(*every(120, "organization { teams(first: 1) { nodes { id } } }")),
    "arguments": of_teams(*every(180, "members(first: #) { totalCount }")),
    "conflicts": of_teams(*every(15, "a: id a: name")),
    "unknown fields": of_teams(*every(1900, "x#")),
    "unknown long fields": of_teams(*every(90, "membersx" * 20 + "#")),
    "one unknown field": of_teams("x" * 14_000),
    "unknown arguments": "{ teams(" + " ".join(every(600, "firstx#: 1")) + ") { totalCount } }",
    "unknown variables": of_teams(*every(180, "members(first: $a#) { totalCount }")),
    "unused variables": "query(" + " ".join(every(480, "$a#: Int")) + ") { teams { totalCount } }",
    "a list": "{ nodes(ids: [" + '"a" ' * 1900 + "]) { id } }",
    "inline": "{ node(id: 1) { " + "... on Team { id organization { id } } " * 150 + "} }",
    "types": "{ node(id: 1) { " + "... on Team { id } ... on User { id } " * 150 + "} }",
    "spreads": of_teams(*every(50, "...f#"))
    + fragments(50, lambda _: "id name version organization { id name }"),
    "a web of spreads": of_teams("...f0")
    + fragments(50, lambda n: " ".join(f"...f{k}" for k in range(n + 1, min(50, n + 17))) + " id"),
    "circles": of_teams("...f0")
    + fragments(50, lambda _: " ".join(f"...f{k}" for k in range(0, 50, 4))),
    "unused fragments": "{ viewer { scopes } }" + fragments(50, lambda _: "id " * 30),
    "expanded": expanded(4, 7),
    "expanded less": expanded(4, 4),
    "expanded wide": expanded(2, 14),
}  # fmt: skip


@pytest.fixture(scope="module")
def _little_to_collect() -> Iterator[None]:
    """As in a server, whose collector does not look at what was there when it started."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.mark.usefixtures("_little_to_collect")
@pytest.mark.parametrize("what", WORST)
def test_no_document_is_slow_to_prepare_or_to_refuse(what: str) -> None:
    assert len(WORST[what]) <= 15_000
    assert seconds_for(WORST[what]) < LONGEST


def test_what_is_kept_weighs_what_it_becomes_with_its_fragments_written_out() -> None:
    """A plan takes some 3 KB a field: of all that are kept together, 80 MB at most."""
    switched = "query($x: Boolean!) " + expanded(4, 4).replace("id }", "id @skip(if: $x) }")
    for document, most in ((expanded(4, 4), 25), (switched, 7)):
        documents = Documents(SCHEMA, DocumentLimits())
        texts = [document + " " * n for n in range(most + 5)]
        for text in texts:
            documents.prepare(text, None)
        kept = sum(documents.at_hand(text, None) is not None for text in texts)
        assert most / 2 < kept <= most


POOL = {
    "Team": "id,name,metadata,organization { @Organization },apiKeys(first: 0) { nodes { @ApiKey } },"
    "members(first: #) { nodes { @TeamMember } }",
    "Organization": "id,name,members(first: #) { totalCount },teams(first: 0) { nodes { @Team } }",
    "TeamMember": "id,role,user { @User },team { @Team }",
    "User": "id,name,email,teams(first: 0) { nodes { @Team } }",
    "ApiKey": "id,name,team { @Team },user { @User }",
}


class Search:
    """Draws long documents of few names, so that much of them is compared, merged or expanded."""

    def __init__(self, seed: int) -> None:
        self.random = random = Random(seed)  # noqa: S311 (repeatable, and no secret)
        self.types = [random.choice([*POOL]) for _ in range(random.choice([0, 0, 3, 10, 30, 50]))]
        self.width = random.choice([2, 5, 10, 40])
        self.depth = random.choice([1, 2, 3, 4, 6])
        self.spreads, self.inlines = random.random(), random.choice([0, 0.2])
        self.sizes, self.unknown = random.choice([1, 3, 50]), random.choice([0, 0, 0.05, 0.5])
        self.tokens = 1_900

    def document(self) -> str:
        bodies = [(type_, self.of(type_, self.depth, n + 1)) for n, type_ in enumerate(self.types)]
        written = [f"fragment f{n} on {on} {{ {body} }}" for n, (on, body) in enumerate(bodies)]
        return " ".join([of_teams(self.of("Team", self.depth, 0)), *written])

    def of(self, type_: str, depth: int, spread_from: int) -> str:
        """A selection on a type, which spreads only fragments that come later."""
        parts = ["id"]
        for _ in range(self.random.randint(1, self.width)):
            self.tokens -= 2
            if self.tokens < 20:
                break
            there = [n for n, on in enumerate(self.types) if n >= spread_from and on == type_]
            if there and self.random.random() < self.spreads:
                parts.append(f"...f{self.random.choice(there)}")
            elif depth and self.random.random() < self.inlines:
                parts.append(f"... on {type_} {{ {self.of(type_, depth - 1, spread_from)} }}")
            else:
                parts.append(self.field(type_, depth, spread_from))
        return " ".join(parts)

    def field(self, type_: str, depth: int, spread_from: int) -> str:
        if self.random.random() < self.unknown:
            return f"x{self.random.randrange(9_999)}"
        size = str(self.random.randrange(self.sizes))
        text = self.random.choice(POOL[type_].split(",")).replace("#", size)
        found = re.search(r"@(\w+)", text)
        if found is None:
            return text
        if not depth:
            return "id"
        self.tokens -= 10
        return text.replace(found[0], self.of(found[1], depth - 1, spread_from))


@pytest.mark.usefixtures("_little_to_collect")
@pytest.mark.parametrize(
    "size", [15, pytest.param(5_000, marks=[pytest.mark.soak, pytest.mark.timeout(3600)])]
)
def test_no_document_that_a_search_finds_is_slow(
    record_property: Callable[[str, object], None], size: int
) -> None:
    slowest = max((seconds_for(Search(seed).document()), seed) for seed in range(size))
    record_property("microseconds of the slowest document of a search", int(slowest[0] * 1e6))
    assert slowest[0] < LONGEST, slowest


def seconds_for(document: str) -> float:
    """Of processor time, to prepare and to plan it, or to refuse it; the best of three."""
    took = []
    for _ in range(3):
        started = time.process_time()
        with suppress(RequestError):
            plan_of(schema, prepare(SCHEMA, document, None), VariableValues({}, {}))
        took.append(time.process_time() - started)
    return min(took)


def test_the_bound_to_comparisons_changes_no_verdict_on_documents_drawn_at_random() -> None:
    """Those in the repository are all well below it: a test executes them."""
    corpus = Corpus(SCHEMA, {"Team": ["team_x"]})
    valid = 0
    for operation in ("query", "mutation"):
        for case, _ in zip(corpus.cases(7, operation), range(15), strict=False):
            document = parse(case.text)
            found = validate(SCHEMA, document, rules(10_000))
            assert [error.message for error in found] == [
                error.message for error in validate(SCHEMA, document, specified_rules)
            ]
            valid += not found
    assert valid > 10


async def test_of_many_errors_the_last_says_how_many_there_are(api: Api, make: Factory) -> None:
    admin = await make.admin()
    document = "query($ids: [ID!]!) { nodes(ids: $ids) { id } }"
    answer = await api(admin, document, ids=[{}] * 1_000)
    assert answer.codes == ["BAD_USER_INPUT"] * 50
    assert answer.errors[-1]["message"].startswith("There are ")
    answer = await api(admin, of_teams(*every(300, "x#")))
    assert answer.codes == ["GRAPHQL_VALIDATION_FAILED"] * 50
    assert "Too many" in answer.errors[-1]["message"]


async def test_no_message_repeats_much_of_what_was_sent(api: Api, make: Factory) -> None:
    admin = await make.admin()
    answer = await api(admin, of_teams("x" * 14_000))
    assert max(len(error["message"]) for error in answer.errors) == LONGEST_MESSAGE
