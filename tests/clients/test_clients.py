"""Clients that people use: each asks a server that listens a query, a mutation and a list by pages.

What the JavaScript ones do stands in a program of each. Relay's compiler and graphql-codegen first
compile their documents against schema.graphql.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from gql import Client, GraphQLRequest
from gql.transport.httpx import HTTPXAsyncTransport

from live_server import serving

ROOT = Path(__file__).parents[2]
KEY = "the-key-of-the-operator-of-this-server"
SIGNED_IN = {"Authorization": f"Bearer {KEY}"}
FOUND = {
    "viewer": "admin",
    "created": "Cleo's",
    "pages": [["Ada's", "Bob's"], ["Cleo's"]],
    "more": False,
}

ORGANIZATION = """
    query Organization($externalId: String!) {
        viewer { user { externalId } }
        organizationByExternalId(externalId: $externalId) { id }
    }
"""
CREATE_TEAM = """
    mutation CreateTeam($input: TeamCreateInput!) {
        teamCreate(input: $input) { team { id name } errors { code message path } }
    }
"""
TEAMS = """
    query Teams($externalId: String!, $after: String) {
        organizationByExternalId(externalId: $externalId) {
            teams(first: 2, after: $after) { nodes { name } pageInfo { hasNextPage endCursor } }
        }
    }
"""

# Installing the packages, once, takes longer than any test.
pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="bursar-test-") as parent:
        Path(parent).chmod(0o711)
        with serving(BURSAR_DATA_DIR=f"{parent}/data", BURSAR_ADMIN_KEY=KEY) as server:
            yield f"{server.url}/graphql"


def organization(url: str, external_id: str) -> str:
    """Make an organization with two teams, and answer its external id."""

    def ask(document: str) -> Any:
        answer = httpx2.post(url, json={"query": document}, headers=SIGNED_IN).json()
        return next(iter(answer["data"].values()))

    made = ask(f"""mutation {{
        organizationCreate(input: {{ name: "Acme", externalId: "{external_id}" }}) {{
            organization {{ id }}
        }}
    }}""")
    for name in ("Ada's", "Bob's"):
        ask(f"""mutation {{
            teamCreate(input: {{ name: "{name}", organizationId: "{made["organization"]["id"]}" }}) {{
                team {{ id }}
            }}
        }}""")
    return external_id


@pytest.mark.parametrize("program", ["apollo.mjs", "urql.mjs", "relay/main.js", "codegen/main.mjs"])
def test_a_client_asks_changes_and_pages(url: str, program: str) -> None:
    external_id = organization(url, program.replace("/", "."))
    node = [sys.executable, "scripts/node.py", "tests/clients", "node"]
    run = subprocess.run(
        [*node, program, url, KEY, external_id],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    # npm, when it installs, speaks before the program does.
    assert json.loads(run.stdout.splitlines()[-1]) == FOUND


async def test_gql_of_python_asks_changes_and_pages(url: str) -> None:
    """It reads the schema from the server first, and validates its documents by that."""
    external_id = organization(url, "gql")
    transport = HTTPXAsyncTransport(url=url, headers=SIGNED_IN)
    async with Client(transport=transport, fetch_schema_from_transport=True) as session:

        async def ask(document: str, **variables: Any) -> Any:
            return await session.execute(GraphQLRequest(document, variable_values=variables))

        asked = await ask(ORGANIZATION, externalId=external_id)
        organization_id = asked["organizationByExternalId"]["id"]
        made = await ask(CREATE_TEAM, input={"organizationId": organization_id, "name": "Cleo's"})
        pages, info = [], {"hasNextPage": True, "endCursor": None}
        while info["hasNextPage"]:
            answer = await ask(TEAMS, externalId=external_id, after=info["endCursor"])
            teams = answer["organizationByExternalId"]["teams"]
            pages.append([node["name"] for node in teams["nodes"]])
            info = teams["pageInfo"]
    found = {
        "viewer": asked["viewer"]["user"]["externalId"],
        "created": made["teamCreate"]["team"]["name"],
        "pages": pages,
        "more": info["hasNextPage"],
    }
    assert found == FOUND
