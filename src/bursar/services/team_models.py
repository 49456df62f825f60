"""Models of teams: add some to what a team may use, and remove some from it."""

from collections.abc import Sequence
from typing import NamedTuple

from bursar.access.above import check_organization, lock_organization_of_team
from bursar.access.actor import Actor
from bursar.access.door import access_team
from bursar.access.policy import Action
from bursar.database.connections import Connection
from bursar.database.rows import Row
from bursar.database.tables import teams
from bursar.database.writes import update_row
from bursar.domain.errors import LastModel, Problems
from bursar.domain.models import AllowList, added, problems_with_entries, removed
from bursar.services import audit, self_service
from bursar.services.attributes import check_version
from bursar.services.models import (
    Above,
    Held,
    beyond,
    columns_of,
    hold,
    list_above,
    list_of,
    store_groups,
)
from bursar.services.teams import change


class Place(NamedTuple):
    """A team, the list above it, and the user whose own list binds it too, if it has one."""

    team: Row
    above: Above
    sponsor: Row | None


async def add(
    tx: Connection,
    actor: Actor,
    *,
    team_id: str,
    entries: Sequence[str],
    expected_version: int | None = None,
) -> Row:
    """Add entries at the end of a team's list; what is there stays where it is, unrecorded.

    An open team stays open, by a `*` before them; one that was allowed nothing is allowed these.
    Raises Refusals for bad entries, NotFound, also for access groups, Forbidden, VersionConflict,
    ModelNotAllowed.
    """
    place = await _access(tx, actor, team_id, entries, expected_version)
    team = place.team
    held = await hold(tx, actor, entries, team.models, place.above.allow_list.entries)
    named = held.named(entries, "models")
    return await _store(tx, actor, place, added(list_of(team), named), held, named)


async def remove(
    tx: Connection,
    actor: Actor,
    *,
    team_id: str,
    entries: Sequence[str],
    allow_none: bool = False,
    expected_version: int | None = None,
) -> Row:
    """Remove entries from a team's list; what is not there is ignored.

    Raises Refusals for bad entries, NotFound, Forbidden, VersionConflict, LastModel where none would
    be left, unless `allow_none` says that nothing shall be allowed, and ModelNotAllowed where a `*`
    that goes leaves what is not within the organization's models.
    """
    place = await _access(tx, actor, team_id, entries, expected_version)
    team = place.team
    kept = removed(list_of(team), entries)
    if kept.allow_none and not team.allow_none and not allow_none:
        raise LastModel("models")
    held = await hold(tx, actor, kept.entries, place.above.allow_list.entries)
    return await _store(tx, actor, place, kept, held)


async def _access(
    tx: Connection, actor: Actor, team_id: str, entries: Sequence[str], version: int | None
) -> Place:
    """The team for who may change its models; all that stands above it is held, groups not yet."""
    Problems(problems_with_entries(entries, "models")).raise_any()
    held = await lock_organization_of_team(tx, actor, team_id)
    team = await access_team(tx, actor, team_id, Action.TEAM_MODELS_UPDATE)
    check_organization(team, held)
    check_version(team, version)
    sponsor = await self_service.hold_sponsor(tx, actor, team)
    return Place(team, await list_above(tx, "organization", team.organization_id), sponsor)


async def _store(
    tx: Connection,
    actor: Actor,
    place: Place,
    allow_list: AllowList,
    held: Held,
    asked: Sequence[str] = (),
) -> Row:
    team, above, sponsor = place
    if allow_list == list_of(team):
        return team
    problems = Problems(problems_with_entries(allow_list.entries, "models"))
    problems.extend(beyond(allow_list, above, held, asked))
    if sponsor:
        problems.extend(await self_service.beyond_models(tx, actor, sponsor, allow_list, asked))
    problems.raise_any()
    changed = await update_row(tx, teams, team.id, columns_of(allow_list))
    await store_groups(tx, "team", team.id, held.ids_in(allow_list.entries))
    audit.record(tx, actor, change("team.update", team, before=team, after=changed))
    return changed
