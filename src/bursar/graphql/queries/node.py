"""Anything by its id, or by the ids of many."""

import asyncio
from typing import Any

import strawberry
from strawberry.types import Info

from bursar.domain.ids import Prefix, is_id, prefix_of
from bursar.graphql.connections import LARGEST_PAGE
from bursar.graphql.context import Context
from bursar.graphql.edges import Question
from bursar.graphql.errors import BadUserInput
from bursar.graphql.point_reads import asking_read
from bursar.graphql.queries.arguments import Id, Ids
from bursar.graphql.types.node import Node
from bursar.loaders.access_groups import access_groups_by_id
from bursar.loaders.audit import audit_entries_by_id
from bursar.loaders.budgets import budgets_by_id
from bursar.loaders.keys import api_keys_by_id
from bursar.loaders.members import team_members_by_id
from bursar.loaders.organizations import organization_members_by_id, organizations_by_id
from bursar.loaders.reader import Batch
from bursar.loaders.teams import teams_by_id
from bursar.loaders.usage import usage_events_by_id
from bursar.loaders.users import users_by_id

BY_ID: dict[Prefix, Batch] = {
    Prefix.ORGANIZATION: organizations_by_id,
    Prefix.USER: users_by_id,
    Prefix.ORGANIZATION_MEMBER: organization_members_by_id,
    Prefix.TEAM: teams_by_id,
    Prefix.TEAM_MEMBER: team_members_by_id,
    Prefix.BUDGET: budgets_by_id,
    Prefix.API_KEY: api_keys_by_id,
    Prefix.ACCESS_GROUP: access_groups_by_id,
    Prefix.USAGE_EVENT: usage_events_by_id,
    Prefix.AUDIT_ENTRY: audit_entries_by_id,
}


def question_of(id: str) -> Question | None:
    """What to ask for what has this id; None for what is no id."""
    prefix = prefix_of(id)
    return Question(BY_ID[prefix], id) if prefix in BY_ID else None


async def by_id(context: Context, id: str, kind: Prefix | None = None) -> Any:
    """The visible object with this id, of this kind if one is named; None for anything else."""
    question = question_of(id)
    if question is None or not (kind is None or is_id(id, kind)):
        return None
    return await context.load(question.batch, id)


node = asking_read(
    "node",
    Node,
    question_of,
    id=Id,
    description="Anything that has this id; null if nothing you may see has it.",
)


@strawberry.field(description="What has these ids, in their order; null for what you may not see.")
async def nodes(info: Info[Context, None], ids: Ids) -> list[Node | None]:
    if len(ids) > LARGEST_PAGE:
        raise BadUserInput(f"`ids` must be at most {LARGEST_PAGE}.")
    return list(await asyncio.gather(*(by_id(info.context, id) for id in ids)))


FIELDS = [node, nodes]
