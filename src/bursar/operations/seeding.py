"""Seeding as an operator runs it: into the command's database, with a progress bar."""

import asyncio
from functools import partial

from rich.progress import Progress, TaskID

from bursar.operations.database import CommandDatabase, reached
from bursar.operations.seed import seed
from bursar.settings import Settings


def run(
    settings: Settings,
    *,
    organizations: int,
    teams: int,
    users: int,
    members_per_team: int,
    keys_per_team: int,
    days: int,
    events_per_day: int,
    number: int,
) -> dict[str, int]:
    """Load the data; answers the rows of each table. Raises Failure where it is there already."""

    async def load(database: CommandDatabase, progress: Progress) -> dict[str, int]:
        await database.prepare()
        return await seed(
            database.owner_url,
            organizations=organizations,
            teams=teams,
            users=users,
            members_per_team=members_per_team,
            keys_per_team=keys_per_team,
            days=days,
            events_per_day=events_per_day,
            seed=number,
            report=partial(_report, progress, {}),
        )

    with reached(settings) as database, Progress() as progress:
        return asyncio.run(load(database, progress))


def _report(progress: Progress, bars: dict[str, TaskID], table: str, done: int, total: int) -> None:
    if table not in bars:
        bars[table] = progress.add_task(table)
    progress.update(bars[table], completed=done, total=total)
