"""Mutations: their root fields run as graphql-core runs them, and their payloads by the plan."""

from typing import Any

from graphql import GraphQLOutputType, GraphQLResolveInfo
from graphql.execution.collect_fields import FieldDetailsList
from graphql.pyutils import Path
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from bursar.graphql.execution.plan import Plan
from bursar.graphql.execution.request import Request
from bursar.graphql.execution.steps import finish


class PayloadExecutor(StrawberryGraphQLCoreExecutionContext):
    """graphql-core's executor, but that what a root field gave is completed by the plan.

    Where that is surprised, graphql-core completes the same payload: no root field runs twice.
    """

    def by(self, plan: Plan) -> "PayloadExecutor":
        """Execute by this plan; `surprises` gets what surprised it."""
        self._plan = plan
        self.surprises: list[Exception] = []
        self._left: set[Path] = set()
        return self

    def complete_value(
        self,
        return_type: GraphQLOutputType,
        field_details_list: FieldDetailsList,
        info: GraphQLResolveInfo[Any],
        path: Path,
        result: Any,
        position_context: Any,
    ) -> Any:
        field = None
        if path.prev is None and path not in self._left:
            self._left.add(path)
            field = self._plan.fields.get(str(path.key))
        by_core = super().complete_value
        given = return_type, field_details_list, info, path, result, position_context
        if field is None:
            return by_core(*given)

        async def completed() -> Any:
            try:
                work = field.complete(
                    [result], Request(self.context_value, self.variable_values, lambda: self)
                )
                (value,) = await finish(work, self.context_value)
            except Exception as surprise:  # noqa: BLE001 (graphql-core says what is wrong)
                self.surprises.append(surprise)
                value = by_core(*given)
                if self.is_awaitable(value):
                    value = await value
            return value

        return completed()
