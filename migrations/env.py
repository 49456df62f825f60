"""How Alembic reaches the database: by the connection it is handed, or by DATABASE_URL."""

import asyncio
import os

from alembic import context
from sqlalchemy import Connection

from bursar.database.migrations import alone
from bursar.database.tables import metadata


def run(connection: Connection) -> None:
    """Do what the command asks, inside the transaction that is already open."""
    context.configure(connection=connection, target_metadata=metadata)
    context.run_migrations()


if "connection" in context.config.attributes:
    run(context.config.attributes["connection"])
else:
    asyncio.run(alone(os.environ["DATABASE_URL"], run))
