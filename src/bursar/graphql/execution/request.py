"""One execution of an operation: its variables and context, as graphql-core has them."""

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, TypeVar, cast

from graphql import FieldNode, GraphQLField, GraphQLObjectType, GraphQLResolveInfo
from graphql.execution import Executor, VariableValues
from graphql.pyutils import Path
from strawberry import Schema

from bursar.graphql.execution.documents import Prepared, RequestError

Kind = TypeVar("Kind", bound=Executor[Any])


class Request:
    """What the parts of a plan need to know of one execution.

    graphql-core's executor is made where a part needs more than the context and the variables.
    """

    def __init__(
        self, context: Any, variables: VariableValues, executor: Callable[[], Executor[Any]]
    ) -> None:
        self.context = context
        self.variables = variables
        self._executor = executor

    @cached_property
    def executor(self) -> Executor[Any]:
        return self._executor()

    def info(
        self, field: GraphQLField, nodes: list[FieldNode], parent: GraphQLObjectType, key: str
    ) -> GraphQLResolveInfo[Any]:
        """What a resolver is told of its field; below the root, the path has the last step only."""
        return self.executor.build_resolve_info(field, nodes, parent, Path(None, key, parent.name))


def executor_of(
    schema: Schema,
    prepared: Prepared,
    variables: Mapping[str, Any] | None,
    context: object,
    kind: type[Kind],
) -> Kind:
    """graphql-core's executor, of this kind.

    Raises RequestError for variables that their types refuse.
    """
    name = prepared.operation.name
    executor = kind.build(
        schema._schema,  # noqa: SLF001 (Strawberry offers no other way to graphql-core's schema)
        prepared.document,
        context_value=context,
        raw_variable_values=dict(variables or {}),
        operation_name=name.value if name else None,
        hide_suggestions=prepared.hide_suggestions,
    )
    if isinstance(executor, list):
        raise RequestError("BAD_USER_INPUT", *executor)
    return cast("Kind", executor)
