"""Access groups: named sets of models, created, changed and deleted by themselves."""

from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from typing import Any, TypedDict

from sqlalchemy import ARRAY, Text, any_, bindparam, exists, func, or_, select

from bursar.access.actor import Actor
from bursar.access.door import Lock
from bursar.access.groups import access_group
from bursar.access.policy import Action, forbidden, permits
from bursar.database.connections import Connection
from bursar.database.rows import Row
from bursar.database.statements import Statement
from bursar.database.tables import access_group_uses, access_groups, organizations, teams
from bursar.database.writes import amend_row, delete_rows, insert_row
from bursar.domain.errors import InUse, Problems, Refusal, Required
from bursar.domain.ids import Prefix, new_id
from bursar.domain.models import Ceiling, problems_with_entries
from bursar.services import audit, group_names
from bursar.services.attributes import check_version, columns_of, problems_with
from bursar.services.audit import Change
from bursar.services.models import list_of, stranded

_USES = access_group_uses.c


class GroupAttributes(TypedDict, total=False):
    """What is to be set: a name that no other group has, and all of its models."""

    name: str
    description: str | None
    models: list[str]


async def create(tx: Connection, actor: Actor, *, attributes: GroupAttributes) -> Row:
    """Create a group. Raises Refusals for bad attributes, Forbidden, AlreadyTaken for the name."""
    Problems(_problems(attributes)).raise_any()
    if not permits(actor, Action.ACCESS_GROUP_CREATE):
        raise forbidden(Action.ACCESS_GROUP_CREATE)
    columns = {"id": new_id(Prefix.ACCESS_GROUP), **columns_of(attributes)}
    row = await insert_row(tx, access_groups, columns)
    audit.record(tx, actor, Change("access_group.create", row.id, after=row))
    return row


async def update(
    tx: Connection,
    actor: Actor,
    *,
    group_id: str,
    attributes: GroupAttributes,
    expected_version: int | None = None,
) -> Row:
    """Change what is given of a group, for all that name it.

    With a new name the entries of the lists that name it are written anew, which changes what has
    the lists. Raises Refusals for bad attributes, NotFound, Forbidden, VersionConflict, AlreadyTaken
    for the name, TeamsExceedLimits where teams would have models that their organization has not.
    """
    Problems(_problems(attributes)).raise_any()
    row = await access_group(
        tx,
        actor,
        group_id,
        Action.ACCESS_GROUP_UPDATE,
        concerning=_concerned_by(attributes),
    )
    check_version(row, expected_version)
    changed = await amend_row(tx, access_groups, row, columns_of(attributes))
    if changed is row:
        return row
    rewritten = await group_names.rewrite(tx, row, changed.name)
    if changed.models != row.models:
        Problems(await stranded(tx, await _teams_outside(tx, row.id))).raise_any()
    change = Change("access_group.update", row.id, before=row, after=changed)
    audit.record(tx, actor, change, *rewritten)
    return changed


async def delete(tx: Connection, actor: Actor, *, group_id: str) -> None:
    """Delete a group that no list names. Raises NotFound, Forbidden, InUse."""
    row = await access_group(tx, actor, group_id, Action.ACCESS_GROUP_DELETE, lock=Lock.DELETE)
    used = await tx.one(_uses(), group_id=row.id)
    if used is not None and used.lists:
        raise InUse("id", thing="access group", count=used.lists)
    await delete_rows(tx, access_groups, [row.id])
    audit.record(tx, actor, Change("access_group.delete", row.id, before=row))


def _problems(attributes: GroupAttributes) -> Iterator[Refusal]:
    yield from problems_with(attributes)
    if "models" in attributes:
        models: Any = attributes["models"]
        if models is None:
            yield Required("models")
        else:
            yield from problems_with_entries(models, "models", in_group=True)


def _concerned_by(attributes: GroupAttributes) -> frozenset[Prefix]:
    """The kinds of things that the change of a group's attributes concerns.

    A new name is written into the lists of all of them. For new models the organizations are enough:
    who changes the list of a team, or another group in these lists, holds the organization too.
    """
    if "name" in attributes:
        return frozenset({Prefix.ORGANIZATION, Prefix.TEAM, Prefix.USER, Prefix.API_KEY})
    return frozenset({Prefix.ORGANIZATION} if "models" in attributes else ())


async def _teams_outside(tx: Connection, group_id: str) -> list[str]:
    """The teams that have models which their organization has not, as one of both has the group."""
    below = defaultdict(list)
    for team in await tx.all(_teams_concerned(), group_id=group_id):
        below[team.organization_id].append(team)
    lists = await tx.all(_organizations(), ids=list(below))
    team_ids = [team.id for own in below.values() for team in own]
    named = await tx.all(_groups_named(), ids=[*below, *team_ids])
    groups = {group.name: group.models for group in named}
    outside = []
    for organization in lists:
        ceiling = Ceiling(list_of(organization), groups)
        outside += [t.id for t in below[organization.id] if ceiling.outside(list_of(t))]
    return outside


@cache
def _teams_concerned() -> Statement:
    named = _USES.group_id == bindparam("group_id")
    by_either = or_(_USES.team_id == teams.c.id, _USES.organization_id == teams.c.organization_id)
    return Statement(
        select(teams.c.id, teams.c.organization_id, teams.c.models, teams.c.allow_none)
        .where(func.cardinality(teams.c.models) > 0, exists().where(named, by_either))
        .order_by(teams.c.id)
    )


@cache
def _organizations() -> Statement:
    ids = bindparam("ids", type_=ARRAY(Text))
    return Statement(
        select(organizations.c.id, organizations.c.models, organizations.c.allow_none).where(
            organizations.c.id == any_(ids)
        )
    )


@cache
def _groups_named() -> Statement:
    ids = bindparam("ids", type_=ARRAY(Text))
    by_any = or_(_USES.organization_id == any_(ids), _USES.team_id == any_(ids))
    return Statement(
        select(access_groups.c.name, access_groups.c.models).where(
            access_groups.c.id.in_(select(_USES.group_id).where(by_any))
        )
    )


@cache
def _uses() -> Statement:
    return Statement(
        select(func.count().label("lists"))
        .select_from(access_group_uses)
        .where(_USES.group_id == bindparam("group_id"))
    )
