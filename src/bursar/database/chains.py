"""How audit entries are written: with their hashes, each after the last of its chain.

One statement locks the heads in the order of their chains, hashes entry by entry, and moves the
heads, so that entries without their head, or the other way round, never were. What is hashed is said
in domain/chains.py.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import asyncpg
from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import JSONB

from bursar.database.connections import Connection
from bursar.database.pool import RunAgain
from bursar.database.statements import Statement
from bursar.domain.chains import PLATFORM

AT_ONCE = 2000
"""Entries in one statement, which looks through all of them for the next of each: 0.3 s for so many."""

AT = """to_char({at} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""
"""A time as it is hashed."""

WRITTEN = f"""
held AS MATERIALIZED (
    SELECT chain, position, hash FROM audit_heads
    WHERE chain = ANY (ARRAY(SELECT chain FROM given)) ORDER BY chain FOR NO KEY UPDATE
), link AS (
    SELECT chain, 0::bigint AS step, COALESCE(held.position, 0) AS position,
        NULL::bytea AS previous_hash, COALESCE(held.hash, nothing) AS hash
    FROM given LEFT JOIN held USING (chain)
    CROSS JOIN (VALUES (decode(repeat('00', 32), 'hex'))) AS first (nothing)
    WHERE step = 1
    UNION ALL
    SELECT chain, given.step, link.position + 1, link.hash,
        sha256(link.hash || convert_to(jsonb_build_array(
            chain, link.position + 1, id, {AT.format(at="now()")}, actor_user_id, actor_key_id,
            on_behalf_of, action, object_id, organization_id, team_id, request_id, before, after
        )::text, 'UTF8'))
    FROM link JOIN given USING (chain) WHERE given.step = link.step + 1
), tip AS (
    SELECT DISTINCT ON (chain) chain, position, hash FROM link ORDER BY chain, step DESC
), moved AS (
    UPDATE audit_heads AS head SET position = tip.position, hash = tip.hash
    FROM tip WHERE head.chain = tip.chain
), begun AS (
    INSERT INTO audit_heads (chain, position, hash)
    SELECT chain, position, hash FROM tip WHERE chain NOT IN (SELECT chain FROM held)
    RETURNING chain
), written AS (
    INSERT INTO audit_entries (id, actor_user_id, actor_key_id, on_behalf_of, action, object_id,
        organization_id, team_id, before, after, request_id, position, previous_hash, hash)
    SELECT id, actor_user_id, actor_key_id, on_behalf_of, action, object_id,
        organization_id, team_id, before, after, request_id, position, previous_hash, hash
    FROM link JOIN given USING (chain, step)
    -- Who is second to begin a chain is told so by its head.
    WHERE (SELECT count(*) FROM begun) IS NOT NULL
)
"""  # noqa: S608 (a constant)
"""The parts of a WITH RECURSIVE that write the entries in `given`, which has for each its `chain`, the
`step` it is there, and all that it says but time and position."""

_APPEND = f"""
WITH RECURSIVE given AS MATERIALIZED (
    SELECT COALESCE(organization_id, '{PLATFORM}') COLLATE "C" AS chain,
        row_number() OVER (PARTITION BY organization_id ORDER BY place) AS step, entry.*
    FROM ROWS FROM (jsonb_to_recordset(:entries) AS (
        id text, actor_user_id text, actor_key_id text, on_behalf_of text, action text,
        object_id text, organization_id text, team_id text, before jsonb, after jsonb,
        request_id text
    )) WITH ORDINALITY AS entry (
        id, actor_user_id, actor_key_id, on_behalf_of, action, object_id, organization_id, team_id,
        before, after, request_id, place)
), {WRITTEN}
SELECT
"""  # noqa: S608 (a constant)


async def append(tx: Connection, entries: Sequence[Mapping[str, Any]]) -> None:
    """Write entries at the end of their chains, in order; no other lock may be taken after this one.

    Raises RunAgain where somebody else began one of the chains meanwhile.
    """
    for start in range(0, len(entries), AT_ONCE):
        try:
            await tx.all(_append(), entries=entries[start : start + AT_ONCE])
        except asyncpg.UniqueViolationError as error:
            if error.constraint_name == "audit_heads_pkey":
                raise RunAgain from error
            raise


@cache
def _append() -> Statement:
    return Statement(text(_APPEND).bindparams(bindparam("entries", type_=JSONB)))
