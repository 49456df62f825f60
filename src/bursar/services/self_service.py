"""Self-service: users who make teams for themselves, within what they have of their own."""

from collections.abc import Sequence

from bursar.access.actor import Actor
from bursar.access.door import Lock, access_user
from bursar.access.holders import lock_rows
from bursar.access.policy import Relation
from bursar.access.standing import team_relations
from bursar.database.connections import Connection
from bursar.database.rows import Row
from bursar.database.tables import users
from bursar.domain.errors import Forbidden, Problems
from bursar.domain.limits import Limits
from bursar.domain.models import AllowList, Ceiling
from bursar.domain.new_teams import beyond_limits
from bursar.services import budgets, models
from bursar.services.models import Models

PATH = ("organization_id",)
MORE = "allow more models than are your own"


async def hold_oneself(tx: Connection, actor: Actor) -> Row:
    """The actor's user, held so that nobody lowers what is theirs meanwhile."""
    return await access_user(tx, actor, actor.user_id or "", path=PATH, lock=Lock.SHARE)


async def beyond(
    tx: Connection, actor: Actor, user: Row, limits: Limits | None, wanted: Models
) -> Problems:
    """Where a team would go beyond what the user has: every rule between the two."""
    own = budgets.limits_of(await budgets.budget_of(tx, "user", user.id))
    problems = Problems(beyond_limits(limits, own, "budget"))
    allow_list = wanted.allow_list or AllowList()
    problems.extend(await beyond_models(tx, actor, user, allow_list, allow_list.entries))
    return problems


async def hold_sponsor(tx: Connection, actor: Actor, team: Row) -> Row | None:
    """The user whose self-service a team is, held as above, for an actor who is bound by it.

    Higher admins are not.
    """
    is_higher = actor.administers_all or Relation.ORGANIZATION_ADMIN in team_relations(team)
    if team.self_service_user_id is None or is_higher:
        return None
    (user,) = await lock_rows(tx, users, [team.self_service_user_id], Lock.SHARE)
    return user


async def beyond_models(
    tx: Connection, actor: Actor, user: Row, allow_list: AllowList, asked: Sequence[str]
) -> list[Forbidden]:
    """Each entry of a team's list that is not within the user's own, at its place among those asked.

    An open list is more than any that is not.
    """
    own = models.list_of(user)
    if own.is_open:
        return []
    if allow_list.is_open:
        return [Forbidden("models", deed=MORE)]
    held = await models.hold(tx, actor, allow_list.entries, own.entries)
    outside = Ceiling(own, held.models).outside(allow_list)
    return [
        Forbidden("models", *([asked.index(entry)] if entry in asked else []), deed=MORE)
        for entry in outside
    ]
