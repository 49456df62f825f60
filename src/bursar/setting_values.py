"""Readers of settings: how the text of a variable becomes its value, or what is wrong with it."""

import re
from ipaddress import ip_network
from typing import Annotated, Any

from pydantic import AfterValidator, SecretStr
from pydantic_core import PydanticCustomError

from bursar.domain import durations, money
from bursar.domain.models import is_group, problems_with_entries
from bursar.traces import installed

_SHORTEST_SECRET = 32
_LONGEST_SECRET = 512
# What it lets through asyncpg can take apart; its own complaint would quote a misread password.
_HOST = r"(\[[^\]]*\]|[^:/?#,@\[\]]*)(:\d+)?"
_ADDRESS = re.compile(rf"postgres(ql)?://([^/?#@]*@)?{_HOST}(,{_HOST})*([/?][^#]*)?")

_ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:[1-9][0-9]*)?|https?://\[[0-9a-f:]+\](:[1-9][0-9]*)?")


def secret(text: SecretStr) -> SecretStr:
    if not _SHORTEST_SECRET <= len(text) <= _LONGEST_SECRET:
        raise refused(f"a secret has {_SHORTEST_SECRET} to {_LONGEST_SECRET} characters")
    return text


def presentable(key: SecretStr) -> SecretStr:
    """What an Authorization header can carry."""
    if not re.fullmatch(r"[!-~]+", key.get_secret_value()):
        raise refused("a key has printable ASCII characters without spaces only")
    return key


def separated(text: Any) -> Any:
    return [part.strip() for part in text.split(",")] if isinstance(text, str) else text


def postgresql(url: SecretStr) -> SecretStr:
    if not _ADDRESS.fullmatch(url.get_secret_value()):
        raise refused("not postgresql://user:password@host/database, percent-encoded")
    return url


def amount(text: Any) -> Any:
    """An amount of money as the API would take it."""
    if not isinstance(text, str):
        return text
    try:
        parsed = money.parse(text)
    except ValueError as error:
        raise refused(str(error)) from None
    if problem := money.problem_with_limit(parsed):
        raise refused(problem)
    return parsed


def duration(text: str) -> str:
    try:
        return str(durations.parse(text))
    except ValueError as error:
        raise refused(str(error)) from None


def models(entries: list[str]) -> list[str]:
    problems = [str(each) for each in problems_with_entries(entries)]
    if any(is_group(entry) for entry in entries):
        problems.append("an access group belongs to one database, not to the settings")
    if problems:
        raise refused(problems[0])
    return entries


def networks(entries: list[str]) -> list[str]:
    """Addresses, and networks such as 10.0.0.0/8; no name, which would be another's tomorrow."""
    for entry in entries:
        try:
            ip_network(entry)
        except ValueError:
            raise refused("not an address, nor a network without host bits") from None
    return entries


def origins(entries: list[str]) -> list[str]:
    """Origins to the letter as a browser sends them: in lower case, without path or default port."""
    if not all(_ORIGIN.fullmatch(entry) and not entry.endswith(":443") for entry in entries):
        raise refused("not an origin such as https://dashboard.example")
    return entries


def refused(sentence: str) -> PydanticCustomError:
    return PydanticCustomError("setting", sentence)


def exportable(traces: bool) -> bool:
    if traces and not installed():
        raise refused("needs the extra: pip install 'bursar[otel]'")
    return traces


Secret = Annotated[SecretStr, AfterValidator(secret)]
