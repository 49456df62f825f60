"""The kinds of columns and checks that tables are made of."""

from collections.abc import Iterable, Iterator
from enum import StrEnum

from sqlalchemy import (
    ARRAY,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    Numeric,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.schema import SchemaItem

from bursar.domain.money import LIMIT
from bursar.domain.throughput import LIMIT_TYPES, RateLimitType

IDENTIFIER = Text(collation="C")
MONEY = Numeric(28, 10)
MOST_MONEY = int(LIMIT)
GUARANTEED = " OR ".join(f"{column} = 'GUARANTEED'" for column in LIMIT_TYPES.values())
"""The rows to which anything is guaranteed."""


def id_column() -> Column[str]:
    return Column("id", IDENTIFIER, primary_key=True)


def reference(
    name: str, target: str, *, cascade: bool = True, required: bool = True
) -> Column[str]:
    key = ForeignKey(f"{target}.id", ondelete="CASCADE" if cascade else None)
    return Column(name, IDENTIFIER, key, nullable=not required)


def versioned() -> tuple[Column[int], ...]:
    return (Column("version", Integer, nullable=False, server_default=text("1")),)


def times() -> tuple[Column[object], ...]:
    now = func.now()
    return (
        Column("created_at", DateTime(timezone=True), nullable=False, server_default=now),
        Column("updated_at", DateTime(timezone=True), nullable=False, server_default=now),
    )


def named(*, required: bool = True) -> tuple[Column[str], ...]:
    return (
        Column("name", Text, nullable=not required),
        Column("name_key", IDENTIFIER, nullable=not required),
    )


def records_column(name: str) -> Column[object]:
    return Column(name, JSONB, nullable=False, server_default=text("'[]'"))


def metadata_column() -> Column[object]:
    return Column("metadata", JSONB, nullable=False, server_default=text("'{}'"))


def texts_columns(*names: str) -> Iterator[SchemaItem]:
    """For each name a list of at most a hundred texts."""
    for name in names:
        yield Column(name, ARRAY(Text), nullable=False, server_default=text("'{}'"))
        yield CheckConstraint(f"cardinality({name}) <= 100", name=f"{name}_count")


def limit_types() -> tuple[Column[str], ...]:
    default = text(f"'{RateLimitType.BEST_EFFORT}'")
    return tuple(
        Column(name, Text, nullable=False, server_default=default) for name in LIMIT_TYPES.values()
    )


def models_columns() -> tuple[Column[object], ...]:
    """An allow-list (domain/models.py): empty is open, unless nothing is allowed."""
    return (
        Column("models", ARRAY(Text), nullable=False, server_default=text("'{}'")),
        Column("allow_none", Boolean, nullable=False, server_default=text("false")),
    )


def models_checks() -> tuple[CheckConstraint, ...]:
    return (
        CheckConstraint("cardinality(models) <= 500", name="models_count"),
        CheckConstraint("NOT allow_none OR cardinality(models) = 0", name="allow_none_is_empty"),
    )


def length_check(column: str, longest: int) -> CheckConstraint:
    return CheckConstraint(
        f"char_length({column}) BETWEEN 1 AND {longest}", name=f"{column}_length"
    )


def one_of_check(column: str, values: Iterable[StrEnum]) -> CheckConstraint:
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=f"{column}_known")


def all_of_check(column: str, values: Iterable[StrEnum]) -> CheckConstraint:
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} <@ ARRAY[{listed}]::text[]", name=f"{column}_known")


def duration_check(column: str) -> CheckConstraint:
    form = "^[1-9][0-9]{0,4}(s|m|h|d|w|mo|y)$"
    return CheckConstraint(f"{column} ~ '{form}'", name=f"{column}_form")


def exactly_one_check(columns: Iterable[str], name: str) -> CheckConstraint:
    counted = " + ".join(f"({column} IS NOT NULL)::int" for column in columns)
    return CheckConstraint(f"{counted} = 1", name=name)


def unique_where_given(table: str, columns: Iterable[str], *then: str) -> tuple[Index, ...]:
    """For each column, with those that follow, an index that holds only the rows that have it."""
    return tuple(
        Index(
            "_".join([table, column, *then, "key"]),
            column,
            *then,
            unique=True,
            postgresql_where=text(f"{column} IS NOT NULL"),
        )
        for column in columns
    )


def range_check(column: str, most: int) -> CheckConstraint:
    return CheckConstraint(f"{column} BETWEEN 0 AND {most}", name=f"{column}_range")


def name_lengths() -> tuple[CheckConstraint, ...]:
    """A key may be twice as long as its text: folding writes ligatures out (domain/names.py)."""
    return (length_check("name", 128), length_check("name_key", 256))
