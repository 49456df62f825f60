"""Gateway settings: what Bursar keeps for a gateway about a team, and does not interpret.

Each field stands for itself, so that setting one never touches another; those of a group are given
inside it. null is "nothing said", for a list an empty one is.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from bursar.domain.errors import Invalid, Refusal, Required
from bursar.domain.names import problem_with_line, problem_with_repeated

MOST = 100
"""How many entries a list may have."""
TEXT_LENGTH = 256
VALUE_LENGTH = 2_000
LARGEST_NUMBER = 1_000_000

GROUPS: Mapping[str, tuple[str, ...]] = {
    "object_permission": (
        "mcp_servers",
        "mcp_access_groups",
        "mcp_tool_permissions",
        "vector_stores",
        "agents",
        "agent_access_groups",
        "blocked_tools",
    ),
    "router_settings": (
        "routing_strategy",
        "retries",
        "timeout_seconds",
        "allowed_fails",
        "cooldown_seconds",
        "fallbacks",
    ),
}
"""The fields that are given inside a group, by the group."""

LISTS = (
    "guardrails",
    "policies",
    "prompts",
    "pass_through_routes",
    "mcp_servers",
    "mcp_access_groups",
    "vector_stores",
    "agents",
    "agent_access_groups",
    "blocked_tools",
)
NUMBERS = ("retries", "timeout_seconds", "allowed_fails", "cooldown_seconds")
DURATIONS = ("file_expiry", "batch_output_expiry")
TEXTS = ("routing_strategy", "secret_manager")
# Lists of records: what tells one from the other, and the list or text beside it.
_RECORDS = {
    "mcp_tool_permissions": ("server", "tools"),
    "vector_store_indexes": ("index", "permissions"),
    "fallbacks": ("model", "fallbacks"),
    "secret_manager_settings": ("name", "value"),
}
NOTHING: Mapping[str, Any] = {
    "disable_global_guardrails": False,
    **{name: [] for name in (*LISTS, *_RECORDS)},
    **dict.fromkeys((*NUMBERS, *DURATIONS, *TEXTS)),
}
"""The value of each field where nothing is said."""


def flat(changes: Mapping[str, Any] | None) -> dict[str, Any]:
    """The fields to set, each by itself; null clears a field, all of a group, or everything."""
    if changes is None:
        return dict(NOTHING)
    fields: dict[str, Any] = {}
    for name, value in changes.items():
        inside = GROUPS.get(name)
        if inside is None:
            fields[name] = NOTHING[name] if value is None else value
        else:
            fields |= flat(dict.fromkeys(inside) if value is None else value)
    return fields


def problems_with_settings(
    changes: Mapping[str, Any] | None, *path: str | int
) -> Iterator[Refusal]:
    """What is wrong with the given values, by themselves."""
    for name, value in (changes or {}).items():
        if name in GROUPS:
            yield from problems_with_settings(value, *path, name)
        elif value is None:
            if name == "disable_global_guardrails":
                yield Required(*path, name)
        elif problem := _problem_with(name, value):
            yield Invalid(*path, name, problem=problem)


def _problem_with(name: str, value: Any) -> str | None:
    if name in NUMBERS:
        good = 0 <= value <= LARGEST_NUMBER
        return None if good else f"must be 0 to {LARGEST_NUMBER}"
    if name in TEXTS:
        return problem_with_line(value, TEXT_LENGTH)
    if name in LISTS:
        return _problem_with_list(value)
    if name in _RECORDS:
        return _problem_with_records(value, *_RECORDS[name])
    return None


def _problem_with_list(texts: Any) -> str | None:
    if len(texts) > MOST:
        return f"must be at most {MOST}"
    if problem := _first(problem_with_line(text, TEXT_LENGTH) for text in texts):
        return f"each {problem}"
    return problem_with_repeated(texts)


def _problem_with_records(records: Sequence[Mapping[str, Any]], key: str, other: str) -> str | None:
    if problem := _problem_with_list([record[key] for record in records]):
        return f"`{key}`: {problem}"
    judge = _problem_with_value if other == "value" else _problem_with_list
    problem = _first(judge(record[other]) for record in records)
    return f"`{other}`: {problem}" if problem else None


def _problem_with_value(text: Any) -> str | None:
    return problem_with_line(text, VALUE_LENGTH)


def _first(problems: Iterable[str | None]) -> str | None:
    return next(filter(None, problems), None)
