"""What every resolver of one request shares: who asks, where to read, and what was loaded already."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from bursar.access.actor import Actor
from bursar.database.connections import Connection, Reads
from bursar.database.pool import Database
from bursar.database.rows import Row
from bursar.domain.decisions import Decision
from bursar.domain.new_teams import NewTeams
from bursar.graphql.execution.limits import DocumentLimits, RequestLimits
from bursar.graphql.lookups import Ask, Lookups
from bursar.graphql.shared import Shared
from bursar.loaders.reader import Batch, Reader
from bursar.services.authorization import Authorizer

if TYPE_CHECKING:
    from bursar.graphql.types.error import UserError

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Environment:
    """What all requests of a process find: the database, and what is set for everybody."""

    database: Database
    peppers: Sequence[bytes]
    authorizer: Authorizer
    new_teams: NewTeams
    max_body_bytes: int
    max_gateway_body_bytes: int
    request_limits: RequestLimits
    document_limits: DocumentLimits


class Refused(NamedTuple):
    """What a mutation did not do of what it was asked, if it did anything."""

    field: str
    error: "UserError"


class Context:
    """One request's context. Reads go to `source`, or else to the database itself.

    Look-ups of one key go by `shared`, if there is that, whose source is the database itself.

    `idempotency_key` is the one that the request's header gives to its one mutation.
    For the log, `refused` gets the code of each mutation that was refused, `refusals` all that
    mutations refused, `denied` each decision against a call, `executed` how each execution went.
    """

    def __init__(
        self,
        environment: Environment,
        actor: Actor,
        *,
        shared: Shared | None = None,
        source: Reads | None = None,
        idempotency_key: str | None = None,
    ) -> None:
        self.environment = environment
        self.actor = actor
        self.idempotency_key = idempotency_key
        self.refused: list[str] = []
        self.refusals: list[Refused] = []
        self.denied: list[Decision] = []
        self.executed: list[tuple[str, str]] = []
        self.source = source or environment.database
        self.shared = shared
        self._lookups = Lookups(Reader(self.source, actor), shared)

    def load(self, batch: Batch, key: str, *arguments: Any) -> Awaitable[Any]:
        """What the batch function finds for one key; None if nothing. Asked once for a whole level."""
        return self._lookups.one(batch, key, *arguments)

    def load_all(self, asks: Sequence[Ask]) -> Awaitable[list[Mapping[str, Any]]]:
        """What is found for each ask, by key."""
        return self._lookups.all(asks)

    async def write(self, work: Callable[[Connection], Awaitable[Result]]) -> Result:
        """Run the work in a transaction of its own, and forget what was loaded before it."""
        result = await self.environment.database.write(work)
        self.forget()
        return result

    def forget(self) -> None:
        """Forget what was looked up."""
        self._lookups.forget()

    def know(self, batch: Batch, rows: Mapping[str, Row], columns: AbstractSet[str]) -> None:
        """Take the rows, which have these columns, as what the batch function finds for their keys."""
        self._lookups.know(batch, rows, columns)

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator["Context"]:
        """The same context anew, all of whose reads see one state of the database."""
        async with self.environment.database.snapshot() as source:
            yield Context(self.environment, self.actor, source=source)
