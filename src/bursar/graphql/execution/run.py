"""A prepared document, executed by graphql-core; a query whose rows vanished, once more as one."""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from inspect import isawaitable
from typing import Any, Protocol, Self

from graphql import ExecutionResult, GraphQLError, OperationType, execute
from strawberry import Schema

from bursar.graphql.execution.documents import Prepared, RequestError


class Repeatable(Protocol):
    """A context that can be had again over one snapshot of the database."""

    def snapshot(self) -> AbstractAsyncContextManager[Self]: ...


async def run(
    schema: Schema,
    prepared: Prepared,
    variables: Mapping[str, Any] | None,
    context: Repeatable,
) -> ExecutionResult:
    """Execute the operation. Raises RequestError for variables that their types refuse.

    A query is many statements, and a row may vanish between two of them: where an object that
    cannot be null was missing, the query is run again with all its statements seeing one state.
    A mutation never runs twice.
    """
    result = await _execute(schema, prepared, variables, context)
    is_query = prepared.operation.operation is OperationType.QUERY
    if is_query and any(map(_is_missing_object, result.errors or ())):
        async with context.snapshot() as frozen:
            result = await _execute(schema, prepared, variables, frozen)
    return result


async def _execute(
    schema: Schema,
    prepared: Prepared,
    variables: Mapping[str, Any] | None,
    context: object,
) -> ExecutionResult:
    name = prepared.operation.name
    result = execute(
        schema._schema,  # noqa: SLF001 (Strawberry offers no other way to graphql-core's schema)
        prepared.document,
        context_value=context,
        variable_values=dict(variables or {}),
        operation_name=name.value if name else None,
        executor_class=schema.execution_context_class,
    )
    if isawaitable(result):
        result = await result
    if result.data is None and result.errors and all(e.path is None for e in result.errors):
        raise RequestError("BAD_USER_INPUT", *result.errors)
    return result


def _is_missing_object(error: GraphQLError) -> bool:
    return isinstance(error.original_error, TypeError) and str(error.original_error).startswith(
        "Cannot return null for non-nullable field"
    )
