"""Who reads, and from where: what every batch function is given."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from bursar.access.actor import Actor
from bursar.database.connections import Reads
from bursar.database.rows import Row
from bursar.database.statements import Statement


class Reader(NamedTuple):
    """An actor and a source to read from; statements may speak of the actor's parameters."""

    source: Reads
    actor: Actor

    async def all(self, statement: Statement, **values: Any) -> list[Row]:
        return await self.source.all(statement, **self.actor.parameters, **values)


class Batch(Protocol):
    """Looks up many keys at once, ids mostly; a key that has nothing the actor may see is left out.

    It may have `sharing`, a function: all that its answers depend on of an actor.
    """

    async def __call__(
        self, reader: Reader, keys: Sequence[Any], /, *arguments: Any
    ) -> Mapping[Any, Any]: ...
