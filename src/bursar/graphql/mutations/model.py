"""What the inputs of things that have a list of models share."""

import strawberry
from strawberry import Maybe


@strawberry.input
class ModelsInput:
    models: Maybe[list[str] | None] = strawberry.field(
        description="What it may use, all of it: names, patterns with `*`, and `group:NAME` for an "
        "access group; null or none at all opens it to everything."
    )
    allow_none: Maybe[bool | None] = strawberry.field(
        description="Whether it may use no model at all; it cannot be null, nor true beside models."
    )


@strawberry.input(description="Another name for a model, allowed where the model is.")
class ModelAliasInput:
    alias: str = strawberry.field(description="The name that callers use, each once.")
    model: str = strawberry.field(description="The model that it stands for; no pattern or group.")
