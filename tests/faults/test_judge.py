"""The judge of what clients were told: whatever is not as they were told, it finds."""

import asyncpg
import pytest
from faults.storm import SILENCE, Deed, Storm, judge

from bursar.database.embedded import EmbeddedPostgres

LAST = "(SELECT max(id) FROM teams)"


@pytest.mark.parametrize(
    ("wrong", "sql"),
    [
        ("lost", f"DELETE FROM teams WHERE id = {LAST}"),
        (
            "ghosts",
            f"UPDATE teams SET name = 'deed refused', name_key = 'deed refused' WHERE id = {LAST}",
        ),
        ("half applied", f"DELETE FROM team_members WHERE team_id = {LAST}"),
        ("half applied", f"DELETE FROM budgets WHERE team_id = {LAST}"),
        ("half applied", f"DELETE FROM audit_entries WHERE object_id = {LAST}"),
        ("half applied", "DELETE FROM idempotency_records WHERE key = 'deed 2'"),
    ],
)
async def test_what_is_not_as_it_was_told_is_found(
    storm: Storm, migrated: EmbeddedPostgres, owner: asyncpg.Connection, wrong: str, sql: str
) -> None:
    await storm.rage(1, until=lambda storm: storm.made == 3)
    storm.deeds += [Deed("deed refused", ["UNAVAILABLE"]), Deed("deed unknown", [SILENCE])]
    assert (await judge(storm, migrated.owner_url))["acknowledged"] == 3
    await owner.execute(sql)
    with pytest.raises(AssertionError, match=f"'{wrong}': [1-9]"):
        await judge(storm, migrated.owner_url)
