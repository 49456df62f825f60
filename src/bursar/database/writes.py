"""Insert, update and delete rows, by statements built once for each table and set of columns."""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, cast

from sqlalchemy import ARRAY, Table, Text, any_, bindparam, delete, func, or_, update
from sqlalchemy.dialects.postgresql import insert

from bursar.database.connections import Connection
from bursar.database.given import repeated
from bursar.database.rows import Row
from bursar.database.statements import Statement


async def insert_row(tx: Connection, table: Table, values: Mapping[str, Any]) -> Row:
    """Insert one row; answers it as stored."""
    return cast(Row, await tx.one(_insert(table, tuple(values)), **values))


async def insert_rows(tx: Connection, table: Table, rows: Iterable[Mapping[str, Any]]) -> list[Row]:
    """Insert rows that have the same columns, in one round trip; answers them as stored."""
    rows = list(rows)
    return await tx.each(_insert(table, tuple(rows[0])), rows) if rows else []


async def insert_absent(
    tx: Connection, table: Table, rows: Iterable[Mapping[str, Any]]
) -> list[Row]:
    """As insert_rows, but a row is left out where a unique constraint has one like it already."""
    rows = list(rows)
    return await tx.each(_insert(table, tuple(rows[0]), absent=True), rows) if rows else []


async def update_row(tx: Connection, table: Table, row_id: str, values: Mapping[str, Any]) -> Row:
    """Set columns of the row with this id, and count its version up; answers it as stored."""
    statement = _update(table, tuple(values))
    given = {f"new_{name}": value for name, value in values.items()}
    return cast(Row, await tx.one(statement, row_id=row_id, **given))


async def amend_row(
    tx: Connection, table: Table, row: Row, values: Mapping[str, Any], *, beside: bool = False
) -> Row:
    """As update_row, of a row that is locked; one that has these values is answered as it is.

    `beside` says that something was changed which belongs to the row, but is no column of it.
    """
    if beside:
        return await update_row(tx, table, row.id, values)
    if not values:
        return row
    given = {f"new_{name}": value for name, value in values.items()}
    statement = _update(table, tuple(values), if_other=True)
    return await tx.one(statement, row_id=row.id, **given) or row


async def delete_rows(tx: Connection, table: Table, ids: Iterable[str]) -> None:
    """Delete the rows with these ids and, by the foreign keys, what belongs to them."""
    await tx.all(_delete(table), ids=repeated(list(ids)))


@lru_cache(maxsize=512)
def _insert(table: Table, columns: tuple[str, ...], *, absent: bool = False) -> Statement:
    values = {name: bindparam(name, type_=table.c[name].type) for name in columns}
    statement = insert(table).values(values)
    if absent:
        statement = statement.on_conflict_do_nothing()
    return Statement(statement.returning(*table.c))


@lru_cache(maxsize=512)
def _update(table: Table, columns: tuple[str, ...], *, if_other: bool = False) -> Statement:
    values: dict[str, Any] = {
        name: bindparam(f"new_{name}", type_=table.c[name].type) for name in columns
    }
    conditions = [table.c.id == bindparam("row_id")]
    if if_other:
        conditions.append(or_(*(table.c[n].is_distinct_from(to) for n, to in values.items())))
    values["version"] = table.c.version + 1
    if "updated_at" in table.c:
        values["updated_at"] = func.now()
    return Statement(update(table).where(*conditions).values(values).returning(*table.c))


@lru_cache(maxsize=512)
def _delete(table: Table) -> Statement:
    return Statement(delete(table).where(table.c.id == any_(bindparam("ids", type_=ARRAY(Text)))))
