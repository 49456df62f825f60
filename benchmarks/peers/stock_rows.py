"""The tables of Bursar as the ORM knows them: the columns that are asked for."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import JSON, ForeignKey
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass


class OrganizationRow(Base):
    __tablename__ = "organizations"
    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]


class OrganizationMemberRow(Base):
    __tablename__ = "organization_members"
    id: Mapped[str] = mapped_column(primary_key=True)
    organization_id: Mapped[str] = mapped_column(ForeignKey("organizations.id"))
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"))
    role: Mapped[str]


class UserRow(Base):
    __tablename__ = "users"
    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    email: Mapped[str | None]


class TeamRow(Base):
    __tablename__ = "teams"
    id: Mapped[str] = mapped_column(primary_key=True)
    organization_id: Mapped[str] = mapped_column(ForeignKey("organizations.id"))
    name: Mapped[str]
    name_key: Mapped[str]
    external_id: Mapped[str | None]
    description: Mapped[str | None]
    blocked: Mapped[bool]
    version: Mapped[int]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class TeamMemberRow(Base):
    __tablename__ = "team_members"
    id: Mapped[str] = mapped_column(primary_key=True)
    team_id: Mapped[str] = mapped_column(ForeignKey("teams.id"))
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"))
    role: Mapped[str]


class ApiKeyRow(Base):
    __tablename__ = "api_keys"
    id: Mapped[str] = mapped_column(primary_key=True)
    team_id: Mapped[str | None] = mapped_column(ForeignKey("teams.id"))
    alias: Mapped[str | None]
    last_four: Mapped[str]
    blocked: Mapped[bool]
    created_at: Mapped[datetime]


class BudgetRow(Base):
    __tablename__ = "budgets"
    id: Mapped[str] = mapped_column(primary_key=True)
    team_id: Mapped[str | None]
    default_of_team_id: Mapped[str | None]
    team_member_id: Mapped[str | None]
    max_budget: Mapped[Decimal | None]
    duration: Mapped[str | None]
    tpm_limit: Mapped[int | None]
    rpm_limit: Mapped[int | None]


class AuditRow(Base):
    __tablename__ = "audit_entries"
    __table_args__ = {"schema": "peers"}  # noqa: RUF012 (as SQLAlchemy has it)
    id: Mapped[str] = mapped_column(primary_key=True)
    action: Mapped[str]
    object_id: Mapped[str]
    organization_id: Mapped[str | None]
    team_id: Mapped[str | None]
    after: Mapped[dict[str, Any] | None] = mapped_column(JSON)
