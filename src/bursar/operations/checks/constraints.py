"""Checks of what the database itself guarantees, for one whose constraints were once switched off."""

from collections.abc import Iterator

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, Table, UniqueConstraint
from sqlalchemy.dialects.postgresql.asyncpg import dialect as postgresql

from bursar.database.tables import BUDGET_OWNERS, LISTED_IN, SPENDERS, metadata
from bursar.operations.checks.check import Check

_DIALECT = postgresql()  # type: ignore[no-untyped-call]  # SQLAlchemy does not type it
# How rows of tables without an id are named.
_IDENTITIES = {
    "audit_heads": "chain",
    "access_group_uses": f"group_id || ' ' || coalesce({', '.join(LISTED_IN.values())})",
    "budget_attachments": f"coalesce({', '.join(BUDGET_OWNERS.values())}, plan_id)",
    "budget_model_limits": "budget_id || ' ' || model",
    "gateway_settings": "team_id",
    "budget_schedules": f"coalesce({', '.join(SPENDERS.values())}, starts_at::text)",
    "budget_increases": f"coalesce({', '.join(SPENDERS.values())}, until::text)",
    "former_places": "api_key_id",
    "former_secrets": "api_key_id",
    "idempotency_records": "actor_id || ' ' || key",
    "lifetime_spends": "holder_id",
    "spend_adjustments": "holder_id",
    "spends": "holder_id",
    "usage_closings": "holder_id",
    "usage_days": "day || ' ' || api_key_id",
    "usage_requests": "request_id",
}


def _identity(table: Table) -> str:
    return _IDENTITIES.get(table.name, "id")


def _values(table: Table) -> Check:
    """CHECK and NOT NULL in one pass; a row is looked at more closely only where one is broken."""
    rules = {
        str(constraint.name): f"({constraint.sqltext})"
        for constraint in sorted(table.constraints, key=lambda each: str(each.name))
        if isinstance(constraint, CheckConstraint)
    }
    rules |= {
        f"{column.name}_not_null": f"({column.name} IS NOT NULL)"
        for column in table.c
        if not column.nullable
    }
    listed = ", ".join(f"('{name}', {rule})" for name, rule in rules.items())
    broken = " OR ".join(f"{rule} IS FALSE" for rule in rules.values())
    return Check(
        f"{table.name}-constraints",
        f"Every row of {table.name} keeps the table's CHECK and NOT NULL constraints.",
        table.name,
        f"""
        SELECT {_identity(table)} AS id, 'breaks ' || rule.name AS problem
        FROM (SELECT * FROM {table.name} WHERE {broken}) suspects
        CROSS JOIN LATERAL (VALUES {listed}) AS rule (name, holds) WHERE NOT rule.holds
        """,
    )


def _references(table: Table, key: ForeignKeyConstraint) -> Check:
    columns, parent = list(key.column_keys), key.referred_table.name
    targets = [element.column.name for element in key.elements]
    pairs = zip(columns, targets, strict=True)
    same = " AND ".join(f"parent.{target} = child.{column}" for column, target in pairs)
    given = " AND ".join(f"child.{column} IS NOT NULL" for column in columns)
    named = " || ' ' || ".join(f"child.{column}" for column in columns)
    return Check(
        f"{table.name}-{'-'.join(columns)}",
        f"What {table.name} names by {' and '.join(columns)} is in {parent}.",
        table.name,
        f"""
        SELECT {_identity(table)} AS id,
            '{", ".join(columns)} ' || {named} || ' is not in {parent}' AS problem
        FROM {table.name} child
        WHERE {given} AND NOT EXISTS (SELECT FROM {parent} parent WHERE {same})
        """,
    )


def _uniques(table: Table) -> Iterator[Check]:
    """A broken index may hold two rows that it should not; sequential scans do not use it.

    The one of an expression, the audit's, is looked after by the check of the chains.
    """
    for constraint in table.constraints:
        if isinstance(constraint, UniqueConstraint):
            yield _unique(table, [column.name for column in constraint.columns], "true")
    for index in table.indexes:
        if index.unique and len(index.columns) == len(index.expressions):
            yield _unique(table, [column.name for column in index.columns], _condition(index))


def _condition(index: Index) -> str:
    where = index.dialect_options["postgresql"]["where"]
    return "true" if where is None else str(where.compile(dialect=_DIALECT))


def _unique(table: Table, columns: list[str], condition: str) -> Check:
    listed = ", ".join(columns)
    given = " AND ".join(f"{column} IS NOT NULL" for column in columns)
    return Check(
        f"{table.name}-unique-{'-'.join(columns)}",
        f"No two rows of {table.name} have the same {' and '.join(columns)}.",
        table.name,
        f"""
        SELECT unnest(array_agg({_identity(table)})) AS id, 'has the {listed} of another row' AS problem
        FROM {table.name} WHERE {condition} AND {given} GROUP BY {listed} HAVING count(*) > 1
        """,
    )


CONSTRAINTS = tuple(
    check
    for table in metadata.tables.values()
    for check in (
        _values(table),
        *(
            _references(table, key)
            for key in sorted(table.foreign_key_constraints, key=lambda each: str(each.name))
        ),
        *sorted(_uniques(table), key=lambda each: each.name),
    )
)
