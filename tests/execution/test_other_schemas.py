"""Plans know no teams: a small schema of other things, each document of it executed both ways."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from enum import Enum
from typing import Annotated, Any

import orjson
import pytest
import strawberry
from strawberry import Schema

from bursar.graphql.edges import edge
from bursar.graphql.execution.documents import prepare
from bursar.graphql.execution.run import run
from bursar.graphql.lookups import Ask, Lookups


class Zoo:
    """A context of nothing but what was looked up."""

    def __init__(self) -> None:
        self.executed: list[tuple[str, str]] = []
        self.asked: list[Sequence[str]] = []
        self._lookups = Lookups(self)  # type: ignore[arg-type]  # what batch functions read from

    async def load(self, *question: Any) -> Any:
        return await self._lookups.one(*question)

    async def load_all(self, asks: Sequence[Ask]) -> Any:
        return await self._lookups.all(asks)

    def forget(self) -> None:
        self._lookups.forget()

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator["Zoo"]:
        yield self


async def keepers(zoo: Zoo, names: Sequence[str], /) -> dict[str, Any]:
    zoo.asked.append(names)
    return {name: Keeper(name=name.title()) for name in names if name != "nobody"}


class Colour(Enum):
    RED = "r"
    GREEN = "g"


@strawberry.type
class Keeper:
    name: str


@strawberry.interface
class Animal:
    name: str
    kept_by: strawberry.Private[str | None] = None
    keeper: Keeper | None = edge(keepers, key="kept_by", description="Who keeps it.")
    surely: Keeper = edge(keepers, key="kept_by", description="Who keeps it, surely.")


@strawberry.type
class Cat(Animal):
    lives: int = 9
    colour: Colour = Colour.RED
    weights: list[list[float | None]] = strawberry.field(default_factory=lambda: [[1.5, None], []])

    @strawberry.field
    def loud(self, times: int = 2) -> str:
        return self.name.upper() * times


@strawberry.type
class Fish(Animal):
    colours: list[Colour | None] = strawberry.field(default_factory=lambda: [None, Colour.GREEN])
    broken: int = strawberry.field(default=2**40)

    @strawberry.field
    @staticmethod
    def silent() -> bool:
        return True


Pet = Annotated[Cat | Fish, strawberry.union("Pet")]


@strawberry.type
class Query:
    number: int | None = strawberry.field(resolver=lambda: 3)
    colours: list[Colour] = strawberry.field(resolver=lambda: [Colour.GREEN, Colour.RED])

    @strawberry.field
    def animals(self) -> list[Animal | None]:
        return [
            Cat(name="Tom", kept_by="ann"),
            None,
            Fish(name="Wanda"),
            Cat(name="Kit", kept_by="ann"),
            Fish(name="Nemo", kept_by="nobody"),
        ]

    @strawberry.field
    async def pets(self) -> list[list[Pet] | None]:
        return [[Fish(name="Wanda"), Cat(name="Tom", kept_by="bob")], None, []]

    @strawberry.field
    async def failing(self) -> int | None:
        raise RuntimeError


ZOO = Schema(Query, types=[Cat, Fish])
CAT = "... on Cat { lives colour weights loud twice: loud(times: $n) }"
DOCUMENTS = {
    "{ number colours a: __typename }": "compiled",
    "{ animals { __typename name ... on Cat { lives } keeper { name } } }": "compiled",
    f"query($n: Int!) {{ animals {{ {CAT} ... on Fish {{ colours silent }} }} }}": "compiled",
    f"query($n: Int!) {{ pets {{ {CAT} ... on Animal {{ name keeper {{ name }} }} }} }}": "compiled",
    "{ pets { __typename ... on Fish { broken } } }": "surprised",
    "{ animals { name surely { name } } }": "surprised",
    "{ animals { name } failing number }": "surprised",
    "{ failing pets { __typename } }": "surprised",
}


@pytest.mark.parametrize("document", DOCUMENTS)
async def test_any_schema_has_the_same_answer_both_ways(document: str) -> None:
    prepared = prepare(ZOO._schema, document, None)  # noqa: SLF001 (as in execution.request)
    answers = []
    for compiled in (True, False):
        zoo: Any = Zoo()
        result = await run(ZOO, prepared, {"n": 3}, zoo, compiled=compiled)
        errors = sorted((e.formatted for e in result.errors or ()), key=lambda e: str(e["path"]))
        answers.append((orjson.dumps(result.data), errors))
        if compiled:
            assert {how for how, _ in zoo.executed} == {DOCUMENTS[document]}
    assert answers[0] == answers[1]


async def test_a_level_asks_once_and_for_each_key_once() -> None:
    document = "{ animals { keeper { name } } again: animals { mine: keeper { name } } }"
    prepared = prepare(ZOO._schema, document, None)  # noqa: SLF001 (as in execution.request)
    zoo: Any = Zoo()
    await run(ZOO, prepared, {}, zoo)
    assert zoo.asked == [["ann", "nobody"]]
