"""Attributes of things: which values are good by themselves, and the columns that store them."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

from bursar.domain.errors import Invalid, Refusal, Required, VersionConflict
from bursar.domain.keys import problem_with_scopes
from bursar.domain.names import (
    key_of,
    problem_with_description,
    problem_with_email,
    problem_with_external_id,
    problem_with_name,
    problem_with_repeated,
    problem_with_tags,
)
from bursar.domain.throughput import LIMIT_TYPES

PROBLEMS: Mapping[str, Callable[[Any], str | None]] = {
    "name": problem_with_name,
    "alias": problem_with_name,
    "email": problem_with_email,
    "external_id": problem_with_external_id,
    "description": problem_with_description,
    "tags": problem_with_tags,
    "scopes": problem_with_scopes,
    "member_permissions": problem_with_repeated,
}
NEVER_NULL = frozenset({"name", "role", "joinable", "tags", "metadata", "scopes"}).union(
    LIMIT_TYPES.values()
)
KEYED = ("name", "email", "alias")
PARTS = frozenset(
    {"models", "allow_none", "model_aliases", "budget", "member_budget", "gateway_settings"}
)
"""What of a thing is stored otherwise than as it is given, or beside it."""


def problems_with(attributes: Mapping[str, Any], *path: str | int) -> Iterator[Refusal]:
    """What is wrong with the given values, whatever is stored."""
    for name, value in attributes.items():
        if value is None:
            if name in NEVER_NULL:
                yield Required(*path, name)
        elif name in PROBLEMS and (problem := PROBLEMS[name](value)):
            yield Invalid(*path, name, problem=problem)


def columns_in(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the attributes that are columns as they are given."""
    return {name: value for name, value in attributes.items() if name not in PARTS}


def columns_of(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes as columns: beside a name, e-mail or alias stands the key that compares it."""
    keys = {
        f"{name}_key": None if attributes[name] is None else key_of(attributes[name])
        for name in KEYED
        if name in attributes
    }
    return {**attributes, **keys}


class Versioned(Protocol):
    version: int


def check_version(row: Versioned, expected: int | None) -> None:
    """Raise VersionConflict if the row is not as the caller last saw it."""
    if expected is not None and row.version != expected:
        raise VersionConflict("expected_version", current_version=row.version)
