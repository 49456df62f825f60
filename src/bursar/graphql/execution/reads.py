"""Point reads in a plan: looked up at once with all else that its first step asks."""

from collections.abc import Callable
from typing import Any

from graphql import FieldNode, GraphQLField, VariableNode
from strawberry import Schema
from strawberry.types.field import StrawberryField

from bursar.graphql.execution.arguments import arguments_of, once_if_constant
from bursar.graphql.execution.request import Request
from bursar.graphql.execution.steps import Steps
from bursar.graphql.execution.surprises import Surprise
from bursar.graphql.execution.values import Completion, Values
from bursar.graphql.execution.wanted import Wanted
from bursar.graphql.lookups import Ask
from bursar.graphql.point_reads import PointRead


def point(
    read: PointRead, argument: Callable[[Request], Any], rows: Wanted, complete: Completion
) -> Completion:
    """Look up what the argument asks for, with what is wanted of the rows, and complete it."""

    def looked_up(_: Values, request: Request) -> Steps[list[Any]]:
        question = read.ask(argument(request))
        value = None
        if question is not None:
            batch = question.batch if read.batch is None else rows.source
            (found,) = yield [Ask(batch, [question.key])]
            value = found[question.key]
        return (yield from complete([value], request))

    return looked_up


def argument_of(
    schema: Schema, declared: StrawberryField, field: GraphQLField, node: FieldNode, name: str
) -> Callable[[Request], Any]:
    """What gives the field's one argument, which is a text. It raises what refuses it."""
    (given,) = node.arguments or [None]
    if given is None or not isinstance(given.value, VariableNode):
        read = arguments_of(schema, declared, field, node)
        return once_if_constant(lambda request: read(request)[name], node)
    variable = given.value.name.value

    def of_variable(request: Request) -> Any:
        value = request.variables.coerced.get(variable)
        if type(value) is not str:
            raise Surprise
        return value

    return of_variable
