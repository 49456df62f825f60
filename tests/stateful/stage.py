"""The API and its database for a state machine, which is no coroutine: on an event loop of its own."""

import asyncio
from collections.abc import Coroutine, Sequence
from types import SimpleNamespace
from typing import Any, Self, TypeVar

import asyncpg
from conftest import EMPTY, PREPARE_EMPTY

from api_client import Answer, Api
from bursar.app import create_app
from bursar.database.pool import Database
from bursar.operations import doctor
from bursar.operations.checks.check import Check
from bursar.operations.checks.constraints import CONSTRAINTS
from bursar.operations.checks.limits import LIMITS
from bursar.operations.checks.relations import RELATIONS
from bursar.operations.checks.values import VALUES
from bursar.settings import Settings
from factories import PEPPER, Factory, Person

T = TypeVar("T")
ROWS = (*RELATIONS, *LIMITS, *CONSTRAINTS, *VALUES)
"""The doctor's checks of what operations change, which is not the catalog."""


class Stage:
    """Each method waits for what it asks."""

    def __init__(self, owner_url: str, application_url: str) -> None:
        self._urls = owner_url, application_url
        self._loop = asyncio.new_event_loop()

    def __enter__(self) -> Self:
        owner_url, application_url = self._urls
        self._owner = self._run(asyncpg.connect(owner_url))
        self._run(self._owner.execute(PREPARE_EMPTY))
        self._app = create_app(Settings(max_cost=1_000_000), dsn=application_url, peppers=[PEPPER])
        self._api = Api(self._app, self._owner)
        self._pool = Database(application_url)
        return self

    def __exit__(self, *_: object) -> None:
        self.empty()
        self._run(self._api.http.aclose())
        self._run(self._app.state.database.close())
        self._run(self._pool.close())
        self._run(self._owner.close())
        self._loop.close()

    def mutate(self, secret: str | None, name: str, selection: str, given: Any) -> Answer:
        return self._run(self._api.mutate(SimpleNamespace(secret=secret), name, selection, **given))

    def ask(self, secret: str | None, document: str) -> Answer:
        return self._run(self._api(SimpleNamespace(secret=secret), document))

    def person(self, **attributes: Any) -> Person:
        return self._run(Factory(self._pool).person(**attributes))

    def entries(self) -> int:
        """How many changes are recorded."""
        return int(self._run(self._owner.fetchval("SELECT count(*) FROM audit_entries")))

    def violations(self, checks: Sequence[Check] = ROWS) -> list[doctor.Violation]:
        return self._run(doctor.report(self._urls[0], checks)).violations

    def empty(self) -> None:
        self._run(self._owner.execute(EMPTY))

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._loop.run_until_complete(work)
