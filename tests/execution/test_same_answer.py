"""The same answer both ways: equal bytes of data and equal errors, for documents of every shape."""

import gc
from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from bursar.database.pool import Database
from bursar.graphql.execution.documents import RequestError, prepare
from bursar.graphql.schema import schema
from execution.both_ways import both_ways, drops_fields
from execution.corpus import Case, Corpus
from execution.population import populate
from factories import Factory

SCHEMA = schema._schema  # noqa: SLF001 (as in execution.request)
LEFT_OUT = [name for name in SCHEMA.mutation_type.fields if "elete" in name or "emove" in name]


def sized(sample: int, soak: int) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(
        "size", [sample, pytest.param(soak, marks=[pytest.mark.soak, pytest.mark.timeout(3600)])]
    )


@drops_fields
@pytest.mark.parametrize(
    ("operation", "faulty"), [("query", False), ("query", True), ("mutation", False)]
)
@sized(80, 1_000)
async def test_documents_drawn_at_random_have_the_same_answer_both_ways(
    make: Factory,
    database: Database,
    record_property: Callable[[str, object], None],
    operation: str,
    faulty: bool,
    size: int,
) -> None:
    people, ids = await populate(make, database)
    corpus = Corpus(SCHEMA, ids, leave_out=LEFT_OUT)
    executed: Counter[tuple[str, str]] = Counter()
    for number, case in zip(range(size), valid(corpus, 0, operation), strict=False):
        prepared = prepare(SCHEMA, case.text, None)
        actor = people[number % len(people)].actor
        faults = number if faulty else None
        by_plan, by_core = await both_ways(database, actor, prepared, case.variables, faults)
        assert by_plan.data == by_core.data, (number, case)
        assert by_plan.nulled.keys() == by_core.nulled.keys(), (number, case)
        assert faulty or by_plan.tells_as(by_core), (number, case)
        executed.update(by_plan.executed)
    gc.collect()
    for (how, why), count in executed.items():
        record_property(f"{operation}{' with faults' if faulty else ''}: {how} {why}", count)


def valid(corpus: Corpus, seed: int, operation: str) -> Iterator[Case]:
    for case in corpus.cases(seed, operation):
        try:
            prepare(SCHEMA, case.text, None)
        except RequestError:
            continue
        yield case
