"""What one request has looked up: the answers of batch functions by key, each asked for once."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, NamedTuple

from aiodataloader import DataLoader

from bursar.database.rows import Row
from bursar.database.together import Together
from bursar.graphql.shared import Shared
from bursar.loaders.narrowing import whole_of
from bursar.loaders.reader import Batch, Reader


class Ask(NamedTuple):
    """Keys to look up with a batch function; the same arguments hold for all of them."""

    batch: Batch
    keys: Collection[Any]
    arguments: tuple[Any, ...] = ()


class _Failed(NamedTuple):
    error: Exception


class _Told(NamedTuple):
    rows: Mapping[str, Row]
    columns: AbstractSet[str]


_Kind = tuple[Batch, tuple[Any, ...]]


class Lookups:
    """The memory of a request; what is looked up by one key goes by `shared`, if there is that.

    What was found, or failed, stays so: whoever executes the same document again within the request
    sees the same rows and meets the same errors, and sends no statement but for columns not read yet.
    """

    def __init__(self, reader: Reader, shared: Shared | None = None) -> None:
        self._reader = reader
        self._shared = shared
        self._known: dict[_Kind, dict[str, Any]] = {}
        self._loaders: dict[_Kind, DataLoader[str, Any]] = {}
        self._some_failed = False
        self._told: dict[Batch, _Told] = {}

    async def one(self, batch: Batch, key: str, *arguments: Any) -> Any:
        """What is found for one key; all that one turn of the event loop asks for goes together.

        The loader caches nothing, so that each who asks waits for themself: one who is cancelled, as
        the rest of a list is where an item fails, does not cancel others that wait for the same key.
        """
        kind = (batch, arguments)
        known = self._known.get(kind, {})
        if key in known:
            # graphql-core expects a turn to pass: where an item of a list fails before the next have
            # begun, it drops them in a way that Python warns of.
            await asyncio.sleep(0)
            found = known[key]
        else:
            loader = self._loaders.get(kind)
            if loader is None:
                loader = self._loaders[kind] = self._loader(kind)
            found = await loader.load(key)
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
        self._known, self._told, self._some_failed = {}, {}, False

    def know(self, batch: Batch, rows: Mapping[str, Row], columns: AbstractSet[str]) -> None:
        """Do not look up these rows where no more than these columns is wanted of them."""
        self._told[batch] = _Told(rows, columns)

    async def _known_all(self, asks: Sequence[Ask]) -> list[Mapping[str, Any]]:
        missing: dict[_Kind, dict[str, None]] = {}
        found: list[Mapping[str, Any]] = []
        for batch, keys, arguments in asks:
            if self._told and (told := self._told_of(batch, keys)) is not None:
                found.append(told)
                continue
            kind = (batch, arguments)
            known = self._known.setdefault(kind, {})
            found.append(known)
            if new := [key for key in keys if key not in known] if known else keys:
                missing.setdefault(kind, {}).update(dict.fromkeys(new))
        works = [
            self._look_up(kind, list(keys), self._known[kind]) for kind, keys in missing.items()
        ]
        if len(works) == 1:
            await works[0]
        elif works:
            await asyncio.gather(*works)
        return found

    def _told_of(self, batch: Batch, keys: Collection[str]) -> Mapping[str, Row] | None:
        """The rows that are known, where they are those of all keys, with all that is wanted."""
        wanted, told = getattr(batch, "wanted", None), self._told.get(whole_of(batch))
        if told is None or wanted is None or not wanted <= told.columns:
            return None
        return told.rows if told.rows.keys() >= set(keys) else None

    async def _look_up(self, kind: _Kind, keys: list[str], known: dict[str, Any]) -> None:
        batch, arguments = kind
        found: Mapping[str, Any] = {}
        nothing: Any = None
        try:
            together = self._together(batch, keys, arguments)
            if together is None:
                found = await batch(self._reader, keys, *arguments)
            elif (value := await together.ask(keys[0])) is not None:
                found = {keys[0]: value}
        except Exception as error:  # noqa: BLE001 (raised to whoever asks for one of the keys)
            nothing = _Failed(error)
            self._some_failed = True
        known.update(found)
        if len(found) < len(keys):
            absent = [key for key in keys if key not in found]
            absences = dict.fromkeys(absent, nothing)
            known.update(absences)
            # Who executes again asks for whole rows: what is not there, or failed, stays so.
            self._known.setdefault((whole_of(batch), arguments), {}).update(absences)

    def _together(
        self, batch: Batch, keys: Sequence[str], arguments: tuple[Any, ...]
    ) -> Together[str, Any] | None:
        if self._shared is None or len(keys) > 1 or arguments:
            return None
        return self._shared.together(batch, self._reader.actor)

    def _loader(self, kind: _Kind) -> DataLoader[str, Any]:
        """Asks for what comes in one turn of the event loop together, a turn later."""
        batch, arguments = kind

        async def load(keys: list[str]) -> list[Any]:
            (known,) = await self._known_all([Ask(batch, keys, arguments)])
            return [known[key] for key in keys]

        return DataLoader(load, cache=False)
