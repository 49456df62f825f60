"""What requests of the same moment ask for by one statement: look-ups of one key, members to add."""

from collections.abc import Mapping, Sequence
from typing import Any

from bursar.access.actor import Actor
from bursar.database.pool import Database
from bursar.database.together import Together
from bursar.graphql.execution.kept import Kept
from bursar.loaders.reader import Batch, Reader
from bursar.services.members_at_once import MembersTogether

MOST = 1000  # groups that are kept; of one that is forgotten nobody's question is


class Shared:
    """What asks for all requests of a process.

    Actors go together for whom a batch function has equal `sharing`. Nothing that was found is kept:
    who asks gets the answer of a statement that began afterwards.
    """

    def __init__(self, source: Database) -> None:
        self.members = MembersTogether(source)
        self._source = source
        self._groups: Kept[Together[str, Any]] = Kept(MOST)

    def together(self, batch: Batch, actor: Actor) -> Together[str, Any] | None:
        """Where to ask with others who see the same; None if the batch function knows of none."""
        sharing = getattr(batch, "sharing", None)
        if sharing is None:
            return None
        group = batch, sharing(actor)
        return self._groups.get(group) or self._groups.keep(group, self._group(batch, actor))

    def _group(self, batch: Batch, actor: Actor) -> Together[str, Any]:
        reader = Reader(self._source, actor)

        async def ask_all(keys: Sequence[str]) -> Mapping[str, Any]:
            return await batch(reader, keys)

        return Together(ask_all)
