"""A database of a test run's own, and the application's role, in the server that somebody names."""

import asyncio
import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from urllib.parse import urlsplit

import asyncpg

from bursar.database.embedded import RunningPostgres

WALL = """
REVOKE ALL ON DATABASE {name} FROM PUBLIC;
GRANT CONNECT ON DATABASE {name} TO {name}_app;
"""
WALL_WITHIN = """
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO {name}_app;
"""


@contextmanager
def database_in(url: str) -> Iterator[RunningPostgres]:
    """Made as the README says, and dropped at the end; `url` is of a role that may make both."""
    name, password = f"bursar_test_{secrets.token_hex(6)}", secrets.token_urlsafe(16)
    owner = urlsplit(url)._replace(path=f"/{name}", query="application_name=tests")
    place = owner.netloc.rpartition("@")[2]
    application = owner._replace(netloc=f"{name}_app:{password}@{place}")
    _execute(url, f"CREATE ROLE {name}_app LOGIN PASSWORD '{password}'")
    _execute(url, f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'")
    _execute(url, WALL.format(name=name))
    _execute(owner.geturl(), WALL_WITHIN.format(name=name))
    yield RunningPostgres(owner.geturl(), application.geturl(), pepper="")
    _execute(url, f"DROP DATABASE {name} WITH (FORCE)")
    _execute(url, f"DROP ROLE {name}_app")


def _execute(url: str, sql: str) -> None:
    """In a thread, as the event loop of this one is the tests'."""

    async def execute() -> None:
        connection = await asyncpg.connect(url)
        try:
            await connection.execute(sql)
        finally:
            await connection.close()

    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, execute()).result()
