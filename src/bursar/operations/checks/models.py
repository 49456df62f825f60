"""Checks of models: lists as the API takes them, groups remembered, teams within the list above."""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import orjson

from bursar.database.tables import LISTED_IN
from bursar.domain.models import (
    AllowList,
    Ceiling,
    group_in,
    is_group,
    problems_with_aliases,
    problems_with_entries,
)
from bursar.operations.checks.check import Check

_TABLES = {
    "organizations": "organization",
    "teams": "team",
    "users": "user",
    "api_keys": "api_key",
}


def _groups(condition: str, value: str = "access_groups.name") -> str:
    return (
        f"(SELECT {value} FROM access_groups JOIN access_group_uses uses"
        f" ON uses.group_id = access_groups.id WHERE {condition})"
    )


def _entries(row: Mapping[str, Any], *, in_group: bool = False) -> Iterator[str]:
    for refusal in problems_with_entries(row["models"], "models", in_group=in_group):
        yield f"{'.'.join(map(str, refusal.path))}: {refusal}"


def _remembered(row: Mapping[str, Any]) -> Iterator[str]:
    named = {group_in(entry) for entry in row["models"] if is_group(entry)}
    if named != set(row["used"]):
        yield f"names groups {sorted(named)}, but is remembered to name {sorted(row['used'])}"


def _aliases(row: Mapping[str, Any]) -> Iterator[str]:
    stored = orjson.loads(row["model_aliases"])
    aliases = [{"alias": alias, "model": model} for alias, model in stored.items()]
    for refusal in problems_with_aliases(aliases, "model_aliases"):
        yield f"{'.'.join(map(str, refusal.path))}: {refusal}"


def _outside(row: Mapping[str, Any]) -> Iterator[str]:
    above = AllowList(tuple(row["whole"]), row["whole_none"])
    ceiling = Ceiling(above, orjson.loads(row["groups"] or "{}"))
    for entry in ceiling.outside(AllowList(tuple(row["models"]), row["allow_none"])):
        yield f"{entry} is not within the models of its organization"


_GROUPS_OF_BOTH = _groups(
    "uses.team_id = teams.id OR uses.organization_id = organizations.id",
    "jsonb_object_agg(access_groups.name, access_groups.models)",
)

MODELS = (
    *(
        Check(
            f"{table}-models",
            f"Models of {table} are such as the API takes.",
            table,
            f"SELECT id, models FROM {table} WHERE models <> '{{}}'",
            _entries,
        )
        for table in _TABLES
    ),
    Check(
        "access_groups-models",
        "Models of access groups are such as the API takes, and none of them is a group.",
        "access_groups",
        "SELECT id, models FROM access_groups",
        partial(_entries, in_group=True),
    ),
    *(
        Check(
            f"{table}-groups-remembered",
            f"The access groups that models of {table} name are remembered, and no others.",
            table,
            f"""
            SELECT id, models, ARRAY{_groups(f"uses.{LISTED_IN[owner]} = {table}.id")} AS used
            FROM {table}
            """,
            _remembered,
        )
        for table, owner in _TABLES.items()
    ),
    Check(
        "teams-aliases",
        "Aliases of models are such as the API takes.",
        "teams",
        "SELECT id, model_aliases FROM teams WHERE model_aliases <> '{}'",
        _aliases,
    ),
    Check(
        "team-models-within-organization",
        "A team's models are within its organization's.",
        "teams",
        f"""
        SELECT teams.id, teams.models, teams.allow_none, organizations.models AS whole,
            organizations.allow_none AS whole_none,
            {_GROUPS_OF_BOTH} AS groups
        FROM teams JOIN organizations ON organizations.id = teams.organization_id
        WHERE teams.models <> '{{}}'
        """,
        _outside,
    ),
)
