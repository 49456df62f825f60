"""How PostgreSQL would read what the API asks for: every list by each filter and order, every edge."""

from collections.abc import Iterator
from itertools import product
from math import inf
from typing import Any

import asyncpg
import orjson

from bursar.database.statements import Statement
from bursar.graphql.edges import Edge
from bursar.graphql.schema import schema
from bursar.loaders.pages import Listing, PageRequest

SCHEMA = schema._schema  # noqa: SLF001 (Strawberry offers no other way to graphql-core's schema)
# What is above these has read all that is below before its first row; a limit does not reach there.
READ_WHOLE = {"Sort", "Aggregate", "Hash", "Materialize", "BitmapAnd", "BitmapOr", "Unique"}
SCANS = {"Seq Scan", "Index Scan", "Index Only Scan", "Bitmap Index Scan"}


class Explaining:
    """A source that answers nothing, but keeps how each statement would be read.

    Both with the values at hand and whatever the values, as PostgreSQL does it from the sixth time on.
    """

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection
        self.plans: list[dict[str, Any]] = []

    async def all(self, statement: Statement, **values: Any) -> list[Any]:
        arguments = statement.arguments(values)
        nulls = ", ".join(["NULL"] * len(arguments))
        run = self._connection
        custom = await run.fetchval(f"EXPLAIN (FORMAT JSON) {statement.sql}", *arguments)
        await run.execute(
            f"SET plan_cache_mode = force_generic_plan; PREPARE asked AS {statement.sql}"
        )
        generic = await run.fetchval(f"EXPLAIN (FORMAT JSON) EXECUTE asked({nulls})")
        await run.execute("DEALLOCATE asked")
        self.plans = [orjson.loads(plan)[0]["Plan"] for plan in (custom, generic)]
        return []


class Timing:
    """A source that answers nothing, but keeps how long the statement takes at best."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection
        self.milliseconds = inf

    async def all(self, statement: Statement, **values: Any) -> list[Any]:
        explain = f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {statement.sql}"
        arguments = statement.arguments(values)
        runs = [await self._connection.fetchval(explain, *arguments) for _ in range(5)]
        self.milliseconds = min(orjson.loads(run)[0]["Execution Time"] for run in runs)
        return []


class Running:
    """A source that answers nothing, but keeps which tables the statement did read."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection
        self.tables: set[str] = set()

    async def all(self, statement: Statement, **values: Any) -> list[Any]:
        explain = f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {statement.sql}"
        run = await self._connection.fetchval(explain, *statement.arguments(values))
        self.tables = set(_tables(orjson.loads(run)[0]["Plan"]))
        return []


def _tables(plan: dict[str, Any]) -> Iterator[str]:
    if plan["Actual Loops"] > 0 and "Relation Name" in plan:
        yield plan["Relation Name"]
    for child in plan.get("Plans", ()):
        yield from _tables(child)


def declared(name: str) -> dict[str, Any]:
    """What the fields of the schema are made of, by type and field: their "made" or "edge"."""
    return {
        f"{type_.name}.{field_name}": metadata[name]
        for type_ in SCHEMA.type_map.values()
        for field_name, field in getattr(type_, "fields", {}).items()
        for metadata in [_metadata(field)]
        if name in metadata
    }


def _metadata(field: Any) -> Any:
    return getattr((field.extensions or {}).get("strawberry-definition"), "metadata", {})


def listings() -> dict[str, Listing]:
    """Every listing of rows, by a field that leads to it."""
    by_listing = {
        made.source: place
        for place, made in declared("made").items()
        if isinstance(made.source, Listing)
    }
    return {place: listing for listing, place in by_listing.items()}


def edges_to_one() -> dict[str, Edge]:
    return declared("edge")


def requests(
    listing: Listing, values: dict[str, list[Any]], *, crossed: bool
) -> Iterator[PageRequest]:
    """The list in every order, and by each value of each filter; by these in every order if crossed."""
    orders = [(), *(((name, down),) for name, down in product(listing.orders, (False, True)))]
    filters = [(), *(((name, value),) for name in listing.filters for value in values[name])]
    for order, asked in product(orders, filters):
        if crossed or not order or not asked:
            yield PageRequest(50, order=order, filters=asked)


def read_whole(
    plan: dict[str, Any], large: set[str], few: set[str], *, limited: bool = False
) -> Iterator[str]:
    """The large tables that a plan reads from one end to the other, row by row or in an index's order.

    `few` are indexes that hold few of a table's rows. Below a limit, where nothing between them has to
    read all of it first, a walk along an index ends with the page.
    """
    kind, indexed = plan["Node Type"], "Index Cond" in plan or plan.get("Index Name") in few
    if kind in SCANS and not indexed and (kind == "Seq Scan" or not limited):
        table = plan.get("Relation Name") or plan["Index Name"]
        if any(table.startswith(name) for name in large):
            yield f"{kind} of {table}"
    limited = kind == "Limit" or (limited and kind not in READ_WHOLE)
    for child in plan.get("Plans", ()):
        apart = child["Parent Relationship"] in {"InitPlan", "SubPlan"}
        yield from read_whole(child, large, few, limited=limited and not apart)
