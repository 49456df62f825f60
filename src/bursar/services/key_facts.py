"""What decisions about keys depend on: of any number of keys and models, read by one statement."""

from collections.abc import Sequence
from typing import NamedTuple

from bursar.database.connections import Reads
from bursar.database.rows import Row
from bursar.domain.decisions import KeyFacts, LevelBudget, Party
from bursar.domain.effective_limits import LimitLevel
from bursar.domain.models import AllowList
from bursar.services import key_statement

_BUDGETS = [
    (level, key_statement.holder_of(level), key_statement.amounts_of(level)) for level in LimitLevel
]


class BySecret(NamedTuple):
    """Asks for the key that one of the hashes is of, and a model."""

    hashes: tuple[bytes, ...]
    model: str


class ById(NamedTuple):
    """Asks for the key with an id, and a model."""

    id: str
    model: str


async def facts_by_secret(source: Reads, asked: Sequence[BySecret]) -> dict[BySecret, KeyFacts]:
    """The facts of the keys that there are; a secret before the last counts while its grace lasts."""
    each = [(number, one.model, key) for number, one in enumerate(asked) for key in one.hashes]
    numbers, models, keys = zip(*each, strict=True)
    rows = await source.all(key_statement.by_secret(), numbers=numbers, models=models, keys=keys)
    return {asked[row.number]: _facts(row) for row in rows}


async def facts_by_id(source: Reads, asked: Sequence[ById]) -> dict[ById, KeyFacts]:
    """The facts of the keys that there are."""
    keys, models = zip(*asked, strict=True)
    rows = await source.all(
        key_statement.by_id(), numbers=list(range(len(asked))), models=models, keys=keys
    )
    return {asked[row.number]: _facts(row) for row in rows}


def _facts(row: Row) -> KeyFacts:
    lists = {LimitLevel.KEY: AllowList(tuple(row["models"]), row["allow_none"])}
    if row["team_id"] is None:
        lists[LimitLevel.USER] = AllowList(tuple(row["user_models"]), row["user_allow_none"])
    else:
        lists[LimitLevel.TEAM] = AllowList(tuple(row["team_models"]), row["team_allow_none"])
        lists[LimitLevel.ORGANIZATION] = AllowList(
            tuple(row["organization_models"]), row["organization_allow_none"]
        )
    return KeyFacts(
        key=Party(row["id"], row["alias"]),
        user=_party(row["user_id"], row["user_name"]),
        team=_party(row["team_id"], row["team_name"]),
        organization=_party(row["organization_id"], row["organization_name"]),
        scopes=row["scopes"],
        blocked=row["blocked"],
        expired=row["expired"],
        user_blocked=bool(row["user_blocked"]),
        team_blocked=bool(row["team_blocked"]),
        model=row["model"],
        lists=lists,
        groups=row["groups"] or {},
        budgets={
            level: LevelBudget(row[holder], *row[amounts])
            for level, holder, amounts in _BUDGETS
            if row[holder] is not None
        },
    )


def _party(id_: str | None, name: str | None) -> Party | None:
    return None if id_ is None else Party(id_, name)
