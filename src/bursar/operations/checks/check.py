"""A check of a live database: a name, a rule, and the query for what breaks it."""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import asyncpg

Judge = Callable[[Mapping[str, Any]], Iterable[str]]
Survey = Callable[[asyncpg.Connection], AsyncIterator[tuple[str, str]]]


@dataclass(frozen=True)
class Check:
    """`sql` answers the rows that break the rule, as `id` and `problem`, the rest of a sentence.

    With a `judge` it answers all rows of the table, and the judge says what is wrong with each. What
    no query can tell is found by a `survey` instead, which reads for itself and answers the same two.
    """

    name: str
    rule: str
    table: str
    sql: str = ""
    judge: Judge | None = None
    survey: Survey | None = None
