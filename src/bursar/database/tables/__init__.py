"""The tables: what is stored, and the constraints that hold whatever the code above them does.

Ids, keys of names and e-mails, and external ids compare byte by byte (collation C); every text
that a caller chooses has a length and every number two sides; times are timestamptz. Nothing here
needs an extension, a trigger or a sequence.
"""

from bursar.database.tables.access_groups import LISTED_IN, access_group_uses, access_groups
from bursar.database.tables.archives import deleted_api_keys, deleted_teams
from bursar.database.tables.budgets import (
    BUDGET_OWNERS,
    SPENDERS,
    budget_attachments,
    budget_increases,
    budget_model_limits,
    budget_schedules,
    budgets,
)
from bursar.database.tables.keys import api_keys
from bursar.database.tables.metadata import metadata
from bursar.database.tables.people import organization_members, organizations, users
from bursar.database.tables.records import audit_entries, audit_heads, idempotency_records
from bursar.database.tables.teams import gateway_settings, team_members, teams
from bursar.database.tables.usage import (
    TOKENS,
    former_places,
    former_secrets,
    lifetime_spends,
    spend_adjustments,
    spends,
    usage_closings,
    usage_days,
    usage_events,
    usage_requests,
)

__all__ = [
    "BUDGET_OWNERS",
    "LISTED_IN",
    "SPENDERS",
    "TOKENS",
    "access_group_uses",
    "access_groups",
    "api_keys",
    "audit_entries",
    "audit_heads",
    "budget_attachments",
    "budget_increases",
    "budget_model_limits",
    "budget_schedules",
    "budgets",
    "deleted_api_keys",
    "deleted_teams",
    "former_places",
    "former_secrets",
    "gateway_settings",
    "idempotency_records",
    "lifetime_spends",
    "metadata",
    "organization_members",
    "organizations",
    "spend_adjustments",
    "spends",
    "team_members",
    "teams",
    "usage_closings",
    "usage_days",
    "usage_events",
    "usage_requests",
    "users",
]
