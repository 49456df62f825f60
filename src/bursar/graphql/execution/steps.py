"""Work that stops where something must be looked up, so that all of a level is looked up together."""

from collections.abc import Awaitable, Generator, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from bursar.graphql.lookups import Ask

Result = TypeVar("Result")
Found = Sequence[Mapping[str, Any]]

# Yields what it asks, is sent what was found for each ask, and returns its result.
Steps = Generator[Sequence[Ask], Found, Result]


class Loads(Protocol):
    """A context that looks up many keys of many batch functions at once."""

    def load_all(self, asks: Sequence[Ask]) -> Awaitable[Found]: ...


def together(works: Sequence[Steps[Result]]) -> Steps[list[Result]]:
    """Do several works side by side: what they ask at the same step is asked together."""
    if len(works) == 1:
        (alone,) = works
        return [(yield from alone)]
    results: dict[int, Result] = {}
    running = dict(enumerate(works))
    found: Mapping[int, Found] = {}
    while True:
        asked: dict[int, Sequence[Ask]] = {}
        for number, work in running.items():
            try:
                asked[number] = work.send(found[number]) if found else next(work)
            except StopIteration as done:
                results[number] = done.value
        if not asked:
            return [results[number] for number in range(len(works))]
        answers = iter((yield [ask for asks in asked.values() for ask in asks]))
        found = {number: [next(answers) for _ in asks] for number, asks in asked.items()}
        running = {number: running[number] for number in asked}


async def finish(work: Steps[Result], context: Loads) -> Result:
    """Do the work to its end, with what the context finds."""
    try:
        asks = next(work)
        while True:
            asks = work.send(await context.load_all(asks))
    except StopIteration as done:
        result: Result = done.value
        return result
