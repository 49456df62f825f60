"""One execution of an operation: its variables and context, as graphql-core has them."""

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from graphql import FieldNode, GraphQLField, GraphQLObjectType, GraphQLResolveInfo
from graphql.execution import Executor
from graphql.pyutils import Path
from strawberry import Schema

from bursar.graphql.execution.documents import Prepared, RequestError

Kind = TypeVar("Kind", bound=Executor[Any])


class Request:
    """What the parts of a plan need to know of one execution."""

    def __init__(self, executor: Executor[Any]) -> None:
        self.executor = executor
        self.context = executor.context_value
        self.variables = executor.variable_values

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
