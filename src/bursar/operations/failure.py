"""What an operator reads, in one line, when a command cannot do what it was asked."""

import socket

import asyncpg
from sqlalchemy.exc import DBAPIError

from bursar.database.data_directory import DataDirectoryInUse, DataDirectoryUnusable
from bursar.database.revision import NoSuchRevision, UnknownRevision
from bursar.domain.errors import Fault
from bursar.graphql.execution.trusted import BadManifest


class Failure(Exception):
    """The message is a line for the operator; it has no secret."""


_EXPECTED = (
    BadManifest,
    DataDirectoryInUse,
    DataDirectoryUnusable,
    Failure,
    Fault,
    NoSuchRevision,
    UnknownRevision,
)


def reason_of(error: BaseException) -> str | None:
    """Why a command failed, on one line; None where that is a fault of Bursar."""
    match error:
        case asyncpg.PostgresError() | asyncpg.InterfaceError():
            reason = f"PostgreSQL: {error.args[0]}"
        case DBAPIError(orig=BaseException() as cause):
            return reason_of(cause.__cause__ or cause)
        case ConnectionError() | TimeoutError() | socket.gaierror():
            reason = f"the database does not answer: {error.strerror or 'time is up'}"
        case OSError():
            reason = ": ".join(filter(None, (error.filename, error.strerror)))
        case _ if isinstance(error, _EXPECTED):
            reason = str(error)
        case _:
            return None
    return " ".join(reason.split())
