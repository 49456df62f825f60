"""Usage: metered calls, what they add up to by day and by period, and what keeps them counted once.

No foreign keys: what was spent outlives who spent it. A holder is whatever a budget can bind; its id
says of which kind it is.
"""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Index,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    text,
)
from sqlalchemy.schema import SchemaItem

from bursar.database.columns import (
    IDENTIFIER,
    MONEY,
    MOST_MONEY,
    length_check,
    range_check,
)
from bursar.database.tables.metadata import metadata
from bursar.domain.ids import Prefix
from bursar.domain.limits import MOST_COUNT

TOKENS = ("prompt_tokens", "completion_tokens", "cache_read_tokens", "cache_creation_tokens")


def _whose() -> tuple[Column[str], ...]:
    """Of a personal key there is only the user; of a service's no user and no members."""
    return (
        Column("user_id", IDENTIFIER),
        Column("team_id", IDENTIFIER),
        Column("team_member_id", IDENTIFIER),
        Column("organization_id", IDENTIFIER),
        Column("organization_member_id", IDENTIFIER),
    )


def _what() -> tuple[SchemaItem, ...]:
    return (
        Column("model", IDENTIFIER, nullable=False),
        Column("provider", IDENTIFIER),
        Column("endpoint", IDENTIFIER),
        Column("tags", ARRAY(Text), nullable=False, server_default=text("'{}'")),
        length_check("model", 256),
        length_check("provider", 128),
        length_check("endpoint", 256),
        CheckConstraint("cardinality(tags) <= 20", name="tags_count"),
    )


def _tokens() -> tuple[SchemaItem, ...]:
    columns = tuple(Column(name, BigInteger, nullable=False) for name in TOKENS)
    return (*columns, *(range_check(name, MOST_COUNT) for name in TOKENS))


def _spent_in() -> tuple[Column[object], ...]:
    """A period of a holder: since when the entry of its schedule holds, and when the period begins.

    The whole of what is spent has an empty model; `-infinity` is what is open.
    """
    instant = DateTime(timezone=True)
    return (
        Column("holder_id", IDENTIFIER, nullable=False),
        Column("model", IDENTIFIER, nullable=False),
        Column("since", instant, nullable=False),
        Column("starts_at", instant, nullable=False),
    )


_PERIOD = ("holder_id", "model", "since", "starts_at")
_MODEL_OR_WHOLE = "char_length(model) <= 256"

# A month a partition. The id has the time of the call in it, so that an id finds its partition; by what
# began until `recorded_at` it was known in which periods the call is counted.
usage_events = Table(
    "usage_events",
    metadata,
    Column("id", IDENTIFIER, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("recorded_at", DateTime(timezone=True), nullable=False),
    Column("request_id", IDENTIFIER, nullable=False),
    Column("api_key_id", IDENTIFIER, nullable=False),
    *_whose(),
    *_what(),
    *_tokens(),
    Column("cost", MONEY, nullable=False),
    Column("success", Boolean, nullable=False),
    PrimaryKeyConstraint("at", "id"),
    length_check("request_id", 128),
    range_check("cost", MOST_MONEY),
    Index(None, "organization_id", "at", "id"),
    Index(None, "team_id", "at", "id"),
    Index(None, "user_id", "at", "id"),
    Index(None, "api_key_id", "at", "id"),
    postgresql_partition_by="RANGE (at)",
)

# A table of its own, because what is unique among partitions must contain what they are made by.
usage_requests = Table(
    "usage_requests",
    metadata,
    Column("request_id", IDENTIFIER, primary_key=True),
    Column("content_hash", LargeBinary, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=text("now()")),
    length_check("request_id", 128),
    CheckConstraint("octet_length(content_hash) = 32", name="content_hash_length"),
    Index(None, "created_at"),
)

# The events of a day (UTC) that differ in nothing but numbers, added up; also a month a partition.
usage_days = Table(
    "usage_days",
    metadata,
    Column("day", Date, nullable=False),
    Column("dimensions", LargeBinary, nullable=False),
    Column("api_key_id", IDENTIFIER, nullable=False),
    Column("user_id", IDENTIFIER),
    Column("team_id", IDENTIFIER),
    Column("organization_id", IDENTIFIER),
    *_what(),
    *_tokens(),
    Column("spend", MONEY, nullable=False),
    Column("requests", BigInteger, nullable=False),
    Column("successes", BigInteger, nullable=False),
    PrimaryKeyConstraint("day", "dimensions"),
    CheckConstraint("octet_length(dimensions) = 16", name="dimensions_length"),
    range_check("spend", MOST_MONEY),
    range_check("requests", MOST_COUNT),
    range_check("successes", MOST_COUNT),
    CheckConstraint("successes <= requests", name="successes_are_requests"),
    Index(None, "organization_id", "day"),
    Index(None, "team_id", "day"),
    Index(None, "user_id", "day"),
    Index(None, "api_key_id", "day"),
    postgresql_partition_by="RANGE (day)",
)

# What a holder spent in one period, adjustments included: never reset, a new period is a new row.
# Where it ends is kept too (`infinity` if never), so that SQL finds the row of the current period.
spends = Table(
    "spends",
    metadata,
    *_spent_in(),
    Column("ends_at", DateTime(timezone=True), nullable=False),
    Column("spend", MONEY, nullable=False),
    PrimaryKeyConstraint(*_PERIOD),
    CheckConstraint(_MODEL_OR_WHOLE, name="model_length"),
    CheckConstraint("starts_at < ends_at", name="ends_after_start"),
    range_check("spend", MOST_MONEY),
    postgresql_with={"fillfactor": "70"},
)

# What a holder ever spent, without adjustments. Every team has a row, by which teams are sorted. It is
# locked by who counts what the holder spends, and by who changes when its periods begin.
lifetime_spends = Table(
    "lifetime_spends",
    metadata,
    Column("holder_id", IDENTIFIER, primary_key=True),
    Column("spend", MONEY, nullable=False),
    range_check("spend", MOST_MONEY),
    Index(
        "lifetime_spends_teams",
        "spend",
        "holder_id",
        postgresql_where=text(f"starts_with(holder_id, '{Prefix.TEAM}_')"),
    ),
    postgresql_with={"fillfactor": "70"},
)

# What was added to the spend of a period by hand; less than nothing where it was taken off.
spend_adjustments = Table(
    "spend_adjustments",
    metadata,
    *_spent_in(),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("amount", MONEY, nullable=False),
    PrimaryKeyConstraint(*_PERIOD, "at"),
    CheckConstraint(_MODEL_OR_WHOLE, name="model_length"),
    CheckConstraint(f"amount BETWEEN -{MOST_MONEY} AND {MOST_MONEY}", name="amount_range"),
)

# What the events of a period came to that are not kept any more.
usage_closings = Table(
    "usage_closings",
    metadata,
    *_spent_in(),
    Column("spend", MONEY, nullable=False),
    PrimaryKeyConstraint(*_PERIOD),
    CheckConstraint(_MODEL_OR_WHOLE, name="model_length"),
    range_check("spend", MOST_MONEY),
)

# Where a key belonged until it was moved, or deleted: what was called before then is counted there.
former_places = Table(
    "former_places",
    metadata,
    Column("api_key_id", IDENTIFIER, nullable=False),
    Column("until", DateTime(timezone=True), nullable=False),
    *_whose(),
    PrimaryKeyConstraint("api_key_id", "until"),
    Index(None, "until"),
)

# Secrets that open nothing any more, by which late events still find their key.
former_secrets = Table(
    "former_secrets",
    metadata,
    Column("secret_hash", LargeBinary, primary_key=True),
    Column("api_key_id", IDENTIFIER, nullable=False),
    Column("until", DateTime(timezone=True), nullable=False),
    CheckConstraint("octet_length(secret_hash) = 32", name="secret_hash_length"),
    Index(None, "until"),
)
