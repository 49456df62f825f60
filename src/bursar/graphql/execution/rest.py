"""The rest of a mutation whose plan was surprised, by graphql-core; no root field runs twice."""

from typing import Any

from graphql import GraphQLObjectType
from graphql.execution.collect_fields import FieldDetailsList
from graphql.pyutils import Path
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from bursar.graphql.execution.plan import Ran


class RestExecutor(StrawberryGraphQLCoreExecutionContext):
    """graphql-core's executor, for a mutation of which some root fields have run already.

    The others it executes. Of one that has run the answer stands, if there is one yet; else what the
    field gave, or raised, becomes the answer here.
    """

    def after(self, ran: Ran) -> "RestExecutor":
        self._ran = ran
        return self

    def execute_field(
        self,
        parent_type: GraphQLObjectType,
        source: Any,
        field_details_list: FieldDetailsList,
        path: Path,
        position_context: Any,
    ) -> Any:
        if path.prev is None:
            if path.key in self._ran.done:
                return self._ran.done[str(path.key)]
            if self._ran.given is not None and path.key == self._ran.given[0]:
                nodes = [details.node for details in field_details_list]
                field = parent_type.fields[nodes[0].name.value]
                return self.complete_awaitable_value(
                    field.type,
                    field_details_list,
                    self.build_resolve_info(field, nodes, parent_type, path),
                    path,
                    _again(self._ran.given[1]),
                    position_context,
                )
        return super().execute_field(
            parent_type, source, field_details_list, path, position_context
        )


async def _again(outcome: Any) -> Any:
    if isinstance(outcome, Exception):
        raise outcome
    return outcome
