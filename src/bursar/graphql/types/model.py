"""Models: other names for them, and how a row of a team tells these."""

from typing import Any

import strawberry

from bursar.graphql.edges import reads


@strawberry.type(description="Another name for a model, allowed where the model is.")
class ModelAlias:
    alias: str = strawberry.field(description="The name that callers use.")
    model: str = strawberry.field(description="The model that it stands for.")


@strawberry.field(
    description="Other names for models, in their alphabetical order.",
    metadata=reads("model_aliases"),
)
def model_aliases(root: strawberry.Parent[Any]) -> list[ModelAlias]:
    return [
        ModelAlias(alias=alias, model=root.model_aliases[alias])
        for alias in sorted(root.model_aliases)
    ]
