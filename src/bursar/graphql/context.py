"""What every resolver of one request shares: who asks, where to read, and what was loaded already."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from bursar.access.actor import Actor
from bursar.database.connections import Connection, Reads
from bursar.database.pool import Database
from bursar.domain.new_teams import NewTeams
from bursar.graphql.execution.limits import DocumentLimits, RequestLimits
from bursar.graphql.lookups import Ask, Lookups
from bursar.graphql.shared import Shared
from bursar.loaders.reader import Batch, Reader
from bursar.services.authorization import Authorizer

Result = TypeVar("Result")


class Context:
    """One request's context. Reads go to `source`, or else to the database itself.

    Look-ups of one key go by `shared`, if there is that, whose source is the database itself.

    `idempotency_key` is the one that the request's header gives to its one mutation.
    `refused` gets the code of each mutation that was refused, `executed` how each execution went.
    """

    def __init__(
        self,
        database: Database,
        actor: Actor,
        *,
        peppers: Sequence[bytes],
        max_body_bytes: int,
        max_gateway_body_bytes: int,
        request_limits: RequestLimits,
        document_limits: DocumentLimits,
        new_teams: NewTeams,
        authorizer: Authorizer,
        shared: Shared | None = None,
        source: Reads | None = None,
        idempotency_key: str | None = None,
    ) -> None:
        self.actor = actor
        self.peppers = peppers
        self.max_body_bytes = max_body_bytes
        self.max_gateway_body_bytes = max_gateway_body_bytes
        self.request_limits = request_limits
        self.document_limits = document_limits
        self.new_teams = new_teams
        self.idempotency_key = idempotency_key
        self.refused: list[str] = []
        self.executed: list[tuple[str, str]] = []
        self.source = source or database
        self.authorizer = authorizer
        self._database = database
        self._lookups = Lookups(Reader(self.source, actor), shared)

    async def load(self, batch: Batch, key: str, *arguments: Any) -> Any:
        """What the batch function finds for one key; None if nothing. Asked once for a whole level."""
        return await self._lookups.one(batch, key, *arguments)

    async def load_all(self, asks: Sequence[Ask]) -> list[Mapping[str, Any]]:
        """What is found for each ask, by key."""
        return await self._lookups.all(asks)

    async def write(self, work: Callable[[Connection], Awaitable[Result]]) -> Result:
        """Run the work in a transaction of its own, and forget what was loaded before it."""
        result = await self._database.write(work)
        self.forget()
        return result

    def forget(self) -> None:
        """Forget what was looked up."""
        self._lookups.forget()

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator["Context"]:
        """The same context anew, all of whose reads see one state of the database."""
        async with self._database.snapshot() as source:
            yield Context(
                self._database,
                self.actor,
                peppers=self.peppers,
                max_body_bytes=self.max_body_bytes,
                max_gateway_body_bytes=self.max_gateway_body_bytes,
                request_limits=self.request_limits,
                document_limits=self.document_limits,
                new_teams=self.new_teams,
                authorizer=self.authorizer,
                source=source,
            )
