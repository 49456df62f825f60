"""Checks of values that the code alone guarantees: judged by the functions that let them in."""

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Any

import orjson
from sqlalchemy import Table

from bursar.database.tables import (
    access_groups,
    api_keys,
    budgets,
    deleted_api_keys,
    deleted_teams,
    metadata,
    organizations,
    teams,
    users,
)
from bursar.domain.durations import is_timezone, parse
from bursar.domain.ids import Prefix
from bursar.domain.metadata import problem_with_metadata
from bursar.operations.checks.check import Check
from bursar.services.attributes import KEYED, PROBLEMS, columns_of, problems_with

_TABLES = (
    organizations,
    users,
    teams,
    budgets,
    api_keys,
    access_groups,
    deleted_api_keys,
    deleted_teams,
)
# What the ids of each table begin with.
_PREFIXES = {
    "organizations": Prefix.ORGANIZATION,
    "users": Prefix.USER,
    "organization_members": Prefix.ORGANIZATION_MEMBER,
    "teams": Prefix.TEAM,
    "team_members": Prefix.TEAM_MEMBER,
    "budgets": Prefix.BUDGET,
    "api_keys": Prefix.API_KEY,
    "access_groups": Prefix.ACCESS_GROUP,
    "deleted_api_keys": Prefix.API_KEY,
    "deleted_teams": Prefix.TEAM,
    "audit_entries": Prefix.AUDIT_ENTRY,
    "usage_events": Prefix.USAGE_EVENT,
}
_DURATIONS = ("duration", "rotation_interval", "member_key_duration")


def _attributes(names: Iterable[str], row: Mapping[str, Any]) -> Iterator[str]:
    """Texts, lists and metadata as the API would take them, and their keys as it would make them."""
    given = {name: row[name] for name in names}
    for refusal in problems_with(
        {name: value for name, value in given.items() if value is not None}
    ):
        yield f"{refusal.path[0]}: {refusal}"
    for name, value in columns_of(given).items():
        if name not in given and row[name] != value:
            yield f"{name} {row[name]!r} is not the key of its text, {value!r}"


def _periods(columns: Iterable[str], row: Mapping[str, Any]) -> Iterator[str]:
    for column in columns:
        if row[column] is not None:
            try:
                parse(row[column])
            except ValueError as error:
                yield f"{column} {row[column]!r} {error}"


def _timezone(row: Mapping[str, Any]) -> Iterator[str]:
    if not is_timezone(row["timezone"]):
        yield f"timezone {row['timezone']!r} does not exist"


def _metadata(row: Mapping[str, Any]) -> Iterator[str]:
    if problem := problem_with_metadata(orjson.loads(row["metadata"])):
        yield f"metadata {problem}"


def _of(table: Table) -> Iterator[Check]:
    names = [name for name in PROBLEMS if name in table.c]
    keys = [f"{name}_key" for name in KEYED if name in table.c]
    yield Check(
        f"{table.name}-texts",
        f"Texts of {table.name} are such as the API takes, and their keys agree with them.",
        table.name,
        f"SELECT id, {', '.join(names + keys)} FROM {table.name}",
        partial(_attributes, names),
    )
    if periods := [name for name in _DURATIONS if name in table.c]:
        yield Check(
            f"{table.name}-durations",
            f"Durations of {table.name} can be read, and last at most 100 years.",
            table.name,
            f"SELECT id, {', '.join(periods)} FROM {table.name}",
            partial(_periods, periods),
        )
    if "timezone" in table.c:
        yield Check(
            f"{table.name}-timezones",
            f"Time zones of {table.name} exist.",
            table.name,
            f"SELECT id, timezone FROM {table.name} WHERE timezone IS NOT NULL",
            _timezone,
        )
    if "metadata" in table.c:
        yield Check(
            f"{table.name}-metadata",
            f"Metadata of {table.name} is such as the API takes.",
            table.name,
            f"SELECT id, metadata FROM {table.name} WHERE metadata IS NOT NULL",
            _metadata,
        )


def _ids(table: str) -> Check:
    pattern = f"^{_PREFIXES[table]}_[0-7][0-9abcdefghjkmnpqrstvwxyz]{{25}}$"
    return Check(
        f"{table}-ids",
        f"Ids of {table} are TypeIDs that begin with `{_PREFIXES[table]}_`.",
        table,
        f"SELECT id, 'is no id of its kind' AS problem FROM {table} WHERE id !~ '{pattern}'",
    )


VALUES = (
    *(_ids(table) for table in metadata.tables if table in _PREFIXES),
    *(check for table in _TABLES for check in _of(table)),
)
