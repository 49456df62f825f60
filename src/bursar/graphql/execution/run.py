"""A prepared document, executed: by its plan, or by graphql-core where that has none or is surprised.

What a plan makes is what graphql-core would make; a test executes a large corpus both ways. Errors
are graphql-core's business alone: a plan that meets anything unusual ends, and graphql-core says what
is wrong, of rows that it reads whole. A query is executed again for that; of a mutation, whose root
fields have run, only the payload is.
"""

from asyncio import sleep
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from functools import partial
from inspect import isawaitable
from typing import Any, Protocol, Self, cast

from graphql import ExecutionResult, GraphQLError, OperationType
from graphql.execution import Executor
from strawberry import Schema

from bursar.graphql.execution.documents import Prepared
from bursar.graphql.execution.plan import Ran
from bursar.graphql.execution.plans import plan_of
from bursar.graphql.execution.request import Request, executor_of
from bursar.graphql.execution.rest import RestExecutor
from bursar.graphql.execution.steps import Loads
from bursar.graphql.execution.surprises import Refused
from bursar.graphql.execution.variables import variables_of


class Context(Loads, Protocol):
    """A context that can be had again over one snapshot of the database.

    It forgets what was looked up when that is done: graphql-core's executor refers to itself, and so
    would keep all the rows until the collector of cycles comes.
    `executed` gets a word on how each execution went, and on why it did not go by its plan.
    """

    executed: list[tuple[str, str]]

    def snapshot(self) -> AbstractAsyncContextManager[Self]: ...
    def forget(self) -> None: ...


async def run(
    schema: Schema,
    prepared: Prepared,
    variables: Mapping[str, Any] | None,
    context: Context,
    *,
    compiled: bool = True,
) -> ExecutionResult:
    """Execute the operation. Raises RequestError for variables that their types refuse.

    A query is many statements, and a row may vanish between two of them: where an object that
    cannot be null was missing, the query is run again with all its statements seeing one state.
    A mutation never runs twice.
    """
    is_query = prepared.operation.operation is OperationType.QUERY
    try:
        result = await _execute(schema, prepared, variables, context, compiled)
        if result.errors and is_query and any(map(_is_missing_object, result.errors)):
            async with context.snapshot() as frozen:
                result = await _execute(schema, prepared, variables, frozen, compiled)
    finally:
        context.forget()
    return result


async def _execute(
    schema: Schema,
    prepared: Prepared,
    variables: Mapping[str, Any] | None,
    context: Context,
    compiled: bool,
) -> ExecutionResult:
    given = schema, prepared, variables, context
    by_core = partial(executor_of, *given, schema.execution_context_class)
    if not compiled:
        executor = by_core()
        context.executed.append(("refused", "off"))
        return await _result(executor)
    values = variables_of(schema._schema, prepared, variables)  # noqa: SLF001 (as in request)
    try:
        plan = plan_of(schema, prepared, values)
    except Refused as refusal:
        context.executed.append(("refused", str(refusal)))
        return await _result(by_core())
    if prepared.operation.operation is OperationType.QUERY:
        try:
            data = await plan.answer(Request(context, values, by_core))
        except Exception as surprise:  # noqa: BLE001 (graphql-core says what is wrong)
            context.executed.append(_surprised(surprise))
            return await _result(by_core())
        context.executed.append(("compiled", ""))
        return ExecutionResult(data, None)
    await sleep(0)  # 500 members took long up to here, and take as long to become an input
    ran = Ran()
    try:
        data = await plan.change(Request(context, values, by_core), ran)
    except Exception as surprise:  # noqa: BLE001 (as above)
        context.executed.append(("compiled", "") if ran.failed else _surprised(surprise))
        rest = executor_of(*given, RestExecutor)
        return await _result(rest.after(ran))
    context.executed.append(("compiled", ""))
    return ExecutionResult(data, None)


async def _result(executor: Executor[Any]) -> ExecutionResult:
    result = executor.execute_operation()
    if isawaitable(result):
        result = await result
    return cast("ExecutionResult", result)  # nothing is deferred: the schema has no such directive


def _surprised(surprise: Exception) -> tuple[str, str]:
    return "surprised", type(surprise).__name__


def _is_missing_object(error: GraphQLError) -> bool:
    return isinstance(error.original_error, TypeError) and str(error.original_error).startswith(
        "Cannot return null for non-nullable field"
    )
