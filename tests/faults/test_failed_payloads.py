"""Reads for a payload that fail after the commit: the change is made, and nothing else is said."""

from unittest.mock import ANY

import pytest
from faults.failures import FAILURES, failing_after_commit

from api_client import Api
from factories import Factory

RENAME = """
mutation Rename($input: TeamUpdateInput!) {
  teamUpdate(input: $input) { team { name organization { name } } errors { code } }
}
"""


@pytest.mark.parametrize(
    ("kind", "code", "message"),
    [
        ("disk full", "UNAVAILABLE", "The database does not answer; this could not be read."),
        ("answer lost", "UNAVAILABLE", "The database does not answer; this could not be read."),
        ("statement timed out", "OVERLOADED", "The server is busy; this could not be read."),
        ("internal error", "INTERNAL_SERVER_ERROR", "Internal server error"),
    ],
)
async def test_a_mutation_that_is_done_is_not_said_to_have_changed_nothing(
    api: Api, make: Factory, kind: str, code: str, message: str
) -> None:
    admin, team = await make.admin(), await make.team()
    with failing_after_commit(FAILURES[kind]):
        answer = await api(admin, RENAME, input={"id": team.id, "name": "New"})
    assert answer.data == {"teamUpdate": {"team": None, "errors": []}}
    assert answer.errors == [
        {
            "message": message,
            "path": ["teamUpdate", "team", "organization"],
            "locations": ANY,
            "extensions": {"code": code, "requestId": ANY},
        }
    ]
    again = await api(admin, RENAME, input={"id": team.id})
    assert again.payload["team"]["name"] == "New"
