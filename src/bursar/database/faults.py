"""What an error of PostgreSQL or of the way to it means to the one who asked."""

from time import monotonic

import asyncpg
import structlog

from bursar.domain.errors import (
    AlreadyMember,
    AlreadyTaken,
    OutcomeUnknown,
    Overloaded,
    Refusal,
    Unavailable,
)

log = structlog.get_logger()

TOO_BUSY = (
    asyncpg.LockNotAvailableError,
    asyncpg.QueryCanceledError,
    asyncpg.TooManyConnectionsError,
)
UNREACHABLE = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.InsufficientPrivilegeError,  # a right was taken away, such as to write the audit
    asyncpg.InsufficientResourcesError,  # 53: the disk or the memory is full
    asyncpg.OperatorInterventionError,  # 57: it stops, starts or was ended
    asyncpg.PostgresSystemError,  # 58: the disk fails
    OSError,  # ConnectionError and TimeoutError among them
)
# It says nothing, or leads to a server that takes no changes: so will connections opened before.
LEADS_NOWHERE = (TimeoutError, asyncpg.ReadOnlySQLTransactionError)
# Two transactions wanted the same rows; run again, each would have come after the other.
TRY_AGAIN = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError)

# A sum that its column, or the check of its range, does not take.
OUT_OF_RANGE = (asyncpg.NumericValueOutOfRangeError, asyncpg.CheckViolationError)


class Complaints:
    """Tells the operator, once a second at most, why the database is not to be had.

    By the name of the error and its SQLSTATE, as its text may hold what nobody should read.
    """

    def __init__(self) -> None:
        self._not_before = 0.0

    def tell(self, error: Exception) -> None:
        now = monotonic()
        if now >= self._not_before:
            self._not_before = now + 1
            state = getattr(error, "sqlstate", None)
            log.warning("the database does not answer", cause=type(error).__name__, state=state)


complaints = Complaints()


class Translated:
    """Raises Overloaded or Unavailable for what is no fault of the statement."""

    __slots__ = ()

    def __enter__(self) -> None: ...

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if error is None:
            return  # at once, as to ask after the kinds takes longer than all the rest
        if isinstance(error, TOO_BUSY):
            if isinstance(error, asyncpg.TooManyConnectionsError):
                complaints.tell(error)
            raise Overloaded from error
        if isinstance(error, UNREACHABLE):
            complaints.tell(error)
            raise Unavailable from error


def leads_nowhere(error: Exception) -> bool:
    """Whether another connection may do where this one does not."""
    fault = error.__cause__ if isinstance(error, OutcomeUnknown) else error
    return isinstance(fault, Unavailable) and isinstance(fault.__cause__, LEADS_NOWHERE)


def is_told(fault: Unavailable) -> bool:
    """Whether PostgreSQL itself said that it has not done it, and goes on."""
    cause = fault.__cause__
    return isinstance(cause, asyncpg.PostgresError) and cause.severity_en == "ERROR"


def refusal_of(error: asyncpg.UniqueViolationError) -> Refusal | None:
    """The refusal that a violated unique constraint stands for, if it guards a rule of the domain."""
    match error.constraint_name:
        case (
            "organizations_external_id_key"
            | "teams_external_id_key"
            | "users_external_id_key"
            | "api_keys_external_id_key"
        ):
            return AlreadyTaken("external_id", what="external id")
        case "users_email_key_key":
            return AlreadyTaken("email", what="e-mail")
        case "api_keys_user_id_alias_key_key" | "api_keys_team_id_alias_key_key":
            return AlreadyTaken("alias", what="alias")
        case "budgets_name_key_key" | "access_groups_name_key_key":
            return AlreadyTaken("name", what="name")
        case "team_members_team_id_user_id_key":
            return AlreadyMember("members")
        case _:
            return None
