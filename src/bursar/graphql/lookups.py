"""What one request has looked up: the answers of batch functions by key, each asked for once."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from bursar.loaders.reader import Batch, Reader


class Ask(NamedTuple):
    """Keys to look up with a batch function; the same arguments hold for all of them."""

    batch: Batch
    keys: Sequence[str]
    arguments: tuple[Any, ...] = ()


class _Failed(NamedTuple):
    error: Exception


_Kind = tuple[Batch, tuple[Any, ...]]


class Lookups:
    """The memory of a request.

    What was found, or failed, stays so: whoever executes the same document again within the request
    sees the same rows and meets the same errors, and sends no statement.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._known: dict[_Kind, dict[str, Any]] = {}
        self._waiters: dict[_Kind, list[tuple[str, asyncio.Future[Mapping[str, Any]]]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._some_failed = False

    async def one(self, batch: Batch, key: str, *arguments: Any) -> Any:
        """What is found for one key; all that one turn of the event loop asks for goes together.

        Each who asks waits for themself: one who is cancelled, as the rest of a list is where an item
        fails, does not cancel others that wait for the same key.
        """
        kind = (batch, arguments)
        known = self._known.get(kind, {})
        if key in known:
            # graphql-core expects a turn to pass: where an item of a list fails before the next have
            # begun, it drops them in a way that Python warns of.
            await asyncio.sleep(0)
        else:
            waiter = asyncio.get_running_loop().create_future()
            waiters = self._waiters.setdefault(kind, [])
            waiters.append((key, waiter))
            if len(waiters) == 1:
                asyncio.get_running_loop().call_soon(self._begin, kind)
            known = await waiter
        found = known[key]
        if isinstance(found, _Failed):
            raise found.error
        return found

    async def all(self, asks: Sequence[Ask]) -> list[Mapping[str, Any]]:
        """What is found for each ask, by key; those of one batch function go together.

        Raises what a batch function raised, after all of them have ended.
        """
        found = await self._known_all(asks)
        if self._some_failed:
            for ask, answers in zip(asks, found, strict=True):
                for key in ask.keys:
                    if isinstance(answers[key], _Failed):
                        raise answers[key].error
        return found

    def forget(self) -> None:
        """Look everything up anew, as after a change."""
        self._known, self._some_failed = {}, False

    async def _known_all(self, asks: Sequence[Ask]) -> list[Mapping[str, Any]]:
        missing: dict[_Kind, dict[str, Any]] = {}
        found = []
        for batch, keys, arguments in asks:
            kind = (batch, arguments)
            known = self._known.setdefault(kind, {})
            found.append(known)
            if new := [key for key in keys if key not in known]:
                missing.setdefault(kind, {}).update(dict.fromkeys(new))
        works = [
            self._look_up(kind, list(keys), self._known[kind]) for kind, keys in missing.items()
        ]
        if len(works) == 1:
            await works[0]
        elif works:
            await asyncio.gather(*works)
        return [*found]

    async def _look_up(self, kind: _Kind, keys: list[str], known: dict[str, Any]) -> None:
        batch, arguments = kind
        try:
            found = await batch(self._reader, keys, *arguments)
        except Exception as error:  # noqa: BLE001 (raised to whoever asks for one of the keys)
            known.update(dict.fromkeys(keys, _Failed(error)))
            self._some_failed = True
        else:
            known.update({key: found.get(key) for key in keys})

    def _begin(self, kind: _Kind) -> None:
        """Look up a turn later, when all that follows from this turn's results has asked, too."""
        task = asyncio.get_running_loop().create_task(self._answer(kind))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, kind: _Kind) -> None:
        waiters = self._waiters.pop(kind)
        batch, arguments = kind
        (known,) = await self._known_all([Ask(batch, [key for key, _ in waiters], arguments)])
        for _, waiter in waiters:
            if not waiter.done():
                waiter.set_result(known)
