"""What a client asks about the schema, made by and by: all at once it would hold everybody else up."""

from asyncio import sleep
from collections.abc import AsyncIterator, Collection
from typing import Any

from graphql import GraphQLList, GraphQLOutputType, GraphQLResolveInfo
from graphql.execution.collect_fields import FieldDetailsList
from graphql.pyutils import Path
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

_AT_A_TIME = 10
"""Types, fields or values, with all that is asked of them: some milliseconds of a tenth of a second."""


class DescribingExecutor(StrawberryGraphQLCoreExecutionContext):
    """graphql-core's executor, but that a long list of the schema's own parts is made in turns."""

    def complete_list_value(
        self,
        return_type: GraphQLList[GraphQLOutputType],
        field_details_list: FieldDetailsList,
        info: GraphQLResolveInfo[Any],
        path: Path,
        result: Any,
        position_context: Any,
    ) -> Any:
        if info.parent_type.name.startswith("__") and len(result) > _AT_A_TIME:
            result = _in_turns(result)
        return super().complete_list_value(
            return_type, field_details_list, info, path, result, position_context
        )


async def _in_turns(parts: Collection[Any]) -> AsyncIterator[Any]:
    for number, part in enumerate(parts):
        if number % _AT_A_TIME == 0:
            await sleep(0)
        yield part
