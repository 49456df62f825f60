"""Checks of the catalog: constraints that are switched off or gone, rights that were given or taken."""

from collections.abc import Iterator

from sqlalchemy import PrimaryKeyConstraint, Table

from bursar.database.grants import APPEND_ONLY, RIGHTS
from bursar.database.tables import metadata
from bursar.operations.checks.check import Check


def _names(table: Table) -> Iterator[str]:
    """Of constraints, and of the indexes that are unique."""
    for constraint in table.constraints:
        if not isinstance(constraint, PrimaryKeyConstraint) or constraint.columns:
            yield str(constraint.name)
    for index in table.indexes:
        if index.unique:
            yield str(index.name)


_CONSTRAINTS = ", ".join(
    f"('{table.name}', '{name}')"
    for table in metadata.tables.values()
    for name in sorted(_names(table))
)
_EXPECTED = ", ".join(
    f"('{table}', '{right}')" for table, rights in RIGHTS.items() for right in rights.split(", ")
)
_FROZEN = ", ".join(f"'{table}'::regclass" for table in sorted(APPEND_ONLY))

CATALOG = (
    Check(
        "constraints-in-place",
        "Every constraint and unique index is there, valid and enforced.",
        "pg_constraint",
        f"""
        SELECT expected.of AS id, expected.name || ' is missing or not valid' AS problem
        FROM (VALUES {_CONSTRAINTS}) AS expected (of, name)
        WHERE NOT EXISTS (
            SELECT FROM pg_constraint
            WHERE conrelid = expected.of::regclass AND conname = expected.name AND convalidated
        ) AND NOT EXISTS (
            SELECT FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
            WHERE indrelid = expected.of::regclass AND relname = expected.name
                AND indisunique AND indisvalid
        )
        """,
    ),
    Check(
        "triggers-enabled",
        "The triggers that keep foreign keys are enabled, and there are no others.",
        "pg_trigger",
        f"""
        SELECT tgrelid::regclass::text AS id, tgname || ' is disabled or not Bursar''s' AS problem
        FROM pg_trigger WHERE (tgenabled <> 'O' OR NOT tgisinternal)
            AND tgrelid IN ({", ".join(f"'{table}'::regclass" for table in metadata.tables)})
        """,
    ),
    Check(
        "audit-append-only",
        "Nobody but their owner may change audit entries, or events, whatever month they are in.",
        "pg_class",
        f"""
        WITH granted AS (
            SELECT oid, relowner, (aclexplode(relacl)).* FROM pg_class
            UNION ALL
            SELECT pg_class.oid, relowner, (aclexplode(attacl)).*
            FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid
        )
        SELECT oid::regclass::text AS id,
            format('%s may %s', CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END,
                privilege_type) AS problem
        FROM granted WHERE grantee <> relowner
            AND (oid IN ({_FROZEN})
                OR oid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent IN ({_FROZEN})))
            AND privilege_type NOT IN ('SELECT', 'INSERT')
        """,
    ),
    Check(
        "application-rights",
        "Who may read the schema's version, as the application does, has the rights it needs.",
        "pg_class",
        f"""
        SELECT expected.of AS id, format('%s may not %s', rolname, expected.privilege) AS problem
        FROM (VALUES {_EXPECTED}) AS expected (of, privilege)
        CROSS JOIN (
            SELECT DISTINCT pg_roles.rolname FROM pg_class, aclexplode(relacl) granted
            JOIN pg_roles ON pg_roles.oid = grantee
            WHERE pg_class.oid = 'alembic_version'::regclass AND grantee <> relowner
        ) AS applications
        WHERE NOT has_table_privilege(rolname, expected.of::regclass, expected.privilege)
        """,
    ),
)
