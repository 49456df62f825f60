"""Gateway settings: what a gateway is to do with a team's calls, kept for it and not interpreted."""

from enum import StrEnum
from typing import Any

import strawberry

from bursar.graphql.edges import Leads, reads
from bursar.graphql.enums import describe
from bursar.graphql.scalars import Duration


class VectorStorePermission(StrEnum):
    READ = "READ"
    WRITE = "WRITE"


describe(
    VectorStorePermission,
    "What a team may do with an index of vectors.",
    READ="Search it.",
    WRITE="Add to it and change it.",
)


@strawberry.type(description="The tools of one MCP server that a team may use.")
class ToolPermission:
    server: str = strawberry.field(description="The server.")
    tools: list[str] = strawberry.field(description="The tools of it.")


@strawberry.type(description="What a team may do with one index of vectors.")
class VectorStoreIndex:
    index: str = strawberry.field(description="The index.")
    permissions: list[VectorStorePermission] = strawberry.field(description="What it may do.")


@strawberry.type(description="The models to be tried after one that fails.")
class Fallback:
    model: str = strawberry.field(description="The model that fails.")
    fallbacks: list[str] = strawberry.field(description="The models to be tried, in this order.")


@strawberry.type(description="A setting of a secret manager, which is no secret itself.")
class SecretManagerSetting:
    name: str = strawberry.field(description="The name of the setting.")
    value: str = strawberry.field(description="Its value.")


def texts(description: str) -> Any:
    return strawberry.field(description=f"{description}; empty if nothing is said.")


def records(kind: type, name: str, description: str) -> Any:
    """A list of objects, kept as JSON that has the attributes of their type."""

    def resolve(root: Any) -> list[Any]:
        return [kind(**record) for record in getattr(root, name)]

    resolve.__annotations__["return"] = list[kind]  # type: ignore[valid-type]  # a type by now
    return strawberry.field(
        resolver=resolve,
        description=f"{description}; empty if nothing is said.",
        metadata=reads(name),
    )


def part(kind: type, description: str) -> Any:
    """A group of the settings, read from the row of them all."""

    def resolve(root: Any) -> Any:
        return root

    resolve.__annotations__["return"] = kind
    itself = reads(leads=Leads.ITSELF)
    return strawberry.field(resolver=resolve, description=description, metadata=itself)


@strawberry.type(description="The servers, stores, agents and tools that a team may use.")
class ObjectPermission:
    mcp_servers: list[str] = texts("The MCP servers")
    mcp_access_groups: list[str] = texts("The access groups of MCP servers")
    mcp_tool_permissions: list[ToolPermission] = records(
        ToolPermission, "mcp_tool_permissions", "The tools, server by server"
    )
    vector_stores: list[str] = texts("The vector stores")
    agents: list[str] = texts("The agents")
    agent_access_groups: list[str] = texts("The groups of agents")
    blocked_tools: list[str] = texts("The tools that are never to be used")


@strawberry.type(description="How a gateway is to route a team's calls.")
class RouterSettings:
    routing_strategy: str | None = strawberry.field(description="The strategy's name.")
    retries: int | None = strawberry.field(description="How often a call is tried again.")
    timeout_seconds: int | None = strawberry.field(description="How long a call may take.")
    allowed_fails: int | None = strawberry.field(
        description="How many failures a deployment may have before it rests."
    )
    cooldown_seconds: int | None = strawberry.field(description="How long it rests.")
    fallbacks: list[Fallback] = records(Fallback, "fallbacks", "What is tried after a model")


@strawberry.type(
    description="What a gateway is to do with a team's calls; Bursar keeps it and does not "
    "interpret it."
)
class GatewaySettings:
    guardrails: list[str] = texts("The guardrails that every call passes")
    disable_global_guardrails: bool = strawberry.field(
        description="Whether the guardrails of the whole gateway are left out."
    )
    policies: list[str] = texts("The policies that hold")
    prompts: list[str] = texts("The prompts that may be used")
    object_permission: ObjectPermission = part(
        ObjectPermission, "The servers, stores, agents and tools that may be used."
    )
    pass_through_routes: list[str] = texts("The routes that may be passed through")
    vector_store_indexes: list[VectorStoreIndex] = records(
        VectorStoreIndex, "vector_store_indexes", "The indexes of vectors that may be used"
    )
    router_settings: RouterSettings = part(RouterSettings, "How calls are routed.")
    file_expiry: Duration | None = strawberry.field(
        description="How long files are kept; null if nothing is said."
    )
    batch_output_expiry: Duration | None = strawberry.field(
        description="How long the output of batches is kept; null if nothing is said."
    )
    secret_manager: str | None = strawberry.field(
        description="Where the gateway keeps the team's secrets; null if nothing is said."
    )
    secret_manager_settings: list[SecretManagerSetting] = records(
        SecretManagerSetting, "secret_manager_settings", "The settings of the secret manager"
    )
