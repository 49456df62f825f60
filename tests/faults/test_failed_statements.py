"""Every mutation, with a failure after each of its statements: nothing is changed, nothing is lost."""

import asyncio
from collections.abc import Callable, Iterable
from itertools import count, cycle, islice
from typing import Any
from unittest.mock import ANY

import pytest
from faults.failures import CANCELLED, FAILURES, failing, losing_once, losing_the_answer_to_commit
from graphql import build_schema

from access.deeds import DEEDS, Input, mutation
from access.test_policy_table import FOR_GATEWAYS, MUTATIONS, cells, rows
from access.world import CALLERS, GATEWAY, build_world
from api_client import Answer, Api
from bursar.database.connections import Connection
from bursar.graphql.schema import schema
from bursar.services import audit
from factories import Factory, Key, Person

SAID = {
    "INTERNAL_SERVER_ERROR": "Internal server error",
    "OUTCOME_UNKNOWN": (
        "The connection to the database broke during the commit; "
        "ask again with the same idempotency key, or read first."
    ),
    "OVERLOADED": "The server is busy; nothing was changed. Try again shortly.",
    "UNAVAILABLE": "The database does not answer; nothing was changed. Try again.",
}
# Inputs that take more statements than those of the policy table.
WIDE: dict[str, Input] = {
    "organizationCreate with all": lambda _, __: {
        "name": "New",
        "externalId": "new",
        "budget": {"rpmLimit": "8"},
    },
    "teamCreate with all": lambda w, _: {
        "name": "New",
        "organizationId": w.organization.id,
        "externalId": "new",
        "budget": {"rpmLimit": "8"},
        "memberBudget": {"rpmLimit": "7"},
        "members": [
            {"email": "new@example.com", "role": "ADMIN", "budget": {"rpmLimit": "6"}},
            {"userId": w.mate.id},
        ],
        "addToOrganization": True,
    },
    "teamUpdate all": lambda w, _: {
        "id": w.team.id,
        "name": "New",
        "externalId": "new",
        "tags": ["new"],
        "budget": {"rpmLimit": "8", "duration": "1mo"},
        "expectedVersion": 1,
    },
    "teamsDelete several": lambda w, _: {"ids": [w.team.id, w.other_team.id, w.open_team.id]},
    "apiKeyCreate with all": lambda w, _: {
        "userId": w.mate.id,
        "teamId": w.team.id,
        "alias": "New",
        "externalId": "new",
        "budget": {"rpmLimit": "6"},
    },
    "apiKeyRotate with grace": lambda w, _: {"id": w.keys["member"].id, "gracePeriod": "1d"},
}
ALLOWED = (
    {row: actor for row, actor, cell in reversed(cells(rows(MUTATIONS))) if cell == "ok"}
    | dict.fromkeys(WIDE, "platform admin")
    | dict.fromkeys(FOR_GATEWAYS, GATEWAY)
)
DONE = "done"
every_row = pytest.mark.parametrize("row", ALLOWED)
kinds = pytest.mark.parametrize(
    "per_statement", [1, pytest.param(len(FAILURES), marks=pytest.mark.soak)]
)


class Asked:
    """A mutation that its actor may do, with an idempotency key, in a world of its own."""

    def __init__(self, api: Api, row: str, me: Person | Key, given: dict[str, Any]) -> None:
        self._api, self._me, self._document = api, me, mutation(row)
        self._given = {**given, "idempotencyKey": "1"}
        self._field = row.split(maxsplit=1)[0]

    async def __call__(self) -> Answer:
        return await self._api(self._me, self._document, input=self._given)

    async def code(self) -> str:
        """The code of the one fault that is told, which says nothing else, or that it was cancelled."""
        try:
            answer = await self()
        except asyncio.CancelledError:
            return CANCELLED
        if not answer.errors:
            assert answer.refusals == []
            return DONE
        (code,) = answer.codes
        extensions = {"code": code, "requestId": ANY}
        said = {"message": SAID[code], "path": [self._field], "extensions": extensions}
        assert answer.errors == [{**said, "locations": ANY}]
        assert (answer.status, answer.data) == (200, None)
        return code


async def asked(api: Api, make: Factory, row: str) -> Asked:
    world = await build_world(make, blocked="Unblock" in row)
    me = await CALLERS[ALLOWED[row]](make, world)
    given = WIDE[row] if row in WIDE else DEEDS[row].input
    return Asked(api, row, me, given(world, me))


async def fail_everywhere(
    ask: Asked, api: Api, kinds_after: Callable[[int], Iterable[str]]
) -> list[tuple[int, str, str]]:
    """Have it fail after each statement, until there are no more and it is done.

    What happened where, and what was told. One world serves for all of it, as each failure leaves
    it as it was.
    """
    before = await api.fingerprint()
    cases: list[tuple[int, str, str]] = []
    for after in count(1):
        for kind in kinds_after(after):
            with failing(FAILURES[kind], after=after) as injection:
                code = await ask.code()
            if not injection.happened:
                assert code == DONE
                assert await api.fingerprint() != before
                return cases
            assert await api.fingerprint() == before, f"changed by {kind} after {after}"
            cases.append((after, kind, code))
    raise AssertionError


@kinds
@every_row
async def test_a_mutation_that_fails_after_any_of_its_statements_changes_nothing(
    api: Api,
    make: Factory,
    record_property: Callable[[str, object], None],
    row: str,
    per_statement: int,
) -> None:
    ask = await asked(api, make, row)
    names = islice(cycle(FAILURES), list(ALLOWED).index(row), None)  # each begins with another
    cases = await fail_everywhere(ask, api, lambda _: islice(names, per_statement))
    last = cases[-1][0]
    for after, kind, code in cases:
        failure = FAILURES[kind]
        assert code == (failure.at_commit if after == last else failure.code), (after, kind)
    record_property("failures injected", len(cases))


@every_row
async def test_a_mutation_whose_commit_was_not_acknowledged_is_done_once_by_the_same_call(
    api: Api, make: Factory, row: str
) -> None:
    ask = await asked(api, make, row)
    before = await api.fingerprint()
    with losing_the_answer_to_commit():
        assert await ask.code() == "OUTCOME_UNKNOWN"
    done = await api.fingerprint()
    assert done != before
    assert await ask.code() == DONE
    assert await api.fingerprint() == done


@every_row
async def test_a_mutation_that_was_the_victim_of_a_deadlock_does_all_of_it_again(
    api: Api, make: Factory, row: str
) -> None:
    ask = await asked(api, make, row)
    with losing_once() as attempts:
        assert await ask.code() == DONE
    first, second = attempts
    # The first was lost before the audit, which is written last, by those that have anything to write.
    assert second in (first, [*first, second[-1]])
    assert len(first) > 3  # BEGIN, the claim of the key, the deed, its outcome


async def test_a_mutation_that_commits_in_the_midst_is_found_out(
    api: Api, make: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    append = audit.append

    async def append_and_commit(tx: Connection, entries: list[Any]) -> None:
        await append(tx, entries)
        await tx.command("COMMIT")
        await tx.begin()

    monkeypatch.setattr(audit, "append", append_and_commit)
    ask = await asked(api, make, "teamUpdate name")
    with pytest.raises(AssertionError, match="changed by disk full"):
        await fail_everywhere(ask, api, lambda _: ["disk full"])


def test_every_mutation_of_the_schema_is_done_by_somebody() -> None:
    printed = build_schema(schema.as_str())
    assert printed.mutation_type is not None
    assert {row.split()[0] for row in ALLOWED} == set(printed.mutation_type.fields)
