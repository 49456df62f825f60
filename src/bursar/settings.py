"""Every setting of Bursar: the environment, validated, as one frozen object."""

import difflib
import os
import re
from dataclasses import fields
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, Self, cast

from platformdirs import user_data_path
from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from bursar.domain import durations, money
from bursar.domain.limits import MOST_COUNT, BudgetChanges
from bursar.domain.models import is_group, problems_with_entries
from bursar.domain.new_teams import NewTeams
from bursar.graphql.execution.limits import DocumentLimits
from bursar.traces import installed

_PREFIX = "BURSAR_"
_SHORTEST_SECRET = 32
_LONGEST_SECRET = 512
# What it lets through asyncpg can take apart; its own complaint would quote a misread password.
_HOST = r"(\[[^\]]*\]|[^:/?#,@\[\]]*)(:\d+)?"
_ADDRESS = re.compile(rf"postgres(ql)?://([^/?#@]*@)?{_HOST}(,{_HOST})*([/?][^#]*)?")
_PASSWORDS = re.compile(
    r"(?<=://)([^:@/?#]*:).*@|([?&][^=&]*password=)[^&]*", re.IGNORECASE | re.DOTALL
)


class BadSettings(Exception):
    """The environment cannot be used; one line names the variables, and tells no secret."""


def _secret(text: SecretStr) -> SecretStr:
    if not _SHORTEST_SECRET <= len(text) <= _LONGEST_SECRET:
        raise _problem(f"a secret has {_SHORTEST_SECRET} to {_LONGEST_SECRET} characters")
    return text


def _presentable(key: SecretStr) -> SecretStr:
    """What an Authorization header can carry."""
    if not re.fullmatch(r"[!-~]+", key.get_secret_value()):
        raise _problem("a key has printable ASCII characters without spaces only")
    return key


def _separated(text: Any) -> Any:
    return [part.strip() for part in text.split(",")] if isinstance(text, str) else text


def _postgresql(url: SecretStr) -> SecretStr:
    if not _ADDRESS.fullmatch(url.get_secret_value()):
        raise _problem("not postgresql://user:password@host/database, percent-encoded")
    return url


def _amount(text: Any) -> Any:
    """An amount of money as the API would take it."""
    if not isinstance(text, str):
        return text
    try:
        amount = money.parse(text)
    except ValueError as error:
        raise _problem(str(error)) from None
    if problem := money.problem_with_limit(amount):
        raise _problem(problem)
    return amount


def _duration(text: str) -> str:
    try:
        return str(durations.parse(text))
    except ValueError as error:
        raise _problem(str(error)) from None


def _models(entries: list[str]) -> list[str]:
    problems = [str(each) for each in problems_with_entries(entries)]
    if any(is_group(entry) for entry in entries):
        problems.append("an access group belongs to one database, not to the settings")
    if problems:
        raise _problem(problems[0])
    return entries


def _problem(sentence: str) -> PydanticCustomError:
    return PydanticCustomError("setting", sentence)


def _exportable(traces: bool) -> bool:
    if traces and not installed():
        raise _problem("needs the extra: pip install 'bursar[otel]'")
    return traces


def _default_data_dir() -> Path:
    return user_data_path("bursar") if os.geteuid() else Path("/var/lib/bursar")


Secret = Annotated[SecretStr, AfterValidator(_secret)]


class Settings(BaseSettings):
    """Read from the environment when made; an empty variable counts as not given."""

    model_config = SettingsConfigDict(env_prefix=_PREFIX, env_ignore_empty=True, frozen=True)

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
    admin_key: Annotated[Secret, AfterValidator(_presentable)] | None = Field(
        None,
        description="The first admin's API key, 32 to 512 characters; a changed one replaces the "
        "earlier at start, and without any the first start makes one.",
    )
    pepper: Annotated[tuple[Secret, ...], NoDecode, BeforeValidator(_separated)] | None = Field(
        None,
        description="Comma-separated secrets that API keys are hashed with, 32 to 512 characters "
        "each: the first hashes, all are tried; required with DATABASE_URL, else made at the first "
        "start.",
    )
    database_url: Annotated[SecretStr, AfterValidator(_postgresql)] | None = Field(
        None,
        validation_alias="DATABASE_URL",
        description="The PostgreSQL to use, as postgresql://user:password@host/database; without "
        "it the embedded one is started.",
    )
    owner_database_url: Annotated[SecretStr, AfterValidator(_postgresql)] | None = Field(
        None,
        description="DATABASE_URL as the owner of the tables, straight to PostgreSQL, for the "
        "commands that migrate, seed and keep up; without it the tables belong to the server's own "
        "role.",
    )
    pool_size: int = Field(
        10,
        ge=1,
        le=200,
        description="How many connections to PostgreSQL each worker keeps at most.",
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
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="The least severe log lines to write: debug, info, warning or error."
    )
    traces: Annotated[bool, AfterValidator(_exportable)] = Field(
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
    max_body_bytes: int = Field(
        262_144, ge=1, le=1_048_576, description="The longest request body taken, in bytes."
    )
    max_gateway_body_bytes: int = Field(
        2_097_152,
        ge=1,
        le=8_388_608,
        description="The longest request body taken from a key with the scope GATEWAY, in bytes.",
    )
    max_document_characters: int = Field(
        15_000, ge=1, le=1_000_000, description="The longest document, in characters."
    )
    max_document_tokens: int = Field(
        2_000, ge=1, le=20_000, description="The most tokens of a document."
    )
    max_depth: int = Field(15, ge=1, le=50, description="How deep fields may nest in a document.")
    max_aliases: int = Field(30, ge=1, le=1_000, description="The most aliases in a document.")
    max_root_fields: int = Field(20, ge=1, le=1_000, description="The most root fields of a query.")
    max_root_mutations: int = Field(
        10,
        ge=1,
        le=100,
        description="The most mutations in one request; each is a transaction of its own.",
    )
    max_fragments: int = Field(50, ge=1, le=500, description="The most fragments in a document.")
    max_directives: int = Field(
        50, ge=1, le=1_000, description="The most directives in a document."
    )
    max_operations: int = Field(10, ge=1, le=100, description="The most operations in a document.")
    max_cost: int = Field(
        5_000,
        ge=1,
        le=1_000_000,
        description="The most objects that a request may ask for: a connection counts as many times as "
        "its page is long.",
    )
    max_variables_depth: int = Field(16, ge=1, le=64, description="How deep variables may nest.")
    max_list_items: int = Field(
        1_000, ge=1, le=10_000, description="The most items in a list among the variables."
    )

    self_service_teams: bool = Field(
        False,
        description="Whether users may create teams for themselves in the built-in organization, "
        "within their own limits.",
    )
    new_team_max_budget: Annotated[Decimal, BeforeValidator(_amount)] | None = Field(
        None, description="The most that a new team may spend in a period, in USD, if not said."
    )
    new_team_budget_duration: Annotated[str, AfterValidator(_duration)] | None = Field(
        None, description="The period of a new team's budget, such as 1mo, if not said."
    )
    new_team_tpm_limit: int | None = Field(
        None, ge=0, le=MOST_COUNT, description="The tokens a minute of a new team, if not said."
    )
    new_team_rpm_limit: int | None = Field(
        None, ge=0, le=MOST_COUNT, description="The requests a minute of a new team, if not said."
    )
    new_team_models: (
        Annotated[list[str], NoDecode, BeforeValidator(_separated), AfterValidator(_models)] | None
    ) = Field(
        None,
        description="Comma-separated models that a new team may use, names and patterns, if not said.",
    )

    @property
    def document_limits(self) -> DocumentLimits:
        """What the settings say of documents and of the variables beside them."""
        names = [each.name for each in fields(DocumentLimits)]
        return DocumentLimits(**{name: getattr(self, f"max_{name}") for name in names})

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
            raise _problem(f"{variable('pepper')}: must be given with {variable('database_url')}")
        return self

    @model_validator(mode="after")
    def _only_what_is_served_has_an_owner(self) -> Self:
        if self.owner_database_url and not self.database_url:
            owner, served = variable("owner_database_url"), variable("database_url")
            raise _problem(f"{owner}: must be given with {served}")
        return self


def load(**given: Any) -> Settings:
    """Read the environment; what is `given` by name, such as an option's value, comes first.

    Raises BadSettings, which tells all that is wrong at once.
    """
    known = {variable(name): name for name in Settings.model_fields}
    unknown = sorted(name for name in os.environ if name.startswith(_PREFIX) and name not in known)
    problems = [f"{name}: unknown setting{_nearest(name, known)}" for name in unknown]
    settings = None
    try:
        settings = Settings(**given)
    except ValidationError as error:
        problems += [
            ": ".join([*(variable(str(place)) for place in problem["loc"][:1]), problem["msg"]])
            for problem in error.errors(include_url=False, include_input=False)
        ]
    if settings is None or problems:
        raise BadSettings(" ".join("; ".join(problems).split()))
    return settings


def variable(name: str) -> str:
    """The environment's name of a setting."""
    return "DATABASE_URL" if name.lower() == "database_url" else _PREFIX + name.upper()


def shown(settings: Settings, name: str) -> str:
    """A setting's value as anyone may see it: a secret masked, of an address its password."""
    match getattr(settings, name):
        case None:
            return "none"
        case SecretStr() as url if name in {"database_url", "owner_database_url"}:
            return _PASSWORDS.sub(_masked, url.get_secret_value())
        case SecretStr() | tuple():
            return "***"
        case value:
            return str(value)


def _masked(password: re.Match[str]) -> str:
    return f"{password[1]}***@" if password[1] else f"{password[2]}***"


def _nearest(name: str, known: dict[str, str]) -> str:
    """A suggestion, by what stands after the prefix."""
    bare = {candidate.removeprefix(_PREFIX): candidate for candidate in known}
    close = difflib.get_close_matches(name.removeprefix(_PREFIX), bare, n=1)
    return f", did you mean {bare[close[0]]}?" if close else ""
