"""Access groups, and the lists of models that name them."""

from sqlalchemy import ARRAY, CheckConstraint, Column, Index, Table, Text, UniqueConstraint, text

from bursar.database.columns import (
    exactly_one_check,
    id_column,
    name_lengths,
    named,
    reference,
    times,
    unique_where_given,
    versioned,
)
from bursar.database.tables.metadata import metadata

access_groups = Table(
    "access_groups",
    metadata,
    id_column(),
    *named(),
    Column("description", Text),
    Column("models", ARRAY(Text), nullable=False, server_default=text("'{}'")),
    *versioned(),
    *times(),
    UniqueConstraint("name_key"),
    *name_lengths(),
    CheckConstraint("char_length(description) <= 2000", name="description_length"),
    CheckConstraint("cardinality(models) <= 500", name="models_count"),
)

# The column that names whose list an access group is in, by its kind.
LISTED_IN = {
    "organization": "organization_id",
    "team": "team_id",
    "user": "user_id",
    "api_key": "api_key_id",
}

# Which access groups the lists of models name, so that none of these can go.
access_group_uses = Table(
    "access_group_uses",
    metadata,
    reference("group_id", "access_groups", cascade=False),
    reference("organization_id", "organizations", required=False),
    reference("team_id", "teams", required=False),
    reference("user_id", "users", required=False),
    reference("api_key_id", "api_keys", required=False),
    exactly_one_check(LISTED_IN.values(), "one_list"),
    Index(None, "group_id"),
    *unique_where_given("access_group_uses", LISTED_IN.values(), "group_id"),
)
