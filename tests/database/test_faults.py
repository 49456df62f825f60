"""What goes wrong with the database, in the words of the domain."""

import asyncpg
import pytest
import structlog

from bursar.database import faults
from bursar.database.faults import TRY_AGAIN, Translated, refusal_of
from bursar.database.tables import metadata
from bursar.domain.errors import AlreadyMember, AlreadyTaken, Fault, Overloaded, Unavailable


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (asyncpg.LockNotAvailableError, Overloaded),
        (asyncpg.QueryCanceledError, Overloaded),
        (asyncpg.TooManyConnectionsError, Overloaded),
        (asyncpg.ConnectionDoesNotExistError, Unavailable),
        (asyncpg.InterfaceError, Unavailable),
        (asyncpg.CannotConnectNowError, Unavailable),
        (asyncpg.AdminShutdownError, Unavailable),
        (asyncpg.CrashShutdownError, Unavailable),
        (asyncpg.IdleInTransactionSessionTimeoutError, Unavailable),
        (asyncpg.ReadOnlySQLTransactionError, Unavailable),
        (asyncpg.DiskFullError, Unavailable),
        (asyncpg.OutOfMemoryError, Unavailable),
        (asyncpg.DatabaseDroppedError, Unavailable),
        (asyncpg.PostgresIOError, Unavailable),
        (ConnectionResetError, Unavailable),
        (TimeoutError, Unavailable),
    ],
)
def test_what_is_no_fault_of_the_statement_is_the_databases(
    error: type[Exception], fault: type[Exception]
) -> None:
    said = error("canary")
    with pytest.raises(fault) as told, Translated():
        raise said
    assert told.value.__cause__ is said
    assert "canary" not in str(told.value)


def test_the_operator_is_told_why_once_a_second_and_no_more_than_the_kind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(faults, "complaints", faults.Complaints())
    with structlog.testing.capture_logs() as lines:
        monkeypatch.setattr(faults, "log", structlog.get_logger())
        for error in (asyncpg.TooManyConnectionsError("canary"), TimeoutError()):
            with pytest.raises(Fault), Translated():
                raise error
    assert lines == [
        {
            "event": "the database does not answer",
            "cause": "TooManyConnectionsError",
            "state": "53300",
            "log_level": "warning",
        }
    ]


@pytest.mark.parametrize(
    "error",
    [
        *TRY_AGAIN,
        asyncpg.UniqueViolationError,
        asyncpg.CheckViolationError,
        asyncpg.ForeignKeyViolationError,
        asyncpg.UndefinedTableError,
        asyncpg.DataError,
        KeyError,
    ],
)
def test_what_the_statement_did_wrong_stays_as_it_is(error: type[Exception]) -> None:
    with pytest.raises(error), Translated():
        raise error("x")


@pytest.mark.parametrize(
    ("constraint", "refusal", "path"),
    [
        ("organizations_external_id_key", AlreadyTaken, "external_id"),
        ("teams_external_id_key", AlreadyTaken, "external_id"),
        ("users_external_id_key", AlreadyTaken, "external_id"),
        ("users_email_key_key", AlreadyTaken, "email"),
        ("api_keys_external_id_key", AlreadyTaken, "external_id"),
        ("api_keys_user_id_alias_key_key", AlreadyTaken, "alias"),
        ("api_keys_team_id_alias_key_key", AlreadyTaken, "alias"),
        ("team_members_team_id_user_id_key", AlreadyMember, "members"),
    ],
)
def test_a_unique_constraint_stands_for_a_refusal(
    constraint: str, refusal: type[Exception], path: str
) -> None:
    named = {
        str(thing.name)
        for table in metadata.tables.values()
        for thing in (*table.constraints, *table.indexes)
    }
    error = asyncpg.UniqueViolationError("x")
    error.constraint_name = constraint
    found = refusal_of(error)
    assert constraint in named  # a renamed one would stand for nothing
    assert isinstance(found, refusal)
    assert found.path == (path,)


def test_a_constraint_that_guards_no_rule_stands_for_nothing() -> None:
    error = asyncpg.UniqueViolationError("x")
    error.constraint_name = "teams_pkey"
    assert refusal_of(error) is None
