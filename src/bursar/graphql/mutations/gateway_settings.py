"""Gateway settings, as part of the input for a team."""

import strawberry
from strawberry import Maybe

from bursar.graphql.scalars import Duration
from bursar.graphql.types.gateway_settings import VectorStorePermission


@strawberry.input(description="The tools of one MCP server that a team may use.")
class ToolPermissionInput:
    server: str = strawberry.field(description="The server, named once.")
    tools: list[str] = strawberry.field(description="The tools of it, each once.")


@strawberry.input(description="What a team may do with one index of vectors.")
class VectorStoreIndexInput:
    index: str = strawberry.field(description="The index, named once.")
    permissions: list[VectorStorePermission] = strawberry.field(description="What it may do.")


@strawberry.input(description="The models to be tried after one that fails.")
class FallbackInput:
    model: str = strawberry.field(description="The model that fails, named once.")
    fallbacks: list[str] = strawberry.field(description="The models to be tried, in this order.")


@strawberry.input(description="A setting of a secret manager; never a secret itself.")
class SecretManagerSettingInput:
    name: str = strawberry.field(description="The name of the setting, given once.")
    value: str = strawberry.field(description="Its value, 1 to 2,000 characters.")


@strawberry.input(description="The servers, stores, agents and tools that a team may use.")
class ObjectPermissionInput:
    mcp_servers: Maybe[list[str] | None] = strawberry.field(description="The MCP servers.")
    mcp_access_groups: Maybe[list[str] | None] = strawberry.field(
        description="The access groups of MCP servers."
    )
    mcp_tool_permissions: Maybe[list[ToolPermissionInput] | None] = strawberry.field(
        description="The tools, server by server."
    )
    vector_stores: Maybe[list[str] | None] = strawberry.field(description="The vector stores.")
    agents: Maybe[list[str] | None] = strawberry.field(description="The agents.")
    agent_access_groups: Maybe[list[str] | None] = strawberry.field(
        description="The groups of agents."
    )
    blocked_tools: Maybe[list[str] | None] = strawberry.field(
        description="The tools that are never to be used."
    )


@strawberry.input(description="How a gateway is to route a team's calls.")
class RouterSettingsInput:
    routing_strategy: Maybe[str | None] = strawberry.field(description="The strategy's name.")
    retries: Maybe[int | None] = strawberry.field(description="How often a call is tried again.")
    timeout_seconds: Maybe[int | None] = strawberry.field(description="How long a call may take.")
    allowed_fails: Maybe[int | None] = strawberry.field(
        description="How many failures a deployment may have before it rests."
    )
    cooldown_seconds: Maybe[int | None] = strawberry.field(description="How long it rests.")
    fallbacks: Maybe[list[FallbackInput] | None] = strawberry.field(
        description="What is tried after a model."
    )


@strawberry.input(
    description="What a gateway is to do with a team's calls: what is left out is kept, and null "
    "clears a setting or a group of them."
)
class GatewaySettingsInput:
    guardrails: Maybe[list[str] | None] = strawberry.field(
        description="The guardrails that every call passes."
    )
    disable_global_guardrails: Maybe[bool | None] = strawberry.field(
        description="Whether the guardrails of the whole gateway are left out; it cannot be null."
    )
    policies: Maybe[list[str] | None] = strawberry.field(description="The policies that hold.")
    prompts: Maybe[list[str] | None] = strawberry.field(description="The prompts that may be used.")
    object_permission: Maybe[ObjectPermissionInput | None] = strawberry.field(
        description="The servers, stores, agents and tools that may be used."
    )
    pass_through_routes: Maybe[list[str] | None] = strawberry.field(
        description="The routes that may be passed through."
    )
    vector_store_indexes: Maybe[list[VectorStoreIndexInput] | None] = strawberry.field(
        description="The indexes of vectors that may be used."
    )
    router_settings: Maybe[RouterSettingsInput | None] = strawberry.field(
        description="How calls are routed."
    )
    file_expiry: Maybe[Duration | None] = strawberry.field(description="How long files are kept.")
    batch_output_expiry: Maybe[Duration | None] = strawberry.field(
        description="How long the output of batches is kept."
    )
    secret_manager: Maybe[str | None] = strawberry.field(
        description="Where the gateway keeps the team's secrets."
    )
    secret_manager_settings: Maybe[list[SecretManagerSettingInput] | None] = strawberry.field(
        description="The settings of the secret manager, which are no secrets."
    )
