"""Self-service: users who make teams for themselves, within what they have of their own."""

from bursar.access.actor import Actor
from bursar.access.door import Lock, access_user
from bursar.database.connections import Connection
from bursar.domain.errors import Problems
from bursar.domain.limits import Limits
from bursar.domain.new_teams import beyond
from bursar.services import budgets

PATH = ("organization_id",)


async def problems_beyond_oneself(tx: Connection, actor: Actor, limits: Limits | None) -> Problems:
    """Where a team would go beyond what the actor has: every rule between the two.

    The actor's user is held, so that nobody lowers what is theirs meanwhile.
    """
    user = await access_user(tx, actor, actor.user_id or "", path=PATH, lock=Lock.SHARE)
    own = budgets.limits_of(await budgets.budget_of(tx, "user", user.id))
    return Problems(beyond(limits, own, "budget"))
