"""The door to what spends: found, locked with what limits it, and permitted to who sets its budget."""

from typing import NamedTuple

from bursar.access.actor import Actor
from bursar.access.door import access_api_key, access_organization, access_team, access_user
from bursar.access.holders import Place, find_holder, lock_holder
from bursar.access.policy import Action
from bursar.access.standing import administers_above
from bursar.database.connections import Connection
from bursar.database.rows import Row
from bursar.domain.errors import NotFound

PATH = ("holder_id",)


class Spender(NamedTuple):
    """A holder of a budget, locked. `oneself`: a member of a team for whom others should decide."""

    place: Place
    row: Row
    oneself: bool


async def access_spender(
    tx: Connection, actor: Actor, holder_id: str, *, of_key: Action
) -> Spender:
    """What spends, for an actor who may set its budget, or do this to it if it is a key.

    An admin of a team is `oneself` as a member of it, unless there is more to them. Raises NotFound
    and Forbidden at the path of the id, and RunAgain if it was moved meanwhile.
    """
    place = await find_holder(tx, actor, holder_id)
    row = place and await lock_holder(tx, actor, place)
    if place is None or row is None:
        raise NotFound(*PATH, thing="holder of a budget")
    organization_id, team_id = place.organization_id or "", place.team_id or ""
    oneself = False
    match place.kind.owner:
        case "organization":
            await access_organization(tx, actor, place.id, Action.ORGANIZATION_LIMIT, path=PATH)
        case "organization_member":
            action = Action.ORGANIZATION_MEMBER_UPDATE
            await access_organization(tx, actor, organization_id, action, path=PATH)
        case "team":
            await access_team(tx, actor, place.id, Action.TEAM_LIMIT, path=PATH)
        case "team_member":
            team = await access_team(tx, actor, team_id, Action.TEAM_MEMBER_UPDATE, path=PATH)
            oneself = row.user_id == actor.user_id and not administers_above(actor, team)
        case "user":
            await access_user(tx, actor, place.id, Action.USER_UPDATE, path=PATH)
        case _:
            await access_api_key(tx, actor, place.id, of_key, path=PATH)
    return Spender(place, row, oneself)
