"""A client of the API for tests: real HTTP requests, over ASGI."""

from dataclasses import dataclass
from typing import Any, Self

import asyncpg
import httpx2
from starlette.applications import Starlette

from bursar.database import tables
from bursar.database.connections import statements_sent
from factories import Key, Person

ERRORS = """
errors {
  __typename code path message
  ... on VersionConflict { currentVersion }
  ... on LimitExceeded { level limit requested }
  ... on ModelNotAllowed { level model }
  ... on TeamsExceedLimits { teams { id } }
  ... on MembersOutsideOrganization { members { id user { id } } }
}
"""
ROWS = " UNION ALL ".join(
    f"SELECT '{name}' || t::text AS line FROM {name} AS t"
    for name in sorted(tables.metadata.tables)
)
FINGERPRINT = f"""
SELECT encode(sha256(convert_to(string_agg(line, E'\\n' ORDER BY line), 'UTF8')), 'hex')
FROM ({ROWS}) AS everything
"""


@dataclass(frozen=True)
class Answer:
    """What came back, and how many SQL statements it took, sign-in included."""

    status: int
    data: Any
    errors: list[dict[str, Any]]
    statements: int

    @property
    def payload(self) -> Any:
        """The one root field of the data."""
        assert not self.errors, self.errors
        (value,) = self.data.values()
        return value

    @property
    def refusals(self) -> list[tuple[str, str]]:
        """Code and dotted path of each of the payload's errors."""
        return [(error["code"], ".".join(error["path"])) for error in self.payload["errors"]]

    @property
    def codes(self) -> list[str]:
        return [error["extensions"]["code"] for error in self.errors]


class Api:
    """Posts documents as somebody, and knows whether the database changed."""

    def __init__(self, app: Starlette, owner: asyncpg.Connection) -> None:
        self.http = httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app), base_url="http://bursar.test"
        )
        self._owner = owner

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.http.aclose()

    async def __call__(self, person: Person | Key, document: str, **variables: Any) -> Answer:
        return await self.send(person, document, variables, {})

    async def send(
        self,
        person: Person | Key,
        document: str,
        variables: dict[str, Any],
        headers: dict[str, str],
    ) -> Answer:
        """As a call, with further headers."""
        response = await self.http.post(
            "/graphql",
            json={"query": document, "variables": variables},
            headers={"Authorization": f"Bearer {person.secret}", **headers},
        )
        body = response.json()
        sent = statements_sent.get()
        return Answer(
            response.status_code, body.get("data"), body.get("errors", []), sent[0] if sent else 0
        )

    async def mutate(
        self, person: Person | Key, name: str, selection: str = "", /, **given: Any
    ) -> Answer:
        """Call a mutation with these fields of its input; of its payload select this and the errors."""
        input_type = f"{name[0].upper()}{name[1:]}Input!"
        document = (
            f"mutation($input: {input_type}) {{ {name}(input: $input) {{ {selection} {ERRORS} }} }}"
        )
        return await self(person, document, input=given)

    async def refused(
        self, person: Person | Key, name: str, selection: str = "", /, **given: Any
    ) -> Answer:
        """Call a mutation that must be refused, and see that nothing was changed."""
        before = await self.fingerprint()
        answer = await self.mutate(person, name, selection, **given)
        assert answer.refusals
        assert await self.fingerprint() == before
        return answer

    async def fingerprint(self) -> str:
        """A digest of every row of every table: equal before and after means that nothing changed."""
        digest: str = await self._owner.fetchval(FINGERPRINT)
        return digest
