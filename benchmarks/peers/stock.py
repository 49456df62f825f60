"""The stock stack on Bursar's tables: Strawberry's ASGI view, SQLAlchemy's ORM, data loaders.

Put together as the manuals show, https://strawberry.rocks/docs/integrations/asgi and the pages that the
loaders name.
"""

import json
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Any, Self
from uuid import uuid4

import strawberry
from sqlalchemy import func, or_, select, tuple_
from starlette.applications import Starlette
from starlette.routing import Route
from stock_loaders import Loaders, Session
from stock_rows import AuditRow, BudgetRow, OrganizationMemberRow, TeamMemberRow, TeamRow
from strawberry.asgi import GraphQL

Info = strawberry.Info[dict[str, Loaders], None]


def loaders(info: Info) -> Loaders:
    return info.context["loaders"]


@strawberry.enum
class TeamRole(Enum):
    ADMIN = "ADMIN"
    MEMBER = "MEMBER"


@strawberry.type
class Budget:
    max_budget: Decimal | None
    duration: str | None
    tpm_limit: str | None
    rpm_limit: str | None

    @classmethod
    def of(cls, row: BudgetRow | None) -> Self | None:
        if row is None:
            return None
        tpm, rpm = (None if n is None else str(n) for n in (row.tpm_limit, row.rpm_limit))
        return cls(max_budget=row.max_budget, duration=row.duration, tpm_limit=tpm, rpm_limit=rpm)


@strawberry.type
class User:
    id: strawberry.ID
    name: str
    email: str | None


@strawberry.type
class ApiKey:
    id: strawberry.ID
    alias: str | None
    last_four: str
    blocked: bool
    created_at: datetime


@strawberry.type
class TeamMember:
    id: strawberry.ID
    role: TeamRole
    team_id: strawberry.Private[str]
    user_id: strawberry.Private[str]

    @strawberry.field
    async def user(self, info: Info) -> User:
        row = await loaders(info).user.load(self.user_id)
        return User(id=row.id, name=row.name, email=row.email)

    @strawberry.field
    async def budget(self, info: Info) -> Budget | None:
        own = await loaders(info).member_budget.load(self.id)
        return Budget.of(own or await loaders(info).default_budget.load(self.team_id))


@strawberry.type
class Team:
    id: strawberry.ID
    name: str
    external_id: str | None
    description: str | None
    blocked: bool
    version: int
    created_at: datetime
    updated_at: datetime
    organization_id: strawberry.Private[str]

    @classmethod
    def of(cls, row: TeamRow) -> Self:
        return cls(
            id=strawberry.ID(row.id),
            name=row.name,
            external_id=row.external_id,
            description=row.description,
            blocked=row.blocked,
            version=row.version,
            created_at=row.created_at,
            updated_at=row.updated_at,
            organization_id=row.organization_id,
        )

    @strawberry.field
    async def organization(self, info: Info) -> "Organization":
        row = await loaders(info).organization.load(self.organization_id)
        return Organization(id=row.id, name=row.name)

    @strawberry.field
    async def budget(self, info: Info) -> Budget | None:
        return Budget.of(await loaders(info).team_budget.load(self.id))

    @strawberry.field
    async def members(self, info: Info, first: int) -> list[TeamMember]:
        rows = await loaders(info).members.load((self.id, first))
        return [_member(row) for row in rows]

    @strawberry.field
    async def api_keys(self, info: Info, first: int) -> list[ApiKey]:
        rows = await loaders(info).keys.load((self.id, first))
        names = ("id", "alias", "last_four", "blocked", "created_at")
        return [ApiKey(**{name: getattr(row, name) for name in names}) for row in rows]


@strawberry.type
class PageInfo:
    end_cursor: str | None


@strawberry.type
class TeamConnection:
    nodes: list[Team]
    page_info: PageInfo
    total_count: int


@strawberry.type
class Organization:
    id: strawberry.ID
    name: str

    @strawberry.field
    async def teams(self, first: int) -> TeamConnection:
        where = TeamRow.organization_id == self.id
        async with Session() as session:
            count = await session.scalar(select(func.count()).select_from(TeamRow).where(where))
            rows = (await session.scalars(_by_name(first).where(where))).all()
        return _connection(rows, count or 0)


@strawberry.type
class Query:
    @strawberry.field
    async def team(self, id: strawberry.ID) -> Team | None:
        async with Session() as session:
            row = await session.get(TeamRow, id)
        return Team.of(row) if row else None

    @strawberry.field
    async def teams(self, first: int, after: str | None = None) -> TeamConnection:
        query = _by_name(first)
        if after is not None:
            query = query.where(tuple_(TeamRow.name_key, TeamRow.id) > tuple_(*json.loads(after)))
        async with Session() as session:
            rows = (await session.scalars(query)).all()
        return _connection(rows, 0)

    @strawberry.field
    async def viewer_teams(self, user_id: strawberry.ID, first: int) -> list[Team]:
        mine, its = TeamMemberRow, OrganizationMemberRow
        read = select(its.organization_id).where(
            its.user_id == user_id, its.role.in_(["ADMIN", "VIEWER"])
        )
        query = _by_name(first).where(
            or_(
                TeamRow.id.in_(select(mine.team_id).where(mine.user_id == user_id)),
                TeamRow.organization_id.in_(read),
            )
        )
        async with Session() as session:
            return [Team.of(row) for row in await session.scalars(query)]

    @strawberry.field
    async def organization(self, info: Info, id: strawberry.ID) -> Organization | None:
        row = await loaders(info).organization.load(id)
        return Organization(id=row.id, name=row.name) if row else None


@strawberry.type
class Mutation:
    @strawberry.mutation
    async def team_member_add(self, team_id: strawberry.ID, user_id: strawberry.ID) -> TeamMember:
        async with Session() as session, session.begin():
            team = await session.get_one(TeamRow, team_id)
            row = TeamMemberRow(
                id=f"member_{uuid4()}", team_id=team_id, user_id=user_id, role="MEMBER"
            )
            after = {"id": row.id, "userId": user_id, "role": row.role}
            entry = AuditRow(id=f"audit_{uuid4()}", action="team_member.add", object_id=row.id)
            entry.organization_id, entry.team_id, entry.after = team.organization_id, team_id, after
            session.add_all([row, entry])
        return _member(row)


def _by_name(first: int) -> Any:
    return select(TeamRow).order_by(TeamRow.name_key, TeamRow.id).limit(first)


def _connection(rows: Sequence[TeamRow], count: int) -> TeamConnection:
    last = json.dumps([rows[-1].name_key, rows[-1].id]) if rows else None
    return TeamConnection(
        nodes=[Team.of(row) for row in rows], page_info=PageInfo(end_cursor=last), total_count=count
    )


def _member(row: TeamMemberRow) -> TeamMember:
    return TeamMember(
        id=strawberry.ID(row.id), role=TeamRole(row.role), team_id=row.team_id, user_id=row.user_id
    )


class View(GraphQL[dict[str, Loaders], None]):
    async def get_context(self, *_: Any, **__: Any) -> dict[str, Loaders]:
        return {"loaders": Loaders()}


app = Starlette(
    routes=[Route("/graphql", View(strawberry.Schema(Query, Mutation)), methods=["POST"])]
)
