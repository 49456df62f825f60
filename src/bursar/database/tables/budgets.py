"""Budgets, what has them, and since when their periods are as they are."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Index,
    PrimaryKeyConstraint,
    Table,
    UniqueConstraint,
    text,
)

from bursar.database.columns import (
    IDENTIFIER,
    MONEY,
    MOST_MONEY,
    duration_check,
    exactly_one_check,
    id_column,
    length_check,
    name_lengths,
    named,
    range_check,
    reference,
    times,
    unique_where_given,
    versioned,
)
from bursar.database.tables.metadata import metadata
from bursar.domain.limits import MOST_COUNT

_OWNERS = {
    "organization": ("organization_id", "organizations"),
    "organization_member": ("organization_member_id", "organization_members"),
    "team": ("team_id", "teams"),
    "team_default": ("default_of_team_id", "teams"),
    "team_member": ("team_member_id", "team_members"),
    "user": ("user_id", "users"),
    "api_key": ("api_key_id", "api_keys"),
}
BUDGET_OWNERS = {kind: column for kind, (column, _) in _OWNERS.items()}
"""The column that names what a budget belongs to, by its kind."""
SPENDERS = {kind: column for kind, column in BUDGET_OWNERS.items() if kind != "team_default"}
"""Of these what spends: the budget of members by default is one of theirs."""


def _owners() -> tuple[Column[str], ...]:
    return tuple(reference(column, table, required=False) for column, table in _OWNERS.values())


# A budget is owned by exactly one thing, or has a name: a plan, attached to many.
budgets = Table(
    "budgets",
    metadata,
    id_column(),
    *named(required=False),
    *_owners(),
    Column("max_budget", MONEY),
    Column("soft_budget", MONEY),
    Column("duration", IDENTIFIER),
    Column("timezone", IDENTIFIER, nullable=False, server_default=text("'UTC'")),
    Column("tpm_limit", BigInteger),
    Column("rpm_limit", BigInteger),
    Column("max_parallel_requests", BigInteger),
    *versioned(),
    *times(),
    UniqueConstraint("name_key"),
    *name_lengths(),
    CheckConstraint("(name IS NULL) = (name_key IS NULL)", name="name_has_key"),
    exactly_one_check(["name", *BUDGET_OWNERS.values()], "one_owner"),
    range_check("max_budget", MOST_MONEY),
    range_check("soft_budget", MOST_MONEY),
    CheckConstraint("soft_budget < max_budget", name="soft_below_max"),
    duration_check("duration"),
    length_check("timezone", 64),
    range_check("tpm_limit", MOST_COUNT),
    range_check("rpm_limit", MOST_COUNT),
    range_check("max_parallel_requests", MOST_COUNT),
    *unique_where_given("budgets", BUDGET_OWNERS.values()),
)

# What of a budget may be spent on one model; what is not named has the limits of the whole.
budget_model_limits = Table(
    "budget_model_limits",
    metadata,
    reference("budget_id", "budgets"),
    Column("model", IDENTIFIER, nullable=False),
    Column("max_budget", MONEY),
    Column("tpm_limit", BigInteger),
    Column("rpm_limit", BigInteger),
    PrimaryKeyConstraint("budget_id", "model"),
    length_check("model", 256),
    range_check("max_budget", MOST_MONEY),
    range_check("tpm_limit", MOST_COUNT),
    range_check("rpm_limit", MOST_COUNT),
)

# Which plan something has, if it has no budget of its own.
budget_attachments = Table(
    "budget_attachments",
    metadata,
    reference("plan_id", "budgets", cascade=False),
    *_owners(),
    exactly_one_check(BUDGET_OWNERS.values(), "one_holder"),
    Index(None, "plan_id", "team_id"),
    *unique_where_given("budget_attachments", BUDGET_OWNERS.values()),
)

# The duration and zone of each holder's budget from an instant on, for ever back where it is -infinity.
# A holder without a row had no other than it has; before the first row there was no duration.
budget_schedules = Table(
    "budget_schedules",
    metadata,
    *(column for column in _owners() if column.name in SPENDERS.values()),
    Column("starts_at", DateTime(timezone=True), nullable=False),
    Column("duration", IDENTIFIER),
    Column("timezone", IDENTIFIER, nullable=False),
    exactly_one_check(SPENDERS.values(), "one_holder"),
    CheckConstraint("duration ~ '^[1-9][0-9]{0,4}(s|m|h|d|w|mo|y)$'", name="duration_form"),
    length_check("timezone", 64),
    *unique_where_given("budget_schedules", SPENDERS.values(), "starts_at"),
)

# What may be spent beside the maximum until an instant; a holder has one at a time.
budget_increases = Table(
    "budget_increases",
    metadata,
    *(column for column in _owners() if column.name in SPENDERS.values()),
    Column("amount", MONEY, nullable=False),
    Column("until", DateTime(timezone=True), nullable=False),
    *times(),
    exactly_one_check(SPENDERS.values(), "one_holder"),
    range_check("amount", MOST_MONEY),
    *unique_where_given("budget_increases", SPENDERS.values()),
)
