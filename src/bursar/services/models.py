"""Lists of models as they are set: their access groups looked up, and all within the list above.

One mechanism for organizations, teams, users and keys. The caller holds the locks of `access`; the
access groups that the lists name are held last, so that no other side moves meanwhile.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, NamedTuple, TypedDict, cast

from sqlalchemy import ARRAY, Table, Text, any_, bindparam, delete, func, select

from bursar.access.actor import Actor
from bursar.access.groups import hold_groups
from bursar.database.connections import Connection
from bursar.database.rows import Row
from bursar.database.statements import Statement
from bursar.database.tables import (
    LISTED_IN,
    access_group_uses,
    api_keys,
    organizations,
    teams,
    users,
)
from bursar.database.writes import insert_absent
from bursar.domain.errors import (
    Invalid,
    ModelNotAllowed,
    NotFound,
    Problems,
    Refusal,
    Required,
    TeamsExceedLimits,
)
from bursar.domain.models import (
    GROUP,
    AllowList,
    Ceiling,
    Groups,
    group_in,
    is_group,
    problems_with_aliases,
    problems_with_entries,
    resulting,
)
from bursar.domain.names import key_of
from bursar.services.limits import MOST_TEAMS

LIST = frozenset({"models", "allow_none"})
TABLES: dict[str, Table] = {
    "organization": organizations,
    "team": teams,
    "user": users,
    "api_key": api_keys,
}


class ModelAttributes(TypedDict, total=False):
    """What may be used; None clears the list, which opens it."""

    models: list[str] | None
    allow_none: bool


class Above(NamedTuple):
    """What a list has to be within: the kind of thing that has it, and the list."""

    level: str
    allow_list: AllowList


class Held:
    """The access groups that lists name, which stay as they are until the transaction ends."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self._by_key = {row.name_key: row for row in rows}
        self.models: Groups = {row.name: row.models for row in self._by_key.values()}

    def named(self, entries: Iterable[str], *path: str | int) -> tuple[str, ...]:
        """The entries with the groups' own names. Raises Refusals for groups out of sight."""
        problems = Problems()
        named = []
        for place, entry in enumerate(entries):
            group = self._of(entry)
            if is_group(entry) and not (group and group.seen):
                problems.append(NotFound(*path, place, thing="access group"))
            named.append(entry if group is None else GROUP + group.name)
        problems.raise_any()
        return tuple(named)

    def ids_in(self, entries: Iterable[str]) -> list[str]:
        return [group.id for entry in entries if (group := self._of(entry))]

    def _of(self, entry: str) -> Row | None:
        return self._by_key.get(key_of(group_in(entry))) if is_group(entry) else None


@dataclass(frozen=True, slots=True)
class Models:
    """What is to be stored of models, the groups that the list names, and what is wrong with it.

    Where `group_ids` is None, the list stays as it is.
    """

    columns: dict[str, Any]
    group_ids: list[str] | None = None
    problems: tuple[Refusal, ...] = ()

    @property
    def allow_list(self) -> AllowList | None:
        """The list as it will be; None where it stays as it is."""
        if self.group_ids is None:
            return None
        return AllowList(tuple(self.columns["models"]), self.columns["allow_none"])


def problems_with(attributes: Mapping[str, Any]) -> Iterator[Refusal]:
    """What is wrong with the given models and aliases, whatever is stored."""
    entries = attributes.get("models") or ()
    yield from problems_with_entries(entries, "models")
    if attributes.get("allow_none", False) is None:
        yield Required("allow_none")
    elif attributes.get("allow_none") and entries:
        yield Invalid("allow_none", problem="must not be true where models are given")
    yield from problems_with_aliases(attributes.get("model_aliases") or (), "model_aliases")


async def wanted(
    tx: Connection,
    actor: Actor,
    attributes: Mapping[str, Any],
    *,
    stored: Row | None = None,
    above: tuple[str, str] | None = None,
    teams_of: str | None = None,
) -> Models:
    """What these attributes make of the models of a thing, `stored` or new.

    `above` is the kind and id of what it is under; `teams_of` the organization that it is, whose
    teams must stay within it. Raises Refusals for groups that the actor cannot see.
    """
    columns = _aliases(attributes)
    if LIST.isdisjoint(attributes):
        return Models(columns)
    asked = resulting(list_of(stored) if stored else AllowList(), attributes)
    parent = await list_above(tx, *above) if above else None
    below = []
    if teams_of and not asked.is_open:
        below = await tx.all(_lists_of_teams(), organization_id=teams_of)
    held = await hold(
        tx,
        actor,
        asked.entries,
        parent.allow_list.entries if parent else (),
        *(row.models for row in below),
    )
    asked = replace(asked, entries=held.named(asked.entries, "models"))
    problems = Problems(await _stranded(tx, below, asked, held))
    if parent:
        problems.extend(beyond(asked, parent, held, asked.entries))
    return Models(columns | columns_of(asked), held.ids_in(asked.entries), tuple(problems))


async def list_above(tx: Connection, level: str, parent_id: str) -> Above:
    """The list that binds what is under such a thing: under an open team its organization's."""
    row = cast(Row, await tx.one(_list(level), id=parent_id))
    allow_list = list_of(row)
    if level == "team" and allow_list.is_open:
        return await list_above(tx, "organization", row.organization_id)
    return Above(level, allow_list)


async def hold(tx: Connection, actor: Actor, *lists: Iterable[str]) -> Held:
    """Hold the groups that are named by any of these lists of entries."""
    groups = {key_of(group_in(entry)) for entries in lists for entry in entries if is_group(entry)}
    return Held(await hold_groups(tx, actor, groups))


def beyond(
    allow_list: AllowList, above: Above, held: Held, asked: Sequence[str]
) -> Iterator[ModelNotAllowed]:
    """Each entry of a list that is not within what is above it, at its place among those asked for."""
    for entry in Ceiling(above.allow_list, held.models).outside(allow_list):
        place = [asked.index(entry)] if entry in asked else []
        yield ModelNotAllowed("models", *place, level=above.level, model=entry)


async def outside_of(
    tx: Connection, actor: Actor, lists: Sequence[AllowList], above: tuple[str, str], *path: str
) -> list[ModelNotAllowed]:
    """Each entry of lists that move that is not within what they come under, by kind and id."""
    parent = await list_above(tx, *above)
    held = await hold(tx, actor, parent.allow_list.entries, *(each.entries for each in lists))
    ceiling = Ceiling(parent.allow_list, held.models)
    outside = dict.fromkeys(entry for each in lists for entry in ceiling.outside(each))
    return [ModelNotAllowed(*path, level=parent.level, model=entry) for entry in outside]


async def stranded(tx: Connection, team_ids: Sequence[str]) -> list[TeamsExceedLimits]:
    """The refusal of models that leave these teams with more than their organization, if any."""
    if not team_ids:
        return []
    return [TeamsExceedLimits("models", teams=await tx.all(_teams(), ids=team_ids[:MOST_TEAMS]))]


async def store_groups(
    tx: Connection, owner: str, owner_id: str, group_ids: list[str] | None
) -> None:
    """Remember which groups the list of an owner, of a kind in LISTED_IN, names now."""
    if group_ids is None:
        return
    column = LISTED_IN[owner]
    await tx.all(_forget(column), owner_id=owner_id, group_ids=group_ids)
    uses = ({"group_id": group_id, column: owner_id} for group_id in group_ids)
    await insert_absent(tx, access_group_uses, uses)


def list_of(row: Row) -> AllowList:
    return AllowList(tuple(row.models), row.allow_none)


def columns_of(allow_list: AllowList) -> dict[str, Any]:
    return {"models": list(allow_list.entries), "allow_none": allow_list.allow_none}


def _aliases(attributes: Mapping[str, Any]) -> dict[str, Any]:
    if "model_aliases" not in attributes:
        return {}
    aliases = attributes["model_aliases"] or ()
    return {"model_aliases": {alias["alias"]: alias["model"] for alias in aliases}}


async def _stranded(
    tx: Connection, below: Iterable[Row], allow_list: AllowList, held: Held
) -> list[TeamsExceedLimits]:
    ceiling = Ceiling(allow_list, held.models)
    return await stranded(tx, [row.id for row in below if ceiling.outside(list_of(row))])


@cache
def _list(level: str) -> Statement:
    table = TABLES[level]
    names = ["models", "allow_none", *(["organization_id"] if level == "team" else [])]
    return Statement(
        select(*(table.c[name] for name in names)).where(table.c.id == bindparam("id"))
    )


@cache
def _lists_of_teams() -> Statement:
    return Statement(
        select(teams.c.id, teams.c.models, teams.c.allow_none)
        .where(
            teams.c.organization_id == bindparam("organization_id"),
            func.cardinality(teams.c.models) > 0,
        )
        .order_by(teams.c.id)
    )


@cache
def _teams() -> Statement:
    ids = bindparam("ids", type_=ARRAY(Text))
    return Statement(select(teams).where(teams.c.id == any_(ids)).order_by(teams.c.id))


@cache
def _forget(column: str) -> Statement:
    named = access_group_uses.c.group_id == any_(bindparam("group_ids", type_=ARRAY(Text)))
    return Statement(
        delete(access_group_uses).where(
            access_group_uses.c[column] == bindparam("owner_id"), ~named
        )
    )
