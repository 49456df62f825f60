"""Who asks what: of each question some hundred pairs of a secret and variables, always the same."""

import random
from collections.abc import Sequence
from typing import Any

import asyncpg
import questions
from world import World

from bursar.database.connections import Connection
from bursar.database.pool import Database
from bursar.domain.roles import KeyScope
from bursar.services.key_creation import insert_key

PEPPER = "a pepper for benchmarks of 32 bytes or more"
ADMIN = "the-key-of-the-first-admin-for-benchmarks-alone"
MANY = 512
PAIRS = 100_000  # more than are added in a round, as nobody can be added twice
ALIAS = "benchmark"

Asked = dict[str, list[tuple[str, dict[str, Any]]]]

# Of one size, however many organizations there are.
_ORGANIZATIONS = """
SELECT organization_id FROM teams WHERE organization_id NOT LIKE '%\\_00000000000000000000000000'
GROUP BY 1 HAVING count(*) BETWEEN 50 AND 150 ORDER BY 1 LIMIT $1
"""
_PLAIN_MEMBERS = """
SELECT users.id FROM users JOIN team_members member ON member.user_id = users.id
WHERE users.role = 'USER' AND NOT users.blocked AND NOT EXISTS (
  SELECT FROM organization_members other
  WHERE other.user_id = users.id AND other.role IN ('ADMIN', 'VIEWER'))
GROUP BY 1 HAVING count(*) BETWEEN 2 AND 5 ORDER BY users.id LIMIT $1
"""
_ABSENT = """
SELECT team.id, person.user_id
FROM (SELECT id, organization_id FROM teams ORDER BY id LIMIT 10000) team CROSS JOIN LATERAL (
  SELECT user_id FROM organization_members
  WHERE organization_id = team.organization_id AND user_id NOT IN (
    SELECT user_id FROM team_members WHERE team_id = team.id)
  LIMIT 12
) person
"""


async def asked_of(world: World) -> Asked:
    """What is asked, and by whom; the keys of plain members are made here."""
    owner = await asyncpg.connect(world.owner_url)

    async def column(statement: str) -> list[str]:
        return [row[0] for row in await owner.fetch(statement, MANY)]

    chance = random.Random(0)
    teams = await column("SELECT id FROM teams ORDER BY md5(id) LIMIT $1")
    organizations = await column(_ORGANIZATIONS)
    members = await column(_PLAIN_MEMBERS)
    pairs = [tuple(row) for row in await owner.fetch(_ABSENT)]
    await owner.execute("DELETE FROM api_keys WHERE team_id IS NULL AND alias = $1", ALIAS)
    await owner.close()
    chance.shuffle(pairs)
    await _give_keys(world, members)
    return {
        questions.POINT_READ.name: [(ADMIN, {"id": id_}) for id_ in teams],
        questions.DASHBOARD.name: [(ADMIN, {"id": id_}) for id_ in organizations],
        questions.FLAT_ROWS.name: [(ADMIN, {"after": None})],
        questions.MY_TEAMS.name: [(_secret(id_), {"user": id_}) for id_ in members],
        questions.ADD_MEMBER.name: [(ADMIN, {"team": t, "user": u}) for t, u in pairs[:PAIRS]],
    }


async def _give_keys(world: World, members: Sequence[str]) -> None:
    database = Database(world.application_url)
    given = {"alias": ALIAS, "scopes": [KeyScope.MANAGE]}

    async def give(tx: Connection) -> None:
        for id_ in members:
            await insert_key(tx, id_, _secret(id_), PEPPER.encode(), given)

    await database.write(give)
    await database.close()


def _secret(user_id: str) -> str:
    return f"bk_of-{user_id}-for-benchmarks-alone"
