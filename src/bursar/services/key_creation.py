"""How keys begin: of a user, of a member of a team, or of a service; the secret is shown once."""

from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import bindparam, select

from bursar.access.actor import Actor
from bursar.access.door import Lock, access_team, access_user
from bursar.access.policy import Action, creation_of, forbidden
from bursar.access.standing import administers
from bursar.database.connections import Connection
from bursar.database.rows import Row
from bursar.database.statements import Statement
from bursar.database.tables import api_keys, team_members
from bursar.database.writes import insert_row
from bursar.domain.errors import Forbidden, Invalid, NotMember, Problems
from bursar.domain.ids import Prefix, new_id
from bursar.domain.keys import (
    DEFAULT_SCOPES,
    digest,
    kind_of,
    last_four,
    new_secret,
    problem_with_scopes_of,
)
from bursar.domain.limits import resulting
from bursar.domain.roles import KeyKind
from bursar.domain.throughput import guarantees
from bursar.services import archive, audit, budgets, models
from bursar.services.attributes import columns_in, columns_of
from bursar.services.holdings import (
    above_key,
    beyond_member,
    clock_of,
    exceeding_limits,
    reserving,
    ungrantable,
)
from bursar.services.keys import (
    LONG_LIFE,
    KeyAttributes,
    change,
    problems_with_key,
    unguaranteeable,
    unguaranteed,
)


class NewKey(NamedTuple):
    """A key as stored, and its secret, which is stored nowhere."""

    row: Row
    secret: str


async def create(
    tx: Connection,
    actor: Actor,
    *,
    user_id: str | None,
    team_id: str | None,
    attributes: KeyAttributes,
    pepper: bytes,
) -> NewKey:
    """Create a key: of a user, of a team's service, or of a user as a member of a team.

    Of neither it is the actor's own, if the actor is a user. It lives no longer than the key that
    asks for it, and that of a member, where nothing is said, as long as the team lets them; who is a
    mere member makes none that lives longer or is guaranteed anything, and none of a service with more
    than their own limits, which do not bind it. Raises Refusals for bad attributes, NotFound, also for
    access groups, Forbidden, NotMember for a user outside the team, LimitExceeded, ModelNotAllowed,
    AlreadyTaken.
    """
    if user_id is None and team_id is None:
        user_id = actor.user_id
    kind = kind_of(user_id, team_id)
    scopes = attributes.get("scopes", DEFAULT_SCOPES[kind])
    clock = await clock_of(tx, actor)
    problems = Problems(problems_with_key(attributes, clock))
    if problem := problem_with_scopes_of(kind, scopes or ()):
        problems.append(Invalid("scopes", problem=problem))
    problems.extend(unguaranteeable(team_id, attributes))
    problems.raise_any()
    if user_id is None and team_id is None:
        raise forbidden(Action.API_KEY_CREATE, "user_id")
    team = await _hold_owner(tx, actor, user_id, team_id, counts=guarantees(attributes))
    if team is not None and kind is KeyKind.MEMBER:
        attributes = {"expires_at": clock.after(team.member_key_duration), **attributes}
        if not administers(actor, team):
            clock = clock.within(team.member_key_duration)
    problems = Problems(ungrantable(actor, user_id, scopes, "scopes"))
    limits = resulting(None, attributes.get("budget"))
    if team is not None and not administers(actor, team):
        problems.extend(reserving(attributes))
        if kind is KeyKind.SERVICE:
            problems.extend(await beyond_member(tx, actor, team, limits))
    if clock.is_outlived_by(attributes.get("expires_at")):
        problems.append(Forbidden("expires_at", deed=LONG_LIFE))
    above = above_key(user_id, team_id)
    wanted = await models.wanted(tx, actor, attributes, above=above)
    problems.extend(wanted.problems)
    problems.extend(await exceeding_limits(tx, user_id, team_id, limits))
    secret = new_secret()
    own = {"scopes": list(scopes), **columns_in(attributes), **wanted.columns}
    row = await insert_key(tx, user_id, secret, pepper, own, team_id=team_id)
    await models.store_groups(tx, "api_key", row.id, wanted.group_ids)
    await budgets.store(tx, "api_key", row.id, None, limits)
    problems.extend_elsewhere(await unguaranteed(tx, row, attributes))
    problems.raise_any()
    after = {**archive.state_of(row), **audit.all_of([("budget", limits)])}
    audit.record(
        tx, actor, change("api_key.create", row, team and team.organization_id, after=after)
    )
    return NewKey(row, secret)


async def _hold_owner(
    tx: Connection, actor: Actor, user_id: str | None, team_id: str | None, *, counts: bool
) -> Row | None:
    """Lock whose key it will be, for an actor who may make it; answers the team, if there is one.

    `counts`: the team is held as who counts what its keys hold together.
    """
    team = None
    if team_id is not None:
        team = await access_team(
            tx,
            actor,
            team_id,
            creation_of(user_id),
            path=("team_id",),
            lock=Lock.UPDATE if counts else Lock.SHARE,
            as_member=user_id in {None, actor.user_id},
        )
    if user_id is not None:
        needed = [] if team_id else [Action.API_KEY_CREATE]
        await access_user(tx, actor, user_id, *needed, path=("user_id",), lock=Lock.SHARE)
        if team_id is not None and not await tx.one(
            _membership(), team_id=team_id, user_id=user_id
        ):
            raise NotMember("user_id")
    return team


async def insert_key(
    tx: Connection,
    user_id: str | None,
    secret: str,
    pepper: bytes,
    attributes: Mapping[str, Any],
    *,
    team_id: str | None = None,
) -> Row:
    """Store a key by the hash of its secret; without scopes it has those of its kind."""
    return await insert_row(
        tx,
        api_keys,
        {
            "id": new_id(Prefix.API_KEY),
            "user_id": user_id,
            "team_id": team_id,
            "secret_hash": digest(secret, pepper),
            "last_four": last_four(secret),
            "scopes": list(DEFAULT_SCOPES[kind_of(user_id, team_id)]),
            **columns_of(attributes),
        },
    )


@cache
def _membership() -> Statement:
    return Statement(
        select(team_members.c.id)
        .where(
            team_members.c.team_id == bindparam("team_id"),
            team_members.c.user_id == bindparam("user_id"),
        )
        .with_for_update(read=True, key_share=True)
    )
