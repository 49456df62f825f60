"""The short way to add members: where nothing stands against it, in one statement.

A platform ADMIN who names users by their ids, all of them in the team's organization and none in the
team, with no limits of their own, needs no answer on the way. Whatever else is asked, and all that is
refused, goes the long way (members.py), which has the rules. What several requests ask for at the same
moment shares a statement, and so a transaction; of them each that cannot be done is left out whole, and
so is each that needs what somebody else holds.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, NamedTuple

import asyncpg
from sqlalchemy import ARRAY, Text, bindparam, text

from bursar.access.actor import Actor
from bursar.access.policy import Action, permits
from bursar.database.borrowing import Borrowing, borrowing
from bursar.database.chains import WRITTEN
from bursar.database.connections import Connection
from bursar.database.pool import Database
from bursar.database.rows import Row
from bursar.database.statements import Statement
from bursar.database.together import Together
from bursar.domain.errors import Overloaded
from bursar.domain.ids import DEFAULT_ORGANIZATION, Prefix, new_id
from bursar.domain.names import is_storable
from bursar.services.memberships import MOST_AT_ONCE, NewMember

OF_USERS = frozenset({"id", "name", "email"})
"""What is read of those who join, which is most of what the answer says of them."""
MOST_TOGETHER = 10
"""People in a call that shares a statement; a larger one would keep others waiting."""

# Locked as on the long way, each after the one before, but what others hold is passed over, so that
# no call waits for what another needs. What was locked is read as it is by then; so people are found
# in the organization by rows that are locked too. What is given is read by subqueries, as the plan
# for any number of people is kept then, and none made for each.
_ADD = f"""
WITH RECURSIVE asked AS MATERIALIZED (
    SELECT * FROM unnest((SELECT :calls), (SELECT :team_ids), (SELECT :user_ids), (SELECT :ids),
        (SELECT :roles), (SELECT :entry_ids), (SELECT :actor_user_ids), (SELECT :actor_key_ids),
        (SELECT :on_behalf_of), (SELECT :request_ids))
    WITH ORDINALITY AS asked (call, team_id, user_id, id, role, entry_id,
        actor_user_id, actor_key_id, on_behalf_of, request_id, place)
), organization AS MATERIALIZED (
    SELECT id FROM organizations
    WHERE id = ANY (ARRAY(SELECT organization_id FROM teams
            WHERE id = ANY (ARRAY(SELECT team_id FROM asked))))
        AND id <> '{DEFAULT_ORGANIZATION}'
    ORDER BY id FOR SHARE SKIP LOCKED
), team AS MATERIALIZED (
    SELECT id, organization_id FROM teams
    WHERE id = ANY (ARRAY(SELECT team_id FROM asked))
        AND (SELECT count(*) FROM organization) IS NOT NULL
    ORDER BY id FOR SHARE SKIP LOCKED
), person AS MATERIALIZED (
    SELECT id, name, email FROM users
    WHERE id = ANY (ARRAY(SELECT user_id FROM asked)) AND (SELECT count(*) FROM team) > 0
    ORDER BY id FOR KEY SHARE SKIP LOCKED
), belonging AS MATERIALIZED (
    SELECT organization_id, user_id FROM organization_members
    WHERE (organization_id, user_id) IN (
        SELECT organization.id, person.id FROM asked
        JOIN person ON person.id = asked.user_id JOIN team ON team.id = asked.team_id
        JOIN organization ON organization.id = team.organization_id)
    ORDER BY organization_id, user_id FOR KEY SHARE SKIP LOCKED
), judged AS MATERIALIZED (
    SELECT asked.*, team.organization_id, person.id IS NOT NULL
        AND (team.organization_id = '{DEFAULT_ORGANIZATION}' OR belonging.user_id IS NOT NULL)
        AND NOT EXISTS (SELECT FROM team_members AS member
            WHERE member.team_id = asked.team_id AND member.user_id = asked.user_id) AS fits
    FROM asked LEFT JOIN team ON team.id = team_id LEFT JOIN person ON person.id = user_id
    LEFT JOIN belonging USING (organization_id, user_id)
), new AS MATERIALIZED (
    SELECT * FROM judged WHERE call NOT IN (SELECT call FROM judged WHERE fits IS NOT TRUE)
), joined AS (
    INSERT INTO team_members (id, team_id, user_id, role)
    SELECT id, team_id, user_id, role FROM new ORDER BY team_id, user_id
    RETURNING *
), given AS MATERIALIZED (
    SELECT organization_id AS chain,
        row_number() OVER (PARTITION BY organization_id ORDER BY place) AS step, entry_id AS id,
        actor_user_id, actor_key_id, on_behalf_of, 'team_member.add' AS action,
        joined.id AS object_id, organization_id, joined.team_id, NULL::jsonb AS before,
        jsonb_build_object(
            'id', joined.id, 'userId', joined.user_id, 'role', joined.role, 'budget', NULL,
            'joinedAt', rtrim(rtrim(to_char(joined_at AT TIME ZONE 'UTC',
                'YYYY-MM-DD"T"HH24:MI:SS.US'), '0'), '.') || 'Z'
        ) AS after, request_id
    FROM joined JOIN new USING (id)
), {WRITTEN}
SELECT id, team_id, user_id, role, joined_at, version, NULL AS name, NULL AS email FROM joined
UNION ALL
SELECT id, NULL, NULL, NULL, NULL, NULL, name, email FROM person
WHERE id IN (SELECT user_id FROM joined)
"""  # noqa: S608 (constants)


class Joined(NamedTuple):
    """The memberships of a call in the order of its input, and by their ids whom it added.

    The users' rows have the columns OF_USERS.
    """

    members: list[Row]
    users: dict[str, Row]


@dataclass(slots=True, eq=False)
class Call:
    """People whom an actor asks to be added to a team, all or none, and their memberships' ids.

    `request` may have changed something from when the statement begins; nothing begins for a call that
    was given up.
    """

    actor: Actor
    team_id: str
    user_ids: Sequence[str]
    roles: Sequence[str]
    ids: Sequence[str]
    request: Borrowing = field(default_factory=lambda: borrowing.get() or Borrowing())
    is_given_up: bool = False


def call_of(actor: Actor, team_id: str, new_members: Sequence[NewMember[Any]]) -> Call | None:
    """The call, if it may go the short way by what is known without the database."""
    user_ids = [
        user_id
        for new in new_members
        if (user_id := new.person.user_id)
        and is_storable(user_id)
        and new.person.email is None
        and new.budget is None
    ]
    if not (
        0 < len({*user_ids}) == len(new_members) <= MOST_AT_ONCE
        and permits(actor, Action.TEAM_MEMBERS_ADD)  # whatever they are to the team
        and team_id
        and is_storable(team_id)
    ):
        return None
    ids = [new_id(Prefix.TEAM_MEMBER) for _ in user_ids]
    return Call(actor, team_id, user_ids, [new.role for new in new_members], ids)


class MembersTogether:
    """Adds members for all requests of a process, those of the same moment by one statement."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._calls = Together[Call, Joined](self._add_all)

    async def add(self, call: Call) -> Joined | None:
        """Who joined; None, and nothing is done, on the long way.

        Behind a pooler that is every call's, as no statement is a whole transaction there. Raises
        OutcomeUnknown to all who share a statement when the connection dies meanwhile.
        """
        if self._database.is_pooled:
            return None
        request, before = call.request, call.request.may_have_changed
        try:
            if len(call.ids) > MOST_TOGETHER:
                joined = (await self._add_all([call])).get(call)
            else:
                joined = await self._calls.ask(call)
        except asyncio.CancelledError:
            call.is_given_up = True
            raise
        if joined is None:
            request.may_have_changed = before
        return joined

    async def _add_all(self, calls: Sequence[Call]) -> Mapping[Call, Joined]:
        async def work(tx: Connection) -> Mapping[Call, Joined]:
            apart = _first_of_each(call for call in calls if not call.is_given_up)
            for call in apart:
                call.request.may_have_changed = True
            try:
                return await _add_apart(tx, apart) if apart else {}
            except (asyncpg.UniqueViolationError, asyncpg.DeadlockDetectedError, Overloaded):
                return {}  # nothing was done: each alone finds out whether it was theirs

        return await self._database.write(work)


def _first_of_each(calls: Iterable[Call]) -> list[Call]:
    """The calls but for those that name a person whom one before adds to the same team."""
    taken: set[tuple[str, str]] = set()
    apart = []
    for call in calls:
        named = {(call.team_id, user_id) for user_id in call.user_ids}
        if taken.isdisjoint(named):
            taken |= named
            apart.append(call)
    return apart


async def _add_apart(tx: Connection, calls: Sequence[Call]) -> Mapping[Call, Joined]:
    asked = [
        (str(number), call.team_id, user_id, id_, role, new_id(Prefix.AUDIT_ENTRY), *_who(call))
        for number, call in enumerate(calls)
        for user_id, role, id_ in zip(call.user_ids, call.roles, call.ids, strict=True)
    ]
    columns = zip(_ASKED, zip(*asked, strict=True), strict=True)
    found = await tx.alone(_add(), **dict(columns)) or ()
    rows = {row["id"]: row for row in found}
    return {
        call: Joined([rows[id_] for id_ in call.ids], {id_: rows[id_] for id_ in call.user_ids})
        for call in calls
        if call.ids[0] in rows
    }


_ASKED = (
    *("calls", "team_ids", "user_ids", "ids", "roles", "entry_ids"),
    *("actor_user_ids", "actor_key_ids", "on_behalf_of", "request_ids"),
)


def _who(call: Call) -> tuple[str | None, ...]:
    actor = call.actor
    return actor.user_id, actor.key_id, actor.on_behalf_of, actor.request_id


@cache
def _add() -> Statement:
    columns = (bindparam(name, type_=ARRAY(Text)) for name in _ASKED)
    return Statement(text(_ADD).bindparams(*columns))
