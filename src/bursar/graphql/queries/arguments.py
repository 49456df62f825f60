"""The arguments that several root fields take."""

from typing import Annotated

import strawberry

Id = Annotated[strawberry.ID, strawberry.argument(description="The id.")]
Ids = Annotated[list[strawberry.ID], strawberry.argument(description="The ids, at most 1,000.")]
ExternalId = Annotated[
    str, strawberry.argument(description="The caller's own name, exactly as it was given.")
]
