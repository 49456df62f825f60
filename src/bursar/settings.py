"""Every setting of Bursar: its name, its kind, its default, and a sentence, as one frozen object."""

import os
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal, Self, cast

from platformdirs import user_data_path
from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, model_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from bursar.domain.limits import MOST_COUNT, BudgetChanges
from bursar.domain.new_teams import NewTeams
from bursar.limit_settings import LimitSettings
from bursar.setting_values import (
    Secret,
    amount,
    duration,
    exportable,
    models,
    networks,
    origins,
    postgresql,
    presentable,
    refused,
    separated,
)

PREFIX = "BURSAR_"


def _default_data_dir() -> Path:
    return user_data_path("bursar") if os.geteuid() else Path("/var/lib/bursar")


def variable(name: str) -> str:
    """The environment's name of a setting."""
    return "DATABASE_URL" if name.lower() == "database_url" else PREFIX + name.upper()


class Settings(LimitSettings):
    """Read from the environment when made; an empty variable counts as not given."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, frozen=True)

    host: str = Field(
        "127.0.0.1", description="The address to listen on; 0.0.0.0 or :: takes every network."
    )
    port: int = Field(
        8080, ge=0, le=65535, description="The TCP port to listen on; 0 takes any free one."
    )
    workers: int = Field(
        1, ge=1, le=64, description="How many processes serve; each has a pool of its own."
    )
    data_dir: Path = Field(
        default_factory=_default_data_dir,
        description="The folder of the embedded PostgreSQL and its secrets.",
    )
    admin_key: Annotated[Secret, AfterValidator(presentable)] | None = Field(
        None,
        description="The first admin's API key, 32 to 512 characters; a changed one replaces the "
        "earlier at start, and without any the first start makes one.",
    )
    pepper: Annotated[tuple[Secret, ...], NoDecode, BeforeValidator(separated)] | None = Field(
        None,
        description="Comma-separated secrets that API keys are hashed with, 32 to 512 characters "
        "each: the first hashes, all are tried; required with DATABASE_URL, else made at the first "
        "start.",
    )
    database_url: Annotated[SecretStr, AfterValidator(postgresql)] | None = Field(
        None,
        validation_alias="DATABASE_URL",
        description="The PostgreSQL to use, as postgresql://user:password@host/database; without "
        "it the embedded one is started.",
    )
    owner_database_url: Annotated[SecretStr, AfterValidator(postgresql)] | None = Field(
        None,
        description="DATABASE_URL as the owner of the tables, straight to PostgreSQL, for the "
        "commands that migrate, seed and keep up; without it the tables belong to the server's own "
        "role.",
    )
    pool_size: int | None = Field(
        None,
        ge=1,
        le=200,
        description="How many connections to PostgreSQL each worker's pool keeps at most, beside 4 for "
        "decisions; if not said 10, or fewer where PostgreSQL does not take twice as many.",
    )
    statement_cache: int = Field(
        512,
        ge=0,
        le=10_000,
        description="How many prepared statements each connection keeps; 0 behind a pooler in "
        "transaction mode, such as PgBouncer.",
    )
    compiled: bool = Field(
        True,
        description="Whether documents are compiled to plans; without, graphql-core executes them all, "
        "which answers the same and takes longer.",
    )
    trusted_documents: Literal["off", "prefer", "only"] = Field(
        "off",
        description="Whether documents may be asked for by their hash: off, prefer (others may be sent "
        "too) or only (nothing else is run).",
    )
    trusted_documents_file: Path | None = Field(
        None,
        description="The manifest of the trusted documents, as `bursar documents` writes it; all are "
        "checked at the start.",
    )
    trusted_proxies: (
        Annotated[list[str], NoDecode, BeforeValidator(separated), AfterValidator(networks)] | None
    ) = Field(
        None,
        description="Comma-separated addresses and networks of proxies whose X-Forwarded-For and "
        "X-Forwarded-Proto are believed.",
    )
    cors_origins: (
        Annotated[list[str], NoDecode, BeforeValidator(separated), AfterValidator(origins)] | None
    ) = Field(
        None,
        description="Comma-separated origins whose pages may call /graphql from a browser, such as "
        "https://dashboard.example; without it none.",
    )
    compress: bool = Field(
        True,
        description="Whether long answers to queries are compressed (gzip) for clients that take it; "
        "false where a proxy does that.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="The least severe log lines to write: debug, info, warning or error."
    )
    traces: Annotated[bool, AfterValidator(exportable)] = Field(
        False,
        description="Whether to send traces over OTLP/HTTP, as the OTEL_ variables of OpenTelemetry "
        "say; needs the extra `otel`.",
    )
    drain_seconds: int = Field(
        0,
        ge=0,
        le=60,
        description="How long /readyz says no at a stop before the listener closes, in seconds.",
    )
    stop_seconds: int = Field(
        10, ge=0, le=300, description="How long running requests may take at a stop, in seconds."
    )
    keep_events_months: int | None = Field(
        None,
        ge=1,
        le=1200,
        description="How many whole months of usage events are kept beside the current one; without "
        "it all. What older ones came to stays in every spend.",
    )
    keep_activity_months: int | None = Field(
        None,
        ge=1,
        le=1200,
        description="How many whole months of activity by day are kept beside the current one; "
        "without it all.",
    )
    self_service_teams: bool = Field(
        False,
        description="Whether users may create teams for themselves in the built-in organization, "
        "within their own limits.",
    )
    new_team_max_budget: Annotated[Decimal, BeforeValidator(amount)] | None = Field(
        None, description="The most that a new team may spend in a period, in USD, if not said."
    )
    new_team_budget_duration: Annotated[str, AfterValidator(duration)] | None = Field(
        None, description="The period of a new team's budget, such as 1mo, if not said."
    )
    new_team_tpm_limit: int | None = Field(
        None, ge=0, le=MOST_COUNT, description="The tokens a minute of a new team, if not said."
    )
    new_team_rpm_limit: int | None = Field(
        None, ge=0, le=MOST_COUNT, description="The requests a minute of a new team, if not said."
    )
    new_team_models: (
        Annotated[list[str], NoDecode, BeforeValidator(separated), AfterValidator(models)] | None
    ) = Field(
        None,
        description="Comma-separated models that a new team may use, names and patterns, if not said.",
    )

    @property
    def new_teams(self) -> NewTeams:
        """What the settings say of teams that are created."""
        limits = {
            "max_budget": self.new_team_max_budget,
            "duration": self.new_team_budget_duration,
            "tpm_limit": self.new_team_tpm_limit,
            "rpm_limit": self.new_team_rpm_limit,
        }
        given = {name: limit for name, limit in limits.items() if limit is not None}
        models = tuple(self.new_team_models or ())
        return NewTeams(self.self_service_teams, cast("BudgetChanges", given), models)

    @model_validator(mode="after")
    def _pepper_outlives_the_database(self) -> Self:
        if self.database_url and not self.pepper:
            raise refused(f"{variable('pepper')}: must be given with {variable('database_url')}")
        return self

    @model_validator(mode="after")
    def _trust_has_a_manifest(self) -> Self:
        if self.trusted_documents != "off" and not self.trusted_documents_file:
            raise refused(
                f"{variable('trusted_documents_file')}: must be given with "
                f"{variable('trusted_documents')}"
            )
        return self

    @model_validator(mode="after")
    def _only_what_is_served_has_an_owner(self) -> Self:
        if self.owner_database_url and not self.database_url:
            owner, served = variable("owner_database_url"), variable("database_url")
            raise refused(f"{owner}: must be given with {served}")
        return self
