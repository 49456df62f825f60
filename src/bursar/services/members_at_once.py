"""The short way to add members: where nothing stands against it, in one statement.

A platform ADMIN who names users by their ids, all of them in the team's organization and none in the
team, with no limits of their own, needs no answer on the way. Whatever else is asked, and all that is
refused, goes the long way (members.py), which has the rules.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

import asyncpg
from sqlalchemy import ARRAY, Text, bindparam, text

from bursar.access.actor import Actor
from bursar.access.policy import Action, permits
from bursar.database.chains import WRITTEN
from bursar.database.connections import Connection
from bursar.database.rows import Row
from bursar.database.statements import Statement
from bursar.domain.ids import DEFAULT_ORGANIZATION, Prefix, new_id
from bursar.domain.names import is_storable
from bursar.services.memberships import NewMember

# Locked as on the long way, each after the one before. What was locked is read as it is by then; so
# people are found in the organization by rows that are locked too.
_ADD = f"""
WITH RECURSIVE organization AS MATERIALIZED (
    SELECT id FROM organizations
    WHERE id = (SELECT organization_id FROM teams WHERE id = :team_id)
        AND id <> '{DEFAULT_ORGANIZATION}'
    FOR SHARE
), team AS MATERIALIZED (
    SELECT id, organization_id FROM teams
    WHERE id = :team_id AND (SELECT count(*) FROM organization) IS NOT NULL
    FOR SHARE
), person AS MATERIALIZED (
    SELECT id FROM users WHERE id = ANY (:user_ids) AND (SELECT count(*) FROM team) = 1
    ORDER BY id FOR KEY SHARE
), belonging AS MATERIALIZED (
    SELECT user_id FROM organization_members
    WHERE organization_id = (SELECT id FROM organization)
        AND user_id = ANY (ARRAY(SELECT id FROM person))
    ORDER BY user_id FOR KEY SHARE
), fit AS (
    SELECT team.id AS team_id, organization_id FROM team
    WHERE (SELECT count(*) FROM person) = cardinality(:user_ids)
        AND (organization_id = '{DEFAULT_ORGANIZATION}'
            OR organization_id = (SELECT id FROM organization)
            AND (SELECT count(*) FROM belonging) = cardinality(:user_ids))
        AND NOT EXISTS (
            SELECT FROM team_members WHERE team_id = team.id AND user_id = ANY (:user_ids))
), new AS MATERIALIZED (
    SELECT * FROM fit CROSS JOIN unnest(:ids, :user_ids, :roles, :entry_ids) WITH ORDINALITY
        AS given (id, user_id, role, entry_id, place)
), joined AS (
    INSERT INTO team_members (id, team_id, user_id, role)
    SELECT id, team_id, user_id, role FROM new ORDER BY user_id
    RETURNING *
), given AS MATERIALIZED (
    SELECT organization_id AS chain, row_number() OVER (ORDER BY place) AS step, entry_id AS id,
        :actor_user_id AS actor_user_id, :actor_key_id AS actor_key_id,
        :on_behalf_of AS on_behalf_of, 'team_member.add' AS action, joined.id AS object_id,
        organization_id, joined.team_id, NULL::jsonb AS before, jsonb_build_object(
            'id', joined.id, 'userId', joined.user_id, 'role', joined.role, 'budget', NULL,
            'joinedAt', rtrim(rtrim(to_char(joined_at AT TIME ZONE 'UTC',
                'YYYY-MM-DD"T"HH24:MI:SS.US'), '0'), '.') || 'Z'
        ) AS after, :request_id AS request_id
    FROM joined JOIN new USING (id)
), {WRITTEN}
SELECT joined.* FROM joined JOIN new USING (id) ORDER BY place
"""  # noqa: S608 (constants)


async def add(
    tx: Connection, actor: Actor, team_id: str, new_members: Sequence[NewMember[Any]]
) -> list[Row] | None:
    """The new memberships in the order of the input; None, and nothing is done, on the long way."""
    user_ids = [new.person.user_id for new in new_members]
    if not (
        permits(actor, Action.TEAM_MEMBERS_ADD)  # whatever they are to the team
        and all(new.person.email is None and new.budget is None for new in new_members)
        and all(id_ is not None and is_storable(id_) for id_ in (team_id, *user_ids))
    ):
        return None
    try:
        rows = await tx.alone(
            _add(),
            team_id=team_id,
            user_ids=user_ids,
            ids=[new_id(Prefix.TEAM_MEMBER) for _ in user_ids],
            roles=[new.role for new in new_members],
            entry_ids=[new_id(Prefix.AUDIT_ENTRY) for _ in user_ids],
            actor_user_id=actor.user_id,
            actor_key_id=actor.key_id,
            on_behalf_of=actor.on_behalf_of,
            request_id=actor.request_id,
        )
    except asyncpg.UniqueViolationError:
        return None  # somebody else was first
    return rows or None


@cache
def _add() -> Statement:
    lists = (
        bindparam(name, type_=ARRAY(Text)) for name in ("user_ids", "ids", "roles", "entry_ids")
    )
    texts = (
        bindparam(name, type_=Text)
        for name in ("team_id", "actor_user_id", "actor_key_id", "on_behalf_of", "request_id")
    )
    return Statement(text(_ADD).bindparams(*lists, *texts))
