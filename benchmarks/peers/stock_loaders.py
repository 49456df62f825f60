"""The stock stack's loaders, with aiodataloader: rows by key, and the first rows of each team.

By https://strawberry.rocks/docs/guides/dataloaders, and for the engine and its sessions
https://docs.sqlalchemy.org/en/21/orm/extensions/asyncio.html.
"""

import os
from typing import Any

from aiodataloader import DataLoader
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from stock_rows import ApiKeyRow, Base, BudgetRow, OrganizationRow, TeamMemberRow, UserRow

engine = create_async_engine(
    os.environ["DATABASE_URL"].replace("postgresql://", "postgresql+asyncpg://"),
    pool_size=int(os.environ["POOL_SIZE"]),
    max_overflow=0,
)
Session = async_sessionmaker(engine, expire_on_commit=False)


class OneByKey(DataLoader[str, Any]):
    """Rows whose column has one of the keys."""

    def __init__(self, model: type[Base], column: str) -> None:
        super().__init__()
        self.model, self.column = model, getattr(model, column)

    async def batch_load_fn(self, keys: list[str]) -> list[Any]:
        async with Session() as session:
            rows = await session.scalars(select(self.model).where(self.column.in_(keys)))
        by_key = {getattr(row, self.column.key): row for row in rows}
        return [by_key.get(key) for key in keys]


class FirstOfTeam(DataLoader[tuple[str, int], list[Any]]):
    """The first rows of each team, oldest first; all ask for as many."""

    def __init__(self, model: type[TeamMemberRow | ApiKeyRow]) -> None:
        super().__init__()
        self.model = model

    async def batch_load_fn(self, keys: list[tuple[str, int]]) -> list[list[Any]]:
        model: Any = self.model
        teams = [team_id for team_id, _ in keys]
        place = func.row_number().over(partition_by=model.team_id, order_by=model.id).label("place")
        placed = select(model.id, place).where(model.team_id.in_(teams)).subquery()
        query = select(model).join(placed, placed.c.id == model.id)
        async with Session() as session:
            rows = await session.scalars(
                query.where(placed.c.place <= keys[0][1]).order_by(model.id)
            )
        under: dict[str, list[Any]] = {team_id: [] for team_id in teams}
        for row in rows:
            under[str(row.team_id)].append(row)
        return [under[team_id] for team_id in teams]


class Loaders:
    """New for each request."""

    def __init__(self) -> None:
        self.organization = OneByKey(OrganizationRow, "id")
        self.user = OneByKey(UserRow, "id")
        self.team_budget = OneByKey(BudgetRow, "team_id")
        self.default_budget = OneByKey(BudgetRow, "default_of_team_id")
        self.member_budget = OneByKey(BudgetRow, "team_member_id")
        self.members = FirstOfTeam(TeamMemberRow)
        self.keys = FirstOfTeam(ApiKeyRow)
