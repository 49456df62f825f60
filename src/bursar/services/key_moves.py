"""Moves of keys between teams: a key goes with all that it has, where the new team can take it."""

from functools import cache

from sqlalchemy import bindparam, select

from bursar.access.actor import Actor
from bursar.access.key_moves import Move, access_key_to_move
from bursar.access.standing import administers
from bursar.database.connections import Connection
from bursar.database.rows import Row
from bursar.database.statements import Statement
from bursar.database.tables import api_keys
from bursar.database.writes import update_row
from bursar.domain.errors import AlreadyTaken, Forbidden, NotMember, OfNoTeam, Problems
from bursar.domain.throughput import guarantees
from bursar.services import archive, audit, budgets, key_places, models, throughput
from bursar.services.attributes import check_version
from bursar.services.holdings import RESERVE, SERVICE, beyond_member, clock_of, is_later
from bursar.services.keys import LONG_LIFE, change
from bursar.services.limits import above_parent, place_of


async def move(
    tx: Connection,
    actor: Actor,
    *,
    key_id: str,
    team_id: str,
    expected_version: int | None = None,
) -> Row:
    """Move a key of a member or a service to another team; its secret, limits and spend stay.

    It takes who may delete it where it is and create it where it goes; a mere member takes nothing
    there that they could not make there. What is there already stays as it is, unrecorded. Raises
    NotFound, Forbidden, VersionConflict, OfNoTeam for a personal key, and Refusals for all that the new
    team has against it.
    """
    clock = await clock_of(tx, actor)
    moved = await access_key_to_move(tx, actor, key_id, team_id)
    key, team = moved.key, moved.team
    check_version(key, expected_version)
    if key.team_id is None:
        raise OfNoTeam("id")
    if key.team_id == team.id:
        return key
    problems = await _against(tx, actor, moved)
    longest = clock.after(team.member_key_duration)
    if key.user_id and not administers(actor, team) and is_later(key.expires_at, longest):
        problems.append(Forbidden("team_id", deed=LONG_LIFE))
    problems.raise_any()
    await key_places.keep_of_keys(tx, [key.id])
    changed = await update_row(tx, api_keys, key.id, {"team_id": team.id})
    place = place_of(None, "team_id")
    Problems(await throughput.check(tx, "team", [team.id], place)).raise_any()
    await _record(tx, actor, moved, changed)
    return changed


async def _record(tx: Connection, actor: Actor, moved: Move, changed: Row) -> None:
    """An entry for each team, that the key left and that it came to; neither names the other."""
    before, after = archive.state_of(moved.key), archive.state_of(changed)
    nowhere = {"team_id": None}
    left = {"before": before, "after": {**after, **nowhere}}
    came = {"before": {**before, **nowhere}, "after": after}
    audit.record(
        tx,
        actor,
        change("api_key.move", moved.key, moved.key.organization_id, **left),
        change("api_key.move", changed, moved.team.organization_id, **came),
    )


async def _against(tx: Connection, actor: Actor, moved: Move) -> Problems:
    """All that stands against a key in the team where it goes, which is locked."""
    key, team = moved.key, moved.team
    problems = Problems()
    if key.user_id is not None and not moved.has_member:
        problems.append(NotMember("team_id"))
    if await tx.one(_namesake(), team_id=team.id, alias_key=key.alias_key):
        problems.append(AlreadyTaken("team_id", what="alias"))
    limits = budgets.limits_of(await budgets.budget_of(tx, "api_key", key.id))
    problems.extend(await above_parent(tx, "team", team.id, limits, "team_id"))
    lists = [models.list_of(key)]
    problems.extend(await models.outside_of(tx, actor, lists, ("team", team.id), "team_id"))
    if not administers(actor, team):
        if guarantees(key):
            problems.append(Forbidden("team_id", deed=RESERVE))
        if key.user_id is None and await beyond_member(tx, actor, team, limits):
            problems.append(Forbidden("team_id", deed=SERVICE))
    return problems


@cache
def _namesake() -> Statement:
    return Statement(
        select(api_keys.c.id).where(
            api_keys.c.team_id == bindparam("team_id"),
            api_keys.c.alias_key == bindparam("alias_key"),
        )
    )
