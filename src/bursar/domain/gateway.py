"""Gateway settings: what Bursar keeps for a gateway about a team, and does not interpret.

Each field stands for itself, so that setting one never touches another; those of a group are given
inside it. null is "nothing said", for a list an empty one is.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bursar.domain.errors import Invalid, Refusal, Required
from bursar.domain.names import problem_with_line

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
        else:
            yield from _problems_with(name, value, *path, name)


def _problems_with(name: str, value: Any, *path: str | int) -> Iterator[Refusal]:
    if name in NUMBERS and not 0 <= value <= LARGEST_NUMBER:
        yield Invalid(*path, problem=f"must be 0 to {LARGEST_NUMBER:,}")
    elif name in TEXTS:
        yield from _problems_with_text(value, TEXT_LENGTH, *path)
    elif name in LISTS:
        yield from _problems_with_list(value, *path)
    elif name in _RECORDS:
        yield from _problems_with_records(value, *_RECORDS[name], *path)


def _problems_with_text(text: str, longest: int, *path: str | int) -> Iterator[Refusal]:
    if problem := problem_with_line(text, longest):
        yield Invalid(*path, problem=problem)


def _problems_with_list(
    texts: Sequence[str], *path: str | int, inside: tuple[str, ...] = ()
) -> Iterator[Refusal]:
    """`inside`: where the text is in each entry, if the entries are records."""
    if len(texts) > MOST:
        yield Invalid(*path, problem=f"must be at most {MOST} entries")
        return
    for place, text in enumerate(texts):
        at = (*path, place, *inside)
        yield from _problems_with_text(text, TEXT_LENGTH, *at)
        if text in texts[:place]:
            yield Invalid(*at, problem="is in the list already")


def _problems_with_records(
    records: Sequence[Mapping[str, Any]], key: str, other: str, *path: str | int
) -> Iterator[Refusal]:
    yield from _problems_with_list([record[key] for record in records], *path, inside=(key,))
    for place, record in enumerate(records[:MOST]):
        at = (*path, place, other)
        if other == "value":
            yield from _problems_with_text(record[other], VALUE_LENGTH, *at)
        else:
            yield from _problems_with_list(record[other], *at)
