"""The plans of a document, kept beside it: one for each combination of its directives' values."""

from graphql import DirectiveNode, GraphQLError, Node, VariableNode, Visitor, visit
from graphql.execution import VariableValues
from strawberry import Schema

from bursar.graphql.execution.compiler import compile_plan
from bursar.graphql.execution.documents import Prepared
from bursar.graphql.execution.plan import Plan
from bursar.graphql.execution.surprises import Refused


def plan_of(schema: Schema, prepared: Prepared, variables: VariableValues) -> Plan:
    """The plan by which the operation is executed with these variables. Raises Refused."""
    if prepared.switches is None:
        prepared.switches = _switches(prepared.document)
    switched = tuple(variables.coerced.get(name) for name in prepared.switches)
    plan: Plan | Refused | None = prepared.plans.get(switched)
    if plan is None:
        plan = prepared.plans.keep(switched, _plan_or_refusal(schema, prepared, variables))
    if isinstance(plan, Refused):
        raise plan
    return plan


def _plan_or_refusal(
    schema: Schema, prepared: Prepared, variables: VariableValues
) -> Plan | Refused:
    try:
        return compile_plan(schema, prepared, variables)
    except Refused as refusal:
        return refusal.with_traceback(None)
    except GraphQLError:
        return Refused("directive")  # given null, which is found out where it stands
    except RecursionError:
        return Refused("too deep")


def _switches(document: Node) -> tuple[str, ...]:
    """The variables that say which fields are selected."""
    names: set[str] = set()

    class Switches(Visitor):
        def enter_directive(self, node: DirectiveNode, *_: object) -> None:
            values = (argument.value for argument in node.arguments or ())
            names.update(value.name.value for value in values if isinstance(value, VariableNode))

    visit(document, Switches())
    return tuple(sorted(names))
