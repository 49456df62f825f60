"""How many connections to PostgreSQL a server needs, and how many of them each worker's pool has."""

from bursar.database import pool
from bursar.services.authorization import CONNECTIONS
from bursar.settings import Settings

_FOR_COMMANDS = 5


def wanted(settings: Settings) -> int:
    """What all workers may open together."""
    return settings.workers * ((settings.pool_size or pool.SIZE) + CONNECTIONS)


def fitted(settings: Settings, allowed: int) -> Settings:
    """The settings with a size of each worker's pool where they do not say any.

    PostgreSQL allows so many connections to one role. A few are left to commands, and half of the rest
    to another server, as both run while a new version takes over. Beyond ten a worker has no use for
    any, since it waits for its own core by then.
    """
    if settings.pool_size is not None:
        return settings
    share = (allowed - _FOR_COMMANDS) // 2 // settings.workers
    size = max(1, min(pool.SIZE, share - CONNECTIONS))
    return settings.model_copy(update={"pool_size": size})


def problem_with(settings: Settings, allowed: int) -> str | None:
    """Say that PostgreSQL refuses some of what the workers may open; not where a pooler opens them."""
    needed = wanted(fitted(settings, allowed))
    if settings.statement_cache == 0 or needed <= allowed:
        return None
    return (
        f"{settings.workers} workers may open {needed} connections, and PostgreSQL takes {allowed}: "
        "have fewer workers, smaller pools, or a higher max_connections"
    )
