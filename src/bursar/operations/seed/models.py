"""Models that seeded organizations, teams and keys may use, each list within what is above it."""

from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

from bursar.domain.ids import Prefix
from bursar.domain.models import GROUP, is_group
from bursar.operations.seed.chance import Chance
from bursar.operations.seed.population import Key, Population, Thing, thing

_GROUPS = {
    "everyday": ("openai/gpt-5-mini", "anthropic/claude-haiku-4-5", "google/gemini-2.5-flash"),
    "reasoning": ("openai/o3", "anthropic/claude-opus-4-5", "google/gemini-2.5-pro"),
    "embeddings": ("openai/text-embedding-*", "google/gemini-embedding-001"),
}
_MODELS = (
    *("openai/gpt-5", "openai/gpt-5-mini", "anthropic/claude-sonnet-4-5", "google/gemini-2.5-pro"),
    *("mistral/mistral-large", "openai/*", "anthropic/*", "bedrock/*"),
)
_ALIASES = {
    "fast": "openai/gpt-5-mini",
    "smart": "anthropic/claude-opus-4-5",
    "default": "openai/gpt-5",
}
_SINCE = 1_700_000_000_000


class Group(NamedTuple):
    thing: Thing
    name: str
    models: Sequence[str]


class Lists:
    """What is open has an empty list; the same at every reading."""

    def __init__(self, population: Population, seeded: str) -> None:
        self._population = population
        self._seeded = seeded

    @cached_property
    def groups(self) -> list[Group]:
        stream = self._population.stream("access groups")
        return [
            Group(thing(stream, Prefix.ACCESS_GROUP, _SINCE), f"{self._seeded}/{name}", models)
            for name, models in _GROUPS.items()
        ]

    @cached_property
    def of_organizations(self) -> dict[str, Sequence[str]]:
        stream = self._population.stream("models of organizations")
        choices = [*_MODELS, *(GROUP + group.name for group in self.groups)]
        return {
            organization.thing.id: _some(stream, choices, 6) if stream.percent(40) else ()
            for organization in self._population.organizations
        }

    @cached_property
    def of_teams(self) -> dict[str, Sequence[str]]:
        """Entries of the organization's list, or where that is open, of all."""
        stream = self._population.stream("models of teams")
        return {
            team.thing.id: _some(
                stream, self.of_organizations.get(team.organization.thing.id) or _MODELS, 4
            )
            if stream.percent(50)
            else ()
            for team in self._population.teams
        }

    def of_key(self, stream: Chance, key: Key) -> Sequence[str]:
        """Now and then one entry of the team's, but no group."""
        choices = [entry for entry in self.of_teams[key.team.thing.id] if not is_group(entry)]
        return _some(stream, choices, 1) if choices and stream.percent(20) else ()

    def uses(self) -> list[tuple[str, str | None, str | None]]:
        """The groups that lists name: the group's id, and the organization's or the team's."""
        ids = {GROUP + group.name: group.thing.id for group in self.groups}
        return [
            *((ids[entry], of, None) for of, entry in _groups_in(self.of_organizations)),
            *((ids[entry], None, of) for of, entry in _groups_in(self.of_teams)),
        ]


def aliases(stream: Chance) -> dict[str, str]:
    names = _some(stream, list(_ALIASES), 2) if stream.percent(30) else ()
    return {name: _ALIASES[name] for name in names}


def _some(stream: Chance, choices: Sequence[str], most: int) -> Sequence[str]:
    return stream.sample(choices, stream.randint(1, min(most, len(choices))))


def _groups_in(lists: dict[str, Sequence[str]]) -> list[tuple[str, str]]:
    return [(of, entry) for of, entries in lists.items() for entry in entries if is_group(entry)]
