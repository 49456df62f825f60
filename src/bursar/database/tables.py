"""The tables: what is stored, and the constraints that hold whatever the code above them does.

Ids, keys of names and e-mails, and external ids compare byte by byte (collation C); every text
that a caller chooses has a length and every number two sides; times are timestamptz. Nothing here
needs an extension, a trigger or a sequence.
"""

from collections.abc import Iterable
from enum import StrEnum

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from bursar.domain.roles import KeyScope, OrganizationRole, PlatformRole, TeamRole

metadata = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
        "ck": "%(table_name)s_%(constraint_name)s_check",
    }
)

IDENTIFIER = Text(collation="C")
MONEY = Numeric(28, 10)
MOST_MONEY = 10**18
MOST_COUNT = 2**62


def _id() -> Column[str]:
    return Column("id", IDENTIFIER, primary_key=True)


def _reference(
    name: str, target: str, *, cascade: bool = True, required: bool = True
) -> Column[str]:
    key = ForeignKey(f"{target}.id", ondelete="CASCADE" if cascade else None)
    return Column(name, IDENTIFIER, key, nullable=not required)


def _versioned() -> tuple[Column[int], ...]:
    return (Column("version", Integer, nullable=False, server_default=text("1")),)


def _times() -> tuple[Column[object], ...]:
    now = func.now()
    return (
        Column("created_at", DateTime(timezone=True), nullable=False, server_default=now),
        Column("updated_at", DateTime(timezone=True), nullable=False, server_default=now),
    )


def _named() -> tuple[Column[str], ...]:
    return (
        Column("name", Text, nullable=False),
        Column("name_key", IDENTIFIER, nullable=False),
    )


def _metadata() -> Column[object]:
    return Column("metadata", JSONB, nullable=False, server_default=text("'{}'"))


def _length(column: str, longest: int) -> CheckConstraint:
    return CheckConstraint(
        f"char_length({column}) BETWEEN 1 AND {longest}", name=f"{column}_length"
    )


def _one_of(column: str, values: Iterable[StrEnum]) -> CheckConstraint:
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=f"{column}_known")


def _between(column: str, most: int) -> CheckConstraint:
    return CheckConstraint(f"{column} BETWEEN 0 AND {most}", name=f"{column}_range")


def _name_lengths() -> tuple[CheckConstraint, ...]:
    """A key may be twice as long as its text: folding writes ligatures out (domain/names.py)."""
    return (_length("name", 128), _length("name_key", 256))


organizations = Table(
    "organizations",
    metadata,
    _id(),
    Column("external_id", IDENTIFIER, unique=True),
    *_named(),
    _metadata(),
    *_versioned(),
    *_times(),
    *_name_lengths(),
    _length("external_id", 128),
    Index(None, "name_key", "id"),
    Index(None, "created_at", "id"),
)

users = Table(
    "users",
    metadata,
    _id(),
    Column("external_id", IDENTIFIER, unique=True),
    *_named(),
    Column("email", Text),
    Column("email_key", IDENTIFIER, unique=True),
    Column("role", Text, nullable=False, server_default=text("'USER'")),
    Column("blocked", Boolean, nullable=False, server_default=text("false")),
    _metadata(),
    *_versioned(),
    *_times(),
    *_name_lengths(),
    _length("external_id", 128),
    _length("email", 254),
    _length("email_key", 508),
    _one_of("role", PlatformRole),
    CheckConstraint("(email IS NULL) = (email_key IS NULL)", name="email_has_key"),
    Index(None, "name_key", "id"),
    Index(None, "created_at", "id"),
)

organization_members = Table(
    "organization_members",
    metadata,
    _id(),
    _reference("organization_id", "organizations"),
    _reference("user_id", "users"),
    Column("role", Text, nullable=False),
    *_versioned(),
    Column("joined_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    UniqueConstraint("organization_id", "user_id"),
    _one_of("role", OrganizationRole),
    Index(None, "organization_id", "id"),
    Index(None, "user_id", "organization_id"),
)

teams = Table(
    "teams",
    metadata,
    _id(),
    _reference("organization_id", "organizations", cascade=False),
    Column("external_id", IDENTIFIER, unique=True),
    *_named(),
    Column("description", Text),
    Column("blocked", Boolean, nullable=False, server_default=text("false")),
    Column("tags", ARRAY(Text), nullable=False, server_default=text("'{}'")),
    _metadata(),
    *_versioned(),
    *_times(),
    *_name_lengths(),
    _length("external_id", 128),
    CheckConstraint("char_length(description) <= 2000", name="description_length"),
    CheckConstraint("cardinality(tags) <= 50", name="tags_count"),
    Index(None, "name_key", "id"),
    Index(None, "created_at", "id"),
    Index(None, "organization_id", "name_key", "id"),
    Index(None, "organization_id", "created_at", "id"),
    Index("teams_blocked_idx", "id", postgresql_where=text("blocked")),
)

team_members = Table(
    "team_members",
    metadata,
    _id(),
    _reference("team_id", "teams"),
    _reference("user_id", "users"),
    Column("role", Text, nullable=False),
    *_versioned(),
    Column("joined_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    UniqueConstraint("team_id", "user_id"),
    _one_of("role", TeamRole),
    Index(None, "team_id", "id"),
    Index(None, "user_id", "team_id"),
)

# The column that names the owner of a budget, by the kind of owner. Exactly one is set.
BUDGET_OWNERS = {
    "organization": "organization_id",
    "team": "team_id",
    "team_default": "default_of_team_id",
    "team_member": "team_member_id",
    "user": "user_id",
}

budgets = Table(
    "budgets",
    metadata,
    _id(),
    _reference("organization_id", "organizations", required=False),
    _reference("team_id", "teams", required=False),
    _reference("default_of_team_id", "teams", required=False),
    _reference("team_member_id", "team_members", required=False),
    _reference("user_id", "users", required=False),
    Column("max_budget", MONEY),
    Column("soft_budget", MONEY),
    Column("duration", IDENTIFIER),
    Column("timezone", IDENTIFIER, nullable=False, server_default=text("'UTC'")),
    Column("tpm_limit", BigInteger),
    Column("rpm_limit", BigInteger),
    Column("max_parallel_requests", BigInteger),
    *_versioned(),
    *_times(),
    CheckConstraint(
        " + ".join(f"({column} IS NOT NULL)::int" for column in BUDGET_OWNERS.values()) + " = 1",
        name="one_owner",
    ),
    _between("max_budget", MOST_MONEY),
    _between("soft_budget", MOST_MONEY),
    CheckConstraint("soft_budget < max_budget", name="soft_below_max"),
    CheckConstraint("duration ~ '^[1-9][0-9]{0,4}(s|m|h|d|w|mo|y)$'", name="duration_form"),
    _length("timezone", 64),
    _between("tpm_limit", MOST_COUNT),
    _between("rpm_limit", MOST_COUNT),
    _between("max_parallel_requests", MOST_COUNT),
    *(
        Index(
            f"budgets_{column}_key",
            column,
            unique=True,
            postgresql_where=text(f"{column} IS NOT NULL"),
        )
        for column in BUDGET_OWNERS.values()
    ),
)

api_keys = Table(
    "api_keys",
    metadata,
    _id(),
    _reference("user_id", "users"),
    Column("alias", Text),
    Column("alias_key", IDENTIFIER),
    Column("secret_hash", LargeBinary, nullable=False, unique=True),
    Column("last_four", IDENTIFIER, nullable=False),
    Column("scopes", ARRAY(Text), nullable=False),
    Column("expires_at", DateTime(timezone=True)),
    *_versioned(),
    *_times(),
    UniqueConstraint("user_id", "alias_key"),
    _length("alias", 128),
    _length("alias_key", 256),
    CheckConstraint("(alias IS NULL) = (alias_key IS NULL)", name="alias_has_key"),
    CheckConstraint("octet_length(secret_hash) = 32", name="secret_hash_length"),
    _length("last_four", 4),
    CheckConstraint(
        "scopes <@ ARRAY[" + ", ".join(f"'{scope}'" for scope in KeyScope) + "]::text[]",
        name="scopes_known",
    ),
    Index(None, "user_id", "id"),
)

# No foreign keys: an entry outlives all that it names.
audit_entries = Table(
    "audit_entries",
    metadata,
    _id(),
    Column("at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("actor_user_id", IDENTIFIER),
    Column("actor_key_id", IDENTIFIER),
    Column("action", IDENTIFIER, nullable=False),
    Column("object_id", IDENTIFIER, nullable=False),
    Column("organization_id", IDENTIFIER),
    Column("team_id", IDENTIFIER),
    Column("before", JSONB),
    Column("after", JSONB),
    Column("request_id", IDENTIFIER),
    _length("action", 64),
    _length("object_id", 64),
    _length("request_id", 128),
    Index(None, "object_id", "id"),
    Index(None, "organization_id", "id"),
    Index(None, "team_id", "id"),
    Index(None, "actor_user_id", "id"),
    Index(None, "action", "id"),
)
