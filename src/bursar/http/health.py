"""Whether the process lives (/healthz), and whether it should be sent requests (/readyz)."""

import asyncio
from functools import cache

from sqlalchemy import column, select, table
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bursar.database.pool import Database
from bursar.database.revision import HEAD
from bursar.database.statements import Statement

_PATIENCE_SECONDS = 1.0


async def healthz(_request: Request) -> Response:
    """Touches nothing: a database that is away is no reason to restart this process."""
    return JSONResponse({"status": "ok"})


async def readyz(request: Request) -> Response:
    """Ready when the database answers, has this version's schema, and no stop was asked for."""
    state = request.app.state
    database, schema = await _database(state.at_once)
    checks = {
        "database": database,
        "schema": schema,
        "server": "stopping" if state.stopping else "ok",
    }
    ready = all(word == "ok" for word in checks.values())
    return JSONResponse(
        {"status": "ok" if ready else "unavailable", "checks": checks},
        status_code=200 if ready else 503,
    )


ROUTES = [Route("/healthz", healthz), Route("/readyz", readyz)]


async def _database(database: Database) -> tuple[str, str]:
    """What to say of the database and of its schema."""
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            version = await database.one(_version())
    except Exception:  # noqa: BLE001 - whatever it is, the answer is no, and a probe goes on asking
        return "unavailable", "unknown"
    found = None if version is None else version.version_num
    return "ok", "ok" if found == HEAD else "different"


@cache
def _version() -> Statement:
    return Statement(select(column("version_num")).select_from(table("alembic_version")))
