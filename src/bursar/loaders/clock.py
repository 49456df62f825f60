"""The clock of the database, by which all time is told."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, select

from bursar.database.statements import Statement
from bursar.loaders.reader import Reader

_NOW = Statement(select(func.now().label("now")))


async def clock(reader: Reader, keys: Sequence[str], /) -> dict[str, Any]:
    """The same time for each of the keys, so for all of a request that load it by one key."""
    (row,) = await reader.all(_NOW)
    return dict.fromkeys(keys, row.now)
