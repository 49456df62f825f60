"""One document, executed both ways over the same state: by its plan, and by graphql-core."""

import pkgutil
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from copy import copy
from importlib import import_module
from random import Random
from typing import Any, NamedTuple
from zlib import crc32

import orjson
import pytest
from graphql import GraphQLError

import bursar.loaders
from bursar.access.actor import Actor
from bursar.database.connections import Connection
from bursar.database.pool import Database
from bursar.domain.errors import Overloaded
from bursar.domain.new_teams import NewTeams
from bursar.graphql.context import Context, Environment
from bursar.graphql.errors import masked
from bursar.graphql.execution.documents import Prepared, RequestError
from bursar.graphql.execution.limits import DocumentLimits, RequestLimits
from bursar.graphql.execution.run import run
from bursar.graphql.lookups import Ask
from bursar.graphql.schema import schema
from bursar.loaders.narrowing import Narrowable, whole_of
from bursar.loaders.reader import Batch, Reader
from bursar.services.authorization import Authorizer
from factories import PEPPER

# Where a field fails, graphql-core drops those beside it that have not begun, of which Python warns
# when it finds them: at the end of the test, which collects them.
drops_fields = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


class Answer(NamedTuple):
    """The data as bytes, the errors in the order of their paths, and how it was executed."""

    data: bytes
    errors: Sequence[Any]
    executed: Sequence[tuple[str, str]]

    @property
    def nulled(self) -> dict[tuple[str | int, ...], list[Any]]:
        """The places that errors made null, and which did."""
        data = orjson.loads(self.data)
        found: dict[tuple[str | int, ...], list[Any]] = {}
        for error in self.errors:
            found.setdefault(_null_above(data, error.get("path", ())), []).append(error)
        return found

    def tells_as(self, other: "Answer") -> bool:
        """Whether both tell the same errors.

        Of several that make one place null the specification asks for one, and how many of them
        graphql-core tells is chance: there one may tell more than the other, but nothing else.
        """
        own, others = self.nulled, other.nulled
        return own.keys() == others.keys() and all(
            all(error in others[place] for error in errors)
            or all(error in errors for error in others[place])
            for place, errors in own.items()
        )


async def both_ways(
    database: Database,
    actor: Actor,
    prepared: Prepared,
    variables: Mapping[str, Any],
    faults: int | None = None,
) -> tuple[Answer, Answer]:
    """The answer by the plan, and by graphql-core.

    `faults` is a seed of what is missing or fails, the same both ways. What a mutation writes is
    written once: the second execution gets the outcome of the first.
    """
    written: list[Any] = []
    by_core = await _answer(database, actor, prepared, variables, faults, written, compiled=False)
    by_plan = await _answer(database, actor, prepared, variables, faults, written, compiled=True)
    return by_plan, by_core


async def _answer(
    database: Database,
    actor: Actor,
    prepared: Prepared,
    variables: Mapping[str, Any],
    faults: int | None,
    written: list[Any],
    *,
    compiled: bool,
) -> Answer:
    context = _Context(
        Environment(
            database,
            [PEPPER],
            Authorizer(database, [PEPPER]),
            NewTeams(self_service=True),
            max_body_bytes=1,
            max_gateway_body_bytes=1,
            request_limits=RequestLimits(seconds=10, under_way=40),
            document_limits=DocumentLimits(),
        ),
        actor,
    )
    context.faults, context.written, context.replays = faults, written, compiled
    try:
        result = await run(schema, prepared, variables, context, compiled=compiled)
    except RequestError as refusal:
        return Answer(b'"refused"', _told(refusal.errors), [])
    return Answer(orjson.dumps(result.data), _told(result.errors or ()), context.executed)


def _null_above(data: Any, path: Sequence[str | int]) -> tuple[str | int, ...]:
    for depth, step in enumerate(path):
        if data is None:
            return tuple(path[:depth])
        data = data[step]
    return tuple(path)


def _told(errors: Sequence[GraphQLError]) -> Sequence[Any]:
    """All that is known of errors, by path; those of one level come in no particular order."""
    told = [
        {**masked(error, None), "message": error.message, "cause": repr(error.original_error)}
        for error in errors
    ]
    return sorted(told, key=lambda error: (str(error.get("path")), error["message"]))


class _Context(Context):
    """Remembers what was written, and misses what its faults say."""

    faults: int | None = None
    written: list[Any]
    replays = False

    async def load(self, batch: Batch, key: str, *arguments: Any) -> Any:
        return await super().load(self._faulty(batch), key, *arguments)

    async def load_all(self, asks: Sequence[Ask]) -> list[Mapping[str, Any]]:
        return await super().load_all([ask._replace(batch=self._faulty(ask.batch)) for ask in asks])

    async def write(self, work: Callable[[Connection], Awaitable[Any]]) -> Any:
        if self.replays:
            self._lookups.forget()
            outcome = self.written.pop(0)
        else:
            try:
                outcome = await super().write(work)
            except Exception as error:  # noqa: BLE001 (raised below)
                outcome = error
            self.written.append(outcome)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator["_Context"]:
        async with super().snapshot() as frozen:
            again = copy(self)
            again.source, again._lookups = frozen.source, frozen._lookups  # noqa: SLF001 (its reads)
            yield again

    def _faulty(self, batch: Batch) -> Batch:
        if self.faults is None:
            return batch
        return _Faulty(batch, Random(f"{self.faults} {_name(batch)}").random())  # noqa: S311 (repeatable)


class _Faulty(NamedTuple):
    """A batch function that, by its luck, fails or leaves out every third key."""

    batch: Any
    luck: float

    async def __call__(self, reader: Reader, keys: Sequence[str], /, *arguments: Any) -> Any:
        if self.luck < 0.05:
            raise RuntimeError("bad luck")
        if self.luck < 0.1:
            raise Overloaded
        found = await self.batch(reader, keys, *arguments)
        if self.luck < 0.35:
            return {key: each for key, each in found.items() if crc32(key.encode()) % 3}
        return found


def _name(batch: Any) -> str:
    """The same for a source of rows whether it is narrowed or not."""
    batch = whole_of(batch)
    source = getattr(batch, "__self__", batch)
    key = getattr(source, "key", getattr(source, "id", None))
    return f"{_NAMES.get(id(source)) or key}.{getattr(batch, '__name__', '')}"


_NAMES = {
    id(value): f"{module.name}.{name}"
    for module in pkgutil.iter_modules(bursar.loaders.__path__)
    for name, value in vars(import_module(f"bursar.loaders.{module.name}")).items()
    if not isinstance(value, Narrowable)
}
