"""API keys: what their owners see of them."""

from datetime import datetime

import strawberry

from bursar.domain.ids import Prefix
from bursar.domain.roles import KeyScope
from bursar.graphql.edges import edge
from bursar.graphql.types.budget import BudgetUse
from bursar.graphql.types.node import Node
from bursar.graphql.types.user import User
from bursar.loaders.budgets import budgets_by_api_key
from bursar.loaders.users import users_by_id


@strawberry.type(description="A key that a person or a program presents; its secret is shown once.")
class ApiKey(Node):
    prefix = Prefix.API_KEY

    alias: str | None = strawberry.field(description="The name among the user's keys.")
    last_four: str = strawberry.field(description="The last four characters of the secret.")
    scopes: list[KeyScope] = strawberry.field(description="What the key may be used for.")
    expires_at: datetime | None = strawberry.field(
        description="From when on the key is refused; null is never."
    )
    version: int = strawberry.field(description="Counts the changes.")
    created_at: datetime = strawberry.field(description="When the key was made.")
    updated_at: datetime = strawberry.field(description="When the key was last changed.")
    user: User | None = edge(
        users_by_id,
        key="user_id",
        description="Whose key it is; null for the key of a service, or if not yours to see.",
    )
    budget: BudgetUse | None = edge(
        budgets_by_api_key, key="id", description="The key's own budget; null if it has none."
    )
