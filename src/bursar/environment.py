"""The environment: settings read from it, all that is wrong told at once, and shown without secrets."""

import difflib
import os
import re
from collections.abc import Mapping
from typing import Any

from pydantic import SecretStr, ValidationError

from bursar.limit_settings import LimitSettings
from bursar.settings import PREFIX, Settings, variable

_PASSWORDS = re.compile(
    r"(?<=://)([^:@/?#]*:).*@|([?&][^=&]*password=)[^&]*", re.IGNORECASE | re.DOTALL
)


class BadSettings(Exception):
    """The environment cannot be used; one line names the variables, and tells no secret."""


def load(**given: Any) -> Settings:
    """Read the environment; what is `given` by name, such as an option's value, comes first.

    Raises BadSettings, which tells all that is wrong at once.
    """
    known = {variable(name): name for name in Settings.model_fields}
    unknown = sorted(name for name in os.environ if name.startswith(PREFIX) and name not in known)
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


def told() -> list[str]:
    """The settings by name, in the order in which they are told: limits last."""
    return sorted(Settings.model_fields, key=LimitSettings.model_fields.__contains__)


def described() -> str:
    """Each setting in a paragraph of its own."""
    fields = Settings.model_fields
    return "\n\n".join(f"{variable(name)}: {fields[name].description}" for name in told())


def without_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """What is in an environment beside Bursar's settings, whose names are read in any case."""
    return {
        name: value
        for name, value in environment.items()
        if not name.upper().startswith(PREFIX) and name.upper() != variable("database_url")
    }


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
    bare = {candidate.removeprefix(PREFIX): candidate for candidate in known}
    close = difflib.get_close_matches(name.removeprefix(PREFIX), bare, n=1)
    return f", did you mean {bare[close[0]]}?" if close else ""
