"""Seeding as an operator runs it: into the command's database, with a progress bar."""

import asyncio
from functools import partial

from rich.progress import Progress, TaskID

from bursar.operations.database import CommandDatabase, reached
from bursar.operations.seed.load import seed
from bursar.settings import Settings


def run(settings: Settings, **numbers: int) -> dict[str, int]:
    """Load a population of these numbers; answers the rows of each table, as `seed` does.

    Raises Failure where it is there already.
    """

    async def load(database: CommandDatabase, progress: Progress) -> dict[str, int]:
        await database.prepare()
        return await seed(database.owner_url, **numbers, report=partial(_report, progress, {}))

    with reached(settings) as database, Progress() as progress:
        return asyncio.run(load(database, progress))


def _report(progress: Progress, bars: dict[str, TaskID], table: str, done: int, total: int) -> None:
    if table not in bars:
        bars[table] = progress.add_task(table)
    progress.update(bars[table], completed=done, total=total)
